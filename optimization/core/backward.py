"""Backward: feedback travels from the outputs of recorded passes to the parameters that they read.

1. The arguments are checked and the records are loaded; nothing is consumed yet.
2. Each record is walked in reverse topological order, the records of a batch at once. What several consumers
   say to a node is concatenated; a node without feedback is skipped.
3. Only when every record went through are the records handed to the active optimizer, the texts to the
   parameters, and the tapes released: a backward that fails leaves nothing half done.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from optimization.core.active import ReasoningModel, active_optimizer
from optimization.core.concurrency import concurrently
from optimization.core.execution import running
from optimization.core.graph import Graph, Node, ParameterRef, Ref, refs
from optimization.core.parameter import Parameter
from optimization.core.payloads import as_feedback, combine_feedback, concatenate, is_feedback
from optimization.core.record import ForwardRecord
from optimization.core.remarks import excerpt, parameter_feedback
from optimization.core.tape import current_registry, detach_tapes
from optimization.core.values import TAPE_IDS, Value, as_text, collect_tape_ids, iter_values

MOST_REMARKS = 1024


@dataclass
class BackwardContext:
    """What a module knows while feedback passes through it: its own call, and the pass around it."""

    node_id: str
    inputs: dict[str, Any]
    output: Any
    graph: Graph
    all_results: dict[str, Any]
    downstream_feedback: list[Value]
    reasoning_model: ReasoningModel | None = None

    async def reason(self, prompt: str) -> str:
        """Ask the optimizer's reasoning model; RuntimeError if it has none."""
        if self.reasoning_model is None:
            raise RuntimeError(
                f"Node {self.node_id!r} asked for reasoning, and the active optimizer has no reasoning model. "
                "Give the optimizer reasoning_model=, and make it active before backward."
            )
        return as_text(await self.reasoning_model(prompt))


@dataclass
class BackwardResult:
    """What a module passes on: feedback by input name or position, and texts by name of its own parameters."""

    input_feedback: dict[Any, Any] = field(default_factory=dict)
    parameter_feedback: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ParameterFeedback:
    """One text for one parameter."""

    parameter: Parameter
    text: str


async def backward(outputs: Any, grad: Any = None, retain_graph: bool = False) -> None:
    """`Value.backward`, for a Value or a container of Values."""
    tape_ids = collect_tape_ids(outputs)
    if not tape_ids:
        raise RuntimeError(
            "Cannot run backward: no tape is attached. The pass ran in eval mode or under no_grad, or an earlier "
            "backward consumed its tape. Call .train() before the forward pass, or give the earlier backward "
            "retain_graph=True."
        )
    seeds = _seeds(outputs, tape_ids, grad)
    registry = current_registry()
    records = [registry.load(tape_id) for tape_id in tape_ids]
    optimizer = active_optimizer()
    reasoning_model = optimizer.reasoning_model if optimizer is not None else None
    with _claimed(tape_ids):
        found = await concurrently(
            propagate(record, seeds[record.id], reasoning_model=reasoning_model) for record in records
        )
        for record, texts in zip(records, found, strict=True):
            if optimizer is not None:
                optimizer.capture_record(record)
            for item in texts:
                item.parameter.accumulate(item.text)
        if not retain_graph:
            for tape_id in tape_ids:
                registry.release(tape_id)
            detach_tapes(outputs, tape_ids)


async def propagate(
    record: ForwardRecord, feedback: Any, *, reasoning_model: ReasoningModel | None = None
) -> list[ParameterFeedback]:
    """The texts that `feedback` on the outputs of a record has for the parameters; changes nothing."""
    graph = record.graph
    seed = as_feedback(feedback)
    if not seed.payload:
        return []
    arrived: dict[str, list[Value]] = {node_id: [seed] for node_id in graph.output_ids}
    texts: list[ParameterFeedback] = []
    for node_id in reversed(graph.topological_order()):
        downstream = arrived.pop(node_id, None)
        if downstream is None:
            continue
        node = graph.nodes[node_id]
        combined = _combined(downstream)
        ctx = BackwardContext(
            node_id=node_id,
            inputs=record.inputs_of(node_id),
            output=record.output_of(node_id),
            graph=graph,
            all_results=record.node_outputs,
            downstream_feedback=downstream,
            reasoning_model=reasoning_model,
        )
        result = await _result(node, combined, ctx)
        arguments = node.arguments() if result.input_feedback else {}
        for name, item in result.input_feedback.items():
            argument = _argument(node, arguments, name)
            given = item if item is combined else as_feedback(item)
            if given.payload:
                texts += _to_input(argument, given, ctx, arrived)
        texts += _to_parameters(node, result)
    return texts


async def _result(node: Node, feedback: Value, ctx: BackwardContext) -> BackwardResult:
    """What the node's module makes of the feedback; its `backward` may be plain or async, as its `forward` may."""
    where = f"backward of node {node.id!r} ({type(node.module).__name__})"
    try:
        with running(node.id):
            result: Any = node.module.backward(feedback, ctx)
            if inspect.isawaitable(result):
                result = await result
    except Exception as error:
        error.add_note(f"in {where}")
        raise
    if not isinstance(result, BackwardResult):
        raise TypeError(
            f"{where} gave {result!r}. Return a BackwardResult(input_feedback, parameter_feedback)."
        )
    for name in ("input_feedback", "parameter_feedback"):
        if not isinstance(getattr(result, name), dict):
            raise TypeError(
                f"{where} gave {name} that is no dict. Key it by the name of the input or the parameter."
            )
    return result


