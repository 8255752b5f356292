from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from optimization.core import LLMInference, Parameter, ReplyError, ValueKind, unwrap
from tests.core.scripted import Model, echo

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


class City(BaseModel):
    name: str
    people: int = 0


async def test_the_prompt_goes_behind_the_system_prompt_with_the_settings() -> None:
    model = Model(echo)
    await LLMInference("fast", Parameter("Be brief.", "style"), temperature=0.5, max_tokens=9).bind(model)(
        "Hi"
    )
    alias, request, _ = model.calls[0]

    assert alias == "fast"
    assert [(message.role, message.content) for message in request.messages] == [
        ("system", "Be brief."),
        ("user", "Hi"),
    ]
    assert (request.temperature, request.max_tokens, request.response_schema) == (0.5, 9, None)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("alias", ""),
        ("alias", 3),
        ("temperature", -1),
        ("temperature", "hot"),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(argument: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^The {argument} of an LLMInference: "):
        LLMInference(**{"alias": "fast", argument: value})


async def test_without_a_system_prompt_there_is_one_message() -> None:
    model = Model(echo)
    await LLMInference("fast").bind(model)({"a": "structures are sent as JSON"})

    assert [message.content for message in model.requests[0].messages] == [
        '{\n  "a": "structures are sent as JSON"\n}'
    ]


async def test_the_reply_is_a_response_with_model_and_usage() -> None:
    value = await LLMInference("fast").bind(Model(["Hello."]))("Hi")

    assert (value.kind, value.payload) == (ValueKind.RESPONSE, "Hello.")
    assert (value.meta["model"], value.meta["alias"]) == ("scripted", "fast")
    assert value.meta["usage"]["prompt_tokens"] == 10


def test_a_system_prompt_given_as_text_is_fixed_and_given_as_a_parameter_learns() -> None:
    fixed, learned = LLMInference("a", "Be brief."), LLMInference("a", Parameter("Be brief.", "style"))

    assert [p.requires_grad for p in fixed.parameters() + learned.parameters()] == [False, True]


@pytest.mark.parametrize("response_format", [SCHEMA, City])
async def test_a_response_format_is_asked_for_as_a_json_schema(response_format: object) -> None:
    model = Model(['{"n": 3, "name": "Leeds"}'])
    value = await LLMInference("a", response_format=response_format).bind(model)("How many?")  # type: ignore[arg-type]

    assert value.kind is ValueKind.STRUCTURED
    assert model.requests[0].response_schema["type"] == "object"


async def test_a_pydantic_format_fills_in_defaults() -> None:
    value = await LLMInference("a", response_format=City).bind(Model(['{"name": "Leeds"}']))("Where?")

    assert unwrap(value) == {"name": "Leeds", "people": 0}


async def test_a_fenced_reply_is_read() -> None:
    value = await LLMInference("a", response_format=SCHEMA).bind(Model(['Sure!\n```json\n{"n": 3}\n```']))(
        "?"
    )

    assert unwrap(value) == {"n": 3}


@pytest.mark.parametrize("odd", ["\\u0000", "\\ud800"])
async def test_what_no_database_can_hold_is_left_out_of_a_structured_reply(odd: str) -> None:
    reply = f'{{"name": "Lee{odd}ds"}}'
    value = await LLMInference("a", response_format=City).bind(Model([reply]))("Where?")

    assert unwrap(value)["name"].replace("?", "") == "Leeds"


@pytest.mark.parametrize("bad", ["three", '{"n": "three"}', "{}", '{"n": 3'])
async def test_a_reply_that_does_not_fit_is_repaired_once(bad: str) -> None:
    model = Model([bad, '{"n": 3}'])
    value = await LLMInference("a", response_format=SCHEMA).bind(model)("How many?")
    repair = model.requests[1].messages

    assert unwrap(value) == {"n": 3}
    assert [scope.retry for scope in model.scopes] == [0, 1]
    assert [message.role for message in repair] == ["user", "assistant", "user"]
    assert repair[1].content == bad
    assert "cannot be used" in repair[2].content


async def test_a_second_bad_reply_is_an_error_with_the_raw_reply() -> None:
    model = Model(["three", "four"])

    with pytest.raises(ReplyError, match=r"behind 'a'.*cannot be used, twice") as caught:
        await LLMInference("a", response_format=SCHEMA).bind(model)("How many?")
    assert caught.value.raw_reply == "four"
    assert len(model.calls) == 2
