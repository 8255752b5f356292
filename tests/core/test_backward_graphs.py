"""Feedback in random graphs: it reaches exactly the ancestors of the output, once for each path."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import networkx
from hypothesis import given
from hypothesis import strategies as st

from optimization.core import (
    BackwardContext,
    BackwardResult,
    ForwardRecord,
    Module,
    ModuleList,
    Value,
    collect_tape_ids,
    combine_feedback,
    current_registry,
)
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


class Picky(Terse):
    """Hands feedback on to some of its inputs alone, and says who it is."""

    def __init__(self, name: str, heeds: set[int]) -> None:
        super().__init__(name)
        self.heeds = heeds

    async def backward(self, feedback: Value, ctx: BackwardContext) -> BackwardResult:
        self.heard.append(feedback)
        said = combine_feedback([feedback, self.prompt.value])
        heeded = {name: said for i, name in enumerate(ctx.inputs) if i in self.heeds}
        return BackwardResult(heeded, {"prompt": feedback})


class Routed(Module):
    """A random graph whose nodes choose whom they tell; `calls[i]` are (note, nodes read); several nodes are returned."""

    def __init__(
        self, heeds: list[set[int]], calls: list[tuple[int, list[int]]], returned: list[int]
    ) -> None:
        self.calls, self.returned = calls, returned
        self.notes = ModuleList(Picky(str(i), heed) for i, heed in enumerate(heeds))

    def forward(self, text: Any) -> Any:
        made: list[Any] = []
        for note, parents in self.calls:
            made.append(
                self.notes[note](*(made[parent] for parent in parents)) if parents else self.notes[note](text)
            )
        return {"deep": [made[i] for i in self.returned]}


@st.composite
def routes(draw: st.DrawFn) -> tuple[list[set[int]], list[tuple[int, list[int]]], list[int]]:
    notes = draw(st.lists(st.sets(st.integers(0, 2)), min_size=1, max_size=4))
    size = draw(st.integers(1, 8))
    calls = [
        (
            draw(st.integers(0, len(notes) - 1)),
            sorted(draw(st.sets(st.integers(0, i - 1), max_size=3))) if i else [],
        )
        for i in range(size)
    ]
    return notes, calls, sorted(draw(st.sets(st.integers(0, size - 1), min_size=1)))


@given(routes())
def test_feedback_goes_where_each_node_sends_it_and_each_remark_once_for_each_way(
    drawn: tuple[list[set[int]], list[tuple[int, list[int]]], list[int]],
) -> None:
    heeds, calls, returned = drawn
    module = Routed(heeds, calls, returned)

    async def train() -> None:
        await Value.backward(await module.train()("x"), grad=combine_feedback(["a", "b"]))

    asyncio.run(train())
    arrived: list[Counter[str]] = [Counter() for _ in calls]
    for i in returned:
        arrived[i].update(["a", "b"])
    for i in reversed(range(len(calls))):
        note, parents = calls[i]
        for place, parent in enumerate(parents):
            if arrived[i] and place in heeds[note]:
                arrived[parent].update(arrived[i] + Counter([str(note)]))
    expected: list[list[Counter[str]]] = [[] for _ in heeds]
    for i in reversed(range(len(calls))):
        if arrived[i]:
            expected[calls[i][0]].append(arrived[i])
    heard = [
        [Counter(text for group in feedback.payload for text in group) for feedback in note.heard]  # type: ignore[attr-defined]
        for note in module.notes
    ]

    assert heard == expected
    kept = [Counter(note.prompt.feedback) for note in module.notes]  # type: ignore[attr-defined]
    assert kept == [sum(of_note, Counter()) for of_note in expected]


@given(st.lists(dags(4), min_size=1, max_size=4), st.data())
def test_a_batch_hears_what_each_of_its_passes_would_have_heard_alone(
    batch: list[list[list[int]]], data: st.DataObject
) -> None:
    """However the grads are given: one for all, one for each tape in a list, or in a dict by tape."""

    async def heard(shape: str, modules: list[Dag], grads: list[str]) -> None:
        outputs = [await module.train()("x") for module in modules]
        ids = collect_tape_ids(outputs)
        if shape == "alone":
            for output, grad in zip(outputs, grads, strict=True):
                await output.backward(grad=grad)
        elif shape == "list":
            await Value.backward(outputs, grad=grads)
        else:
            await Value.backward(
                {"deep": outputs}, grad=dict(data.draw(st.permutations(list(zip(ids, grads, strict=True)))))
            )

    grads = [f"for {i}" for i in range(len(batch))]
    told = []
    for shape in ("alone", "list", "dict"):
        modules = [Dag(parents) for parents in batch]
        asyncio.run(heard(shape, modules, grads))
        told.append([[note.heard for note in module.notes] for module in modules])  # type: ignore[attr-defined]

    assert told[0] == told[1] == told[2]


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
