"""What an iteration did to the prompts: each change with the remarks that caused it and the scores around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from optimization.losses.composite import members_said
from optimization.models import (
    Answer,
    Candidate,
    LateReading,
    ParameterVersion,
    ProposalReview,
    Run,
    Score,
    Step,
    WorkItem,
)
from optimization.runs.curve import SPLITS
from optimization.runs.diff import Piece, word_diff
from optimization.runs.people import machine_judge, name_of
from optimization.runs.results import outcomes_of
from optimization.runs.said import remarks_in


@dataclass(frozen=True)
class ParameterChange:
    """One parameter before and after. `accepted` is false for a proposal that was not kept; `version` is its id,
    `put_back` names who put an earlier version back, and `proposal` says which it is of several: 2 of 4."""

    version: int
    name: str
    description: str
    before: str
    after: str
    number: int
    accepted: bool
    pieces: tuple[Piece, ...]
    put_back: str = ""
    proposal: tuple[int, int] | None = None

    @property
    def node(self) -> str:
        """The node whose parameter it is: "draft" of "draft.system_prompt"."""
        return self.name.rpartition(".")[0] or self.name


@dataclass(frozen=True)
class CountedRemark:
    """A remark and how often it was made; `item` is the first example of which it was said."""

    text: str
    count: int
    item: int


@dataclass(frozen=True)
class IterationChanges:
    """`people` counts who made the remarks, 0 where a `machine` judged. `review` is a person's word on the proposal, where the
    run asked for one; `late` counts the answers among them that came after their own iteration."""

    number: int
    changes: tuple[ParameterChange, ...]
    remarks: tuple[CountedRemark, ...]
    people: int
    machine: str
    before: float | None
    after: float | None
    review: ProposalReview | None = None
    late: int = 0

    @property
    def name(self) -> int:
        return self.number + 1

    @property
    def remark_count(self) -> int:
        return sum(remark.count for remark in self.remarks)


def latest_changes(run: Run) -> IterationChanges | None:
    """The last iteration that changed a prompt."""
    step = (
        Step.objects.filter(run=run)
        .exclude(candidate__key="initial")
        .order_by("-iteration", "-revision")
        .first()
    )
    return parameter_changes(run, step.iteration) if step else None


def parameter_changes(run: Run, iteration: int) -> IterationChanges:
    """What the iteration accepted, or else what it proposed and did not keep."""
    remarks, people = _remarks(run, iteration)
    scores = scores_around(run, iteration)
    decided = ProposalReview.objects.select_related("decided_by")
    return IterationChanges(
        number=iteration,
        changes=tuple(_changes(run, iteration)),
        remarks=tuple(remarks),
        people=people,
        machine=machine_judge(run, iteration),
        before=scores[0],
        after=scores[1],
        review=decided.filter(run=run, iteration=iteration).exclude(decision="").last(),
        late=len(_late(run, iteration)),
    )


def parameter_history(run: Run) -> list[ParameterVersion]:
    """Every version of every parameter, by name and number."""
    return list(ParameterVersion.objects.filter(run=run).order_by("name", "number"))


def current_parameters(run: Run) -> list[ParameterVersion]:
    """The prompts that the run stands at: of the last step, else those that it began with."""
    step = (
        Step.objects.filter(run=run).order_by("-iteration", "-revision").select_related("candidate").first()
    )
    key = run.trainer_state.get("candidate", "initial")
    candidate = step.candidate if step else Candidate.objects.filter(run=run, key=key).first()
    return list(candidate.versions.order_by("pk")) if candidate else []


def step_changes(step: Step) -> Iterable[ParameterChange]:
    """Each parameter that the step changed, as it was before and after it."""
    by = {revert.version_id: name_of(revert.user) for revert in step.reverts.select_related("user")}
    for change in candidate_diff(step.previous, step.candidate, accepted=True):
        yield replace(change, put_back=by.get(change.version, ""))


def candidate_diff(
    before: Candidate | None, after: Candidate, *, accepted: bool
) -> Iterable[ParameterChange]:
    """The parameters of which the two candidates have different texts."""
    earlier = {version.name: version for version in before.versions.all()} if before else {}
    for version in after.versions.order_by("pk"):
        old = earlier.get(version.name)
        yield from _change(version, old.value if old else "", accepted=accepted)


def _changes(run: Run, iteration: int) -> Iterable[ParameterChange]:
    steps = Step.objects.filter(run=run, iteration=iteration).order_by("revision")
    for step in (taken := list(steps.select_related("candidate", "previous"))):
        yield from step_changes(step)
    if taken:
        return
    proposed = ParameterVersion.objects.filter(run=run, iteration=iteration, parent__isnull=False)
    candidates = Candidate.objects.filter(run=run, iteration=iteration, versions__in=proposed).distinct()
    made = list(candidates.order_by("pk").prefetch_related("versions"))
    places: dict[int, tuple[int, int]] = {}
    for number, candidate in enumerate(made if len(made) > 1 else [], 1):
        for version in candidate.versions.all():
            places.setdefault(version.pk, (number, len(made)))
    for version in proposed.select_related("parent").order_by("pk"):
        place = places.get(version.pk)
        for change in _change(version, version.parent.value if version.parent else "", accepted=False):
            yield replace(change, proposal=place)


def _change(version: ParameterVersion, before: str, *, accepted: bool) -> Iterable[ParameterChange]:
    if before == version.value:
        return
    yield ParameterChange(
        version=version.pk,
        name=version.name,
        description=version.description,
        before=before,
        after=version.value,
        number=version.number,
        accepted=accepted,
        pieces=tuple(word_diff(before, version.value)),
    )


def _remarks(run: Run, iteration: int) -> tuple[list[CountedRemark], int]:
    """What was said in the iteration, equal remarks counted together, the most frequent first."""
    said: list[tuple[str, int]] = []
    people: set[int] = set()
    answers = Answer.objects.filter(
        request__run=run, request__iteration=iteration, request__item__isnull=False, late=False
    ).order_by("pk")
    for user, item, body in answers.values_list("user", "request__item", "body"):
        people.add(user)
        said += [(text, item) for text in remarks_in(body)]
    if not people:
        said = _said_by_machine(run, iteration)
    for reading in _late(run, iteration):
        people.add(reading.answer.user_id)
        said += [(text, reading.answer.request.item_id or 0) for text in remarks_in(reading.body)]
    counted: dict[str, CountedRemark] = {}
    for text, item in said:
        key = text.strip().rstrip(".!").casefold()
        known = counted.get(key)
        counted[key] = (
            CountedRemark(known.text, known.count + 1, known.item)
            if known
            else CountedRemark(text.strip(), 1, item)
        )
    return sorted(counted.values(), key=lambda remark: -remark.count), len(people)


def _late(run: Run, iteration: int) -> list[LateReading]:
    """The late answers that the iteration counted, of each the newest version."""
    readings = LateReading.objects.filter(run=run, iteration=iteration).select_related("answer__request")
    return list({reading.answer_id: reading for reading in readings.order_by("version")}.values())


def _said_by_machine(run: Run, iteration: int) -> list[tuple[str, int]]:
    items = WorkItem.objects.filter(
        run=run, effect__iteration=iteration, kind="forward", late=False, result__isnull=False
    )
    return [
        (text, item.pk)
        for item in items.order_by("pk")
        for outcome in outcomes_of(item)
        for payload in outcome.feedback
        for said in payload
        for text in members_said(said)
    ]


def scores_around(run: Run, iteration: int) -> tuple[float | None, float | None]:
    """The held-out score before and after the iteration."""
    found = {
        (split, position): mean
        for split, position, mean in Score.objects.filter(
            run=run, position__in=[iteration, iteration + 1]
        ).values_list("split", "position", "mean")
    }
    for split in SPLITS:
        if (split, iteration + 1) in found:
            return found.get((split, iteration)), found[split, iteration + 1]
    return None, None
