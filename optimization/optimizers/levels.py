"""In what order parameters are updated: those that others depend on come first.

A parameter is upstream of another if, in some recorded pass, what was made with it reached a call that read the
other. Over the union of the records the parameters fall into levels; parameters that are upstream of each other,
as can happen in a union, share one. The cost is linear in the nodes of the records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

import networkx as nx

from optimization.core.graph import Graph

Names = frozenset[str]


class UpdateOrder:
    """The levels of the named parameters, and who is directly upstream of whom.

    `levels` holds every name once. `upstream[name]` are the nearest parameters before it.
    """

    def __init__(self, graphs: Iterable[Graph], names: dict[int, str]) -> None:
        """`names` by id() of the parameter, in the order of the parameters."""
        self.upstream: dict[str, set[str]] = {name: set() for name in names.values()}
        for graph in graphs:
            self._add(graph, names)
        dependencies = nx.DiGraph()
        dependencies.add_nodes_from(self.upstream)
        dependencies.add_edges_from(
            (before, name) for name, all_before in self.upstream.items() for before in all_before
        )
        groups = nx.condensation(dependencies)
        members = groups.nodes(data="members")
        position = {name: i for i, name in enumerate(self.upstream)}
        self.levels: list[list[str]] = [
            sorted((name for group in level for name in members[group]), key=position.__getitem__)
            for level in nx.topological_generations(groups)
        ]

    def _add(self, graph: Graph, names: dict[int, str]) -> None:
        reaching: dict[str, Names] = {}
        for node in graph.nodes.values():
            before = _union([reaching[parent] for parent in node.parents])
            own = frozenset(names[id(p)] for p in node.parameters() if id(p) in names)
            for name in own:
                self.upstream[name] |= before - {name}
            reaching[node.id] = own or before


class Upstream:
    """What changed before each parameter, as a step goes through the levels: the nearest changes on every path."""

    def __init__(self, order: UpdateOrder) -> None:
        self._order = order
        self._reaching: dict[str, Names] = {}

    def of(self, name: str) -> Names:
        """The changed parameters that `name` should know of."""
        before = self._order.upstream[name]
        return _union([self._reaching[other] for other in before if other in self._reaching]) - {name}

    def settle(self, level: Sequence[str], changed: Set[str]) -> None:
        """The level is done: `changed` names its parameters that have a new value."""
        settled = {name: frozenset([name]) if name in changed else self.of(name) for name in level}
        self._reaching.update(settled)


def _union(sets: Sequence[Names]) -> Names:
    distinct = {id(names): names for names in sets}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    return frozenset().union(*distinct.values())
