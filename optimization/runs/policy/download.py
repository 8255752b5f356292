"""A checkpoint as a download."""

from __future__ import annotations

from pathlib import Path

from django.http import StreamingHttpResponse

from optimization.models import Run
from optimization.runs.policy.archive import archive, archive_size
from optimization.runs.policy.selectors import checkpoint_found


def checkpoint_sent(run: Run, key: str) -> StreamingHttpResponse | None:
    """A tar that is written as it is sent, or None if the weights are not there any more."""
    found = checkpoint_found(run, key)
    folder = Path(found.path) if found else None
    if folder is None or not folder.is_dir():
        return None
    name = f"run-{run.pk}-{key}"
    return StreamingHttpResponse(
        archive(folder, name),
        content_type="application/x-tar",
        headers={
            "Content-Disposition": f'attachment; filename="{name}.tar"',
            "Content-Length": str(archive_size(folder)),
        },
    )
