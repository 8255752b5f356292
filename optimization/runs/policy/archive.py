"""A checkpoint as one file: a tar, written as it is sent, with the model, its tokenizer and the optimizer's state."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

PIECE = 1 << 20


def archive(folder: Path, name: str) -> Iterator[bytes]:
    """The folder's files under `name`, piece by piece; nothing is held whole."""
    for file in sorted(folder.iterdir()):
        info = tarfile.TarInfo(f"{name}/{file.name}")
        info.size, info.mtime, info.mode = file.stat().st_size, int(file.stat().st_mtime), 0o644
        yield info.tobuf(tarfile.PAX_FORMAT)
        with file.open("rb") as content:
            while piece := content.read(PIECE):
                yield piece
        if rest := info.size % tarfile.BLOCKSIZE:
            yield bytes(tarfile.BLOCKSIZE - rest)
    yield bytes(2 * tarfile.BLOCKSIZE)


def archive_size(folder: Path) -> int:
    """How many bytes `archive` gives; every name here is short enough for one header."""
    sizes = [file.stat().st_size for file in folder.iterdir()]
    blocks = sum(1 + -(-size // tarfile.BLOCKSIZE) for size in sizes)
    return (blocks + 2) * tarfile.BLOCKSIZE
