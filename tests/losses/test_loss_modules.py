"""What every loss has in common."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from optimization.core import Module, TrainingStep, Value, ValueKind, collect_tape_ids, unwrap
from optimization.core.payloads import is_feedback
from optimization.llm import CompletionRequest
from optimization.losses import (
    LOSSES,
    Answer,
    FeedbackAnswer,
    HumanRubricLoss,
    LLMFeedbackLoss,
    LossModule,
    PreferenceAnswer,
    Question,
    RankingAnswer,
    RubricAnswer,
    ScriptedDesk,
    VerifierLoss,
    use_desk,
)
from tests.core.scripted import Model
from tests.losses.rubrics import LEVELS, Writer


def test_every_loss_is_a_module_under_its_class_name() -> None:
    assert set(LOSSES) == {
        "VerifierLoss",
        "CompositeLoss",
        *(
            f"{who}{what}Loss"
            for who in ("LLM", "Human")
            for what in ("Feedback", "Rubric", "Preference", "Ranking")
        ),
    }
    assert all(issubclass(loss, LossModule) and issubclass(loss, Module) for loss in LOSSES.values())


@pytest.mark.parametrize("blank", ["", " \n", None, 3])
@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"VerifierLoss", "CompositeLoss"}))
def test_criteria_and_alias_that_say_nothing_are_refused_by_their_names(name: str, blank: Any) -> None:
    arguments: dict[str, Any] = {"rubric": LEVELS} if "Rubric" in name else {}
    if "Feedback" not in name:
        arguments["criteria"] = "Good?"
    for argument in {"criteria", "alias"} & inspect.signature(LOSSES[name]).parameters.keys():
        if argument in arguments or argument == "alias":
            with pytest.raises(ValueError, match=f"^The {argument} of {name}: "):
                LOSSES[name](**arguments | {argument: blank})


async def test_a_plain_function_becomes_a_loss() -> None:
    async def slow(output: str, target: str, context: dict[str, Any]) -> str:
        return f"{output} {target} {context}"

    value = await LossModule(slow)("o", "t", context={"a": 1})

    assert value == Value(ValueKind.STRUCTURED, [["o t {'a': 1}"]], ref="LossModule")


async def test_a_plain_function_gives_a_score_as_a_guide_does() -> None:
    value = await LossModule(lambda output, target, context: (0.25, ["Greet.", "Sign."]))("o")
    assert (value.score, value.payload) == (0.25, [["Greet.", "Sign."]])

    with pytest.raises(ValueError, match="a score is 0 to 1"):
        await LossModule(lambda output, target, context: (25, "Greet."))("o")


async def test_a_subclass_must_say_how_it_judges() -> None:
    with pytest.raises(NotImplementedError, match="write judge"):
        await LossModule()("x")


async def test_what_a_subclass_says_becomes_feedback() -> None:
    class Says(LossModule):
        async def judge(self, output: Any, target: Any, context: Any) -> Any:
            return "Greet."

    assert is_feedback(await Says()("x"))


@pytest.mark.parametrize("score", [7, -0.1, float("nan")])
async def test_a_score_is_from_zero_to_one(score: float) -> None:
    loss = LossModule(lambda output, target, context: Value(ValueKind.STRUCTURED, [], meta={"score": score}))

    with pytest.raises(ValueError, match=f"LossModule gave the score {score!r}: a score is 0 to 1"):
        await loss("x")


async def test_a_judge_is_a_function_and_a_context_a_dict() -> None:
    with pytest.raises(TypeError, match="makes a loss of a function of .* not of 5"):
        LossModule(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="context of VerifierLoss is a dict .* not 'ticket'"):
        await VerifierLoss("exact")("x", "y", context="ticket")


async def test_a_loss_called_on_an_output_passes_its_tape_on() -> None:
    module = Writer().train()
    output = await module("Ada")
    loss = await HumanRubricLoss("c", LEVELS, desk=ScriptedDesk([RubricAnswer(2, ["Greet."])]))(output)

    assert collect_tape_ids(loss) == collect_tape_ids(output)
    await loss.backward()
    assert module.prompt.feedback == ["- Greet.\nScore: 0.25\nInput: Ada\nOutput: Dear Ada"]


async def test_a_loss_takes_part_in_tracing_and_hands_feedback_to_its_output_input() -> None:
    class Judged(Module):
        def __init__(self) -> None:
            self.writer, self.other = Writer(), Writer()
            self.loss = VerifierLoss("exact")

        def forward(self, text: Any) -> Any:
            return self.loss(output=self.writer(text), target=self.other("x"))

    module = Judged().train()
    await (await module("Ada")).backward()

    assert len(module.writer.prompt.feedback) == 1
    assert module.other.prompt.feedback == []


async def test_a_loss_is_bound_like_any_module() -> None:
    model = Model([{"actionable_improvements": ["Greet."]}])
    loss = LLMFeedbackLoss()

    assert loss.bind(model) is loss
    assert unwrap(await loss("x")) == [["Greet."]]
    with pytest.raises(RuntimeError, match="LLMFeedbackLoss is not bound"):
        await LLMFeedbackLoss()("x")


async def test_what_a_judge_uses_is_counted_at_the_loss() -> None:
    from optimization.core import current_registry

    step = TrainingStep(Writer(), LLMFeedbackLoss()).train().bind(Model([{"actionable_improvements": []}]))
    record = current_registry().load(collect_tape_ids(await step("x"))[0])

    assert (record.usage["loss"].calls, record.usage["loss"].cost) == (1, 0.001)


VERDICT = {
    "score": 3,
    "justification": "fine",
    "winner": "A",
    "reason": "better",
    "a_strengths": "short",
    "a_weaknesses": "",
    "b_strengths": "",
    "b_weaknesses": "long",
    "ranking": [1, 2],
    "best_qualities": "short",
    "worst_issues": "long",
    "comparison": "1 is short",
    "actionable_improvements": ["shorter"],
}
ANSWERS = {
    "rubric": RubricAnswer(2, ["shorter"]),
    "feedback": FeedbackAnswer(["shorter"]),
    "preference": PreferenceAnswer("A", "better"),
    "ranking": RankingAnswer([1, 2]),
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "VerifierLoss": {"verifier": "exact"},
    "CompositeLoss": {"losses": [(VerifierLoss("exact"), 1)]},
}


@pytest.mark.parametrize("name", LOSSES)
async def test_every_loss_gives_a_structured_value_of_texts_with_a_score_from_0_to_1_where_there_is_one(
    name: str,
) -> None:
    known = {"criteria": "Good?", "rubric": LEVELS}
    wanted = inspect.signature(LOSSES[name]).parameters
    args = ARGUMENTS.get(name) or {key: value for key, value in known.items() if key in wanted}
    loss = LOSSES[name](**args)

    def verdict(request: CompletionRequest) -> dict[str, Any]:
        return {key: VERDICT[key] for key in request.response_schema["properties"]}

    class Desk:
        async def ask(self, question: Question) -> list[Answer]:
            return [ANSWERS[question.kind]]

    with use_desk(Desk()):
        value = await loss.bind(Model(verdict))("output", "target", context={"ticket": "t"})

    assert value.kind is ValueKind.STRUCTURED
    assert is_feedback(value)
    assert (value.score is not None) == loss.gives_score
    assert value.score is None or 0.0 <= value.score <= 1.0
