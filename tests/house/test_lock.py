"""One supervisor for a data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.supervisor.lock import AlreadyRunning, data_folder_lock

HOLDER = """
import sys, time
from pathlib import Path
from workers.supervisor.lock import data_folder_lock
with data_folder_lock(Path(sys.argv[1])) as note_address:
    note_address("http://127.0.0.1:8000")
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_supervisor_is_told_where_the_first_one_is(tmp_path: Path) -> None:
    with data_folder_lock(tmp_path) as note_address:
        note_address("http://127.0.0.1:8000")
        with (
            pytest.raises(
                AlreadyRunning, match=rf"process {os.getpid()} at http://127.0.0.1:8000.*HANDGRAD_DATA="
            ),
            data_folder_lock(tmp_path),
        ):
            pass


def test_the_folder_is_free_again_after_an_orderly_end(tmp_path: Path) -> None:
    with data_folder_lock(tmp_path):
        pass
    with data_folder_lock(tmp_path):
        pass


def test_the_folder_is_free_again_after_its_holder_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning), data_folder_lock(tmp_path):
            pass
        holder.kill()
    with data_folder_lock(tmp_path):
        pass
