"""The order in which the stack starts and stops, with real processes and a Redis of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from redis import Redis

from tests.house.waiting import is_alive, wait_until_async
from workers.supervisor.broker import Broker, NoBroker, resolve_broker, wait_until_redis_answers
from workers.supervisor.log import StackLog
from workers.supervisor.ports import web_listener
from workers.supervisor.processes import Process, Stage
from workers.supervisor.readiness import wait_until_answers
from workers.supervisor.stack import Plan, Stack

pytestmark = pytest.mark.stack

SLEEPER = ("python", "-uc", "import time; print('here'); time.sleep(600)")
WORKER = Process("worker", SLEEPER, Stage.WORKER)
SERVER = """
import socket, sys
from http.server import HTTPServer, SimpleHTTPRequestHandler

server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler, bind_and_activate=False)
server.socket = socket.socket(fileno=int(sys.argv[1]))
server.serve_forever()
"""
WEB = Process("web", ("python", "-c", SERVER.replace("{", "{{"), "{listen}"), Stage.FRONT)
INSTALLER = Process("install", ("python", "-c", "print('installed')"), Stage.FRONT)
LATE = Process("late", SLEEPER, Stage.WORKER)


@pytest.fixture
def output() -> StringIO:
    return StringIO()


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Plan]:
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    listener = web_listener("127.0.0.1", 0, 8000)
    yield Plan(
        broker=resolve_broker(tmp_path / "redis", environment),
        web=WEB,
        others=(WORKER,),
        installer=INSTALLER,
        after_installation=(LATE,),
        listeners={"web": listener},
        values={"listen": (str(listener.fileno()),)},
        environment=environment,
    )
    listener.close()


def make_stack(plan: Plan, output: StringIO, announce: Callable[[], None] = lambda: None) -> Stack:
    log = StackLog((process.name for process in plan.processes), output)
    port = plan.listeners["web"].getsockname()[1]
    return Stack(plan, lambda: wait_until_answers("127.0.0.1", port), announce, log)


async def running(stack: Stack, names: set[str]) -> asyncio.Task[None]:
    """The stack's task, once all of `names` run."""
    task = asyncio.create_task(stack.run())
    await wait_until_async(
        lambda: task.done() or all(name in stack.children and stack.children[name].pid for name in names)
    )
    if task.done():
        task.result()
    return task


async def test_the_address_answers_before_it_is_announced_and_before_the_rest_is_started(plan, output):
    seen: list[set[str]] = []
    stack = make_stack(plan, output, lambda: seen.append(set(stack.children)))

    task = await running(stack, {"redis", "web", "worker"})
    stack.ask_to_stop()
    await task

    assert seen == [{"redis", "web"}]


async def test_what_needs_the_installation_starts_after_it_and_not_before(plan, output):
    stack = make_stack(plan, output)

    task = await running(stack, {"late"})
    await wait_until_async(lambda: "late    │ here" in output.getvalue())
    stack.ask_to_stop()
    await task

    lines = [line.split("│")[0].strip() for line in output.getvalue().splitlines()]
    assert lines.index("install") < lines.index("late")


async def test_where_the_installation_fails_the_rest_goes_on_without_what_needs_it(plan, output):
    failing = Process("install", ("python", "-c", "raise SystemExit('no network')"), Stage.FRONT)
    stack = make_stack(replace(plan, installer=failing), output)

    task = await running(stack, {"worker"})
    await wait_until_async(lambda: "no network" in output.getvalue())
    stack.ask_to_stop()
    await task

    assert "late" not in stack.children


async def test_it_stops_what_makes_work_first_and_redis_last_and_leaves_nothing(plan, output):
    stack = make_stack(plan, output)
    task = await running(stack, {"redis", "web", "worker", "late"})
    pids = [child.pid for child in stack.children.values() if child.pid]

    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 30)

    said = [line.split("│ ")[1] for line in output.getvalue().splitlines() if "│ Stop" in line]
    assert said == ["Stopping web, install", "Stopping worker, late", "Stopping redis", "Stopped."]
    assert not any(is_alive(pid) for pid in pids)


