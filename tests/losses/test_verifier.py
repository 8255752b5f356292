from __future__ import annotations

from typing import Any

import pytest

from optimization.core import TrainingStep
from optimization.losses import VerifierLoss
from tests.losses.rubrics import Writer


def polite(output: str) -> tuple[bool, str]:
    return "please" in output, "Say please."


async def test_passed_is_one_with_nothing_to_say_and_failed_is_zero_with_the_message() -> None:
    passed, failed = await VerifierLoss(polite)("please come"), await VerifierLoss(polite)("come")

    assert (passed.payload, passed.score) == ([], 1.0)
    assert (failed.payload, failed.score) == ([["Say please."]], 0.0)


async def test_what_a_success_says_is_kept_in_meta() -> None:
    assert (await VerifierLoss(polite)("please")).meta["message"] == "The output passed verification."
    assert (await VerifierLoss(polite, success_feedback="Good.")("please")).meta["message"] == "Good."


async def test_a_failure_without_a_message_still_says_something() -> None:
    assert (await VerifierLoss(lambda output: (False, ""))("x")).payload == [
        ["The output did not pass verification."]
    ]


async def test_a_verifier_is_given_target_and_context_if_it_asks_for_them() -> None:
    async def check(output: str, target: str, context: dict[str, Any]) -> tuple[bool, str]:
        return output == target + context["ticket"], f"Not {target}{context['ticket']}."

    assert (await VerifierLoss(check)("ab", "a", context={"ticket": "b"})).score == 1.0
    assert (await VerifierLoss(check)("x", "a", context={"ticket": "b"})).payload == [["Not ab."]]


@pytest.mark.parametrize("answer", [True, None, [True, ""], ("False", ""), (0.5, "")])
async def test_a_verifier_that_answers_something_else_is_a_type_error(answer: Any) -> None:
    def check(output: str) -> Any:
        return answer

    with pytest.raises(TypeError, match=r"passed being True or False; .*check answered"):
        await VerifierLoss(check)("x")


def test_a_verifier_is_a_function_or_a_name() -> None:
    with pytest.raises(TypeError, match=r"function of the output, or one by name, not 42. Names: code_fence"):
        VerifierLoss(42)  # type: ignore[arg-type]


async def test_a_verifier_may_be_named_with_its_arguments() -> None:
    loss = VerifierLoss({"name": "regex", "pattern": r"^\d+$"})

    assert (await loss("12")).score == 1.0
    assert (await loss("twelve")).score == 0.0
    assert (await VerifierLoss("exact")("Yes ", "Yes")).score == 1.0


async def test_a_verifier_loss_is_a_module_like_the_rest() -> None:
    module = Writer()
    loss = await TrainingStep(module, VerifierLoss(polite)).train()("Ada")
    await loss.backward()

    assert module.prompt.feedback == ["- Say please.\nScore: 0.00\nInput: Ada\nOutput: Dear Ada"]


async def test_a_passed_output_leaves_no_feedback() -> None:
    module = Writer()
    loss = await TrainingStep(module, VerifierLoss(polite)).train()("please")
    await loss.backward()

    assert module.prompt.feedback == []
