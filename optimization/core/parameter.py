"""A text that learns."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from optimization.core.constraints import Constraint, as_constraints

if TYPE_CHECKING:
    from optimization.core.module import Module


class Parameter:
    """A learnable text, such as a system prompt.

    `description` tells the optimizer what the text is for; it is required when the parameter learns.
    `feedback` is the list of texts that backward left. `version` counts the values it has had.
    `pending` is True while an optimizer is writing the next value.
    """

    def __init__(
        self,
        value: str,
        description: str | None = None,
        requires_grad: bool = True,
        constraints: Iterable[Constraint | str | dict[str, Any]] = (),
        *,
        name: str | None = None,
    ) -> None:
        if requires_grad and not (isinstance(description, str) and description.strip()):
            raise ValueError(
                f"Parameter {name or _excerpt(value)!r} learns, so it needs a description that tells the "
                "optimizer what it is for. Give description=..., or requires_grad=False for a constant."
            )
        self.description = description
        self.requires_grad = requires_grad
        self.constraints: tuple[Constraint | str, ...] = as_constraints(constraints)
        self.feedback: list[str] = []
        self.pending = False
        self.version = 0
        self._name = name
        self._owner: weakref.ref[Module] | None = None
        self._value = self._text(value)

    @property
    def value(self) -> str:
        """The text now; setting it makes a new version."""
        return self._value

    @value.setter
    def value(self, value: str) -> None:
        self._value = self._text(value)
        self.version += 1

    @property
    def name(self) -> str:
        """The dotted name within the outermost module that owns it, as in `module.named_parameters()`."""
        owner = self._owner() if self._owner is not None else None
        prefix = owner.dotted_name() if owner is not None else ""
        own = self._name or "parameter"
        return f"{prefix}.{own}" if prefix else own

    def _text(self, value: str) -> str:
        if not isinstance(value, str):
            raise TypeError(
                f"The value of parameter {self.name!r} is text, not {type(value).__name__}: {value!r}"
            )
        return value

    def accumulate(self, text: str) -> None:
        """Keep one text of feedback; blank texts and constants keep none."""
        if self.requires_grad and text.strip():
            self.feedback.append(text)

    def zero_feedback(self) -> None:
        """Empty the list of feedback, in place."""
        self.feedback.clear()

    def attach(self, owner: Module, name: str) -> None:
        """Take the place `name` in `owner`; the first owner names the parameter."""
        if self._owner is None or self._owner() is None:
            self._owner = weakref.ref(owner)
            self._name = name

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        """A parameter of its own, with the same feedback so far; the module that is copied along owns it."""
        copied = Parameter(
            self._value, self.description, self.requires_grad, self.constraints, name=self._name
        )
        copied.feedback, copied.version = list(self.feedback), self.version
        memo[id(self)] = copied
        return copied

    def __str__(self) -> str:
        return self._value

    def __repr__(self) -> str:
        learns = "" if self.requires_grad else ", requires_grad=False"
        return f"Parameter({self.name!r}, {_excerpt(self._value)!r}{learns})"


def _excerpt(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= 40 else line[:39] + "…"
