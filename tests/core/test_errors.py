"""Errors say what happened, to which thing, and what to do now; and they survive a trip between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from optimization.core import (
    LLMInference,
    OptimizationError,
    ReleasedTapeError,
    ReplyError,
    TrainingStep,
    UnknownTapeError,
    run,
)
from optimization.core.errors import LONGEST_REPLY
from tests.core.programs import Note, Remark
from tests.core.scripted import Model

ERRORS = [
    OptimizationError("draft.system_prompt", 4, "it is empty"),
    ReleasedTapeError("t1"),
    UnknownTapeError("t1", "it was never recorded."),
    ReplyError("LLMRubricLoss", "judge", "it is not JSON", "Good!", cut=True),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_and_copying(error: Exception) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_each_says_the_way_out() -> None:
    assert [str(error) for error in ERRORS] == [
        "Parameter 'draft.system_prompt' could not be updated in 4 attempts: it is empty. Ask a stronger model as "
        "optimizer, loosen the parameter's constraints, or raise max_retries.",
        "Tape t1 was released by an earlier backward. Pass retain_graph=True to the first one, or run the forward pass "
        "again.",
        "Unknown tape t1: it was never recorded.",
        "LLMRubricLoss: the model behind 'judge' gave a reply that cannot be used, twice. Problem: it is not JSON. It was "
        "cut off: allow more tokens (max_tokens). Its last reply: 'Good!'",
    ]


def test_an_endless_reply_is_shown_in_part_and_kept_whole() -> None:
    error = ReplyError("LLMRubricLoss", "judge", "it is not JSON", "x" * 100_000)

    assert len(str(error)) < LONGEST_REPLY + 500
    assert "(100,000 characters)" in str(error)
    assert error.raw_reply == "x" * 100_000


@pytest.mark.parametrize("reply", ["[" * 100_000, '"' + "x" * 100_000 + '"', '{"n": NaN}', '{"n": Infinity}'])
async def test_a_reply_that_no_reader_can_take_is_repaired_once_and_then_an_error(reply: str) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    model = Model([reply, reply])

    with pytest.raises(ReplyError, match="^LLMInference: the model behind 'a'") as caught:
        await LLMInference("a", response_format=schema).bind(model)("?")
    assert caught.value.raw_reply == reply
    assert len(caught.value.problem) < 400


@pytest.mark.parametrize(
    ("response_format", "message"),
    [
        ({"type": "nonsense"}, r"response_format of an LLMInference is no valid JSON schema: \$.type"),
        ({"$ref": "http://127.0.0.1:9/x"}, "refers to 'http://127.0.0.1:9/x', which is not in it"),
    ],
)
def test_a_response_format_that_is_no_schema_is_refused_before_any_call(response_format, message) -> None:
    with pytest.raises(ValueError, match=message):
        LLMInference("a", response_format=response_format)


def test_what_is_no_module_no_prompt_and_no_format_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match="a JSON schema as a dict, or a pydantic class, not <class 'dict'>"):
        LLMInference("a", response_format=dict)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="system_prompt of an LLMInference is a text or a Parameter, not int"):
        LLMInference("a", 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"loss of a TrainingStep is a Module.*LossModule\(function\)"):
        TrainingStep(Note(), len)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="module of a TrainingStep is a Module"):
        TrainingStep(len, Remark())  # type: ignore[arg-type]


async def test_run_runs_a_module() -> None:
    with pytest.raises(TypeError, match=r"run\(\) runs a Module, not <built-in function len>"):
        await run(len, "x")  # type: ignore[arg-type]
