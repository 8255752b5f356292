"""Payloads and references as JSON, without loss: what plain JSON lacks is a dict with one `$` key."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from optimization.core.graph import ParameterRef, Ref
from optimization.core.parameter import Parameter
from optimization.core.values import Value, ValueKind


def encode(x: Any, parameters: Mapping[int, str], where: str) -> Any:
    """`x` as JSON data. `parameters` names parameters by their `id()`; `where` says in an error what `x` is."""
    if x is None or isinstance(x, str | bool | int):
        return x
    if isinstance(x, float):
        return x if x - x == 0 else {"$float": repr(x)}
    if isinstance(x, list):
        return [encode(item, parameters, where) for item in x]
    if isinstance(x, tuple):
        return {"$tuple": [encode(item, parameters, where) for item in x]}
    if isinstance(x, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in x):
            return {key: encode(item, parameters, where) for key, item in x.items()}
        return {"$dict": [[encode(part, parameters, where) for part in pair] for pair in x.items()]}
    if isinstance(x, Ref):
        return {"$ref": [x.node, *(encode(key, parameters, where) for key in x.path)]}
    if isinstance(x, ParameterRef):
        if id(x.parameter) not in parameters:
            raise TypeError(
                f"Parameter {x.parameter.name!r}, given as an argument, belongs to no module of the program, so "
                f"{where} cannot be rebuilt elsewhere. Assign it to an attribute of a module."
            )
        return {"$parameter": parameters[id(x.parameter)]}
    if isinstance(x, Value):
        kept = {"kind": x.kind.value, "payload": x.payload, "meta": x.meta}
        return {"$value": encode(kept, parameters, where)}
    if isinstance(x, bytes | bytearray | memoryview):
        return {"$bytes": base64.b64encode(bytes(x)).decode()}
    if isinstance(x, BaseException):
        return {"$error": [type(x).__name__, str(x)]}
    if isinstance(x, BaseModel):
        return encode(x.model_dump(mode="json"), parameters, where)
    raise TypeError(
        f"{where[0].upper()}{where[1:]} holds a {type(x).__name__}, which JSON cannot keep. "
        "Let the module return text, numbers, lists, dicts or bytes."
    )


class RemoteError(RuntimeError):
    """An exception that another process recorded: its type and its words."""


class Decoder:
    """Reads what `encode` wrote, with the parameters of the module at hand."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self.parameters = parameters

    def decode(self, x: Any) -> Any:
        if isinstance(x, list):
            return [self.decode(item) for item in x]
        if not isinstance(x, dict):
            return x
        tag = next(iter(x), "")
        if not tag.startswith("$"):
            return {key: self.decode(item) for key, item in x.items()}
        return self._marked(tag, x[tag])

    def _marked(self, tag: str, body: Any) -> Any:
        match tag:
            case "$ref":
                return Ref(body[0], tuple(self.decode(body[1:])))
            case "$parameter":
                if body not in self.parameters:
                    raise ValueError(
                        f"The record read parameter {body!r}, which the module given does not have. Give a module built "
                        "in the same way as the one that was traced."
                    )
                return ParameterRef(self.parameters[body])
            case "$value":
                kept = self.decode(body)
                return Value(ValueKind(kept["kind"]), kept["payload"], meta=kept["meta"])
            case "$tuple":
                return tuple(self.decode(body))
            case "$dict":
                return {self.decode(key): self.decode(item) for key, item in body}
            case "$float":
                return float(body)
            case "$bytes":
                return base64.b64decode(body)
            case "$error":
                return RemoteError(": ".join(body))
        raise ValueError(
            f"Unknown mark {tag!r} in a stored record: another version wrote it. Read it with that version, or run the "
            "forward pass again."
        )
