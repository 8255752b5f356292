"""Static files without nginx: WhiteNoise, from where they lie in development, from STATIC_ROOT elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.contrib.staticfiles.finders import AppDirectoriesFinder, FileSystemFinder, get_finders
from whitenoise import WhiteNoise
from whitenoise.storage import CompressedManifestStaticFilesStorage

# What ManifestStaticFilesStorage writes into a name: twelve hexadecimal digits of the content's hash.
_HASHED = re.compile(r"\.[0-9a-f]{12}\.")


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed names, in the import statements of ES modules too, so that no browser mixes two releases."""

    support_js_module_import_aggregation = True

    def hashed_name(self, name: str, *args: Any, **kwargs: Any) -> str:
        try:
            return str(super().hashed_name(name, *args, **kwargs))
        except ValueError:
            # htmx's extensions show in their comments how to import htmx, which looks like an import.
            if name.startswith("django_htmx/"):
                return name
            raise


def static_application() -> WhiteNoise:
    """Serves STATIC_URL. Development: always the file as it is now. Elsewhere: what `collectstatic` left, cached by
    browsers for good where the name carries the content's hash."""
    if settings.DEVELOPMENT:
        files = WhiteNoise(_not_found, autorefresh=True, max_age=0, allow_all_origins=False)
        for prefix, folder in _source_folders():
            files.add_files(folder, settings.STATIC_URL + prefix)
        return files
    return WhiteNoise(
        _not_found,
        root=settings.STATIC_ROOT,
        prefix=settings.STATIC_URL,
        immutable_file_test=lambda path, url: bool(_HASHED.search(url)),
        allow_all_origins=False,
    )


def _source_folders() -> Iterator[tuple[str, str]]:
    """Every folder that Django's finders know, with the prefix under which its files appear."""
    for finder in get_finders():
        if isinstance(finder, AppDirectoriesFinder | FileSystemFinder):
            for storage in finder.storages.values():
                yield getattr(storage, "prefix", None) or "", str(storage.location)


def _not_found(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"There is no static file at {environ['PATH_INFO']}.\n".encode()]
