"""Ports that are free, and the same from start to start."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers.supervisor.ports import PortTaken, kept_port, web_listener

HERE = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HERE, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_usual_port_gives_way_to_the_next_that_is_free(taken: int) -> None:
    with web_listener(HERE, None, taken) as listener:
        assert taken < listener.getsockname()[1]


def test_a_port_that_was_asked_for_is_not_replaced_silently(taken: int) -> None:
    with pytest.raises(PortTaken, match=f"Port {taken} of 127.0.0.1 is taken by another program"):
        web_listener(HERE, taken, 8000)


def test_zero_asks_for_any_port() -> None:
    with web_listener(HERE, 0, 8000) as listener:
        assert listener.getsockname()[1] != 8000


def test_a_port_that_was_chosen_cannot_be_taken_before_it_is_used() -> None:
    with web_listener(HERE, 0, 8000) as first, web_listener(HERE, None, first.getsockname()[1]) as second:
        assert first.getsockname() != second.getsockname()


def test_a_port_once_chosen_is_kept(tmp_path: Path, taken: int) -> None:
    first = kept_port(tmp_path / "port", HERE, taken)

    assert first != taken
    assert kept_port(tmp_path / "port", HERE, taken) == first
