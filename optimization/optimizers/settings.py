"""The settings of a parameter group: checked by the annotations of a model, and brought into their one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from optimization.core.binding import as_resources
from optimization.core.constraints import Constraint, as_constraints
from optimization.llm.messages import Message, Resources


class Settings(BaseModel):
    """Base of what the groups of an optimizer may set: nothing is converted, and nothing unknown is taken."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


class SettingsError(ValueError):
    """Settings that do not fit: `errors` holds (JSON pointer, message) pairs."""

    def __init__(self, what: str, error: ValidationError) -> None:
        self.errors = [("/" + "/".join(map(str, found["loc"])), _wanted(found)) for found in error.errors()]
        super().__init__(f"{what}: {faults(error)}.")


def settled(settings: type[Settings] | None, group: Mapping[str, Any], what: str) -> dict[str, Any]:
    """The settings in their one form. Raises SettingsError that names each one of `what` that does not fit."""
    if settings is None:
        return dict(group)
    try:
        return dict(settings.model_validate(dict(group)))
    except ValidationError as error:
        raise SettingsError(what, error) from None


def faults(error: ValidationError) -> str:
    """Each thing that does not fit by its name, what is wanted, and what was given."""
    return "; ".join(_fault(found) for found in error.errors())


def _fault(found: Any) -> str:
    place = ".".join(str(part) for part in found["loc"])
    return f"{place}: {_wanted(found)}" if place else _wanted(found)


def _wanted(found: Any) -> str:
    match found["type"]:
        case "missing":
            return "it is missing"
        case "extra_forbidden":
            return "there is no such setting"
        case "value_error":
            return str(found["ctx"]["error"]).rstrip(".")
    return f"{found['msg']}, not {found['input']!r}"


def _messages(given: Any) -> list[dict[str, str]]:
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise ValueError(
            "it is a list of at least one {'role': ..., 'content': ...}; leave it out for the shipped ones"
        )
    try:
        return [Message.model_validate(message).model_dump() for message in given]
    except ValidationError as error:
        raise ValueError(f"a message is {{'role': ..., 'content': ...}}; {faults(error)}") from None


def _client(given: Any) -> Resources | None:
    try:
        return None if given is None else as_resources(given)
    except TypeError as error:
        raise ValueError(str(error)) from None


Constraints = Annotated[tuple[Constraint | str, ...], PlainValidator(as_constraints)]
Messages = Annotated[list[dict[str, str]], PlainValidator(_messages)]
Client = Annotated[Resources | None, PlainValidator(_client)]
