"""Tracing: a composite's `forward` runs once, and each call of a leaf becomes a node of the graph.

The inputs of the traced module are Values, so that a composite may read them; what a child returns is a Proxy,
a promise that can be handed on, or indexed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

from optimization.core.errors import TraceError
from optimization.core.graph import Graph, ParameterRef, Ref
from optimization.core.parameter import Parameter
from optimization.core.values import Value, infer_kind, unwrap

if TYPE_CHECKING:
    from optimization.core.module import Module

INPUT = "input:"


class Proxy:
    """What a child's call returns under the tracer: the output that it will have."""

    __slots__ = ("ref",)

    def __init__(self, ref: Ref) -> None:
        self.ref = ref

    def __getitem__(self, key: Any) -> Proxy:
        return Proxy(Ref(self.ref.node, (*self.ref.path, key)))

    def __repr__(self) -> str:
        return f"<the output of {self.ref.node!r}, not known yet>"

    def _refuse(self, *_: Any) -> NoReturn:
        raise TraceError(
            f"The output of {self.ref.node!r} is not known while forward is traced: it can be handed to another "
            "module or indexed. Text is filled in by a Template; any other work belongs in a leaf Module of its own."
        )

    __eq__ = __str__ = __bool__ = __iter__ = __len__ = __contains__ = _refuse
    __format__ = __add__ = __radd__ = __lt__ = __gt__ = __le__ = __ge__ = _refuse

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


class Tracer:
    """Collects the nodes of one forward pass of `root`."""

    def __init__(self, root: Module) -> None:
        self.graph = Graph(root)
        self._paths = {id(module): path for path, module in root.named_modules()}
        self._calls: dict[str, int] = {}

    def input(self, name: str, value: Any) -> Value:
        """Add an input; the Value that stands for it in `forward`."""
        raw = unwrap(value)
        node_id = INPUT + name
        self.graph.inputs[node_id] = raw
        return Value(infer_kind(raw), raw, ref=node_id)

    def call(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of `module`: composites are entered, leaves become a node."""
        if module.is_composite():
            return module.forward(*args, **kwargs)
        path = self._paths.get(id(module))
        name = path or type(module).__name__
        count = self._calls[name] = self._calls.get(name, 0) + 1
        node_id = name if count == 1 else f"{name}#{count}"
        found: list[Ref | ParameterRef] = []
        held_args = tuple([self.hold(arg, found) for arg in args])
        held_kwargs = {key: self.hold(arg, found) for key, arg in kwargs.items()}
        self.graph.add(node_id, path, module, held_args, held_kwargs, found)
        return Proxy(Ref(node_id))

    def hold(self, x: Any, found: list[Ref | ParameterRef]) -> Any:
        """`x` as a graph keeps it: references for proxies, inputs and parameters, raw payloads for the rest.

        The references are added to `found`.
        """
        ref: Ref | ParameterRef | None = None
        if isinstance(x, Proxy):
            ref = x.ref
        elif isinstance(x, Value):
            if x.ref not in self.graph.inputs:
                return self.hold(x.payload, found)
            ref = Ref(x.ref)
        elif isinstance(x, Parameter):
            ref = ParameterRef(x)
        if ref is not None:
            found.append(ref)
            return ref
        if isinstance(x, dict):
            return {key: self.hold(item, found) for key, item in x.items()}
        if isinstance(x, list):
            return [self.hold(item, found) for item in x]
        if type(x) is tuple:
            return tuple([self.hold(item, found) for item in x])
        return x


_tracer: ContextVar[Tracer | None] = ContextVar("handgrad_tracer", default=None)


def current_tracer() -> Tracer | None:
    return _tracer.get()


@contextmanager
def _tracing(tracer: Tracer) -> Iterator[None]:
    token = _tracer.set(tracer)
    try:
        yield
    finally:
        _tracer.reset(token)


def trace(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Graph:
    """The graph of `module(*args, **kwargs)`."""
    tracer = Tracer(module)
    graph = tracer.graph
    names = module.positional_names(len(args))
    inputs = tuple(tracer.input(name, arg) for name, arg in zip(names, args, strict=True))
    named_inputs = {key: tracer.input(key, arg) for key, arg in kwargs.items()}
    with _tracing(tracer):
        graph.output = tracer.hold(tracer.call(module, inputs, named_inputs), [])
    if graph.program_output is None:
        graph.program_output = graph.output
    return graph
