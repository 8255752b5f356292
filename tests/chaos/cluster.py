"""A PostgreSQL of the tests' own, in a temporary folder, which they may kill and start again.

python -m tests.chaos.cluster COMMAND ...        runs the command with DATABASE_URL leading to a fresh one
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.rabbit import free_port

FOLDER = "HANDGRAD_CHAOS_CLUSTER"


def binary(name: str) -> str:
    """PostgreSQL's own program: Debian keeps the server's off the PATH."""
    folders = sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True)
    found = shutil.which(name, path=":".join([*folders, os.environ["PATH"]]))
    if found is None:
        sys.exit(f"There is no {name}. To install it: sudo apt-get install postgresql")
    return found


class Cluster:
    """PostgreSQL refuses to run as root; for root it runs as the user postgres."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_this_test_run(cls) -> Cluster | None:
        return cls(Path(folder)) if (folder := os.environ.get(FOLDER)) else None

    def make(self, port: int) -> None:
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._run(binary("initdb"), "--auth=trust", "--username=postgres", "--encoding=UTF8", str(self.data))
        settings = f"port={port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{self.folder}'\n"
        with (self.data / "postgresql.conf").open("a") as config:
            config.write(settings)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        self._control("start", "-l", str(self.folder / "log"))

    def restart(self, mode: str) -> None:
        """`immediate` ends it as a crash does, and it recovers from its log; `fast` cuts every connection."""
        self._control("restart", "-m", mode, "-l", str(self.folder / "log"))

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, *words: str) -> None:
        self._run(binary("pg_ctl"), "-w", "-D", str(self.data), *words)

    def _run(self, *command: str) -> None:
        prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*prefix, *command], check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="handgrad-chaos-") as folder:
        cluster, port = Cluster(Path(folder)), free_port()
        cluster.make(port)
        with cluster:
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            environment = {**os.environ, "DATABASE_URL": url, FOLDER: folder}
            sys.exit(subprocess.run(sys.argv[1:], env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
