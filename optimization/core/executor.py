"""run(): trace a module, execute its graph, and record the pass where a tape is wanted."""

from __future__ import annotations

from typing import Any

from optimization.core.binding import Limit
from optimization.core.execution import Execution, current_frame
from optimization.core.graph import Graph, ParameterRef, Ref, part_of
from optimization.core.module import Module
from optimization.core.record import ForwardRecord
from optimization.core.tape import current_registry, recording_allowed, with_tapes
from optimization.core.trace import trace
from optimization.core.values import Value, collect_tape_ids, unwrap, valueify


async def run(
    module: Module,
    /,
    *inputs: Any,
    record: bool = False,
    max_concurrent: int | None = None,
    **named_inputs: Any,
) -> Any:
    """Run `module` on the inputs; its output, in Values.

    Independent nodes run at once, at most `max_concurrent` of them where it is given. With `record=True`, or in
    training mode, the pass is recorded and every Value of the output carries its tape id. A module in training
    mode that a leaf runs records nothing: the leaf is one step of the pass around it. A Suspended passes through
    when every node that does not wait for people has run.
    """
    if not isinstance(module, Module):
        raise TypeError(f"run() runs a Module, not {module!r}. Write the function as the forward of one.")
    limit = Limit(max_concurrent) if max_concurrent is not None else None
    return await execute(module, inputs, named_inputs, record=record, limit=limit)


async def execute(
    module: Module,
    inputs: tuple[Any, ...],
    named_inputs: dict[str, Any],
    *,
    record: bool = False,
    limit: Limit | None = None,
) -> Any:
    """`run`, with the inputs kept apart from the options, so that an input may have any name."""
    wanted = recording_allowed() and (record or (module.training and current_frame() is None))
    graph = trace(module, inputs, named_inputs)
    execution = Execution(graph, limit or module.concurrency())
    await execution.run()
    output = valueify(_collected(graph.output, execution.outputs))
    tapes = collect_tape_ids(_argument(module, inputs, named_inputs, module.passes_tapes_of))
    if wanted:
        made = ForwardRecord(graph, execution.outputs, _versions(graph), execution.seconds, execution.usage)
        current_registry().save(made)
        tapes.append(made.id)
    return with_tapes(output, tapes)


def _argument(module: Module, inputs: tuple[Any, ...], named_inputs: dict[str, Any], name: str | None) -> Any:
    """The input of that name, None where there is none."""
    positional = dict(zip(module.positional_names(len(inputs)), inputs, strict=True))
    return (positional | named_inputs).get(name) if name is not None else None


def _collected(x: Any, outputs: dict[str, Any]) -> Any:
    """The output with its references replaced, Values kept with their meta and given their node as ref."""
    if isinstance(x, Ref):
        return _labelled(part_of(x, outputs[x.node]), x.node)
    if isinstance(x, ParameterRef):
        return valueify(x.parameter)
    if isinstance(x, dict):
        return {key: _collected(item, outputs) for key, item in x.items()}
    if isinstance(x, list):
        return [_collected(item, outputs) for item in x]
    if isinstance(x, tuple):
        return tuple(_collected(item, outputs) for item in x)
    return unwrap(x)


def _labelled(x: Any, node: str) -> Any:
    made = valueify(x)
    return Value(made.kind, made.payload, node, made.meta) if isinstance(made, Value) else made


def _versions(graph: Graph) -> dict[str, int]:
    read = dict.fromkeys(parameter for node in graph.nodes.values() for parameter in node.parameters())
    return {parameter.name: parameter.version for parameter in read}
