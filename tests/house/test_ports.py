"""Ports that are free, and the same from start to start."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from workers.management.commands.up import model_listener
from workers.supervisor.ports import PortTaken, kept_listener, web_listener

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
    with kept_listener(tmp_path / "port", HERE, taken) as first:
        chosen = first.getsockname()
    assert chosen[1] != taken
    with kept_listener(tmp_path / "port", HERE, taken) as again:
        assert again.getsockname() == chosen


def test_two_that_start_together_get_two_ports(tmp_path: Path, taken: int) -> None:
    with (
        kept_listener(tmp_path / "one", HERE, taken) as one,
        kept_listener(tmp_path / "two", HERE, one.getsockname()[1]) as two,
    ):
        assert one.getsockname() != two.getsockname()


@pytest.fixture
def data(tmp_path: Path, settings: Settings) -> Path:
    settings.DATA_DIR = tmp_path
    settings.REHEARSAL = True
    return tmp_path


@pytest.mark.usefixtures("data")
def test_the_rehearsal_endpoint_takes_a_free_port_and_keeps_it() -> None:
    ports = []
    for _ in range(2):
        listener = model_listener(None)
        assert listener
        with listener:
            ports.append(listener.getsockname()[1])
    assert ports[0] == ports[1]


@pytest.mark.usefixtures("data")
def test_an_address_that_was_named_for_it_and_is_taken_is_said_with_the_way_out(taken: int) -> None:
    with pytest.raises(PortTaken, match=rf"Port {taken} .* HANDGRAD_REHEARSAL_URL, or none, and a free port"):
        model_listener(f"http://localhost:{taken}/v1")


def test_one_that_is_elsewhere_or_switched_off_is_not_started(data: Path, settings: Settings) -> None:
    assert model_listener("http://rehearsal.example.org/v1") is None
    settings.REHEARSAL = False
    assert model_listener(None) is None
    assert list(data.iterdir()) == []


def test_by_hand_it_says_that_its_port_is_taken(taken: int) -> None:
    with pytest.raises(CommandError, match=rf"Port {taken} .*choose another: --port N"):
        call_command("rehearsal_endpoint", "--port", str(taken))
