"""The desk under load: the real server before a scratch database, annotators in a process of their own.

    python -m benchmarks.desk                    everything, at the sizes of docs/desk.md
    python -m benchmarks.desk rush calm --items 10000 --seconds 10
    python -m benchmarks.desk rush --server sqlite
    python -m benchmarks.desk rush --door rest
    python -m benchmarks.desk peer --peer ~/peer/bin/label-studio

The annotators come by the page's door, as its script in a browser does: HTML, the item ahead, the socket of the queue; or
over REST.

1. rush: annotators without a pause; an answer brings the next question in the same round trip.
2. calm: many annotators who pause between answers, over a long queue with several answers a question.
3. abandoned: the price of a claim before and after so many claims that nobody comes back to.
4. flat: the price of a claim over queues of growing length.
5. sockets: from the commit of a new question to the browser that gets it, with many sockets open.
6. peer: rush, and right after it the same load on Label Studio, so that the figure is a ratio. It is installed apart,
   and the part runs where --peer names it.

PostgreSQL is named by --server or DATABASE_URL; the database that a run makes is dropped afterwards.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks.queue_load.annotators import Tally, percentile
from benchmarks.queue_load.peer_stage import CONFIG, PACKAGE, TASK, peer_stage
from benchmarks.queue_load.processor import Processor
from benchmarks.queue_load.sockets import sockets
from benchmarks.queue_load.stage import Stage, stage

console = Console()
PAUSE = (3.0, 10.0)
WARM_UP = 2.0
NO_PEER = (
    f"The part peer needs Label Studio: python3.11 -m venv ~/peer && ~/peer/bin/pip install {PACKAGE}, "
    "and --peer ~/peer/bin/label-studio."
)


def rush(given: argparse.Namespace, at: Stage, keys: list[str]) -> Tally:
    at.rows("queue", items=given.items, wanted=1)
    warm = at.load(given.door, keys[: given.annotators], WARM_UP)
    done = at.load(given.door, keys[: given.annotators], given.seconds)
    told = at.rows("verdict")
    _table(
        f"rush: {given.annotators} annotators without a pause, {given.items:,} questions",
        [
            ("answers a second", f"{_pace(done):.0f}"),
            ("next and submit, p50 / p95 ms", _both(done.answers)),
            (
                "lost, doubled, over the number",
                f"{warm.taken + done.taken - told['answers']}, {told['doubled']}, {told['over']}",
            ),
            *_common(done),
        ],
    )
    return done


def calm(given: argparse.Namespace, at: Stage, keys: list[str]) -> None:
    at.rows("queue", items=given.long, wanted=3)
    done = at.load(given.door, keys[: given.crowd], given.seconds, pause=PAUSE)
    told = at.rows("verdict")
    _table(
        f"calm: {given.crowd} annotators, pauses of 3 to 10 s, {given.long:,} questions for three each",
        [
            ("answers", f"{done.taken}"),
            ("next and submit, p50 / p95 ms", _both(done.answers)),
            ("first claim, p95 ms", f"{percentile(done.claims, 0.95):.0f}"),
            (
                "lost, doubled, over the number",
                f"{done.taken - told['answers']}, {told['doubled']}, {told['over']}",
            ),
            *_common(done),
        ],
    )


def abandoned(given: argparse.Namespace, at: Stage, keys: list[str]) -> None:
    """The claims hold their places at first; then their time runs out, and whoever asks next frees them."""
    workers, rest = keys[: given.few], keys[given.few :]
    before: list[float] = []
    held: list[float] = []
    lapsed: list[float] = []
    for _ in range(given.rounds):
        at.rows("queue", items=given.items, wanted=1)
        before += at.load(given.door, workers, given.seconds / 3).answers
        at.load(given.door, rest[: given.abandoned], 60, deed="abandon")
        held += at.load(given.door, workers, given.seconds / 3).answers
        at.rows("expire")
        lapsed += at.load(given.door, workers, given.seconds / 3).answers
    rows = [("before", before), ("held", held), ("run out", lapsed)]
    base = percentile(before, 0.95)
    _table(
        f"{min(given.abandoned, len(rest)):,} abandoned claims, {given.few} annotators",
        [
            (f"{name}: p95 ms, ratio", f"{percentile(times, 0.95):.0f}, {percentile(times, 0.95) / base:.2f}")
            for name, times in rows
        ],
    )


def flat(given: argparse.Namespace, at: Stage, keys: list[str]) -> None:
    rows, base = [], 0.0
    for items in given.lengths:
        at.rows("queue", items=items, wanted=3)
        at.load(given.door, keys[: given.few], 1.0)
        done: Tally = at.load(given.door, keys[: given.few], given.seconds / 2)
        p95 = percentile(done.answers, 0.95)
        base = base or p95
        rows.append((f"{items:,} questions: p50 / p95 ms, ratio", f"{_both(done.answers)}, {p95 / base:.2f}"))
    _table(f"flat: {given.few} annotators over queues of growing length", rows)


def live(given: argparse.Namespace, at: Stage, keys: list[str]) -> None:
    at.rows("queue", items=0, wanted=1)
    told = sockets(at, keys[: given.sockets], given.events)
    _table(
        f"sockets: {given.sockets} open, {given.events} questions one after another",
        [
            ("commit to the word on a socket, p50 / p95 ms", _both(told.heard)),
            ("commit to the question in hand, p50 / p95 ms", _both(told.held)),
            ("questions that nobody got", str(told.missed)),
        ],
    )


def peer(given: argparse.Namespace, at: Stage, keys: list[str]) -> None:
    """The peer stands ready before ours is measured, so that as little time as can be lies between the two. It opens a
    connection to the database for each request, so what its backends spend isn't counted apart."""
    with peer_stage(given.peer, given.server, given.alone) as other:
        said = {"people": given.annotators, "items": given.items, "config": CONFIG, "task": TASK}
        people = other.rows("queue", **said)
        ours = rush(given, at, keys)
        warm = other.load("peer", people, WARM_UP)
        theirs = other.load("peer", people, given.seconds)
        told = other.rows("verdict")
    spent = Processor(**theirs.processor)
    _table(
        f"peer: {given.annotators} annotators without a pause, {given.items:,} tasks, {PACKAGE}",
        [
            ("answers a second", f"{_pace(theirs):.1f}"),
            ("next, p50 / p95 ms", _both(theirs.claims)),
            ("submit, p50 / p95 ms", _both(theirs.answers)),
            ("next and submit, p50 / p95 ms", _both(theirs.turns)),
            ("lost, over the number", f"{warm.taken + theirs.taken - told['answers']}, {told['over']}"),
            ("statuses that should not be", str(theirs.wrong or "none")),
            ("processor ms an answer: web", f"{1000 * spent.web / max(theirs.taken, 1):.1f}"),
            (
                "processor time of anything else, the database with it",
                f"{max(0.0, spent.machine - spent.load - spent.web) / theirs.seconds:.2f} cores",
            ),
        ],
    )
    times = f"{_pace(ours) / _pace(theirs):.1f}" if theirs.taken else "no number of"
    console.print(
        f"rush / peer: {times} times the answers a second; next and submit, p95: "
        f"{percentile(ours.turns, 0.95):.0f} ms against {percentile(theirs.turns, 0.95):.0f} ms",
        soft_wrap=True,
    )


