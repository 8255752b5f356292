"""What a parameter's new value must keep to.

A constraint is a built-in check, exact and free, or a text that a model checks (the optimizer asks it).
In JSON a text is a string and a built-in is {"kind": ..., its argument}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, runtime_checkable

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}")


def placeholders(text: str) -> list[str]:
    """The names in `{name}` slots, each once, in order; `{{` and `}}` are plain braces."""
    return list(dict.fromkeys(name for name in PLACEHOLDER.findall(text) if name))


@runtime_checkable
class Constraint(Protocol):
    """A check of a new value; `problem` says in words what is wrong, or None."""

    kind: ClassVar[str]

    def problem(self, value: str, previous: str) -> str | None:
        """What is wrong with `value`, which would follow `previous`."""
        ...


@dataclass(frozen=True)
class MaxLength:
    """At most `characters` characters."""

    characters: int
    kind: ClassVar[str] = "max_length"

    def __post_init__(self) -> None:
        if not isinstance(self.characters, int) or self.characters < 1:
            raise ValueError(
                f"Constraint 'max_length' needs a whole number of characters above 0, not {self.characters!r}."
            )

    def problem(self, value: str, previous: str) -> str | None:
        if len(value) <= self.characters:
            return None
        return f"it has {len(value)} characters, at most {self.characters} are allowed"


@dataclass(frozen=True)
class MustContain:
    """`text` stays in the value, letter by letter."""

    text: str
    kind: ClassVar[str] = "must_contain"

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text:
            raise ValueError(f"Constraint 'must_contain' needs the text that stays, not {self.text!r}.")

    def problem(self, value: str, previous: str) -> str | None:
        return None if self.text in value else f"it must contain {self.text!r}"


@dataclass(frozen=True)
class KeepPlaceholders:
    """The `{name}` slots of the previous value stay, and no other appears."""

    kind: ClassVar[str] = "keep_placeholders"

    def problem(self, value: str, previous: str) -> str | None:
        before, after = set(placeholders(previous)), set(placeholders(value))
        if before == after:
            return None
        lost = ", ".join(sorted(f"{{{name}}}" for name in before - after))
        new = ", ".join(sorted(f"{{{name}}}" for name in after - before))
        said = [f"it lost {lost}"] if lost else []
        return " and ".join(said + ([f"it has the unknown {new}"] if new else []))


BUILT_IN: dict[str, type[Any]] = {check.kind: check for check in (MaxLength, MustContain, KeepPlaceholders)}


def as_constraint(spec: Constraint | str | dict[str, Any]) -> Constraint | str:
    """A constraint from its JSON form; a constraint stays as it is."""
    if isinstance(spec, str):
        if not spec.strip():
            raise ValueError("A constraint given as text is blank: say what must hold, or leave it out.")
        return spec
    if not isinstance(spec, dict):
        if isinstance(spec, type) or not isinstance(spec, Constraint):
            raise ValueError(
                "A constraint is a text that a model checks, a built-in check such as MaxLength(900), its JSON form, or an "
                f"object with kind and problem(), not {spec!r}."
            )
        return spec
    arguments = dict(spec)
    kind = arguments.pop("kind", None)
    if kind not in BUILT_IN:
        raise ValueError(f"Unknown constraint kind {kind!r}. Known: {', '.join(BUILT_IN)}.")
    try:
        built: Constraint = BUILT_IN[kind](**arguments)
    except TypeError as error:
        known = ", ".join(f.name for f in fields(BUILT_IN[kind])) or "none"
        raise ValueError(
            f"Constraint {kind!r} has wrong arguments {sorted(arguments)}: {error}. It takes: {known}."
        ) from None
    return built


def as_constraints(specs: Any) -> tuple[Constraint | str, ...]:
    """The constraints of a list. A single one is refused: a text would be taken apart letter by letter."""
    if isinstance(specs, str | dict | Constraint):
        raise ValueError(f"Constraints are a list, also where there is one: write [{specs!r}].")
    if not isinstance(specs, Iterable):
        raise ValueError(f"Constraints are a list of texts and checks, not {specs!r}.")
    return tuple(as_constraint(spec) for spec in specs)


def constraint_to_json(constraint: Constraint | str) -> str | dict[str, Any]:
    """The JSON form that `as_constraint` reads."""
    if isinstance(constraint, str):
        return constraint
    return {"kind": constraint.kind, **vars(constraint)}
