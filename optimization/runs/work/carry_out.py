"""Carrying out one work item, and letting go of it whatever happens.

What an item raises decides what becomes of it: an unanswered question parks it; an endpoint that fails is tried again
and then stops the run in words, with the item kept; a database that is away is no error of the item's; any other error
costs, past its cap, this example alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from optimization.llm import EndpointError
from optimization.llm.scope import Suspended
from optimization.runs.engine.replay import JournalMismatch
from optimization.runs.policy import work as policy
from optimization.runs.work.away import DATABASE_AWAY
from optimization.runs.work.backward import backward
from optimization.runs.work.bench import Bench
from optimization.runs.work.colleagues import SaveOpinions
from optimization.runs.work.examples import evaluate, forward
from optimization.runs.work.proposals import propose
from optimization.runs.work.settling import Adopt, Attention, GiveUp, Park, Return, StoodIn
from optimization.runs.work.sheet import Sheet, at_work
from optimization.runs.work.terms import terms_of
from optimization.runs.work.writer import Operation

ERRORS_ALLOWED = 3
LONGEST_DELAY = 60.0
PLACES = {
    "backward": "Carrying feedback back",
    "propose": "The optimizer's step",
    "rollout": "Sampling completions",
    "reward": "Scoring completions",
    "train": "The training step",
}


async def carry_out(sheet: Sheet, bench: Bench) -> None:
    """Do the item's work and store what came of it. Raises nothing but a cancellation, which stores nothing."""
    try:
        with at_work(sheet, bench.resources, bench.config.people.colleague):
            done: Operation = await WORK[sheet.item.kind](sheet, bench)
    except Suspended as waits:
        if sheet.item.late:
            # Nobody is asked anew for what came late: it stays as it was counted.
            await bench.write(GiveUp(sheet.item, f"The late answer leads to another question: {waits.key}."))
            return
        audience = sheet.item.payload["audience"]
        terms = await bench.read(partial(terms_of, bench.run, bench.config.people, audience))
        done = Park(sheet.item, dict(sheet.asked), audience, bench.config.people.within, terms)
    except EndpointError as error:
        done = _after_endpoint(sheet, error)
    except JournalMismatch as mismatch:
        done = Attention(sheet.item, str(mismatch))
    except DATABASE_AWAY as error:
        done = Return(sheet.item, delay=_delay(sheet), error=str(error))
    except Exception as error:
        done = _after_error(sheet, error, bench)
    if sheet.anew and any(sheet.adopted):
        calls, questions = map(frozenset, sheet.adopted)
        await bench.write(Adopt(sheet.item, calls, questions))
    for request, answer in sheet.stood_in.items():
        await bench.write(StoodIn(request, answer))
    if sheet.opinions:
        await bench.write(SaveOpinions(sheet.item, dict(sheet.opinions)))
    await bench.write(done)


WORK: dict[str, Callable[[Sheet, Bench], Awaitable[Operation]]] = {
    "forward": forward,
    "evaluate": evaluate,
    "backward": backward,
    "propose": propose,
    "rollout": policy.rollout,
    "reward": policy.reward,
    "train": policy.train,
}


def _after_endpoint(sheet: Sheet, error: EndpointError) -> Operation:
    if error.permanent or sheet.item.errors + 1 >= ERRORS_ALLOWED:
        return Attention(sheet.item, f"{error} Then press Retry: everything stored so far is kept.")
    delay = max(_delay(sheet), min(error.retry_after or 0.0, LONGEST_DELAY))
    return Return(sheet.item, delay=delay, error=str(error), counts=True)


def _after_error(sheet: Sheet, error: Exception, bench: Bench) -> Operation:
    what = f"{type(error).__name__}: {error}"
    if sheet.item.errors + 1 < ERRORS_ALLOWED:
        return Return(sheet.item, delay=_delay(sheet), error=what, counts=True)
    alone = sheet.example is not None or sheet.item.kind == "reward"
    if alone and bench.config.on_error == "continue":
        return GiveUp(sheet.item, what)
    return Attention(
        sheet.item, f"{_place(sheet)} failed {ERRORS_ALLOWED} times: {what}. Mend it and press Retry."
    )


def _delay(sheet: Sheet) -> float:
    return min(2.0**sheet.item.errors, LONGEST_DELAY)


def _place(sheet: Sheet) -> str:
    payload = sheet.item.payload
    if sheet.example is not None:
        return f"Example {payload['example'] + 1} of the split {payload['split']}"
    return PLACES[sheet.item.kind]
