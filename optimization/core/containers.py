"""Modules that hold modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from optimization.core.module import Module


class ModuleList(Module):
    """A list of modules, under the names "0", "1", ...; its owner calls them."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        self.add_module(str(len(self)), module)

    def __len__(self) -> int:
        return len(self._children)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.children())

    def __getitem__(self, index: int) -> Module:
        return self.children()[index]


class Sequential(ModuleList):
    """Modules in a row: each gets what the one before gave; the first gets the inputs."""

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, /, *inputs: Any, **named_inputs: Any) -> Any:
        steps = self.children()
        if not steps:
            return inputs[0] if len(inputs) == 1 else inputs
        output = steps[0](*inputs, **named_inputs)
        for step in steps[1:]:
            output = step(output)
        return output

    def positional_names(self, count: int) -> list[str]:
        return self[0].positional_names(count) if len(self) else super().positional_names(count)

    def required_inputs(self) -> list[str]:
        return self[0].required_inputs() if len(self) else super().required_inputs()


class ModuleDict(Module):
    """Modules by name; their owner calls them."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        for name, module in (modules or {}).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __getitem__(self, name: str) -> Module:
        return self._children[name]

    def __contains__(self, name: object) -> bool:
        return name in self._children

    def __iter__(self) -> Iterator[str]:
        return iter(self._children)

    def __len__(self) -> int:
        return len(self._children)

    def keys(self) -> list[str]:
        return list(self._children)

    def values(self) -> list[Module]:
        return self.children()

    def items(self) -> list[tuple[str, Module]]:
        return list(self._children.items())
