from __future__ import annotations

import asyncio
from typing import Any

import pytest

from optimization.core import (
    BackwardResult,
    ForwardRecord,
    Module,
    ModuleList,
    Parameter,
    TrainingStep,
    Value,
    ValueKind,
    activate,
    activated,
    active_optimizer,
    collect_tape_ids,
    current_registry,
)
from optimization.core.remarks import remarks_in
from tests.core.programs import Note, Remark, Reply
from tests.core.scripted import Model, echo


class Collector:
    """What backward needs of an optimizer."""

    def __init__(self, reasoning_model: Any = None) -> None:
        self.records: list[ForwardRecord] = []
        self.reasoning_model = reasoning_model

    def capture_record(self, record: ForwardRecord) -> None:
        self.records.append(record)


def loss_of(*texts: str, score: float | None = None, tape: Value | None = None) -> Value:
    meta: dict[str, Any] = {} if score is None else {"score": score}
    if tape is not None:
        meta["_tape_ids"] = list(tape.meta["_tape_ids"])
    return Value(ValueKind.STRUCTURED, [[text] for text in texts], meta=meta)


def remarks(parameter: Parameter) -> list[list[str]]:
    return [remarks_in(text) for text in parameter.feedback]


# -- the arguments ---------------------------------------------------------------------------------------------


async def test_without_grad_a_loss_is_its_own_feedback() -> None:
    module = Note()
    loss = await TrainingStep(module, Remark("Say more.")).train()("x")
    await loss.backward()

    assert remarks(module.prompt) == [["Say more."]]


@pytest.mark.parametrize(
    ("grad", "expected"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([["a"], ["b"]], ["a", "b"]),
        (3, ["3"]),
        (loss_of("a", "b"), ["a", "b"]),
    ],
)
async def test_a_grad_of_a_value_is_one_feedback_whatever_its_shape(grad: Any, expected: list[str]) -> None:
    module = Note().train()
    await (await module("x")).backward(grad=grad)

    assert remarks(module.prompt) == [expected]


async def test_backward_of_a_container_takes_one_feedback_for_all() -> None:
    module = Note().train()
    outputs = [await module("x"), {"deep": await module("y")}]
    await Value.backward(outputs, grad="Say more.")

    assert remarks(module.prompt) == [["Say more."], ["Say more."]]


@pytest.mark.parametrize("kind", [list, tuple])
async def test_backward_of_a_container_takes_a_list_as_long_as_the_tape_ids(kind: Any) -> None:
    module = Note().train()
    outputs = [await module("x"), await module("y")]
    await Value.backward(outputs, grad=kind(["for x", loss_of("for y")]))

    assert remarks(module.prompt) == [["for x"], ["for y"]]


async def test_backward_of_a_container_takes_a_dict_keyed_by_every_tape_id() -> None:
    module = Note().train()
    outputs = [await module("x"), await module("y")]
    first, second = collect_tape_ids(outputs)
    await Value.backward(outputs, grad={second: "for y", first: "for x"})

    assert remarks(module.prompt) == [["for x"], ["for y"]]


async def test_a_list_of_another_length_is_a_value_error() -> None:
    module = Note().train()

    with pytest.raises(ValueError, match="3 entries for 2 tapes"):
        await Value.backward([await module("x"), await module("y")], grad=["a", "b", "c"])


async def test_a_dict_that_misses_a_tape_id_or_has_another_is_a_value_error() -> None:
    module = Note().train()
    outputs = [await module("x"), await module("y")]
    first, second = collect_tape_ids(outputs)

    with pytest.raises(ValueError, match=f"Missing: {second}; unknown: none"):
        await Value.backward(outputs, grad={first: "a"})
    with pytest.raises(ValueError, match="unknown: other"):
        await Value.backward(outputs, grad={first: "a", second: "b", "other": "c"})


async def test_without_a_tape_backward_is_a_runtime_error() -> None:
    for outputs in (Value(ValueKind.STRUCTURED, [["a"]]), [], ["raw"], await Note()("x")):
        with pytest.raises(RuntimeError, match="no tape is attached"):
            await Value.backward(outputs, grad="a")


async def test_a_container_of_losses_needs_no_grad() -> None:
    module = Note()
    step = TrainingStep(module, Remark("Say more.")).train()
    await Value.backward([await step("x"), await step("y")])

    assert remarks(module.prompt) == [["Say more."], ["Say more."]]


async def test_a_container_without_grad_whose_members_are_not_losses_is_a_runtime_error() -> None:
    module = Note()
    loss = await TrainingStep(module, Remark()).train()("x")

    with pytest.raises(RuntimeError, match="a member that is no loss, but text 'n"):
        await Value.backward([loss, await module.train()("x")])


async def test_an_output_that_is_no_loss_needs_a_grad() -> None:
    with pytest.raises(RuntimeError, match="This Value is no loss"):
        await (await Note().train()("x")).backward()


async def test_arguments_are_checked_before_any_tape_is_consumed() -> None:
    module = Note().train()
    outputs = [await module("x"), await module("y")]
    for wrong in (["only one"], {"other": "a"}, None):
        with pytest.raises((ValueError, RuntimeError)):
            await Value.backward(outputs, grad=wrong)
    unknown = Value(ValueKind.TEXT, "z", meta={"_tape_ids": ["unknown"]})
    with pytest.raises(KeyError):
        await Value.backward([*outputs, unknown], grad="a")

    assert module.prompt.feedback == []
    await Value.backward(outputs, grad="a")
    assert len(module.prompt.feedback) == 2


# -- the life of a tape ----------------------------------------------------------------------------------------


