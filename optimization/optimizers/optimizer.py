"""Optimizer: parameters in groups, the feedback that reached them, and the step that answers it.

    optimizer.zero_feedback()
    loss = await step(question, target=answer)
    await loss.backward()               # texts arrive at the parameters, the record is captured
    await optimizer.step()              # propose one set of new values, apply it

A driver that keeps its own books calls `propose(n)`, which changes nothing, and `apply(proposal)` later, in another
process if need be: it sets the parameters' values and feedback and captures the records again.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from optimization.core.active import ReasoningModel, activate, activated
from optimization.core.binding import as_resources
from optimization.core.parameter import Parameter
from optimization.core.record import ForwardRecord
from optimization.llm.messages import Resources
from optimization.optimizers.settings import Settings, settled
from optimization.optimizers.state import load_state, pack_state

Proposal = dict[str, str]
Group = dict[str, Any]
Params = Iterable[Parameter] | Iterable[tuple[str, Parameter]] | Iterable[Mapping[str, Any]]
Closure = Callable[[], Any | Awaitable[Any]]


class Optimizer:
    """Base of all optimizers. A subclass overrides `propose` alone.

    `params` come in a fixed order: parameters, (name, parameter) pairs as `named_parameters()` gives them, or groups,
    dicts with "params" and settings of their own. `defaults` are the settings of a group that does not name them.
    `state` is the optimizer's own, by parameter. A parameter's name is the one given, or its own, made unique.
    A subclass with settings says in `Settings` what they are.
    """

    Settings: ClassVar[type[Settings] | None] = None

    def __init__(self, params: Params, defaults: Mapping[str, Any] | None = None) -> None:
        self.defaults: dict[str, Any] = settled(self.Settings, defaults or {}, type(self).__name__)
        self.param_groups: list[Group] = []
        self.state: defaultdict[Parameter, dict[str, Any]] = defaultdict(dict)
        self.records: dict[str, ForwardRecord] = {}
        self._names: dict[Parameter, str] = {}
        self._groups: dict[Parameter, int] = {}
        self._resources: Resources | None = None
        given = _in_order(params)
        if not given:
            raise ValueError(
                "The optimizer was given no parameters: pass module.parameters(), or groups of them."
            )
        groups = given if isinstance(given[0], Mapping) else [{"params": given}]
        for group in groups:
            self.add_param_group(group)
        if not any(parameter.requires_grad for parameter in self._names):
            raise ValueError(
                "None of the optimizer's parameters learns. A system prompt given as text is fixed; one that learns is "
                "Parameter(text, description)."
            )
        activate(self)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with settings of their own. ValueError for an unknown setting or a parameter held already."""
        if not isinstance(group, Mapping) or "params" not in group:
            raise TypeError(
                'A parameter group is a dict with "params" and the settings of its own, such as '
                f'{{"params": module.parameters()}}, not {group!r}.'
            )
        unknown = group.keys() - self.defaults.keys() - {"params"}
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no setting {', '.join(sorted(unknown))}. "
                f"A group may set: {', '.join(self.defaults) or 'none'}."
            )
        added: dict[Parameter, str | None] = {}
        for item in _in_order(group["params"]):
            name, parameter = item if isinstance(item, tuple) else (None, item)
            if not isinstance(parameter, Parameter):
                raise TypeError(f"An optimizer's parameters are Parameters, not {type(parameter).__name__}.")
            if parameter in self._names or parameter in added:
                raise ValueError(f"Parameter {parameter.name!r} was given to the optimizer twice.")
            added[parameter] = name
        settings = self._settled(len(self.param_groups), {**self.defaults, **group})
        taken = set(self._names.values())
        for parameter, name in added.items():
            self._names[parameter] = _unique(name or parameter.name, taken)
            self._groups[parameter] = len(self.param_groups)
            taken.add(self._names[parameter])
        self.param_groups.append({**settings, "params": list(added)})

    def _settled(self, place: int, group: Mapping[str, Any]) -> Group:
        settings = {name: value for name, value in group.items() if name != "params"}
        return settled(self.Settings, settings, f"{type(self).__name__}, parameter group {place}")

    # -- what backward leaves --------------------------------------------------------------------------------

    @property
    def reasoning_model(self) -> ReasoningModel | None:
        """Answers `ctx.reason(prompt)` during backward; none here."""
        return None

    def capture_record(self, record: ForwardRecord) -> None:
        """Note a pass that backward went through; also for a record rebuilt from where it was stored."""
        self.records[record.id] = record

    def zero_feedback(self) -> None:
        """Forget the captured records and empty every parameter's feedback, in place; become the active optimizer."""
        self.records.clear()
        for parameter in self._names:
            parameter.zero_feedback()
        activate(self)

    clear_grad = zero_feedback

    @contextmanager
    def active(self) -> Iterator[Self]:
        """The active optimizer of the code inside, whatever is activated elsewhere."""
        with activated(self):
            yield self

    # -- a step ----------------------------------------------------------------------------------------------

    def bind(self, resources: Any) -> Self:
        """Where the optimizer's own calls to models go; it becomes the active optimizer."""
        self._resources = as_resources(resources)
        activate(self)
        return self

    @property
    def resources(self) -> Resources:
        """What the optimizer is bound to; RuntimeError if it is not."""
        if self._resources is None:
            raise RuntimeError(
                f"{type(self).__name__} is not bound to any model: call .bind(resources) before step()."
            )
        return self._resources

    def client_of(self, group: Group) -> Resources:
        """Where calls for a group's parameters go: its own model client, or what the optimizer is bound to."""
        client: Resources | None = group.get("model_client")
        return client if client is not None else self.resources

    async def propose(self, n: int = 1) -> list[Proposal]:
        """`n` independent sets of new values, by parameter name, of the parameters that would change.

        Nothing is applied, and feedback stays as it is. RuntimeError if unbound or without captured records.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no propose(): write one that gives new values by name."
        )

    def apply(self, proposal: Mapping[str, str]) -> None:
        """Give parameters their new values: all of them, or none if one is unknown (KeyError) or not text."""
        parameters = self.named_parameters()
        for name, value in proposal.items():
            if name not in parameters:
                raise KeyError(f"The optimizer has no parameter {name!r}. It has: {', '.join(parameters)}.")
            if not isinstance(value, str):
                raise TypeError(
                    f"The new value of parameter {name!r} must be text, not {type(value).__name__}."
                )
        for name, value in proposal.items():
            parameters[name].value = value

    async def step(self, closure: Closure | None = None) -> Any:
        """Propose and apply one update; {name: new value}, or what `closure`, run before it, gave.

        Parameters are pending meanwhile. RuntimeError if unbound or without captured records; records without feedback
        change nothing.
        """
        told = closure() if closure is not None else None
        if inspect.isawaitable(told):
            told = await told
        proposal: Proposal = {}
        if self.updatable():
            with self._pending():
                proposal = (await self.propose())[0]
                self.apply(proposal)
        return proposal if closure is None else told

    def updatable(self) -> dict[str, Parameter]:
        """The parameters that learn and have feedback, by name. RuntimeError if unbound or without records."""
        for group in self.param_groups:
            self.client_of(group)
        if not self.records:
            raise RuntimeError(
                "The optimizer has captured no forward pass: run the loss on a module in training mode and await "
                "loss.backward() while this optimizer is the active one (the last one made, bound or zeroed)."
            )
        return {
            name: parameter
            for name, parameter in self.named_parameters().items()
            if parameter.requires_grad and any(text.strip() for text in parameter.feedback)
        }

    def named_parameters(self) -> dict[str, Parameter]:
        """The parameters by the names that proposals use."""
        return {name: parameter for parameter, name in self._names.items()}

    def group_of(self, parameter: Parameter) -> Group:
        """The group that holds a parameter, with its settings."""
        return self.param_groups[self._groups[parameter]]

    # -- state -----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """`state` by index of the parameter and `param_groups` with indices for parameters: JSON data.

        A model client is stored as its class and usage.
        """
        return pack_state(self.state, self.param_groups)

    def load_state_dict(
        self, state: Mapping[str, Any], model_clients: Mapping[str, Any] | None = None
    ) -> None:
        """Take over a `state_dict()`, after a JSON round trip too.

        `model_clients` gives a client for each setting that held one; the stored usage is added to it. ValueError if
        the groups differ in number or size, a client is missing, or the state is that of an optimizer of another kind;
        nothing is changed then.
        """
        self.state, self.param_groups = load_state(
            state, self.param_groups, model_clients or {}, self._settled
        )

    @contextmanager
    def _pending(self) -> Iterator[None]:
        for parameter in self._names:
            parameter.pending = True
        try:
            yield
        finally:
            for parameter in self._names:
                parameter.pending = False

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def check_count(n: int) -> None:
    """Raise ValueError for a number of proposals that cannot be written."""
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"An optimizer proposes a whole number of sets of values, 1 or more, not {n!r}.")


def _in_order(params: Any) -> list[Any]:
    if isinstance(params, Parameter):
        return [params]
    if isinstance(params, Mapping):
        return [params]
    if isinstance(params, set | frozenset):
        raise TypeError("An optimizer's parameters need an order that never changes: give a list, not a set.")
    if not isinstance(params, Iterable):
        raise TypeError(
            "An optimizer's parameters are a list such as module.parameters(), or groups of them, not "
            f"{type(params).__name__}."
        )
    return list(params)


def _unique(name: str, taken: set[str]) -> str:
    names = (name if i == 1 else f"{name}-{i}" for i in range(1, len(taken) + 2))
    return next(candidate for candidate in names if candidate not in taken)
