"""SFAOptimizer: levels, upstream changes, retries, all or nothing, and what its models are told."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.core import KeepPlaceholders, MaxLength, MustContain, OptimizationError, Parameter
from optimization.llm.errors import EmptyReply
from optimization.optimizers import SFAOptimizer
from tests.optimizers.models import Asked, Chain, Diamond, FakeModel, Step, improving, judged


def sfa(module: Any, answer: Any = improving, **settings: Any) -> tuple[SFAOptimizer, FakeModel]:
    model = FakeModel(answer)
    return SFAOptimizer(module.parameters(), **settings).bind(model), model


async def test_one_feedback_needs_no_aggregation_call() -> None:
    step = Step("p")
    optimizer, model = sfa(step)
    await judged(step, "too long", "no greeting")
    assert await optimizer.step() == {"prompt": "p!"}
    assert [asked.alias for asked in model.asked] == ["optimizer/updater"]
    assert model.asked[0].block("feedback") == "- too long\n- no greeting"


async def test_several_feedbacks_are_summed_up_first() -> None:
    step = Step("p")
    optimizer, model = sfa(step)
    for remark in ("too long", "too long", "no greeting"):
        await judged(step, remark)
    await optimizer.step()
    (aggregated,), (updated,) = model.of("aggregate"), model.of("update")
    assert aggregated.alias == "optimizer/aggregator"
    assert aggregated.block("feedback") == "- too long (2 times)\n- no greeting"
    assert updated.block("feedback") == "- 2 points"


async def test_the_updater_is_told_value_purpose_constraints_examples_and_conservatism() -> None:
    class Prompted(Step):
        def __init__(self) -> None:
            self.prompt = Parameter(
                "Answer {name}.", "How to answer", constraints=["Polite.", MaxLength(200), KeepPlaceholders()]
            )

    module = Prompted()
    optimizer, model = sfa(module, conservatism=0.9)
    await judged(module, "too\nlong", score=0.25)
    await optimizer.step()
    (asked,) = model.of("update")
    assert asked.block("description") == "How to answer"
    assert asked.block("current_value") == "Answer {name}."
    assert asked.block("feedback") == "- too long"
    assert (
        asked.block("examples")
        == "Score: 0.25\nInput: hello\nOutput: hello+Answer {name}.\nRemarks: too long"
    )
    assert asked.block("constraints").splitlines() == [
        "- Polite.",
        "- At most 200 characters.",
        "- It has exactly the placeholders in braces that the current value has.",
    ]
    assert asked.block("conservatism").startswith("0.9: Change as little as possible")
    assert asked.block("upstream") == ""
    assert asked.request.schema_name == "parameter_update"
    assert set(asked.request.response_schema["properties"]) == {"value", "reason"}


async def test_equal_feedback_makes_equal_requests() -> None:
    requests = []
    for _ in range(2):
        step = Step("p")
        optimizer, model = sfa(step)
        await judged(step, "too long")
        await optimizer.step()
        requests.append([asked.request.digest() for asked in model.asked])
    assert requests[0] == requests[1]


async def test_parameters_are_updated_in_topological_levels_each_told_what_changed_just_upstream() -> None:
    diamond = Diamond()
    optimizer, model = sfa(diamond)
    await judged(diamond, "better")
    await optimizer.step()
    order = [asked.scope.node for asked in model.of("update")]
    assert order[0] == "first.prompt"
    assert set(order[1:3]) == {"left.prompt", "right.prompt"}
    assert order[3] == "last.prompt"
    told = {asked.scope.node: asked.block("upstream") for asked in model.of("update")}
    assert told["first.prompt"] == ""
    assert told["left.prompt"] == "first.prompt\nbefore: f\nafter: f!"
    assert told["last.prompt"].split("\n\n") == [
        "left.prompt\nbefore: l\nafter: l!",
        "right.prompt\nbefore: r\nafter: r!",
    ]


async def test_a_level_is_updated_in_parallel() -> None:
    diamond = Diamond()
    at_once: list[int] = []

    class Counting(FakeModel):
        async def complete(self, alias: str, request: Any) -> Any:
            at_once.append(1)
            try:
                return await super().complete(alias, request)
            finally:
                at_once.append(-1)

    optimizer = SFAOptimizer(diamond.parameters()).bind(Counting(improving))
    await judged(diamond, "better")
    await optimizer.step()
    assert max(sum(at_once[:i]) for i in range(len(at_once))) == 2


async def test_what_did_not_change_is_passed_over_and_the_change_before_it_is_told() -> None:
    chain = Chain(3)

    def answer(asked: Asked) -> Any:
        kept = asked.scope.node == "step1.prompt"
        return {"value": asked.block("current_value") + ("" if kept else "!"), "reason": ""}

    optimizer, model = sfa(chain, answer)
    await judged(chain, "better")
    assert await optimizer.step() == {"step0.prompt": "p0!", "step2.prompt": "p2!"}
    assert model.of("update")[-1].block("upstream") == "step0.prompt\nbefore: p0\nafter: p0!"


async def test_the_levels_are_those_of_the_union_of_the_tapes_and_a_cycle_in_it_shares_one() -> None:
    class Either(Chain):
        def forward(self, text: Any) -> Any:
            first, second = (self.step0, self.step1) if str(text) == "hello" else (self.step1, self.step0)
            return self.step2(second(first(text)))

    module = Either(3)
    optimizer, model = sfa(module)
    await judged(module, "better")
    await judged(module, "better", text="bye")
    await optimizer.step()
    order = [asked.scope.node for asked in model.of("update")]
    assert set(order[:2]) == {"step0.prompt", "step1.prompt"}
    assert order[2] == "step2.prompt"


@pytest.mark.parametrize("bad", ["", "   ", "no JSON at all"])
async def test_a_reply_that_cannot_be_used_is_asked_for_again_with_the_reason(bad: str) -> None:
    replies = iter([bad if "JSON" in bad else {"value": bad, "reason": ""}, {"value": "good", "reason": ""}])
    step = Step("p")
    optimizer, model = sfa(step, lambda asked: next(replies))
    await judged(step, "better")
    assert await optimizer.step() == {"prompt": "good"}
    assert [asked.scope.retry for asked in model.asked] == [0, 1]
    assert "This cannot be used: it is " in model.asked[1].block("rejected")


@pytest.mark.parametrize(
    ("constraint", "broken", "words"),
    [
        (MaxLength(3), "long", "at most 3"),
        (MustContain("{name}"), "no name", "must contain '{name}'"),
        (KeepPlaceholders(), "{x}", "{x}"),
    ],
)
async def test_a_value_that_breaks_a_built_in_constraint_is_never_applied(
    constraint: Any, broken: str, words: str
) -> None:
    step = Step("p")
    step.prompt.constraints = (constraint,)
    optimizer, _model = sfa(step, lambda asked: {"value": broken, "reason": ""}, max_retries=2)
    await judged(step, "better")
    with pytest.raises(OptimizationError) as caught:
        await optimizer.step()
    assert (caught.value.parameter, caught.value.attempts) == ("prompt", 3)
    assert words in str(caught.value)
    assert step.prompt.value == "p"


async def test_a_constraint_in_words_is_checked_by_a_model() -> None:
    step = Step("p")
    step.prompt.constraints = ("Speaks of no animals.",)

    def answer(asked: Asked) -> Any:
        if asked.request.schema_name == "constraint_check":
            bad = "cat" in asked.block("value")
            return {"kept": not bad, "problem": "it speaks of a cat" if bad else ""}
        return {"value": "a car" if asked.block("rejected") else "a cat", "reason": ""}

    optimizer, model = sfa(step, answer)
    await judged(step, "better")
    assert await optimizer.step() == {"prompt": "a car"}
    assert [asked.alias for asked in model.of("check")] == ["optimizer/checker"] * 2
    assert "it speaks of a cat" in model.of("update")[1].block("rejected")


@pytest.mark.parametrize("feedbacks", [1, 2])
async def test_a_reply_that_stays_empty_at_the_endpoint_is_an_error_of_the_parameter(feedbacks: int) -> None:
    def answer(asked: Any) -> Any:
        error = EmptyReply("The endpoint 'default'", "sent an empty reply")
        error.attempts = 4
        raise error

    step = Step("p")
    optimizer, _ = sfa(step, answer)
    for _ in range(feedbacks):
        await judged(step, "better")
    with pytest.raises(OptimizationError, match=r"'prompt'.*in 4 attempts.*sent an empty reply") as caught:
        await optimizer.step()
    assert (caught.value.parameter, caught.value.attempts) == ("prompt", 4)


async def test_a_step_applies_all_its_levels_or_none() -> None:
    chain = Chain(3)

    def answer(asked: Asked) -> Any:
        return {"value": "" if asked.scope.node == "step2.prompt" else "new", "reason": ""}

    optimizer, _model = sfa(chain, answer, max_retries=0)
    await judged(chain, "better")
    with pytest.raises(OptimizationError, match=r"'step2\.prompt'.*1 attempt"):
        await optimizer.step()
    assert list(chain.state_dict().values()) == ["p0", "p1", "p2"]
    assert not any(parameter.pending for parameter in chain.parameters())


async def test_a_constant_and_a_parameter_without_feedback_are_left_alone() -> None:
    chain = Chain(2)
    chain.step0.prompt.requires_grad = False
    optimizer, _model = sfa(chain)
    await judged(chain, "better")
    assert await optimizer.step() == {"step1.prompt": "p1!"}


async def test_proposals_are_independent_samples_each_call_with_a_place_of_its_own() -> None:
    chain = Chain(2)

    def answer(asked: Asked) -> Any:
        return {"value": f"{asked.block('current_value')}{asked.scope.sample}", "reason": ""}

    optimizer, model = sfa(chain, answer)
    await judged(chain, "better")
    assert await optimizer.propose(3) == [
        {"step0.prompt": f"p0{i}", "step1.prompt": f"p1{i}"} for i in range(3)
    ]
    assert chain.state_dict() == {"step0.prompt": "p0", "step1.prompt": "p1"}
    assert len({asked.scope.key() for asked in model.asked}) == len(model.asked) == 6
    assert all(asked.request.sample == asked.scope.sample for asked in model.asked)
    assert len({asked.request.digest() for asked in model.asked}) == 6


@pytest.mark.parametrize("arguments", [{"conservatism": 1.1}, {"conservatism": -1}, {"max_retries": -1}])
def test_arguments_are_checked(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        SFAOptimizer(Step("p").parameters(), **arguments)  # type: ignore[arg-type]


async def test_a_reasoning_model_given_by_alias_answers_modules_that_reason_in_backward() -> None:
    class Thinking(Step):
        async def backward(self, feedback: Any, ctx: Any) -> Any:
            result = await super().backward(feedback, ctx)
            result.parameter_feedback["prompt"] = await ctx.reason("why?")
            return result

    module = Thinking("p")
    _optimizer, model = sfa(module, lambda asked: "because", reasoning_model="optimizer/reasoning")
    await judged(module, "better")
    assert [asked.alias for asked in model.asked] == ["optimizer/reasoning"]
    assert module.prompt.feedback == ["because"]


async def test_without_a_reasoning_model_reasoning_is_an_error() -> None:
    optimizer, _ = sfa(Step("p"))
    assert optimizer.reasoning_model is None
