from __future__ import annotations

import asyncio
from typing import Any

import pytest

from optimization.core import LLMInference, Module, ModuleList, Template, run, unwrap
from optimization.llm.scope import Suspended, current_scope, scoped
from tests.core.programs import Reply
from tests.core.scripted import Model, echo


class Fan(Module):
    """Independent calls side by side, and one that joins them."""

    def __init__(self, *branches: Module) -> None:
        self.branches = ModuleList(branches)
        self.join = Join()

    def forward(self, text: Any) -> Any:
        return self.join([branch(text) for branch in self.branches])


class Join(Module):
    ran = False

    def forward(self, texts: list[str]) -> str:
        self.ran = True
        return "+".join(texts)


class Gate(Module):
    """Waits for its event, then raises or gives the text."""

    def __init__(self, error: BaseException | None = None, opened: bool = False) -> None:
        self.event = asyncio.Event()
        self.began = asyncio.Event()
        self.error = error
        self.cancelled = self.finished = False
        if opened:
            self.event.set()

    async def forward(self, text: str) -> str:
        self.began.set()
        try:
            await self.event.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        self.finished = True
        if self.error is not None:
            raise self.error
        return text


async def test_independent_nodes_run_at_once() -> None:
    gates = [Gate(), Gate(), Gate()]
    running = asyncio.create_task(Fan(*gates)("x"))
    for gate in gates:
        await gate.began.wait()
    for gate in reversed(gates):
        gate.event.set()

    assert unwrap(await running) == "x+x+x"


@pytest.mark.parametrize("bound", [True, False])
async def test_max_concurrent_bounds_how_many_nodes_run_at_once(bound: bool) -> None:
    model = Model(echo, delay=0.001)
    module = Fan(*(LLMInference("a") for _ in range(6))).bind(model, max_concurrent=2 if bound else None)
    await (module("x") if bound else run(module, "x", max_concurrent=2))

    assert (len(model.calls), model.most_running) == (6, 2)


async def test_max_concurrent_of_bind_holds_over_all_calls_of_the_module() -> None:
    model = Model(echo, delay=0.001)
    module = Reply().bind(model, max_concurrent=3)
    await asyncio.gather(*(module(str(i)) for i in range(8)))

    assert (len(model.calls), model.most_running) == (16, 3)


def test_max_concurrent_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Reply().bind(Model(echo), max_concurrent=0)


async def test_the_first_error_cancels_the_rest_and_says_in_which_node_it_was() -> None:
    fails, waits = Gate(KeyError("broken")), Gate()
    module = Fan(waits, fails)
    running = asyncio.create_task(module("x"))
    await waits.began.wait()
    fails.event.set()

    with pytest.raises(KeyError, match="broken") as caught:
        await running
    assert caught.value.__notes__ == ["in node 'branches.1' (Gate)"]
    assert waits.cancelled
    assert not module.join.ran


async def test_cancelling_a_run_cancels_every_node_and_leaves_no_task() -> None:
    gates = [Gate(), Gate()]
    running = asyncio.create_task(Fan(*gates)("x"))
    for gate in gates:
        await gate.began.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert all(gate.cancelled for gate in gates)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_node_that_waits_for_people_lets_the_others_finish_and_then_passes_through() -> None:
    asks, other, also_asks = Gate(Suspended("q1"), opened=True), Gate(), Gate(Suspended("q2"), opened=True)
    module = Fan(asks, other, also_asks)
    running = asyncio.create_task(module("x"))
    await also_asks.began.wait()
    other.event.set()

    with pytest.raises(Suspended) as caught:
        await running
    assert caught.value.key == "q1"
    assert other.finished
    assert also_asks.finished
    assert not module.join.ran


async def test_an_error_is_stronger_than_a_question() -> None:
    with pytest.raises(ValueError, match="broken"):
        await Fan(Gate(Suspended("q"), opened=True), Gate(ValueError("broken"), opened=True))("x")


async def test_examples_go_on_when_another_one_waits() -> None:
    class Asks(Module):
        async def forward(self, text: str) -> str:
            if text == "ask":
                raise Suspended("q")
            await asyncio.sleep(0)
            return text

    results = await asyncio.gather(*(Asks()(text) for text in ("a", "ask", "b")), return_exceptions=True)

    assert [unwrap(results[0]), type(results[1]), unwrap(results[2])] == ["a", Suspended, "b"]


async def test_each_leaf_runs_under_the_scope_of_its_node() -> None:
    model = Model(echo)
    with scoped(iteration=3, candidate="c1", example="train.7"):
        await Reply().bind(model)("x")

    assert [scope.node for scope in model.scopes] == ["draft", "refine"]
    assert {(scope.iteration, scope.candidate, scope.example) for scope in model.scopes} == {
        (3, "c1", "train.7")
    }
    assert current_scope().node == ""


async def test_calls_that_a_leaf_nests_have_keys_of_their_own() -> None:
    class Loop(Module):
        leaf = True

        def __init__(self) -> None:
            self.model = LLMInference("a")

        async def forward(self, text: str) -> Any:
            for _ in range(2):
                text = unwrap(await self.model(text))
            return text, unwrap(await asyncio.gather(self.model(text), self.model(text)))

    class Outer(Module):
        def __init__(self) -> None:
            self.x, self.y = Loop(), Loop()

        def forward(self, text: Any) -> Any:
            return self.x(text), self.y(text)

    model = Model(echo)
    await Outer().bind(model)("x")
    keys = [scope.key() for scope in model.scopes]
    again = Model(echo)
    await Outer().bind(again)("x")

    assert len(set(keys)) == len(keys) == 8
    assert {scope.node.split(".")[0] for scope in model.scopes} == {"x", "y"}
    assert sorted(scope.key() for scope in again.scopes) == sorted(keys)


async def test_an_input_may_have_any_name() -> None:
    class Named(Module):
        def __init__(self) -> None:
            self.template = Template("{record} {module} {self}")

        def forward(self, /, **inputs: Any) -> Any:
            return self.template(**inputs)

    names = {"record": "a", "module": "b", "self": "c", "max_concurrent": "d"}

    assert unwrap(await Named()(**names)) == "a b c"


async def test_plain_values_pass_and_kwargs_resolve() -> None:
    class Kwargs(Module):
        def forward(self, a: int, *, b: int = 2) -> int:
            return a * 10 + b

    assert unwrap(await Kwargs()(4)) == 42
    assert unwrap(await Kwargs()(a=4, b=3)) == 43
