"""How feedback travels through a recorded pass."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from optimization.core import (
    BackwardResult,
    MemoryRegistry,
    Module,
    Parameter,
    TrainingStep,
    Value,
    activated,
    collect_tape_ids,
    use_registry,
)
from tests.core.feedback import Collector, loss_of, remarks
from tests.core.programs import Diamond, Note, Remark


async def test_every_output_node_is_seeded() -> None:
    class Two(Module):
        def __init__(self) -> None:
            self.a, self.b = Note("a"), Note("b")

        def forward(self, text: Any) -> Any:
            return [self.a(text), {"b": self.b(text)}]

    module = Two().train()
    await Value.backward(await module("x"), grad="a")

    assert [remarks(parameter) for parameter in module.parameters()] == [[["a"]], [["a"]]]


async def test_nodes_are_visited_in_reverse_topological_order() -> None:
    visited: list[str] = []

    class Visited(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            visited.append(ctx.node_id)
            return await super().backward(feedback, ctx)

    module = Diamond()
    for name in ("source", "left", "right", "sink"):
        setattr(module, name, Visited(name))
    await (await module.train()("x")).backward(grad="a")

    assert visited == ["sink", "right", "left", "source"]


async def test_what_several_consumers_send_is_concatenated_with_its_scores() -> None:
    class Says(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            score = 0.1 if ctx.node_id == "left" else 0.9
            return BackwardResult({"0": loss_of(f"from {ctx.node_id}", score=score)})

    module = Diamond()
    module.left, module.right = Says("l"), Says("r")
    await (await module.train()("x")).backward(grad="a")
    heard = module.source.heard[0]

    assert sorted(heard.payload) == [["from left"], ["from right"]]
    assert sorted(heard.meta["scores"]) == [0.1, 0.9]


async def test_the_context_tells_a_module_of_its_call_and_of_the_pass_around_it() -> None:
    contexts: dict[str, Any] = {}

    class Looks(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            contexts[ctx.node_id] = ctx
            return await super().backward(feedback, ctx)

    module = Diamond()
    for name in ("source", "left", "right", "sink"):
        setattr(module, name, Looks(name))
    await (await module.train()("x")).backward(grad="a")
    ctx = contexts["sink"]

    assert ctx.inputs == {"0": "left(source(x))", "right": "right(source(x))"}
    assert ctx.output == "sink(left(source(x)), right(source(x)))"
    assert list(ctx.graph.nodes) == ["source", "left", "right", "sink"]
    assert ctx.all_results["source"] == "source(x)"
    assert [feedback.payload for feedback in ctx.downstream_feedback] == [[["a"]]]
    assert len(contexts["source"].downstream_feedback) == 2


async def test_a_node_without_feedback_is_skipped() -> None:
    class Silent(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            return BackwardResult()

    module = Diamond()
    module.left, module.right = Silent("l"), Silent("r")
    await (await module.train()("x")).backward(grad="a")

    assert module.source.heard == []


async def test_an_empty_payload_is_no_feedback() -> None:
    module = Note()
    optimizer = Collector()
    loss = await TrainingStep(module, Remark([], score=1.0)).train()("x")
    with activated(optimizer):
        await loss.backward()

    assert module.heard == []
    assert module.prompt.feedback == []
    assert len(optimizer.records) == 1


async def test_blank_parameter_feedback_is_dropped() -> None:
    class Blank(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            return BackwardResult(parameter_feedback={"prompt": "  \n"})

    module = Blank().train()
    await (await module("x")).backward(grad="a")

    assert module.prompt.feedback == []


async def test_parameter_feedback_may_be_a_text_a_value_or_a_list() -> None:
    class Several(Module):
        def __init__(self) -> None:
            self.a, self.b, self.c = (Parameter("v", "d") for _ in range(3))

        def forward(self, text: str) -> str:
            return text

        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            return BackwardResult(
                parameter_feedback={"a": "one", "b": loss_of("two", "three"), "c": ["four", ""]}
            )

    module = Several().train()
    await (await module("x")).backward(grad="a")

    assert [p.feedback for p in module.parameters()] == [["one"], ["two", "three"], ["four"]]


@pytest.mark.parametrize("name", ["0", 0, "arg_0", "right"])
async def test_positional_and_keyword_inputs_both_resolve(name: Any) -> None:
    class One(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            return BackwardResult({name: feedback})

    module = Diamond()
    module.sink = One("k")
    await (await module.train()("x")).backward(grad="a")

    heard = module.right if name == "right" else module.left
    assert [feedback.payload for feedback in heard.heard] == [[["a"]]]


@pytest.mark.parametrize("name", ["lft", "1", 7])
async def test_a_name_that_matches_no_input_raises(name: Any) -> None:
    class Wrong(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            return BackwardResult({name: feedback})

    module = Diamond()
    module.sink = Wrong("k")
    output = await module.train()("x")

    with pytest.raises(ValueError, match=r"node 'sink' \(Wrong\).*does not have. Its inputs: 0, right"):
        await output.backward(grad="a")


async def test_a_name_that_matches_no_parameter_raises() -> None:
    class Wrong(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            return BackwardResult(parameter_feedback={"promt": "a"})

    output = await Wrong().train()("x")

    with pytest.raises(ValueError, match=r"'promt' that it does not have. Its parameters: prompt"):
        await output.backward(grad="a")


async def test_feedback_to_a_parameter_given_as_an_argument_is_the_parameters() -> None:
    class Styled(Module):
        def __init__(self) -> None:
            self.style = Parameter("brief", "the style")
            self.note = Note()

        def forward(self, text: Any) -> Any:
            return self.note(self.style, text)

    module = Styled().train()
    await (await module("x")).backward(grad="Say more.")

    assert remarks(module.style) == [["Say more."]]


async def test_a_parameter_that_does_not_learn_keeps_no_feedback() -> None:
    module = Note()
    module.prompt = Parameter("fixed", requires_grad=False)
    await (await module.train()("x")).backward(grad="a")

    assert module.prompt.feedback == []


async def test_the_records_of_a_batch_run_concurrently() -> None:
    waiting = 0
    everyone = asyncio.Event()

    class Waits(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            nonlocal waiting
            waiting += 1
            if waiting == 5:
                everyone.set()
            await asyncio.wait_for(everyone.wait(), 5)
            return await super().backward(feedback, ctx)

    module = Waits().train()
    await Value.backward([await module(str(i)) for i in range(5)], grad="a")

    assert len(module.prompt.feedback) == 5


async def test_the_texts_of_a_batch_come_in_the_order_of_its_tapes() -> None:
    class Uneven(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            for _ in range(5 - int(ctx.inputs["0"])):
                await asyncio.sleep(0)
            return BackwardResult(parameter_feedback={"prompt": f"about {ctx.inputs['0']}"})

    module = Uneven().train()
    await Value.backward([await module(str(i)) for i in range(5)], grad="a")

    assert module.prompt.feedback == [f"about {i}" for i in range(5)]


async def test_a_backward_that_fails_leaves_nothing_half_done() -> None:
    class Fails(Note):
        broken = True

        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            if self.broken and ctx.inputs["0"] == "bad":
                raise RuntimeError("out of order")
            return await super().backward(feedback, ctx)

    module, optimizer = Fails().train(), Collector()
    outputs = [await module("good"), await module("bad")]
    with activated(optimizer), pytest.raises(RuntimeError, match="out of order"):
        await Value.backward(outputs, grad="a")
    assert (module.prompt.feedback, optimizer.records) == ([], [])

    module.broken = False
    with activated(optimizer):
        await Value.backward(outputs, grad="a")
    assert (len(module.prompt.feedback), len(optimizer.records)) == (2, 2)


# -- what a module's backward may give ---------------------------------------------------------------------------


async def test_a_modules_backward_may_be_plain() -> None:
    class Plain(Note):
        def backward(self, feedback: Value, ctx: Any) -> BackwardResult:  # type: ignore[override]
            return BackwardResult(parameter_feedback={"prompt": feedback})

    module = Plain().train()
    await (await module("x")).backward(grad="a")

    assert module.prompt.feedback == ["a"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "gave None. Return a BackwardResult"),
        ({"0": "a"}, "gave {'0': 'a'}. Return a BackwardResult"),
        (BackwardResult(["a"]), "gave input_feedback that is no dict"),  # type: ignore[arg-type]
        (BackwardResult({}, "a"), "gave parameter_feedback that is no dict"),  # type: ignore[arg-type]
    ],
)
async def test_a_backward_that_gives_something_else_is_a_type_error_that_names_the_node(
    given: Any, message: str
) -> None:
    class Wrong(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            return given

    module = Wrong().train()
    with pytest.raises(TypeError, match=r"backward of node 'Wrong' \(Wrong\) " + message):
        await (await module("x")).backward(grad="a")


async def test_what_a_backward_raises_says_in_which_node_it_was() -> None:
    class Fails(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            raise KeyError("inner")

    module = Diamond()
    module.left = Fails()
    with pytest.raises(KeyError, match="inner") as caught:
        await (await module.train()("x")).backward(grad="a")

    assert caught.value.__notes__ == ["in backward of node 'left' (Fails)"]


# -- cancellation ------------------------------------------------------------------------------------------------


class Held(Note):
    """Its backward waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.let_go = asyncio.Event(), asyncio.Event()

    async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
        if ctx.inputs["0"] == "wait":
            self.began.set()
            await self.let_go.wait()
        return await super().backward(feedback, ctx)


async def test_a_backward_that_is_cancelled_leaves_nothing_half_done_and_can_run_again() -> None:
    module, optimizer = Held().train(), Collector()
    outputs = [await module("done"), await module("wait")]
    with activated(optimizer):
        going = asyncio.create_task(Value.backward(outputs, grad="a"))
        await module.began.wait()
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going

        assert (module.prompt.feedback, optimizer.records) == ([], [])
        assert len(collect_tape_ids(outputs)) == 2
        module.let_go.set()
        await Value.backward(outputs, grad="a")

    assert (len(module.prompt.feedback), len(optimizer.records)) == (2, 2)


async def test_a_forward_that_is_cancelled_leaves_no_tape() -> None:
    class Waits(Note):
        async def forward(self, text: str) -> str:  # type: ignore[override]
            await asyncio.Event().wait()
            return text

    registry = MemoryRegistry()
    with use_registry(registry):
        going = asyncio.create_task(Waits().train()("x"))
        await asyncio.sleep(0)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going

    assert len(registry) == 0
