"""The writing thread: durable when it says so, together where it can, alone where it must."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pytest
from django.db import OperationalError

from optimization.models import Workspace
from optimization.runs.work.writer import DELIVERED_AT_ONCE, Writer

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Name:
    """Store a workspace by slug; a slug that is taken is an error of the database's."""

    slug: str
    batches: ClassVar[list[int]] = []

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[Any]:
        cls.batches.append(len(batch))
        return [Workspace.objects.create(name=operation.slug, slug=operation.slug).pk for operation in batch]


@pytest.fixture
def writer() -> Iterator[Writer]:
    Name.batches.clear()
    made = Writer(gather_seconds=0.05)
    yield made
    made.close()


async def test_what_has_been_written_is_committed_when_write_returns(writer: Writer) -> None:
    key = await writer.write(Name("one"))

    assert await Workspace.objects.aget(pk=key)


async def test_what_gathers_is_stored_together(writer: Writer) -> None:
    await asyncio.gather(*(writer.write(Name(f"team-{index}")) for index in range(50)))

    assert sum(Name.batches) == 50
    assert len(Name.batches) < 10


async def test_who_waits_for_one_batch_goes_on_a_few_at_a_time(writer: Writer) -> None:
    """What comes in meanwhile, as from a socket, is not kept waiting by all of them."""
    order: list[str] = []

    async def wait(index: int) -> None:
        await writer.write(Name(f"team-{index}"))
        order.append("stored")

    async def tick() -> None:
        while order.count("stored") < 20:
            order.append("else")
            await asyncio.sleep(0)

    await asyncio.gather(*(wait(index) for index in range(20)), tick())

    assert len(Name.batches) == 1
    assert "else" in order[order.index("stored") + 1 : order.index("stored") + DELIVERED_AT_ONCE + 1]


async def test_a_bad_operation_fails_alone(writer: Writer) -> None:
    await writer.write(Name("taken"))

    results = await asyncio.gather(
        writer.write(Name("first")),
        writer.write(Name("taken")),
        writer.write(Name("last")),
        return_exceptions=True,
    )

    assert [type(result).__name__ for result in results] == ["int", "IntegrityError", "int"]
    assert await Workspace.objects.acount() == 3


class Away(Name):
    """A database that is away the first times that it is asked."""

    left: ClassVar[int] = 0

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[Any]:
        cls.left -= 1
        if cls.left >= 0:
            raise OperationalError("the database system is starting up")
        return super().apply(batch)


async def test_a_batch_waits_for_a_database_that_is_away(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimization.runs.work.writer.AGAIN_SECONDS", 0.01)
    Away.left = 5

    assert await writer.write(Away("paid-for"))


async def test_a_database_that_stays_away_is_an_error_in_the_end() -> None:
    impatient = Writer(gather_seconds=0.01, patience=0.05)
    Away.left = 1000

    with pytest.raises(OperationalError):
        await impatient.write(Away("lost"))
    await asyncio.to_thread(impatient.close)


async def test_closing_stores_what_waits(writer: Writer) -> None:
    waiting = asyncio.ensure_future(writer.write(Name("late")))
    await asyncio.sleep(0)
    await asyncio.to_thread(writer.close)

    assert await waiting


async def test_a_write_that_nobody_waits_for_any_more_is_stored_and_hurts_no_other(writer: Writer) -> None:
    await writer.write(Name("taken"))
    left = [asyncio.ensure_future(writer.write(Name(slug))) for slug in ("paid-for", "taken")]
    await asyncio.sleep(0)
    for write in left:
        write.cancel()

    assert await asyncio.wait_for(writer.write(Name("next")), timeout=10)
    assert await Workspace.objects.filter(slug="paid-for").aexists()
