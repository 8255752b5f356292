"""A person's word on a proposal: take it, take an edited one, or keep the old prompts and say why.

The decision is stored once, whoever sends it how often; the run goes on from it in any process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from optimization.models import (
    Candidate,
    Decision,
    Effect,
    Iteration,
    Origin,
    ProposalReview,
    Run,
    RunState,
    WorkItem,
    WorkState,
)
from optimization.runs.assembly import program_of
from optimization.runs.changes import ParameterChange, candidate_diff
from optimization.runs.engine.candidates import candidate_create
from optimization.runs.engine.reviews import approval_of
from optimization.runs.events import event_emit
from optimization.runs.people import name_of
from optimization.runs.signals import run_due
from optimization.runs.states import Conflict
from optimization.trainers.effects import Evaluation

OPEN_STATES = (RunState.RUNNING, RunState.PAUSED, RunState.NEEDS_ATTENTION)


class EditRefused(ValueError):
    """A decision that cannot be taken as it is: `errors` holds (JSON pointer, message) pairs."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        self.errors = errors
        super().__init__(" ".join(message for _, message in errors))


@dataclass(frozen=True)
class ProposalScores:
    """Mean scores within 0..1 of what was judged with both, by the prompts in force and by the proposal; `test` is the
    held-out score of those in force."""

    before: float | None
    after: float | None
    test: float | None


def proposal_decide(
    *,
    review: ProposalReview,
    user: User,
    decision: str,
    values: Mapping[str, str] | None = None,
    reason: str = "",
) -> ProposalReview:
    """Store the decision and wake the run. `values` are an edit's texts by parameter name.

    An edit that changes nothing is an approval. Raises EditRefused, or Conflict where it was decided otherwise.
    """
    reason = reason.strip()
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).get(pk=review.run_id)
        review = ProposalReview.objects.select_related("decided_by", "item__effect").get(pk=review.pk)
        texts = _edited(review, values or {}) if decision == Decision.EDITED else {}
        if decision == Decision.EDITED and not texts:
            decision = Decision.APPROVED
        if review.decision:
            return _decided_before(review, user, decision, texts)
        if run.state not in OPEN_STATES:
            raise Conflict(
                f"“{run.name}” is {run.get_state_display().lower()}: it takes no decision any more."
            )
        if review.item is None:
            raise Conflict("This proposal is no longer up for decision: its iteration was begun anew.")
        if decision == Decision.REJECTED and not reason:
            raise EditRefused([("/reason", "Say why, so that the others know.")])
        if texts:
            review.candidate = _candidate_edited(review, review.item.effect, texts).key
        review.decision, review.reason, review.decided_by = decision, reason[:2000], user
        review.save(update_fields=["candidate", "decision", "reason", "decided_by"])
        ProposalReview.objects.filter(pk=review.pk).update(decided_at=Now())
        WorkItem.objects.filter(pk=review.item.pk, state=WorkState.WAITING).update(
            state=WorkState.DONE, result=approval_of(review).model_dump(mode="json"), done_at=Now()
        )
        event_emit(run.pk, "decision", {"iteration": review.iteration, "decision": decision})
        transaction.on_commit(partial(run_due.send, sender=Run, run_id=run.pk))
    review.refresh_from_db()
    return review


def _decided_before(
    review: ProposalReview, user: User, decision: str, texts: Mapping[str, str]
) -> ProposalReview:
    """The same person may say the same again; everybody else hears what was decided."""
    taken = dict(_candidate(review, review.candidate).versions.values_list("name", "value"))
    same = all(taken[name] == text for name, text in texts.items())
    if review.lapsed:
        raise Conflict("Its time ran out before anybody decided, and the prompts in force were kept.")
    if review.decided_by == user and review.decision == decision and same:
        return review
    assert review.decided_by is not None
    raise Conflict(f"It is decided already: {name_of(review.decided_by)} {review.decision} this proposal.")


def _edited(review: ProposalReview, values: Mapping[str, str]) -> dict[str, str]:
    """The texts that differ from the proposal's, checked against the parameters' own rules."""
    proposed = dict(_candidate(review).versions.values_list("name", "value"))
    given = {name: value.replace("\r\n", "\n").strip() for name, value in values.items()}
    errors = [
        (f"/values/{name}", f"There is no parameter {name}; there are {', '.join(sorted(proposed))}.")
        for name in given
        if name not in proposed
    ]
    errors += [(f"/values/{name}", "A prompt cannot be empty.") for name, text in given.items() if not text]
    changed = {n: text for n, text in given.items() if n in proposed and text and text != proposed[n].strip()}
    if changed:
        errors += _broken_rules(review, changed, proposed)
    if errors:
        raise EditRefused(errors)
    return changed


def _broken_rules(
    review: ProposalReview, changed: Mapping[str, str], proposed: Mapping[str, str]
) -> list[tuple[str, str]]:
    """What the checks in code say of an edit; rules in words are the editor's own to keep."""
    parameters = dict(program_of(review.run.program).named_parameters())
    return [
        (f"/values/{name}", f"This prompt cannot be taken: {problem}.")
        for name, text in changed.items()
        for rule in parameters[name].constraints
        if not isinstance(rule, str) and (problem := rule.problem(text, proposed[name]))
    ]


def _candidate(review: ProposalReview, key: str = "") -> Candidate:
    return Candidate.objects.get(run=review.run_id, key=key or review.proposal)


def _candidate_edited(review: ProposalReview, effect: Effect, texts: Mapping[str, str]) -> Candidate:
    proposal = _candidate(review)
    told = {version.name: version.feedback for version in proposal.versions.all()}
    return candidate_create(
        effect=effect, label="edited", present=proposal, values=texts, told=told, origin=Origin.PERSON
    )


# -- what pages and REST read ------------------------------------------------------------------------------------


def review_waiting(run: Run) -> ProposalReview | None:
    """The proposal that waits for a decision, the first where there are several."""
    return (
        ProposalReview.objects.filter(run=run, decision="", item__state=WorkState.WAITING)
        .order_by("pk")
        .first()
    )


def review_changes(review: ProposalReview) -> tuple[ParameterChange, ...]:
    """What the proposal, or where it was edited the edit, changes of the prompts that the iteration began with."""
    begun = Iteration.objects.get(run=review.run_id, number=review.iteration).state
    before = _candidate(review, begun["candidate"])
    after = _candidate(review, review.candidate)
    taken = review.decision in {Decision.APPROVED, Decision.EDITED}
    return tuple(candidate_diff(before, after, accepted=taken))


def review_scores(review: ProposalReview) -> ProposalScores:
    """What is known of both sides: from the comparison that the algorithm made, else the batch's own score."""
    iteration = Iteration.objects.get(run=review.run_id, number=review.iteration)
    present = iteration.state["candidate"]
    means: dict[str, float | None] = {}
    compared = review.run.effects.filter(iteration=review.iteration, kind="evaluate", done_at__isnull=False)
    for effect in compared.order_by("ordinal"):
        found = Evaluation.model_validate(effect.result)
        means[found.candidate] = found.mean
    test = review.run.scores.filter(position__lte=review.iteration, split="test").order_by("position").last()
    both = review.proposal in means
    return ProposalScores(
        before=means.get(present, iteration.train_score) if both else iteration.train_score,
        after=means.get(review.proposal),
        test=test.mean if test else None,
    )
