"""What the environment may say, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.house.test_web_process import PRODUCTION

KEY = PRODUCTION["SECRET_KEY"]
DOCUMENTED = (settings.BASE_DIR / "docs" / "settings.md").read_text()


def manage(*arguments: str, data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "HANDGRAD_DATA": str(data), **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HANDGRAD_ENV": "production"}, "SECRET_KEY is not set"),
        ({"HANDGRAD_ENV": "production", "SECRET_KEY": KEY, "DEBUG": "1"}, "DEBUG is on outside development"),
        ({"DATABASE_URL": "mysql://here/there"}, "use postgresql://user:password@host:5432/name"),
    ],
)
def test_what_is_unsafe_or_unknown_is_refused_in_words(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    refused = manage("check", data=tmp_path, **environment)

    assert refused.returncode != 0
    assert words in refused.stderr


def test_outside_development_djangos_deployment_check_has_nothing_to_say(tmp_path: Path) -> None:
    checked = manage("check", "--deploy", "--fail-level", "WARNING", data=tmp_path, **PRODUCTION)

    assert checked.returncode == 0, checked.stderr


def test_the_key_of_a_development_machine_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    program = "from django.conf import settings; print(settings.SECRET_KEY)"
    first, second = (manage("shell", "-v", "0", "-c", program, data=tmp_path).stdout for _ in range(2))

    assert first == second
    assert len(first.strip()) >= 50
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


def test_a_redis_on_a_socket_is_spelt_in_celerys_way(tmp_path: Path) -> None:
    program = "from django.conf import settings; print(settings.CELERY_BROKER_URL)"
    spelt = manage("shell", "-v", "0", "-c", program, data=tmp_path, REDIS_URL="unix:///run/redis.sock?db=0")

    assert spelt.stdout.strip() == "redis+socket:///run/redis.sock?virtual_host=0"


def test_outside_development_an_event_is_one_line_of_json(tmp_path: Path) -> None:
    program = (
        "import structlog, logging; structlog.get_logger('a').info('started', run=7);"
        "\ntry: 1/0\nexcept ZeroDivisionError: logging.getLogger('b').exception('failed')"
    )
    lines = manage("shell", "-v", "0", "-c", program, data=tmp_path, **PRODUCTION).stderr.splitlines()
    started, failed = map(json.loads, lines)

    assert (started["event"], started["run"], started["level"]) == ("started", 7, "info")
    assert "ZeroDivisionError" in failed["exception"]


def test_every_variable_that_is_read_is_documented() -> None:
    import re

    read = re.findall(
        r"""(?:environ\.get|_flag)\(\s*"([A-Z_]+)\"""",
        (settings.BASE_DIR / "project" / "settings.py").read_text(),
    )

    assert [name for name in read if f"`{name}`" not in DOCUMENTED and name != "XDG_DATA_HOME"] == []


def test_statements_are_not_prepared_where_a_pooler_would_mix_them_up(tmp_path: Path) -> None:
    program = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS'])"
    database = {"DATABASE_URL": "postgresql://somebody@127.0.0.1:1/nowhere"}
    shell = ("shell", "--no-imports", "-v", "0", "-c", program)
    kept = manage(*shell, data=tmp_path, **database)
    plain = manage(*shell, data=tmp_path, HANDGRAD_PREPARED_STATEMENTS="0", **database)

    assert "{'prepare_threshold': 0}" in kept.stdout, kept.stderr
    assert "{'prepare_threshold': None}" in plain.stdout, plain.stderr