PARTS: dict[str, Callable[[argparse.Namespace, Stage, list[str]], object]] = {
    "rush": rush,
    "calm": calm,
    "abandoned": abandoned,
    "flat": flat,
    "sockets": live,
    "peer": peer,
}


def _pace(done: Tally) -> float:
    """Answers a second."""
    return done.taken / done.seconds


def _common(done: Tally) -> list[tuple[str, str]]:
    """What went wrong, and who spent the processor."""
    spent = Processor(**done.processor)
    ours = spent.load + spent.web + spent.database
    each = ", ".join(
        f"{1000 * seconds / max(done.taken, 1):.1f}" for seconds in (spent.web, spent.database, spent.load)
    )
    return [
        ("statuses that should not be", str(done.wrong or "none")),
        ("processor ms an answer: web, database, load", each),
        ("processor time of anything else", f"{max(0.0, spent.machine - ours) / done.seconds:.2f} cores"),
    ]


def _both(times: list[float]) -> str:
    return f"{percentile(times, 0.5):.0f} / {percentile(times, 0.95):.0f}"


def _table(title: str, rows: list[tuple[str, str]]) -> None:
    table = Table(title=title, show_header=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all of them where none is named")
    parser.add_argument("--peer", type=Path, help="the command label-studio, where the part peer is to run")
    parser.add_argument("--server", default=_server(), help="sqlite, or postgresql://user@host:port")
    parser.add_argument("--door", choices=["page", "rest"], default="page")
    parser.add_argument(
        "--alone",
        default="",
        help="a command that gives the machine to the one that follows it, if there is one",
    )
    parser.add_argument("--web", type=int, default=1, help="web processes")
    parser.add_argument("--threads", type=int, help="threads of each; else the product's own number")
    parser.add_argument("--annotators", type=int, default=32)
    parser.add_argument(
        "--few", type=int, default=4, help="annotators where the price of one claim is measured"
    )
    parser.add_argument("--crowd", type=int, default=200)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--long", type=int, default=100_000)
    parser.add_argument("--abandoned", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lengths", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    parts = given.parts or [part for part in PARTS if part != "peer" or given.peer]
    if unknown := set(parts) - set(PARTS):
        parser.error(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    if "peer" in parts and not given.peer:
        parser.error(NO_PEER)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(f"{os.cpu_count()} cores; load before the run: {load}; {given.web} web process(es)")
    needed = max(
        given.crowd, given.annotators, given.sockets, given.few + given.abandoned * ("abandoned" in parts)
    )
    with stage(given.server, given.web, given.threads, given.alone) as at, console.status("at work"):
        keys = at.rows("people", count=needed)
        for part in parts:
            PARTS[part](given, at, keys["page" if part == "sockets" else given.door])


def _server() -> str:
    """The server of DATABASE_URL, else a PostgreSQL on this machine."""
    url = urlsplit(os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/"))
    return "sqlite" if url.scheme == "sqlite" else url._replace(path="").geturl()


if __name__ == "__main__":
    main()
