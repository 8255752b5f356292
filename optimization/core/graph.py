"""The graph of one forward pass: which module was called with what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optimization.core.parameter import Parameter
from optimization.core.values import Value, unwrap

if TYPE_CHECKING:
    from optimization.core.module import Module


@dataclass(frozen=True, slots=True)
class Ref:
    """The output of node `node`, or the part of it under the keys `path`."""

    node: str
    path: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ParameterRef:
    """A parameter given as an argument: its value is read when the node runs, feedback to it is its own."""

    parameter: Parameter


@dataclass(slots=True)
class Node:
    """One call of a leaf. `path` is the module's dotted name within the traced module, None outside it.

    `references` are those in the arguments, each once; `parents` the calls among them.
    """

    id: str
    path: str | None
    module: Module
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    references: tuple[Ref | ParameterRef, ...] = ()
    parents: tuple[str, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """The arguments by name, with their references."""
        names = self.module.positional_names(len(self.args))
        return dict(zip(names, self.args, strict=True)) | self.kwargs

    def parameters(self) -> list[Parameter]:
        """The parameters that the call reads: its module's own and those given as arguments."""
        given = (ref.parameter for ref in self.references if isinstance(ref, ParameterRef))
        return list(dict.fromkeys([*self.module.own_parameters().values(), *given]))


@dataclass(slots=True)
class Graph:
    """The inputs, by node id, and the calls, in the order they were made, which is a topological order.

    `output` is what the traced module returned, with references in place of outputs; `program_output` is the
    same of the program inside a training step.
    """

    root: Module
    inputs: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    output: Any = None
    program_output: Any = None

    @property
    def output_ids(self) -> list[str]:
        """The calls whose outputs the traced module returned."""
        found = dict.fromkeys(ref.node for ref in refs(self.output) if isinstance(ref, Ref))
        return [node_id for node_id in found if node_id in self.nodes]

    def add(
        self,
        node_id: str,
        path: str | None,
        module: Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        found: Iterable[Ref | ParameterRef],
    ) -> None:
        """Add a call, whose arguments hold the references `found`."""
        references = dict.fromkeys(found)
        nodes = dict.fromkeys(ref.node for ref in references if isinstance(ref, Ref))
        parents = tuple(parent for parent in nodes if parent in self.nodes)
        self.nodes[node_id] = Node(node_id, path, module, args, kwargs, tuple(references), parents)

    def topological_order(self) -> list[str]:
        return list(self.nodes)

    def consumers(self) -> dict[str, list[str]]:
        """For each call the calls that read its output."""
        found: dict[str, list[str]] = {node_id: [] for node_id in self.nodes}
        for node in self.nodes.values():
            for parent in node.parents:
                found[parent].append(node.id)
        return found

    def ancestors(self, node_id: str) -> set[str]:
        """Every call whose output reaches `node_id`."""
        found: set[str] = set()
        frontier = list(self.nodes[node_id].parents)
        while frontier:
            parent = frontier.pop()
            if parent not in found:
                found.add(parent)
                frontier.extend(self.nodes[parent].parents)
        return found


def refs(x: Any) -> Iterator[Ref | ParameterRef]:
    """Every reference inside nested containers."""
    if isinstance(x, Ref | ParameterRef):
        yield x
    elif isinstance(x, dict):
        for item in x.values():
            yield from refs(item)
    elif isinstance(x, list | tuple):
        for item in x:
            yield from refs(item)


def part_of(ref: Ref, output: Any) -> Any:
    """The part of a node's output that a reference means; LookupError if it has none there."""
    found = output
    for key in ref.path:
        try:
            found = (found.payload if isinstance(found, Value) else found)[key]
        except (LookupError, TypeError):
            raise LookupError(
                f"The output of node {ref.node!r} has nothing at {key!r}: {repr(unwrap(found))[:200]}. Let its module "
                "return that part, or ask for one that is there."
            ) from None
    return found


def resolve(x: Any, output_of: Callable[[str], Any]) -> Any:
    """`x` with every reference replaced by what it stands for, as `output_of(node id)` gives it, unwrapped."""
    if isinstance(x, str):
        return x
    if isinstance(x, Ref):
        return unwrap(part_of(x, output_of(x.node)))
    if isinstance(x, ParameterRef):
        return x.parameter.value
    if isinstance(x, dict):
        return {key: resolve(item, output_of) for key, item in x.items()}
    if isinstance(x, list):
        return [resolve(item, output_of) for item in x]
    if type(x) is tuple:
        return tuple(resolve(item, output_of) for item in x)
    return unwrap(x)
