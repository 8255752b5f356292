"""ForwardRecord: everything that one forward pass leaves for backward, for people to look at, and for the bill."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from optimization.core.encoding import Decoder, encode
from optimization.core.graph import Graph, refs, resolve
from optimization.core.values import unwrap
from optimization.llm.messages import Usage

if TYPE_CHECKING:
    from optimization.core.module import Module


@dataclass(slots=True)
class ForwardRecord:
    """One forward pass: its graph, what each node gave, the parameter versions read, timings, tokens and price.

    `node_outputs` are by node id, inputs included; a node's inputs follow from them and the graph
    (`inputs_of`). `parameter_versions` is by the parameter's name. `timing` is in seconds.
    """

    graph: Graph
    node_outputs: dict[str, Any]
    parameter_versions: dict[str, int] = field(default_factory=dict)
    timing: dict[str, float] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def program_output(self) -> Any:
        """What the program returned, unwrapped; in a training step the program's, not the loss's."""
        return resolve(self.graph.program_output, self.node_outputs.__getitem__)

    @property
    def output(self) -> Any:
        """What the traced module returned, unwrapped."""
        return resolve(self.graph.output, self.node_outputs.__getitem__)

    @property
    def program_inputs(self) -> dict[str, Any]:
        """The inputs of the traced module by name."""
        return {node_id.partition(":")[2]: value for node_id, value in self.graph.inputs.items()}

    def output_of(self, node_id: str) -> Any:
        """What a node gave, unwrapped; KeyError for an unknown node."""
        if node_id not in self.node_outputs:
            raise KeyError(
                f"No node {node_id!r} in record {self.id}. It has: {', '.join(self.node_outputs)}."
            )
        return unwrap(self.node_outputs[node_id])

    def inputs_of(self, node_id: str) -> dict[str, Any]:
        """What a node was given, by argument name, unwrapped; KeyError for an unknown node."""
        if node_id not in self.graph.nodes:
            raise KeyError(f"No node {node_id!r} in record {self.id}. It has: {', '.join(self.graph.nodes)}.")
        arguments: dict[str, Any] = resolve(
            self.graph.nodes[node_id].arguments(), self.node_outputs.__getitem__
        )
        return arguments

    def total_usage(self) -> Usage:
        """What all calls of the pass have used."""
        return sum(self.usage.values(), Usage())

    def to_json(self) -> dict[str, Any]:
        """The record as JSON data; TypeError, naming the node, for what cannot be kept or rebuilt."""
        names = {id(parameter): name for name, parameter in self.graph.root.named_parameters()}

        for node in self.graph.nodes.values():
            if node.path is None:
                raise TypeError(
                    f"Node {node.id!r} of record {self.id} ran a {type(node.module).__name__} that belongs to no module "
                    "of the program, so the record cannot be rebuilt elsewhere. Assign it to an attribute of a module."
                )

        def packed(x: Any, what: str) -> Any:
            return encode(x, names, f"{what} of record {self.id}")

        return {
            "id": self.id,
            "root": type(self.graph.root).__name__,
            "nodes": [
                {
                    "id": node.id,
                    "path": node.path,
                    "args": packed(list(node.args), f"the inputs of {node.id!r}"),
                    "kwargs": packed(node.kwargs, f"the inputs of {node.id!r}"),
                }
                for node in self.graph.nodes.values()
            ],
            "inputs": list(self.graph.inputs),
            "output": packed(self.graph.output, "the output"),
            "program_output": packed(self.graph.program_output, "the output"),
            "node_outputs": {
                key: packed(x, f"the output of {key!r}") for key, x in self.node_outputs.items()
            },
            "parameter_versions": dict(self.parameter_versions),
            "timing": dict(self.timing),
            "usage": {node_id: usage.model_dump() for node_id, usage in self.usage.items()},
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], module: Module) -> Self:
        """The record again, in any process. `module` is built like the one that was traced.

        ValueError if the module lacks one that the record names.
        """
        modules = dict(module.named_modules())
        decoder = Decoder(dict(module.named_parameters()))
        outputs = {key: decoder.decode(x) for key, x in data["node_outputs"].items()}
        graph = Graph(
            module,
            inputs={node_id: outputs[node_id] for node_id in data["inputs"]},
            output=decoder.decode(data["output"]),
            program_output=decoder.decode(data["program_output"]),
        )
        for entry in data["nodes"]:
            path = entry["path"]
            if path not in modules:
                raise ValueError(
                    f"Record {data['id']} was made by a {data['root']} whose node {entry['id']!r} ran the module "
                    f"at {path!r}; the {type(module).__name__} given has none there. Give a module built in the "
                    "same way as the one that was traced."
                )
            args, kwargs = tuple(decoder.decode(entry["args"])), decoder.decode(entry["kwargs"])
            graph.add(entry["id"], path, modules[path], args, kwargs, refs((args, kwargs)))
        return cls(
            graph,
            outputs,
            dict(data["parameter_versions"]),
            dict(data["timing"]),
            {node_id: Usage(**usage) for node_id, usage in data["usage"].items()},
            data["id"],
        )
