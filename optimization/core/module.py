"""Module: a step of a program, and the tree of steps that a program is."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from optimization.core.binding import Limit, as_resources
from optimization.core.parameter import Parameter
from optimization.core.remarks import parameter_feedback
from optimization.core.trace import current_tracer
from optimization.core.values import Value
from optimization.llm.messages import Resources

if TYPE_CHECKING:
    from optimization.core.backward import BackwardContext, BackwardResult


class Module:
    """A step of a program.

    A module with children is a composite: its plain `forward` runs once under the tracer, where the calls of
    its children return proxies. A module without children is a leaf: its `forward`, plain or async, runs with
    resolved inputs. `leaf = True` makes a leaf of a module that calls its children itself.

    Modules and Parameters that are assigned as attributes are registered under their names. A module starts in
    eval mode; in training mode a call records a tape.
    """

    leaf: ClassVar[bool] = False
    names_children: ClassVar[bool] = True  # False: the names of parameters below do not start here
    passes_tapes_of: ClassVar[str | None] = None  # the input whose tapes the output carries too

    training: bool
    _children: dict[str, Module]
    _parameters: dict[str, Parameter]
    _owner: weakref.ref[Module] | None
    _attribute: str
    _resources: Resources | None
    _limit: Limit | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        vars(self).update(
            training=False,
            _children={},
            _parameters={},
            _owner=None,
            _attribute="",
            _resources=None,
            _limit=None,
        )
        return self

    # -- the tree --------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module):
            self.add_module(name, value)
        elif isinstance(value, Parameter):
            self.add_parameter(name, value)
        elif name in self._children or name in self._parameters:
            self._children.pop(name, None)
            self._parameters.pop(name, None)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._children.pop(name, None)
        self._parameters.pop(name, None)
        super().__delattr__(name)

    def add_module(self, name: str, module: Module) -> None:
        """Register a child under `name`, which need not be an attribute."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{name!r} of {type(self).__name__} is to be a Module, not {type(module).__name__}: {module!r}."
            )
        if module in self._owners():
            raise ValueError(
                f"{type(self).__name__} cannot hold the {type(module).__name__} that holds it, or itself, as {name!r}. "
                "What a module needs of its owner is given to its forward."
            )
        self._parameters.pop(name, None)
        self._children[name] = module
        self._own(name, module)

    def _owners(self) -> Iterator[Module]:
        """This module, the one that holds it, and so on to the outermost."""
        owner: Module | None = self
        while owner is not None:
            yield owner
            owner = owner._owner() if owner._owner is not None else None

    def _own(self, name: str, module: Module) -> None:
        """Name a child, unless an owner that is alive has named it."""
        if self.names_children and (module._owner is None or module._owner() is None):
            vars(module).update(_owner=weakref.ref(self), _attribute=name)

    def add_parameter(self, name: str, parameter: Parameter) -> None:
        """Register a parameter under `name`, which need not be an attribute."""
        self._children.pop(name, None)
        self._parameters[name] = parameter
        parameter.attach(self, name)

    def dotted_name(self) -> str:
        """The dotted name within the outermost module that owns this one; "" for that one itself."""
        parent = self._owner() if self._owner is not None else None
        if parent is None:
            return ""
        above = parent.dotted_name()
        return f"{above}.{self._attribute}" if above else self._attribute

    def _in_words(self) -> str:
        name = self.dotted_name()
        return f"{type(self).__name__} {name!r}" if name else type(self).__name__

    def children(self) -> list[Module]:
        """The modules directly below, in the order in which they were added."""
        return list(self._children.values())

    def named_children(self) -> dict[str, Module]:
        """The modules directly below, by name."""
        return dict(self._children)

    def own_parameters(self) -> dict[str, Parameter]:
        """The parameters of this module alone, by attribute."""
        return self._parameters

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module under "" and every module below it under its dotted name, each once, parents first."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            path, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            for name, child in reversed(module._children.items()):
                stack.append((f"{path}.{name}" if path else name, child))

    def modules(self) -> Iterator[Module]:
        """This module and every one below it, each once, parents first."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter of the tree under its dotted name, each once."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, parameter in module._parameters.items():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield (f"{path}.{name}" if path else name), parameter

    def parameters(self) -> list[Parameter]:
        """Every parameter of the tree, in a fixed order, those that do not learn too."""
        return [parameter for _, parameter in self.named_parameters()]

    def state_dict(self) -> dict[str, str]:
        """The value of every parameter, by name."""
        return {name: parameter.value for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, str]) -> None:
        """Set parameter values by name: all of them, or none if a name is unknown (KeyError)."""
        if not isinstance(state, Mapping):
            raise TypeError(f"The state of a module is a dict of texts by parameter name, not {state!r}.")
        known = dict(self.named_parameters())
        for name, value in state.items():
            if name not in known:
                raise KeyError(
                    f"No parameter {name!r} in {type(self).__name__}. It has: {', '.join(known) or 'none'}."
                )
            if not isinstance(value, str):
                raise TypeError(f"The value of parameter {name!r} must be text, not {type(value).__name__}.")
        for name, value in state.items():
            known[name].value = value

    def train(self, mode: bool = True) -> Self:
        """Training mode, here and below: calls record tapes."""
        for module in self.modules():
            vars(module)["training"] = mode
        return self

    def eval(self) -> Self:
        """Out of training mode, here and below."""
        return self.train(False)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A module of its own, bound to the same resources."""
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        shared = {"_resources": self._resources, "_limit": self._limit, "_owner": None}
        own = {key: deepcopy(item, memo) for key, item in vars(self).items() if key not in shared}
        vars(copied).update(own, **shared)
        for name, child in copied._children.items():
            copied._own(name, child)
        for name, parameter in copied._parameters.items():
            parameter.attach(copied, name)
        return copied

    # -- running ---------------------------------------------------------------------------------------------

    def bind(self, resources: Any, max_concurrent: int | None = None) -> Self:
        """Where this module and those below send their calls to models.

        `resources` is anything with `await complete(alias, request)`, or a ResourceConfig. `max_concurrent` is
        how many leaves of this module run at once, over all its calls.
        """
        bound = as_resources(resources)
        for module in self.modules():
            vars(module)["_resources"] = bound
        vars(self)["_limit"] = Limit(max_concurrent) if max_concurrent is not None else None
        return self

    @property
    def resources(self) -> Resources:
        """What the module is bound to; RuntimeError if it is not."""
        if self._resources is None:
            raise RuntimeError(
                f"{self._in_words()} is not bound to any model. "
                "Call .bind(resources) on the program, or on the loss, before running it."
            )
        return self._resources

    def concurrency(self) -> Limit | None:
        """How many leaves may run at once, as `bind` was told."""
        return self._limit

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Under the tracer a proxy of the output; else a coroutine that runs the module and gives its output."""
        tracer = current_tracer()
        if tracer is not None:
            return tracer.call(self, args, kwargs)
        from optimization.core.executor import execute  # the executor runs modules: it imports this file

        return execute(self, args, kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module does; a subclass writes it."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(): write one to say what it does.")

    def is_composite(self) -> bool:
        """Is `forward` traced, rather than run as one step?"""
        if self.leaf or not self._children:
            return False
        if self.is_async():
            raise TypeError(
                f"{type(self).__name__} has children and an async forward, which cannot be traced. Make forward "
                "plain, or set leaf = True on the class to run it as one step."
            )
        return True

    def is_async(self) -> bool:
        """Is `forward` a coroutine function?"""
        return _is_async(type(self).forward)

    def positional_names(self, count: int) -> list[str]:
        """The names of the first `count` positional arguments of `forward`; a number where it has no name."""
        names = _positional_names(type(self).forward)
        return [*names[:count], *(str(i) for i in range(len(names), count))]

    def required_inputs(self) -> list[str]:
        """The names of the inputs that `forward` cannot do without."""
        return list(_required_inputs(type(self).forward))

    async def backward(self, feedback: Value, ctx: BackwardContext) -> BackwardResult:
        """What the feedback on this step's output says to its inputs and to its own parameters.

        By default every input gets the feedback as it is, and every own parameter that learns gets one text: the
        remarks, with what they were about.
        """
        from optimization.core.backward import BackwardResult  # backward calls modules: it imports this file

        result = BackwardResult(input_feedback=dict.fromkeys(ctx.inputs, feedback))
        for name, parameter in self._parameters.items():
            if parameter.requires_grad:
                result.parameter_feedback[name] = parameter_feedback(feedback, ctx.inputs, ctx.output)
        return result

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={child!r}" for name, child in self._children.items())
        return f"{type(self).__name__}({inner})"


@lru_cache(maxsize=4096)
def _is_async(forward: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(forward)


@lru_cache(maxsize=4096)
def _positional_names(forward: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(
        parameter.name for parameter in _named(forward) if parameter.kind is not parameter.KEYWORD_ONLY
    )


@lru_cache(maxsize=4096)
def _required_inputs(forward: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(parameter.name for parameter in _named(forward) if parameter.default is parameter.empty)


def _named(forward: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters after self, without *args and **kwargs."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    return [parameter for parameter in parameters if parameter.kind not in variable]