async def test_a_killed_process_comes_back_and_the_others_do_not_notice(plan, output):
    stack = make_stack(plan, output)
    task = await running(stack, {"redis", "web", "worker"})
    worker, web = stack.children["worker"].pid, stack.children["web"].pid

    os.kill(worker, signal.SIGKILL)
    await wait_until_async(lambda: stack.children["worker"].pid not in {None, worker})

    assert stack.children["web"].pid == web
    stack.ask_to_stop()
    await task


async def test_a_redis_that_was_killed_comes_back_with_what_it_held(plan, output):
    stack = make_stack(plan, output)
    task = await running(stack, {"redis", "web"})
    client = Redis.from_url(plan.broker.url)
    client.set("kept", "yes")
    # What one second's fsync has to have reached the disk before the kill.
    await wait_until_async(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0)

    os.kill(stack.children["redis"].pid, signal.SIGKILL)
    await wait_until_async(lambda: stack.children["redis"].restarts == 1 and stack.children["redis"].pid)
    await wait_until_redis_answers(plan.broker.url)

    assert client.get("kept") == b"yes"
    client.close()
    stack.ask_to_stop()
    await task


async def test_a_redis_that_does_not_answer_is_said_in_words_and_nothing_is_left(plan, output, monkeypatch):
    monkeypatch.setattr("workers.supervisor.broker._ANSWERS_WITHIN", 0.2)
    absent = Broker("redis://127.0.0.1:1/0", None, "the Redis of REDIS_URL")
    stack = make_stack(replace(plan, broker=absent), output)

    with pytest.raises(NoBroker, match=r"Redis at redis://127.0.0.1:1/0 does not answer .* mend REDIS_URL"):
        await stack.run()

    assert stack.children == {}


async def test_asked_a_second_time_it_kills(plan, output):
    deaf = Process(
        "deaf",
        (
            "python",
            "-uc",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)",
        ),
        Stage.WORKER,
    )
    stack = make_stack(replace(plan, others=(deaf,)), output)
    task = await running(stack, {"deaf"})
    await wait_until_async(lambda: "│ deaf" in output.getvalue())

    stack.ask_to_stop()
    await wait_until_async(lambda: "Stopping deaf" in output.getvalue())
    stack.ask_to_stop()

    await asyncio.wait_for(task, 10)
    assert "Asked again" in output.getvalue()


async def test_while_the_web_process_is_started_again_a_request_waits_and_is_not_refused(plan, output):
    stack = make_stack(plan, output)
    task = await running(stack, {"redis", "web", "worker"})
    port = plan.listeners["web"].getsockname()[1]

    os.kill(stack.children["web"].pid, signal.SIGKILL)
    await asyncio.wait_for(wait_until_answers("127.0.0.1", port), 20)

    assert "Connection refused" not in output.getvalue()
    assert stack.children["web"].restarts == 1
    stack.ask_to_stop()
    await task


async def test_it_says_what_it_waits_for_and_stops_once_that_is_done(plan, output):
    left = [["12 work items of “Replies”"], ["12 work items of “Replies”"], ["1 work item of “Replies”"], []]
    stack = make_stack(plan, output)
    stack._under_way = lambda: left.pop(0)

    task = await running(stack, {"redis", "web", "worker"})
    stack.ask_to_stop()
    await task

    said = output.getvalue()
    assert said.count("Waiting up to 10 s for 12 work items of “Replies”") == 1
    assert "Waiting up to 10 s for 1 work item of “Replies”" in said
    assert "Left undone" not in said


async def test_it_does_not_wait_for_ever_and_says_what_is_left(plan, output, monkeypatch):
    monkeypatch.setattr("workers.supervisor.stack.STOP_SECONDS", 0.3)
    stack = make_stack(plan, output)
    stack._under_way = lambda: ["1 work item of “Replies”"]

    task = await running(stack, {"redis", "web", "worker"})
    stack.ask_to_stop()
    await task

    assert "Left undone: 1 work item of “Replies”. It is done again at the next start" in output.getvalue()
