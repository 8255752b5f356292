"""TGDOptimizer: textual gradient descent (afnio, after TextGrad). Feedback is the gradient, the updater the step.

All parameters are updated at once, each by its own feedback. With momentum n the model also sees the last n values of
the parameter and the feedback that they got, so that it does not go round in circles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypedDict, Unpack, get_type_hints

from pydantic import Field, PlainValidator, ValidationError, create_model

from optimization.core.bounds import NotNegative, Positive, Temperature
from optimization.core.concurrency import concurrently
from optimization.core.constraints import Constraint
from optimization.core.parameter import Parameter
from optimization.llm.messages import CompletionRequest, Message, Resources
from optimization.optimizers.asking import UPDATER as UPDATER_ALIAS
from optimization.optimizers.asking import Asking
from optimization.optimizers.cases import cases_in, counted
from optimization.optimizers.optimizer import Optimizer, Params, Proposal, check_count
from optimization.optimizers.prompts import (
    UPDATE_SCHEMA,
    UPDATER,
    Rejected,
    block,
    examples,
    in_words,
    listed,
    rejections,
)
from optimization.optimizers.settings import Client, Constraints, Messages, Settings, faults


class CompletionArgs(TypedDict, total=False):
    """How the model is called: the alias of its endpoint and the settings of a completion."""

    alias: Annotated[str, Field(min_length=1)]
    temperature: Temperature | None
    max_tokens: Positive | None


_COMPLETION: dict[str, Any] = {
    name: (hint, None) for name, hint in get_type_hints(CompletionArgs, include_extras=True).items()
}
_Completion = create_model("_Completion", __base__=Settings, **_COMPLETION)


def _completion_args(given: Any) -> dict[str, Any]:
    try:
        return _Completion.model_validate(given).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise ValueError(f"{faults(error)} (it takes {', '.join(CompletionArgs.__annotations__)})") from None


class TGDSettings(Settings):
    """What a group may set."""

    model_client: Client
    messages: Messages
    inputs: dict[str, str]
    constraints: Constraints
    momentum: NotNegative
    completion_args: Annotated[dict[str, Any], PlainValidator(_completion_args)]


COMPLETION_ARGS: CompletionArgs = {"alias": UPDATER_ALIAS, "temperature": None, "max_tokens": 4096}
MAX_RETRIES = 3
MESSAGES = (
    {"role": "system", "content": UPDATER},
    {
        "role": "user",
        "content": "{parameter}{description}{current_value}{history}{feedback}{examples}{constraints}"
        "Write the next value.",
    },
)
_SLOT = re.compile(r"\{(\w+)\}")


class TGDOptimizer(Optimizer):
    """Rewrites each parameter by its feedback and what momentum remembers.

    `model_client` is asked instead of what the optimizer is bound to. `messages`, dicts with role and content, replace
    the shipped ones; their slots are {parameter} {description} {current_value} {history} {feedback} {examples}
    {constraints}, each filled with its labelled block or nothing, and the names in `inputs`. `completion_args` are
    `alias`, `temperature` and `max_tokens`. All of it can be set for a group.
    """

    Settings: ClassVar[type[Settings] | None] = TGDSettings

    def __init__(
        self,
        params: Params,
        model_client: Resources | None = None,
        messages: Sequence[Message | Mapping[str, str]] | None = None,
        inputs: Mapping[str, str] | None = None,
        constraints: Sequence[Constraint | str | dict[str, Any]] = (),
        momentum: NotNegative = 0,
        **completion_args: Unpack[CompletionArgs],
    ) -> None:
        if unknown := completion_args.keys() - COMPLETION_ARGS.keys():
            raise ValueError(
                f"TGDOptimizer has no argument {', '.join(sorted(unknown))}. For a completion it takes "
                f"{', '.join(COMPLETION_ARGS)}; the model is that of the endpoint."
            )
        super().__init__(
            params,
            {
                "model_client": model_client,
                "messages": MESSAGES if messages is None else messages,
                "inputs": {} if inputs is None else inputs,
                "constraints": constraints,
                "momentum": momentum,
                "completion_args": completion_args,
            },
        )

    async def propose(self, n: int = 1) -> list[Proposal]:
        check_count(n)
        parameters = self.updatable()
        return await concurrently(self._draft(parameters, sample) for sample in range(n))

    def apply(self, proposal: Mapping[str, str]) -> None:
        """As in Optimizer; momentum remembers each replaced value with the feedback that it got."""
        parameters = self.named_parameters()
        before = {
            name: (parameters[name].value, list(parameters[name].feedback))
            for name in proposal
            if name in parameters
        }
        super().apply(proposal)
        for name, pair in before.items():
            momentum = self.group_of(parameters[name])["momentum"]
            if momentum:
                buffer = self.state[parameters[name]].setdefault("momentum_buffer", [])
                buffer.append(pair)
                del buffer[:-momentum]

    async def _draft(self, parameters: Mapping[str, Parameter], sample: int) -> Proposal:
        values = await concurrently(
            self._value(name, parameter, sample) for name, parameter in parameters.items()
        )
        written = zip(parameters.items(), values, strict=True)
        return {name: value for (name, parameter), value in written if value != parameter.value}

    async def _value(self, name: str, parameter: Parameter, sample: int) -> str:
        group = self.group_of(parameter)
        arguments = COMPLETION_ARGS | group["completion_args"]
        constraints = (*parameter.constraints, *group["constraints"])
        slots = group["inputs"] | self._slots(name, parameter, constraints)
        messages = tuple(
            Message.model_validate({"role": message["role"], "content": filled(message["content"], slots)})
            for message in group["messages"]
        )

        def request(rejected: Sequence[Rejected]) -> CompletionRequest:
            again = (
                (Message(role="user", content=block("rejected", rejections(rejected))),) if rejected else ()
            )
            return CompletionRequest(
                messages=messages + again,
                temperature=arguments["temperature"],
                max_tokens=arguments["max_tokens"],
                response_schema=UPDATE_SCHEMA,
                schema_name="parameter_update",
                sample=sample,
            )

        asking = Asking(
            self.client_of(group),
            name,
            parameter.value,
            constraints,
            alias=arguments["alias"],
            sample=sample,
            max_retries=MAX_RETRIES,
            max_tokens=arguments["max_tokens"],
        )
        return await asking.value(request)

    def _slots(
        self, name: str, parameter: Parameter, constraints: Sequence[Constraint | str]
    ) -> dict[str, str]:
        cases = cases_in(parameter.feedback)
        past = self.state[parameter].get("momentum_buffer", []) if parameter in self.state else []
        contents = {
            "parameter": name,
            "description": parameter.description or "",
            "current_value": parameter.value,
            "history": "\n\n".join(_remembered(value, feedback) for value, feedback in past),
            "feedback": listed(counted(remark for case in cases for remark in case.remarks)),
            "examples": examples(cases),
            "constraints": listed(in_words(constraint) for constraint in constraints),
        }
        blocks = {label: block(label, content) for label, content in contents.items()}
        return {label: f"{text}\n\n" if text else "" for label, text in blocks.items()}


def filled(template: str, slots: Mapping[str, str]) -> str:
    """The template with its known {slots} filled, in one pass; unknown ones stay."""
    return _SLOT.sub(lambda slot: slots.get(slot[1], slot[0]), template)


def _remembered(value: str, feedback: Sequence[str]) -> str:
    remarks = counted(remark for case in cases_in(feedback) for remark in case.remarks)
    return f"An earlier value:\n{value}\nWhat was said of it:\n{listed(remarks)}"