def _combined(parts: list[Value]) -> Value:
    """What several consumers said, concatenated: a remark counts once for each path that it came by.

    Paths can be exponentially many, so past MOST_REMARKS equal remarks are merged.
    """
    if len(parts) == 1:
        return parts[0]
    combined = concatenate(parts)
    if len(combined.payload) > MOST_REMARKS:
        combined.payload = [
            list(group) for group in dict.fromkeys(tuple(group) for group in combined.payload)
        ]
        if "scores" in combined.meta:
            combined.meta["scores"] = list(dict.fromkeys(combined.meta["scores"]))
    return combined


def _argument(node: Node, arguments: dict[str, Any], name: str | int) -> Any:
    """The argument that feedback is for, by name or position; ValueError if the node has none such."""
    if name in arguments:
        return arguments[str(name)]
    position = str(name).removeprefix("arg_")
    if position.isdecimal() and int(position) < len(node.args):
        return node.args[int(position)]
    raise ValueError(
        f"backward of node {node.id!r} ({type(node.module).__name__}) gave feedback to an input {name!r} that it "
        f"does not have. Its inputs: {', '.join(arguments) or 'none'}."
    )


def _to_input(
    argument: Any, feedback: Value, ctx: BackwardContext, arrived: dict[str, list[Value]]
) -> list[ParameterFeedback]:
    """Hand feedback to whatever an argument came from; parameters get theirs as text."""
    texts: list[ParameterFeedback] = []
    for ref in dict.fromkeys(refs(argument)):
        if isinstance(ref, ParameterRef):
            texts.append(
                ParameterFeedback(ref.parameter, parameter_feedback(feedback, ctx.inputs, ctx.output))
            )
        elif isinstance(ref, Ref) and ref.node in ctx.graph.nodes:
            arrived.setdefault(ref.node, []).append(feedback)
    return texts


def _to_parameters(node: Node, result: BackwardResult) -> list[ParameterFeedback]:
    if not result.parameter_feedback:
        return []
    own = node.module.own_parameters()
    known = own if own.keys() >= result.parameter_feedback.keys() else dict(node.module.named_parameters())
    texts: list[ParameterFeedback] = []
    for name, item in result.parameter_feedback.items():
        if name not in known:
            raise ValueError(
                f"backward of node {node.id!r} ({type(node.module).__name__}) gave feedback to a parameter {name!r} "
                f"that it does not have. Its parameters: {', '.join(known) or 'none'}."
            )
        said = (
            [item]
            if isinstance(item, str)
            else [text for group in as_feedback(item).payload for text in group]
        )
        texts += [ParameterFeedback(known[name], text) for text in said if text.strip()]
    return texts


def _seeds(outputs: Any, tape_ids: list[str], grad: Any) -> dict[str, Any]:
    """The feedback of each tape; ValueError or RuntimeError if what was given does not say it."""
    if grad is None:
        return _own_feedback(outputs)
    if isinstance(outputs, Value):
        return dict.fromkeys(tape_ids, as_feedback(grad))
    if isinstance(grad, dict):
        if grad.keys() != set(tape_ids):
            missing = ", ".join(tape for tape in tape_ids if tape not in grad) or "none"
            unknown = ", ".join(str(tape) for tape in grad if tape not in tape_ids) or "none"
            raise ValueError(
                f"grad must have one entry for every tape id. Missing: {missing}; unknown: {unknown}. "
                "The ids are collect_tape_ids(outputs)."
            )
        return {tape_id: as_feedback(item) for tape_id, item in grad.items()}
    if isinstance(grad, list | tuple):
        if len(grad) != len(tape_ids):
            raise ValueError(
                f"grad has {len(grad)} entries for {len(tape_ids)} tapes. Give one for each tape, in the order "
                "of collect_tape_ids(outputs), or a single feedback for all."
            )
        return {tape_id: as_feedback(item) for tape_id, item in zip(tape_ids, grad, strict=True)}
    return dict.fromkeys(tape_ids, as_feedback(grad))


def _own_feedback(outputs: Any) -> dict[str, Any]:
    losses: dict[str, list[Value]] = {}
    for value in iter_values(outputs):
        if value.meta.get(TAPE_IDS) and not is_feedback(value):
            what = f"The {value.kind.value} {excerpt(as_text(value), 60)!r} of tape {value.meta[TAPE_IDS][0]}"
            raise RuntimeError(
                f"{what} is no loss, so backward has to be told what to say of it: judge it with a loss first, or give "
                "the feedback as grad=."
            )
        for tape_id in value.meta.get(TAPE_IDS, ()):
            losses.setdefault(tape_id, []).append(value)
    return {tape_id: combine_feedback(found) for tape_id, found in losses.items()}


_in_progress: set[str] = set()


@contextmanager
def _claimed(tape_ids: list[str]) -> Iterator[None]:
    """Hold tapes while one backward goes through them: a second one at the same time is an error."""
    taken = _in_progress.intersection(tape_ids)
    if taken:
        raise RuntimeError(
            f"Another backward is going through tape {', '.join(sorted(taken))} right now. Await it first, and give it "
            "retain_graph=True if there is to be a second one; or call Value.backward once, with all the losses."
        )
    _in_progress.update(tape_ids)
    try:
        yield
    finally:
        _in_progress.difference_update(tape_ids)
