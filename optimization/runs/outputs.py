"""What one iteration put out: each example's output, its score, and who said what of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from optimization.losses.composite import members_said
from optimization.models import (
    Answer,
    Example,
    FeedbackRequest,
    Membership,
    RequestState,
    Run,
    WorkItem,
)
from optimization.runs.lending import left_out, lent_requests
from optimization.runs.people import machine_judge
from optimization.runs.results import outcomes_of, samples_of
from optimization.runs.said import said_of
from optimization.runs.work.sheet import place_in, place_of
from optimization.trainers.effects import Outcome


@dataclass(frozen=True)
class Remark:
    """What one judge said of one output. `score` is as the judge gave it, `label` the verdict in a word or two.

    `answer` and `user` are null where no person judged.
    """

    judge: str
    is_rehearsal: bool
    score: float | None
    label: str
    improvements: tuple[str, ...]
    justification: str
    seconds: float
    answer: int | None = None
    user: int | None = None


@dataclass(frozen=True)
class ExampleOutcome:
    """One example of a batch. `score` is within 0..1; `waits_for` says whose answer is still missing, `note` what became
    of a question that was not answered."""

    item: int
    example: int
    sample: int
    inputs: dict[str, Any]
    target: Any
    output: Any
    score: float | None
    error: str
    remarks: tuple[Remark, ...]
    waits_for: str
    note: str = ""

    @property
    def name(self) -> int:
        return self.example + 1


def iteration_outputs(run: Run, number: int) -> list[ExampleOutcome]:
    """The examples of the iteration's forward pass, in the batch's order."""
    items = list(
        WorkItem.objects.filter(run=run, effect__iteration=number, kind="forward", late=False)
        .select_related("effect")
        .order_by("effect", "index")
    )
    examples = _examples(run, items)
    questions = _questions(run, number, items)
    machine = machine_judge(run, number)
    return [
        outcome
        for item in items
        for outcome in _outcomes(item, examples, questions.get(item.pk, []), machine)
    ]


def _examples(run: Run, items: list[WorkItem]) -> dict[tuple[str, int], Example]:
    positions = {item.payload["example"] for item in items}
    found = Example.objects.filter(version=run.dataset_version_id, position__in=positions)
    return {(example.split, example.position): example for example in found}


def _questions(run: Run, number: int, items: list[WorkItem]) -> dict[int, list[_Asked]]:
    """The questions asked of each item with what was answered, those that a counterfactual run is lent among them."""
    requests = list(
        FeedbackRequest.objects.filter(run=run, iteration=number, item__isnull=False).order_by("pk")
    )
    lent: dict[int, int] = {}
    if run.without_id is not None and number == run.forked_at:
        places = {place_of(item): item.pk for item in items}
        lending = [
            (request, places.get(place_in(request.key))) for request in lent_requests(run).order_by("pk")
        ]
        lent = {request.pk: item for request, item in lending if item is not None}
        requests += [request for request, item in lending if item is not None]
    colleagues = set(
        Membership.objects.filter(workspace=run.workspace_id, is_rehearsal=True).values_list(
            "user_id", flat=True
        )
    )
    given: QuerySet[Answer] = Answer.objects.filter(request__in=[request.pk for request in requests])
    if lent:
        given = given.exclude(user__in=left_out(run))
    answers: dict[int, list[Answer]] = defaultdict(list)
    for answer in given.select_related("user").order_by("pk"):
        answers[answer.request_id].append(answer)
    by_item: dict[int, list[_Asked]] = defaultdict(list)
    for request in requests:
        by_item[lent.get(request.pk, request.item_id or 0)].append(
            _Asked(request, answers[request.pk], colleagues)
        )
    return by_item


@dataclass(frozen=True)
class _Asked:
    """A question with its answers; `colleagues` are the users that are programs."""

    request: FeedbackRequest
    answers: list[Answer]
    colleagues: set[int]

    def remarks(self, sample: int) -> list[Remark]:
        """What was said of one of the outputs that the question is about."""
        said = [self._remark(answer, sample) for answer in self.answers if not answer.late]
        return said + ([self._stood_in(sample, self.request.stood_in)] if self.request.stood_in else [])

    def output(self, sample: int) -> Any:
        """The output that the question shows for a sample; None past the last, as it shows those that differ."""
        return self._outputs[sample] if self.compares and sample < len(self._outputs) else self._output

    def place(self, sample: int, output: Any) -> int | None:
        """Where the sample's output stands in the question; None if the question is not about it."""
        if not self.compares:
            return sample if self._output == output else None
        return self._outputs.index(output) if output in self._outputs else None

    @property
    def _output(self) -> Any:
        return self.request.question.get("output")

    @property
    def _outputs(self) -> list[Any]:
        return list(self.request.question["outputs"])

    @property
    def compares(self) -> bool:
        return "outputs" in self.request.question

    @property
    def unanswered(self) -> bool:
        """Whether its time ran out with nobody's answer, a model's neither."""
        expired = self.request.state == RequestState.EXPIRED
        return expired and not self.request.stand_in and not any(not answer.late for answer in self.answers)

    def _stood_in(self, sample: int, stood_in: dict[str, Any]) -> Remark:
        said = said_of(sample, self.request.question, stood_in["body"])
        return Remark(
            judge=f"{stood_in['model']}, a model, as nobody answered in time",
            is_rehearsal=False,
            score=said.score,
            label=said.label,
            improvements=said.improvements,
            justification=said.justification,
            seconds=0.0,
        )

    def _remark(self, answer: Answer, sample: int) -> Remark:
        said = said_of(sample, self.request.question, answer.body)
        return Remark(
            judge=answer.user.get_full_name() or answer.user.get_username(),
            is_rehearsal=answer.user_id in self.colleagues,
            score=said.score,
            label=said.label,
            improvements=said.improvements,
            justification=said.justification,
            seconds=answer.seconds,
            answer=answer.pk,
            user=answer.user_id,
        )


def _outcomes(
    item: WorkItem, examples: dict[tuple[str, int], Example], asked: list[_Asked], machine: str
) -> Iterator[ExampleOutcome]:
    """One for each sample that the item runs."""
    example = examples.get((item.payload["split"], item.payload["example"]))
    done = {outcome.sample: outcome for outcome in outcomes_of(item)}
    waits_for = (one.request.audience for one in asked if one.request.state == RequestState.OPEN)
    audience = next(waits_for, "")
    samples = samples_of(item)
    asked = sorted(asked, key=lambda one: not one.compares)
    for place, sample in enumerate(samples):
        outcome = done.get(sample)
        output = outcome.output if outcome else next((one.output(place) for one in asked), None)
        places = ((one, place if len(samples) == 1 else one.place(place, output)) for one in asked)
        remarks = [remark for one, at in places if at is not None for remark in one.remarks(at)]
        yield ExampleOutcome(
            item=item.pk,
            example=item.payload["example"],
            sample=sample,
            inputs=example.inputs if example else {},
            target=example.target if example else None,
            output=output,
            score=outcome.score if outcome else None,
            error=(outcome.error if outcome else None) or "",
            remarks=tuple(remarks or (_by_machine(outcome, machine) if outcome and not asked else ())),
            waits_for=audience,
            note="nobody answered in time" if any(one.unanswered for one in asked) else "",
        )


def _by_machine(outcome: Outcome, judge: str) -> list[Remark]:
    """What a model judge or a verifier left in the outcome."""
    said = tuple(text for payload in outcome.feedback for one in payload for text in members_said(one))
    return [Remark(judge, False, None, "", said, "", 0.0)] if said else []
