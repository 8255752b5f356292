"""What an iteration's step was made from: each remark with who made it, of which output, and the calls behind both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from optimization.models import Call, ParameterVersion, Run
from optimization.runs.outputs import ExampleOutcome, Remark, iteration_outputs

OPTIMIZER_PHASES = ("aggregate", "update", "check", "propose")


@dataclass(frozen=True)
class Cause:
    """One remark. `answer` and `user` are null where a model judged; `calls` made the output, and judged it then."""

    text: str
    judge: str
    is_rehearsal: bool
    user: int | None
    answer: int | None
    item: int
    example: int
    sample: int
    score: float | None
    calls: tuple[int, ...]

    @property
    def example_name(self) -> int:
        return self.example + 1


@dataclass(frozen=True)
class CallFact:
    """A call to a model, and what for: "draft" ran, "aggregate" summed up, "update" wrote."""

    id: int
    purpose: str
    alias: str
    model: str
    tokens: int
    cost: float


def causes_of(version: ParameterVersion, run: Run) -> list[Cause]:
    """The remarks that the optimizer had before it when it wrote the version.

    Those that were carried back to this parameter; all of the iteration's where that cannot be told from the texts.
    """
    outputs = iteration_outputs(run, version.iteration)
    calls = _calls_by_item([outcome.item for outcome in outputs])
    said = [cause for outcome in outputs for cause in _said_of(outcome, calls[outcome.item])]
    told = "\n".join(version.feedback)
    reached = [cause for cause in said if cause.text in told]
    return reached or said


def optimizer_calls(version: ParameterVersion, run: Run) -> list[CallFact]:
    """The calls that summed the feedback up and wrote the version."""
    made = Call.objects.filter(run=run, iteration=version.iteration, item__kind="propose").order_by("pk")
    calls = [(call, call.key.split("/")) for call in _light(made)]
    own = [call for call, key in calls if len(key) == 8 and key[5] == version.name]
    return [_fact(call) for call in own or [call for call, _ in calls]]


def output_calls(causes: Iterable[Cause]) -> list[CallFact]:
    """The calls that made the judged outputs, and those that judged them where models did."""
    ids = {call for cause in causes for call in cause.calls}
    return [_fact(call) for call in _light(Call.objects.filter(pk__in=ids).order_by("pk"))]


def _said_of(outcome: ExampleOutcome, calls: tuple[int, ...]) -> list[Cause]:
    return [
        Cause(
            text=text.strip(),
            judge=remark.judge,
            is_rehearsal=remark.is_rehearsal,
            user=remark.user,
            answer=remark.answer,
            item=outcome.item,
            example=outcome.example,
            sample=outcome.sample,
            score=outcome.score,
            calls=calls,
        )
        for remark in outcome.remarks
        for text in _texts(remark)
    ]


def _texts(remark: Remark) -> Sequence[str]:
    return [text for text in remark.improvements if text.strip()]


def _calls_by_item(items: Sequence[int]) -> dict[int, tuple[int, ...]]:
    by_item: dict[int, tuple[int, ...]] = defaultdict(tuple)
    for item, call in Call.objects.filter(item__in=items).order_by("pk").values_list("item", "pk"):
        by_item[item or 0] += (call,)
    return by_item


def _light(calls: QuerySet[Call]) -> QuerySet[Call]:
    return calls.defer("request", "text")


def _fact(call: Call) -> CallFact:
    parts = call.key.split("/")
    phase, node = (parts[2], parts[5]) if len(parts) == 8 else ("", "")
    return CallFact(
        id=call.pk,
        purpose=phase if phase in OPTIMIZER_PHASES else node,
        alias=call.alias,
        model=call.model,
        tokens=call.prompt_tokens + call.completion_tokens,
        cost=call.cost,
    )
