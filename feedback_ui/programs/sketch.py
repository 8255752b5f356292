"""A program's graph, drawn simply: what goes in on the left, each call of a model, what comes out on the right.

Templates are not drawn: what they join is, as lines between the calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from optimization.core import LLMInference, Module, Template
from optimization.core.graph import Graph, Node, Ref
from optimization.core.trace import INPUT, trace

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y = 224, 62, 52, 24
EDGE_DIP = 40  # how far a line that passes a box dips below it


@dataclass(frozen=True)
class Box:
    """`note` is the small second line: an endpoint's alias, or the inputs' names."""

    name: str
    note: str
    x: int
    y: int
    learns: bool = False
    width: int = BOX_WIDTH
    height: int = BOX_HEIGHT

    @property
    def note_y(self) -> int:
        return self.y + 45

    @property
    def name_y(self) -> int:
        return self.y + 26

    @property
    def text_x(self) -> int:
        return self.x + 16


@dataclass(frozen=True)
class Sketch:
    """`words` says the same for who cannot see it."""

    boxes: tuple[Box, ...]
    edges: tuple[str, ...]
    width: int
    height: int
    words: str


def program_sketch(program: Module, inputs: tuple[str, ...]) -> Sketch:
    graph = trace(program, (), {name: name for name in inputs})
    sources = {node.id: set(_sources(graph, node)) for node in graph.nodes.values() if _is_drawn(node)}
    columns = _columns(sources)
    rows: dict[int, int] = {}
    boxes = {INPUT: Box("inputs", _shortened(", ".join(inputs)), 0, 0)}
    for name, column in columns.items():
        row = rows[column] = rows.get(column, -1) + 1
        boxes[name] = _box(graph.nodes[name], column, row, is_output=name in _outputs(graph))
    edges = [
        _edge(boxes[source], boxes[target], columns[target] - columns.get(source, 0))
        for target, found in sources.items()
        for source in sorted(found)
    ]
    dips = any(
        columns[target] - columns.get(source, 0) > 1 for target, found in sources.items() for source in found
    )
    return Sketch(
        boxes=tuple(boxes.values()),
        edges=tuple(edges),
        width=max(box.x + box.width for box in boxes.values()) + 2,
        height=max(box.y + box.height for box in boxes.values()) + (EDGE_DIP if dips else 2),
        words=". ".join(_sentences(sources)) + ".",
    )


def _is_drawn(node: Node) -> bool:
    return not isinstance(node.module, Template)


def _sources(graph: Graph, node: Node) -> Iterator[str]:
    """The drawn nodes, or the inputs, from which text reaches the node."""
    for name in dict.fromkeys(ref.node for ref in node.references if isinstance(ref, Ref)):
        if name in graph.inputs:
            yield INPUT
        elif _is_drawn(graph.nodes[name]):
            yield name
        else:
            yield from _sources(graph, graph.nodes[name])


def _outputs(graph: Graph) -> set[str]:
    found: set[str] = set()
    for name in graph.output_ids:
        node = graph.nodes[name]
        found |= {name} if _is_drawn(node) else set(_sources(graph, node))
    return found


def _columns(sources: Mapping[str, set[str]]) -> dict[str, int]:
    """Each node one column right of its rightmost source; the graph comes in topological order."""
    columns: dict[str, int] = {}
    for name, found in sources.items():
        columns[name] = 1 + max((columns.get(source, 0) for source in found), default=0)
    return columns


def _box(node: Node, column: int, row: int, *, is_output: bool) -> Box:
    notes = []
    if isinstance(node.module, LLMInference):
        notes.append(f"asks {node.module.alias}")
    else:
        notes.append(type(node.module).__name__)
    if is_output:
        notes.append("the output")
    learns = any(parameter.requires_grad for parameter in node.parameters())
    return Box(
        name=node.id,
        note=" · ".join(notes),
        x=column * (BOX_WIDTH + GAP_X),
        y=row * (BOX_HEIGHT + GAP_Y),
        learns=learns,
    )


def _edge(source: Box, target: Box, columns: int) -> str:
    """An SVG path from the right of one box to the left of the other; below what stands between them."""
    x1, y1 = source.x + source.width, source.y + source.height // 2
    x2, y2 = target.x, target.y + target.height // 2
    if columns <= 1:
        middle = (x1 + x2) // 2
        return f"M {x1} {y1} C {middle} {y1}, {middle} {y2}, {x2} {y2}"
    x1, y1, y2 = source.x + source.width - 40, source.y + source.height, target.y + target.height
    low = max(y1, y2) + EDGE_DIP
    return f"M {x1} {y1} C {x1 + 50} {low}, {x2 - 20} {low}, {x2 + 40} {y2}"


def _sentences(sources: Mapping[str, set[str]]) -> Iterator[str]:
    for name, found in sources.items():
        yield f"{name} reads " + " and ".join(
            "the inputs" if source == INPUT else source for source in sorted(found)
        )


def _shortened(text: str) -> str:
    return text if len(text) <= 27 else text[:26].rstrip(", ") + "…"