async def test_after_backward_the_ids_are_released_and_taken_off() -> None:
    loss = await TrainingStep(Note(), Remark()).train()("x")
    (tape_id,) = collect_tape_ids(loss)
    await loss.backward()

    assert "_tape_ids" not in loss.meta
    with pytest.raises(RuntimeError, match="released by an earlier backward"):
        current_registry().load(tape_id)


async def test_a_second_backward_is_a_runtime_error() -> None:
    module = Note().train()
    output = await module("x")
    loss = loss_of("a", tape=output)
    await loss.backward()

    with pytest.raises(RuntimeError, match="no tape is attached"):
        await loss.backward()
    with pytest.raises(RuntimeError, match="released by an earlier backward"):
        await output.backward(grad="a")
    assert len(module.prompt.feedback) == 1


async def test_with_retain_graph_backward_may_run_again() -> None:
    module = Note()
    loss = await TrainingStep(module, Remark()).train()("x")
    await loss.backward(retain_graph=True)
    await loss.backward()

    assert len(module.prompt.feedback) == 2


async def test_an_unknown_id_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="Unknown tape nowhere"):
        await Value(ValueKind.STRUCTURED, [["a"]], meta={"_tape_ids": ["nowhere"]}).backward()


async def test_two_backwards_through_one_tape_at_once_are_refused() -> None:
    class Slow(Note):
        async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
            await asyncio.sleep(0)
            return await super().backward(feedback, ctx)

    module = Slow().train()
    output = await module("x")
    outcomes = await asyncio.gather(*(output.backward(grad="a") for _ in range(2)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [type(None), RuntimeError]
    assert len(module.prompt.feedback) == 1


# -- propagation -----------------------------------------------------------------------------------------------


class Diamond(Module):
    """One source, two that read it, one that reads both."""

    def __init__(self) -> None:
        self.source, self.left, self.right, self.sink = (Note(name) for name in ("s", "l", "r", "k"))

    def forward(self, text: Any) -> Any:
        source = self.source(text)
        return self.sink(self.left(source), right=self.right(source))


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


# -- the active optimizer --------------------------------------------------------------------------------------


async def test_the_active_optimizer_captures_every_record() -> None:
    optimizer = Collector()
    step = TrainingStep(Note(), Remark()).train()
    losses = [await step("x"), await step("y")]
    ids = collect_tape_ids(losses)
    with activated(optimizer):
        await Value.backward(losses)

    assert [record.id for record in optimizer.records] == ids


async def test_the_last_one_activated_is_active_until_it_is_gone_and_a_scope_overrides_it() -> None:
    first, second, scoped = Collector(), Collector(), Collector()
    activate(first)
    activate(second)
    assert active_optimizer() is second
    with activated(scoped):
        activate(first)
        assert active_optimizer() is scoped
    assert active_optimizer() is first
    del first
    assert active_optimizer() is None


class Reasons(Note):
    async def backward(self, feedback: Value, ctx: Any) -> BackwardResult:
        return BackwardResult(
            parameter_feedback={"prompt": await ctx.reason("Why?") + await ctx.reason("And?")}
        )


async def test_ctx_reason_asks_the_optimizers_reasoning_model() -> None:
    async def reasoning_model(prompt: str) -> Value:
        return Value(ValueKind.RESPONSE, f"Because {prompt}")

    module = Reasons().train()
    output = await module("x")
    with activated(Collector(reasoning_model)):
        await output.backward(grad="a")

    assert module.prompt.feedback == ["Because Why?Because And?"]


async def test_each_reasoning_call_has_a_key_of_its_own() -> None:
    from optimization.core import LLMInference

    class Both(Module):
        def __init__(self) -> None:
            self.notes = ModuleList([Reasons("a"), Reasons("b")])

        def forward(self, text: Any) -> Any:
            return [note(text) for note in self.notes]

    model = Model(echo)
    outputs = await Both().train()("x")
    with activated(Collector(LLMInference("optimizer/reasoning").bind(model))):
        await Value.backward(outputs, grad="a")

    assert len({scope.key() for scope in model.scopes}) == 4


async def test_ctx_reason_without_a_reasoning_model_is_a_runtime_error() -> None:
    output = await Reasons().train()("x")

    with pytest.raises(RuntimeError, match="reasoning_model="):
        await output.backward(grad="a")


# -- what parameters are told ----------------------------------------------------------------------------------


async def test_a_system_prompt_is_told_the_remarks_and_what_they_were_about() -> None:
    module = Reply().bind(Model(echo))
    loss = await TrainingStep(
        module, Remark([["Say when.", "Be brief:\ntwo lines."], ["Say when."]])
    ).train()("lamp")
    await loss.backward()

    assert module.refine.system_prompt.feedback == [  # type: ignore[union-attr]
        "- Say when.\n- Be brief:\n  two lines.\nScore: 0.25\nInput: lamp / Draft. lamp\nOutput: Refine. lamp / Draft. lamp"
    ]
    assert remarks(module.draft.system_prompt) == [["Say when.", "Be brief:\ntwo lines."]]  # type: ignore[arg-type]


async def test_long_inputs_and_outputs_are_cut() -> None:
    module = Note().train()
    await (await module("word " * 1000)).backward(grad="Shorter.")

    (text,) = module.prompt.feedback
    assert len(text) < 900
    assert " … " in text


async def test_a_remark_that_came_by_two_paths_is_told_once() -> None:
    module = Diamond().train()
    await (await module("x")).backward(grad="a")

    assert module.source.heard[0].payload == [["a"], ["a"]]
    assert remarks(module.source.prompt) == [["a"]]


def test_a_text_of_another_make_is_one_remark() -> None:
    assert remarks_in("Just shorten it.\nReally.") == ["Just shorten it.\nReally."]
    assert remarks_in("") == []
