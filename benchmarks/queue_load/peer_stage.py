"""The peer's stage: Label Studio as its package starts it, before a scratch database of the same server."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.queue_load.question import CRITERIA, LEVELS, REPLY, TICKET
from benchmarks.queue_load.stage import Stage, database, free_port, running, wait_until_it_answers

PACKAGE = "label-studio==1.23.2"
ROWS = Path(__file__).with_name("peer_rows.py")
MIGRATES_FOR = 600.0
CHOICES = "".join(f'<Choice value="{level["label"]}" hint="{level["description"]}"/>' for level in LEVELS)
CONFIG = f"""<View>
  <Text name="ticket" value="$ticket"/>
  <Text name="reply" value="$reply"/>
  <Header value="{CRITERIA}"/>
  <Choices name="level" toName="reply" choice="single" required="true">{CHOICES}</Choices>
  <TextArea name="improvements" toName="reply" rows="3"/>
</View>"""
TASK = {"ticket": TICKET, "reply": REPLY}
QUIET = {  # it asks nobody outside the machine, and writes as little as it can be told to
    "COLLECT_ANALYTICS": "False",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "False",
    "LOG_LEVEL": "ERROR",
}


@contextlib.contextmanager
def peer_stage(command: Path, server: str, alone: str = "") -> Iterator[Stage]:
    """`command` is its `label-studio`. On "sqlite" it makes the database that it makes by itself."""
    command = command.absolute()
    with tempfile.TemporaryDirectory(prefix="handgrad-peer-") as folder, database(server, folder) as url:
        port = free_port()
        environment = {**os.environ, **QUIET, **_address(url)}
        environment |= {"LABEL_STUDIO_BASE_DATA_DIR": folder, "XDG_CONFIG_HOME": folder, "DATABASE_URL": url}
        start = [str(command), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
        start += ["--username", "owner@desk.test", "--password", secrets.token_hex()]
        start += ["--enable-legacy-api-token"]
        words = Path(folder, "words.txt")
        with words.open("wb") as written, running(start, environment, written) as process:
            try:
                wait_until_it_answers(port, process, MIGRATES_FOR)
            except RuntimeError as error:
                raise RuntimeError(f"Label Studio has not started:\n{words.read_text()[-2000:]}") from error
            rows_by = (str(command.with_name("python")), "-I", "-W", "ignore", str(ROWS))
            yield Stage(port, process.pid, environment, tuple(shlex.split(alone)), rows_by)


def _address(url: str) -> dict[str, str]:
    """The database in its words."""
    if url.startswith("sqlite"):
        return {"DJANGO_DB": "sqlite"}
    at = urlsplit(url)
    return {
        "DJANGO_DB": "default",
        "POSTGRE_NAME": at.path.strip("/"),
        "POSTGRE_USER": at.username or "postgres",
        "POSTGRE_PASSWORD": at.password or "none",
        "POSTGRE_HOST": at.hostname or "127.0.0.1",
        "POSTGRE_PORT": str(at.port or 5432),
    }
