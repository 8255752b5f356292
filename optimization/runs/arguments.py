"""Arguments of trainers, optimizers and losses, validated from the signatures that define them.

A signature says more than JSON can: clients, desks and functions are for notebooks. Here every parameter is taken with
the part of its type that JSON has, and one that has none is left out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    Unpack,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from optimization.losses import LossModule
from optimization.runs.config import Choice
from optimization.runs.labels import label_of

BY_THE_ENGINE = frozenset({"self", "params"})
"""Parameters that the engine fills in itself."""


class ArgumentError(ValueError):
    """Arguments that do not fit: `errors` holds (JSON pointer, message) pairs."""

    def __init__(self, name: str, errors: Iterable[tuple[str, str]]) -> None:
        self.errors = list(errors)
        super().__init__(
            f"{name}: "
            + "; ".join(f"{pointer or 'arguments'}: {message}" for pointer, message in self.errors)
        )


@cache
def arguments_model(target: Callable[..., Any]) -> type[BaseModel]:
    """A model of the parameters of a class's `__init__`, or of a function, that can be given as JSON."""
    function = target.__init__ if inspect.isclass(target) else target
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints.get(name, Any)
        if parameter.kind is parameter.VAR_KEYWORD and get_origin(hint) is Unpack:
            fields |= _keywords(get_args(hint)[0])
        elif name not in BY_THE_ENGINE and parameter.kind not in _VARIABLE:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields |= _field(name, hint, default)
    return create_model(f"{target.__name__}Arguments", __config__=ConfigDict(extra="forbid"), **fields)


def arguments_check(target: Callable[..., Any], args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, converted to their types; only those that were given. Raises ArgumentError."""
    try:
        checked = arguments_model(target).model_validate(dict(args))
    except ValidationError as error:
        fields = arguments_model(target).model_fields
        known = ", ".join(field.alias or name for name, field in fields.items())
        said: dict[str, list[str]] = {}
        for found in error.errors():
            unknown = found["type"] == "extra_forbidden" and len(found["loc"]) == 1
            own = found.get("ctx", {}).get("error")
            message = f"no such argument; it takes {known}" if unknown else str(own or found["msg"])
            said.setdefault(pointer_into(args, found["loc"]), []).append(message)
        raise ArgumentError(
            target.__name__, [(pointer, "; or: ".join(messages)) for pointer, messages in said.items()]
        ) from None
    fields = arguments_model(target).model_fields
    return {fields[name].alias or name: getattr(checked, name) for name in checked.model_fields_set}


def pointer_into(data: Any, place: Iterable[int | str]) -> str:
    """A JSON pointer to what is wrong in `data`; the parts of a place that name a member of a union are no keys."""
    pointer = ""
    for part in place:
        if isinstance(data, Mapping) and isinstance(part, str):
            pointer, data = f"{pointer}/{part}", data.get(part)
        elif isinstance(data, Sequence) and isinstance(part, int) and not isinstance(data, str):
            pointer, data = f"{pointer}/{part}", data[part] if part < len(data) else None
    return pointer


_VARIABLE = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
_NONE_OF_IT = object()


def _keywords(declared: Any) -> dict[str, Any]:
    """The fields of a TypedDict, none of them required."""
    assert is_typeddict(declared)
    fields: dict[str, Any] = {}
    for name, hint in get_type_hints(declared, include_extras=True).items():
        fields |= _field(name, hint, None, json_schema_extra=_without_default)
    return fields


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default")


def _field(name: str, hint: Any, default: Any, **more: Any) -> dict[str, Any]:
    form = json_form(hint)
    if form is _NONE_OF_IT or form is NoneType:
        return {}
    label, about = label_of(name)
    # A model has attributes of its own, such as `schema`: an argument of that name is kept under another.
    own = f"{name}_" if hasattr(BaseModel, name) else name
    return {own: (form, Field(default, alias=name, title=label, description=about or None, **more))}


def json_form(hint: Any) -> Any:
    """The part of a type that JSON has; `_NONE_OF_IT` where there is no such part."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any or hint is NoneType or origin is Literal:
        return hint
    if origin is Annotated:
        plain = json_form(inner[0])
        return plain if plain is _NONE_OF_IT else Annotated[plain, *hint.__metadata__]
    if origin in (Union, UnionType):
        return _union([json_form(part) for part in inner])
    if origin is tuple:
        parts = [json_form(part) for part in inner]
        return _NONE_OF_IT if _NONE_OF_IT in parts else tuple.__class_getitem__(tuple(parts))
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return hint
    if inspect.isclass(origin) and issubclass(origin, Iterable):
        item = json_form(inner[0])
        return item if item is _NONE_OF_IT else list.__class_getitem__(item)
    if inspect.isclass(hint) and issubclass(hint, LossModule):
        return Choice
    plain_types = (str, int, float, bool, dict, list, BaseModel)
    return hint if inspect.isclass(hint) and issubclass(hint, plain_types) else _NONE_OF_IT


def _union(parts: Sequence[Any]) -> Any:
    """The parts that JSON has. Beside a model, a mapping is that model's own JSON."""
    kept = [part for part in parts if part is not _NONE_OF_IT]
    if any(inspect.isclass(part) and issubclass(part, BaseModel) for part in kept):
        kept = [part for part in kept if not _is_mapping(part)]
    return reduce(or_, kept) if kept else _NONE_OF_IT


def _is_mapping(part: Any) -> bool:
    origin = get_origin(part) or part
    return inspect.isclass(origin) and issubclass(origin, Mapping)
