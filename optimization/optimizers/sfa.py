"""SFAOptimizer: stochastic feedback ascent (plait), level by level through the program.

1. The feedback of each parameter is summed up by a model, unless there is only one; all parameters at once.
2. The parameters are updated in topological levels over the union of the captured records. A level is updated in
   parallel, and each parameter is told what has changed upstream of it.
3. Nothing is applied before every level is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from optimization.core.active import ReasoningModel
from optimization.core.bounds import NotNegative, Positive, Share
from optimization.core.concurrency import concurrently
from optimization.core.constraints import Constraint
from optimization.core.errors import OptimizationError
from optimization.core.inference import LLMInference
from optimization.core.parameter import Parameter
from optimization.llm.scope import scoped
from optimization.optimizers.asking import AGGREGATOR, Asking, answered, read_object
from optimization.optimizers.cases import Case, cases_in, counted
from optimization.optimizers.levels import UpdateOrder, Upstream
from optimization.optimizers.optimizer import Optimizer, Params, Proposal, check_count
from optimization.optimizers.prompts import (
    SUMMARY_SCHEMA,
    Change,
    UpdateBrief,
    summary_request,
    update_request,
)
from optimization.optimizers.settings import Constraints, Settings


class SFASettings(Settings):
    """What a group may set."""

    conservatism: Share
    max_retries: NotNegative
    constraints: Constraints
    max_tokens: Positive | None


class SFAOptimizer(Optimizer):
    """Rewrites each parameter by its feedback, from the first in the program to the last.

    `conservatism`, 0..1, says how much of a value may change. `max_retries` is how often a reply that cannot be used is
    asked for again. `reasoning_model` answers modules that reason during backward: an endpoint's alias, or an async
    function of a prompt. `constraints` hold for every parameter, besides its own. `max_tokens` bounds each reply.
    """

    Settings: ClassVar[type[Settings] | None] = SFASettings

    def __init__(
        self,
        params: Params,
        conservatism: Share = 0.7,
        max_retries: NotNegative = 3,
        reasoning_model: str | ReasoningModel | None = None,
        *,
        constraints: Sequence[Constraint | str | dict[str, Any]] = (),
        max_tokens: Positive | None = 4096,
    ) -> None:
        reasons = LLMInference(reasoning_model) if isinstance(reasoning_model, str) else reasoning_model
        if reasons is not None and not callable(reasons):
            raise ValueError(
                f"reasoning_model is an endpoint's alias or an async function of a prompt, not {reasoning_model!r}."
            )
        self._reasoning_model: ReasoningModel | None = reasons
        super().__init__(
            params,
            {
                "conservatism": conservatism,
                "max_retries": max_retries,
                "constraints": constraints,
                "max_tokens": max_tokens,
            },
        )

    @property
    def reasoning_model(self) -> ReasoningModel | None:
        return self._reasoning_model

    def bind(self, resources: Any) -> Self:
        super().bind(resources)
        if isinstance(self._reasoning_model, LLMInference):
            self._reasoning_model.bind(self.resources)
        return self

    async def propose(self, n: int = 1) -> list[Proposal]:
        check_count(n)
        parameters = self.updatable()
        cases = {name: cases_in(parameter.feedback) for name, parameter in parameters.items()}
        told = await concurrently(self._sum_up(name, parameters[name], cases[name]) for name in parameters)
        feedback = dict(zip(parameters, told, strict=True))
        learning = {id(p): name for name, p in self.named_parameters().items() if p.requires_grad}
        order = UpdateOrder((record.graph for record in self.records.values()), learning)
        return await concurrently(
            _Draft(self, parameters, feedback, cases, order, sample, n).write() for sample in range(n)
        )

    async def _sum_up(self, name: str, parameter: Parameter, cases: Sequence[Case]) -> list[str]:
        """What the updater is told: the one feedback as it is, or a model's summary of several."""
        if len(parameter.feedback) == 1:
            return counted(remark for case in cases for remark in case.remarks)
        group = self.group_of(parameter)
        request = summary_request(
            name, parameter.description or "", parameter.value, cases, group["max_tokens"]
        )
        problem = ""
        for attempt in range(group["max_retries"] + 1):
            with scoped(phase="aggregate", node=name, sample=0, retry=attempt):
                completion = await answered(self.resources, AGGREGATOR, request, name)
            try:
                lines = read_object(completion.text, SUMMARY_SCHEMA)["summary"]
            except ValueError as error:
                problem = f"its feedback could not be summed up: {error}"
                continue
            if summary := [line.strip() for line in lines if line.strip()]:
                return summary
            problem = "the summary of its feedback is empty"
        raise OptimizationError(name, group["max_retries"] + 1, problem)


class _Draft:
    """One proposal in the making."""

    def __init__(
        self,
        optimizer: SFAOptimizer,
        parameters: Mapping[str, Parameter],
        feedback: Mapping[str, Sequence[str]],
        cases: Mapping[str, Sequence[Case]],
        order: UpdateOrder,
        sample: int,
        samples: int,
    ) -> None:
        self.optimizer = optimizer
        self.parameters = parameters
        self.feedback = feedback
        self.cases = cases
        self.order = order
        self.sample = sample
        self.samples = samples
        self.values: Proposal = {}

    async def write(self) -> Proposal:
        """The values that differ from the present ones, all levels done."""
        upstream = Upstream(self.order)
        for level in self.order.levels:
            names = [name for name in level if name in self.parameters]
            written = await concurrently(self._value(name, sorted(upstream.of(name))) for name in names)
            changed = {
                name: value
                for name, value in zip(names, written, strict=True)
                if value != self.parameters[name].value
            }
            self.values |= changed
            upstream.settle(level, changed.keys())
        return self.values

    async def _value(self, name: str, upstream: Sequence[str]) -> str:
        parameter = self.parameters[name]
        group = self.optimizer.group_of(parameter)
        constraints = (*parameter.constraints, *group["constraints"])
        brief = UpdateBrief(
            name=name,
            description=parameter.description or "",
            value=parameter.value,
            feedback=self.feedback[name],
            cases=self.cases[name],
            constraints=constraints,
            upstream=[Change(other, self.parameters[other].value, self.values[other]) for other in upstream],
            conservatism=group["conservatism"],
            alternative=self.sample,
            alternatives=self.samples,
        )
        asking = Asking(
            self.optimizer.client_of(group),
            name,
            parameter.value,
            constraints,
            sample=self.sample,
            max_retries=group["max_retries"],
            max_tokens=group["max_tokens"],
        )
        return await asking.value(lambda rejected: update_request(brief, rejected, group["max_tokens"]))
