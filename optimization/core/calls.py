"""Calls to models: every one is counted at the node that made it, and a structured reply is asked for twice at most."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from optimization.core.errors import ReplyError
from optimization.core.execution import current_frame
from optimization.llm.messages import Completion, CompletionRequest, Message, Resources
from optimization.llm.scope import scoped

T = TypeVar("T")

FENCED = re.compile(r"```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


async def complete(resources: Resources, alias: str, request: CompletionRequest) -> Completion:
    """One call; what it used is counted at the node that is running."""
    completion = await resources.complete(alias, request)
    frame = current_frame()
    if frame is not None:
        frame.add(completion.usage)
    return completion


async def complete_structured(
    resources: Resources, alias: str, request: CompletionRequest, read: Callable[[Any], T]
) -> tuple[T, Completion]:
    """A reply of `request.response_schema`, as `read` gives it; a ValueError of `read` says what is wrong with it.

    A reply that cannot be read is sent back once with the problem; the second one that cannot is a ReplyError,
    which carries the raw reply.
    """
    completion = await complete(resources, alias, request)
    try:
        return read_reply(completion.text, request.response_schema, read), completion
    except ValueError as problem:
        repair = repair_request(request, completion.text, str(problem))
    with scoped(retry=1):
        completion = await complete(resources, alias, repair)
    try:
        return read_reply(completion.text, request.response_schema, read), completion
    except ValueError as problem:
        raise ReplyError(alias, str(problem), completion.text) from problem


def repair_request(request: CompletionRequest, reply: str, problem: str) -> CompletionRequest:
    """The same request, with the reply and what is wrong with it."""
    said = Message(role="assistant", content=reply)
    ask = Message(
        role="user",
        content=f"This reply cannot be used: {problem}. Reply again with one JSON object that satisfies the schema, "
        "and nothing else.",
    )
    return request.model_copy(update={"messages": (*request.messages, said, ask)})


def read_reply(text: str, schema: dict[str, Any] | None, read: Callable[[Any], T]) -> T:
    """A reply's JSON, checked against the schema, as `read` gives it; ValueError in words otherwise.

    Members that a closed schema does not know are left out rather than refused.
    """
    data = parse_json(text)
    if schema is not None:
        if isinstance(data, dict) and schema.get("additionalProperties") is False:
            data = {name: item for name, item in data.items() if name in schema.get("properties", {})}
        error = best_match(_validator(json.dumps(schema)).iter_errors(data))
        if error is not None:
            place = "/".join(str(part) for part in error.absolute_path)
            raise ValueError(f"at {place!r}: {error.message}" if place else error.message)
    return read(data)


def parse_json(text: str) -> Any:
    """The JSON in a reply, alone or in a code fence; ValueError if there is none."""
    fenced = FENCED.search(text)
    for candidate in (text, fenced.group(1) if fenced else text):
        try:
            return json.loads(candidate)
        except ValueError as error:
            problem = str(error)
    raise ValueError(f"it is not JSON ({problem})")


@lru_cache(maxsize=256)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))
