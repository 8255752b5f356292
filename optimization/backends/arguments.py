"""A backend's arguments as data: schemas made from the signature of its `train`, so that a form, REST and a type checker
know the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

# These are said in other ways than by an argument of a request.
NOT_DATA = {"verbose"}


@cache
def arguments_model(train: Callable[..., Any]) -> type[BaseModel]:
    """A model with a field for every keyword argument of this `train`; it takes no other."""
    taken = {
        name: parameter
        for name, parameter in inspect.signature(train).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in NOT_DATA
    }
    hints = _hints(train, taken)
    fields: dict[str, Any] = {name: (hints[name], parameter.default) for name, parameter in taken.items()}
    owner = train.__qualname__.partition(".")[0]
    return create_model(
        f"{owner}Arguments", __config__=ConfigDict(extra="forbid", frozen=True, strict=True), **fields
    )


def _hints(train: Callable[..., Any], taken: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """The types of these parameters alone: those of the model and the groups are known to checkers only."""
    declared = {name: parameter.annotation for name, parameter in taken.items()}
    return get_type_hints(type("Declared", (), {"__annotations__": declared, "__module__": train.__module__}))


def arguments_schema(backend: type) -> dict[str, Any]:
    """The JSON schema of a backend's arguments."""
    return arguments_model(backend.train).model_json_schema()  # type: ignore[attr-defined]


def choice_schema(backends: Mapping[str, type]) -> dict[str, Any]:
    """The JSON schema of the choice of one of them, {name, args}, or of none."""
    choices: list[dict[str, Any]] = [
        {
            "type": "object",
            "title": f"{name}Choice",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {"name": {"const": name}, "args": arguments_schema(backend)},
        }
        for name, backend in backends.items()
    ]
    return {"anyOf": [*choices, {"type": "null"}], "default": None}


def check_arguments(backend: type, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(JSON pointer, message) for each argument that the backend does not take, or not so; empty if all are right."""
    model = arguments_model(backend.train)  # type: ignore[attr-defined]
    try:
        model.model_validate(dict(arguments))
    except ValidationError as error:
        known = f"{backend.__name__} takes {', '.join(model.model_fields)}."
        return [
            (
                "/" + "/".join(str(part) for part in found["loc"]),
                f"{backend.__name__} has no such argument. {known}"
                if found["type"] == "extra_forbidden"
                else f"{found['msg']}, not {found['input']!r}.",
            )
            for found in error.errors()
        ]
    return []
