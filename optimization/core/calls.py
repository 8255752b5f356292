"""Calls to models: every one is counted at the node that made it, and a structured reply is asked for twice at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from optimization.core.errors import ReplyError
from optimization.core.execution import current_frame
from optimization.core.structured import misfit, parse_json
from optimization.llm.messages import Completion, CompletionRequest, Message, Resources
from optimization.llm.scope import scoped

T = TypeVar("T")


async def complete(resources: Resources, alias: str, request: CompletionRequest) -> Completion:
    """One call; what it used is counted at the node that is running."""
    completion = await resources.complete(alias, request)
    frame = current_frame()
    if frame is not None:
        frame.add(completion.usage)
    return completion


async def complete_structured(
    resources: Resources, alias: str, request: CompletionRequest, read: Callable[[Any], T], asker: str
) -> tuple[T, Completion]:
    """A reply of `request.response_schema`, as `read` gives it; a ValueError of `read` says what is wrong with it.

    A reply that cannot be read is sent back once with the problem; the second one that cannot is a ReplyError,
    which names `asker` and carries the raw reply.
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
        cut = completion.finish_reason == "length"
        raise ReplyError(asker, alias, str(problem), completion.text, cut=cut) from problem


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
        if found := misfit(data, schema):
            place, problem = found
            raise ValueError(problem if place == "$" else f"at {place.removeprefix('$.')!r}: {problem}")
    return read(data)
