"""Feedback in random graphs: it reaches exactly the ancestors of the output, once for each path."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import networkx
from hypothesis import given
from hypothesis import strategies as st

from optimization.core import ForwardRecord, Module, ModuleList, Value, collect_tape_ids, current_registry
from optimization.core.backward import MOST_REMARKS
from optimization.core.graph import Graph
from optimization.core.trace import trace
from tests.core.programs import Note


class Terse(Note):
    """A note whose text does not grow with what it reads."""

    def forward(self, *texts: Any, **named: Any) -> str:
        return self.prompt.value


class Dag(Module):
    """`parents[i]` are the nodes that node i reads; the last node is the output."""

    def __init__(self, parents: list[list[int]]) -> None:
        self.parents = parents
        self.notes = ModuleList(Terse(str(i)) for i in range(len(parents)))

    def forward(self, text: Any) -> Any:
        made: list[Any] = []
        for note, parents in zip(self.notes, self.parents, strict=True):
            inputs = [made[parent] for parent in parents]
            half = len(inputs) // 2
            made.append(note(text, inputs[:half], **{f"p{i}": x for i, x in enumerate(inputs[half:])}))
        return made[-1]

    def as_networkx(self) -> networkx.DiGraph:
        graph = networkx.DiGraph()
        graph.add_nodes_from(range(len(self.parents)))
        graph.add_edges_from((parent, i) for i, parents in enumerate(self.parents) for parent in parents)
        return graph


@st.composite
def dags(draw: st.DrawFn, most: int = 9) -> list[list[int]]:
    size = draw(st.integers(1, most))
    return [sorted(draw(st.sets(st.integers(0, i - 1), max_size=3))) if i else [] for i in range(size)]


def paths_to_output(module: Dag) -> list[int]:
    """For each node the number of paths to the last one, the empty path of the last one itself included."""
    graph, last = module.as_networkx(), len(module.parents) - 1
    counts = [0] * last + [1]
    for node in reversed(list(networkx.topological_sort(graph))):
        counts[node] += sum(counts[consumer] for consumer in graph.successors(node))
    return counts


@given(dags())
def test_feedback_reaches_exactly_the_ancestors_once_for_each_path(parents: list[list[int]]) -> None:
    module = Dag(parents)

    async def train() -> None:
        await (await module.train()("x")).backward(grad="a")

    asyncio.run(train())
    ancestors = networkx.ancestors(module.as_networkx(), len(parents) - 1) | {len(parents) - 1}

    assert [len(note.heard) for note in module.notes] == [int(i in ancestors) for i in range(len(parents))]
    heard = [len(note.heard[0].payload) if note.heard else 0 for note in module.notes]
    assert heard == paths_to_output(module)
    assert [len(note.prompt.feedback) for note in module.notes] == [
        int(i in ancestors) for i in range(len(parents))
    ]


@given(dags())
def test_the_order_of_calls_is_a_topological_order(parents: list[list[int]]) -> None:
    graph = trace(Dag(parents), ("x",), {})
    place = {node_id: i for i, node_id in enumerate(graph.topological_order())}

    assert all(place[parent] < place[node.id] for node in graph.nodes.values() for parent in node.parents)


@given(dags())
def test_ancestors_are_those_of_the_graph_library(parents: list[list[int]]) -> None:
    module = Dag(parents)
    graph: Graph = trace(module, ("x",), {})
    expected = networkx.ancestors(module.as_networkx(), len(parents) - 1)

    assert graph.ancestors(f"notes.{len(parents) - 1}") == {f"notes.{i}" for i in expected}


@given(dags())
def test_any_record_survives_json(parents: list[list[int]]) -> None:
    async def record() -> ForwardRecord:
        return current_registry().load(collect_tape_ids(await Dag(parents).train()("x"))[0])

    made = asyncio.run(record())
    rebuilt = ForwardRecord.from_json(json.loads(json.dumps(made.to_json())), Dag(parents))

    assert rebuilt.to_json() == made.to_json()
    assert [node.parents for node in rebuilt.graph.nodes.values()] == [
        n.parents for n in made.graph.nodes.values()
    ]


async def test_where_paths_explode_equal_remarks_are_merged() -> None:
    layers = 40  # 2 ** 39 paths from the first to the last
    parents: list[list[int]] = [[]]
    for i in range(layers):
        source = 3 * i
        parents += [[source], [source], [source + 1, source + 2]]
    module = Dag(parents)
    await (await module.train()("x")).backward(grad=[["a"], ["b"]])
    first: Value = module.notes[0].heard[0]  # type: ignore[attr-defined]

    assert len(first.payload) <= MOST_REMARKS
    assert {text for group in first.payload for text in group} == {"a", "b"}
