"""Programs written in Python, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points

from optimization.core import Module

GROUP = "handgrad.programs"
Factory = Callable[[], Module]


@dataclass(frozen=True)
class RegisteredProgram:
    """A program that a run may name."""

    name: str
    title: str
    description: str
    factory: Factory

    def build(self) -> Module:
        """A fresh module, with the initial values."""
        return self.factory()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names that an example must give."""
        return tuple(self.factory().required_inputs())


_programs: dict[str, RegisteredProgram] = {}


def register_program(name: str, *, title: str, description: str = "") -> Callable[[Factory], Factory]:
    """Register a factory of a program, a class or a function, under `name`."""

    def register(factory: Factory) -> Factory:
        if name in _programs and _programs[name].factory is not factory:
            raise ValueError(f"A program {name!r} is registered already. Give this one another name.")
        _programs[name] = RegisteredProgram(name, title, description, factory)
        return factory

    return register


def get_program(name: str) -> RegisteredProgram:
    """The registered program of that name; KeyError if there is none."""
    programs = registered_programs()
    if name not in programs:
        raise KeyError(f"No program {name!r} is registered. There are: {', '.join(programs) or 'none'}.")
    return programs[name]


def registered_programs() -> dict[str, RegisteredProgram]:
    """Every registered program by name: the shipped ones, and those of plug-ins (group `handgrad.programs`)."""
    _load_plugins()
    return dict(_programs)


@lru_cache(maxsize=1)
def _load_plugins() -> None:
    for point in entry_points(group=GROUP):
        point.load()
