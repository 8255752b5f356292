"""An optimizer's state as JSON data and back, after PyTorch and afnio: parameters become indices, clients their usage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from optimization.core.binding import as_resources
from optimization.core.constraints import constraint_to_json
from optimization.core.parameter import Parameter
from optimization.llm.messages import Usage
from optimization.optimizers.settings import faults

State = defaultdict[Parameter, dict[str, Any]]
Group = dict[str, Any]
Settle = Callable[[int, Group], Group]


def pack_state(state: Mapping[Parameter, dict[str, Any]], groups: Sequence[Group]) -> dict[str, Any]:
    """{"state": {index: ...}, "param_groups": [...]}, indices counting through the groups."""
    index = {p: i for i, p in enumerate(p for group in groups for p in group["params"])}
    return {
        "state": {index[p]: deepcopy(entry) for p, entry in state.items() if entry},
        "param_groups": [
            {key: _packed(key, value) for key, value in group.items() if key != "params"}
            | {"params": [index[p] for p in group["params"]]}
            for group in groups
        ],
    }


class PackedGroup(BaseModel):
    """A group as `pack_state` leaves it: indices for its parameters, and its settings beside them."""

    model_config = ConfigDict(extra="allow")

    params: list[int]

    @property
    def settings(self) -> dict[str, Any]:
        return self.model_extra or {}


class PackedState(BaseModel):
    state: dict[int, dict[str, Any]]
    param_groups: list[PackedGroup]


def load_state(
    saved: Mapping[str, Any], groups: Sequence[Group], model_clients: Mapping[str, Any], settle: Settle
) -> tuple[State, list[Group]]:
    """The state and groups that `saved` describes, for the parameters of `groups`.

    `settle(place, group)` checks a group's settings. ValueError, and nothing counted, for what does not fit.
    """
    packed = _read(saved)
    _check_sizes(packed.param_groups, groups)
    clients = _clients_needed(packed.param_groups, model_clients)
    pairs = list(zip(packed.param_groups, groups, strict=True))
    loaded = [
        settle(place, {key: _unpacked(key, value, group, clients) for key, value in found.settings.items()})
        | {"params": group["params"]}
        for place, (found, group) in enumerate(pairs)
    ]
    parameters = {
        index: p for found, group in pairs for index, p in zip(found.params, group["params"], strict=True)
    }
    if unknown := sorted(packed.state.keys() - parameters.keys()):
        raise ValueError(
            f"The loaded state speaks of parameter {unknown[0]}, which is in none of its groups."
        )
    state: State = defaultdict(dict)
    for index, entry in packed.state.items():
        state[parameters[index]] = {name: _entry(name, deepcopy(value)) for name, value in entry.items()}
    for client, usages in clients.values():
        for usage in usages if callable(getattr(client, "update_usage", None)) else ():
            client.update_usage(usage)
    return state, loaded


def _read(saved: Mapping[str, Any]) -> PackedState:
    try:
        return PackedState.model_validate(saved)
    except ValidationError as error:
        raise ValueError(f"This is not what state_dict() gave: {faults(error)}.") from None


def _check_sizes(packed: Sequence[PackedGroup], groups: Sequence[Group]) -> None:
    if len(packed) != len(groups):
        raise ValueError(
            f"The loaded state has {len(packed)} parameter groups, this optimizer has {len(groups)}. Build the "
            "optimizer with the groups that the state was saved from."
        )
    for i, (found, group) in enumerate(zip(packed, groups, strict=True)):
        if len(found.params) != len(group["params"]):
            raise ValueError(
                f"Parameter group {i} of the loaded state has {len(found.params)} parameters, this optimizer's "
                f"has {len(group['params'])}. Build the optimizer with the groups that the state was saved from."
            )


def _clients_needed(
    packed: Sequence[PackedGroup], model_clients: Mapping[str, Any]
) -> dict[str, tuple[Any, list[Mapping[str, Any]]]]:
    """The client of every setting that held one, with the stored usage of each that there was.

    Groups that shared a client have stored the same usage, which counts once.
    """
    found: dict[str, tuple[Any, list[Mapping[str, Any]]]] = {}
    for key, value in ((key, value) for group in packed for key, value in group.settings.items()):
        if _is_packed_client(value):
            if key not in model_clients:
                raise ValueError(
                    f"The loaded state has a model client of type {value['class_type']!r} under {key!r}, and none was "
                    f"given. Call load_state_dict(state, model_clients={{{key!r}: ...}})."
                )
            _, usages = found.setdefault(key, (as_resources(model_clients[key]), []))
            if value["usage"] not in usages:
                usages.append(value["usage"])
    return found


def _packed(key: str, value: Any) -> Any:
    if key == "constraints":
        return [constraint_to_json(constraint) for constraint in value]
    if callable(getattr(value, "complete", None)):
        usage = getattr(value, "usage", Usage())
        return {"class_type": type(value).__name__, "usage": usage.model_dump()}
    return deepcopy(value)


def _unpacked(key: str, value: Any, group: Group, clients: Mapping[str, tuple[Any, Any]]) -> Any:
    if key == "constraints" and key in group and _packed(key, group[key]) == value:
        return group[key]  # a check of one's own has no JSON that could be read
    return clients[key][0] if _is_packed_client(value) else deepcopy(value)


def _is_packed_client(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"class_type", "usage"}


def _entry(name: str, value: Any) -> Any:
    """JSON has no tuples: the pairs of a momentum buffer become pairs again."""
    if name != "momentum_buffer":
        return value
    try:
        return _MOMENTUM.validate_python(value)
    except ValidationError as error:
        raise ValueError(
            f"The loaded momentum_buffer holds pairs of a value and its feedback: {faults(error)}."
        ) from None


_MOMENTUM = TypeAdapter(list[tuple[str, list[str]]])
