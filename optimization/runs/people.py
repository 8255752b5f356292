"""Who judges for a run: how many answers each has given, and what they hold just now."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, F
from django.utils import timezone

from optimization.models import Answer, Claim, ClaimState, Membership, Run
from optimization.runs.config import RunConfig
from optimization.runs.kinds import config_of


@dataclass(frozen=True)
class PersonAtWork:
    """`held` counts the questions that are before them now."""

    name: str
    answers: int
    held: int
    is_rehearsal: bool


def name_of(user: User) -> str:
    """As the words of a run call a person."""
    return user.first_name or user.get_username()


MACHINES = {"VerifierLoss": "check in code", "CompositeLoss": "combination of judges"}


def machine_judge(run: Run, iteration: int) -> str:
    """What judges in the iteration where no person does, as the words of a run call it."""
    config = config_of(run)
    loss = config.loss_at(iteration) if isinstance(config, RunConfig) else config.components[0].reward
    return MACHINES.get(loss.name, "model judge")


def run_people(run: Run) -> list[PersonAtWork]:
    """Those who answer or have answered, who holds something first, then by answers."""
    answers = dict(
        Answer.objects.filter(request__run=run).values_list("user").annotate(given=Count("pk")).order_by()
    )
    held = dict(
        Claim.objects.filter(request__run=run, state=ClaimState.ACTIVE, expires_at__gt=timezone.now())
        .values_list("user")
        .annotate(held=Count("pk"))
        .order_by()
    )
    ids = answers.keys() | held.keys()
    rehearsal = set(
        Membership.objects.filter(workspace=run.workspace_id, is_rehearsal=True, user__in=ids)
        .annotate(member=F("user_id"))
        .values_list("member", flat=True)
    )
    people = [
        PersonAtWork(
            name=user.get_full_name() or user.get_username(),
            answers=answers.get(user.pk, 0),
            held=held.get(user.pk, 0),
            is_rehearsal=user.pk in rehearsal,
        )
        for user in User.objects.filter(pk__in=ids)
    ]
    return sorted(people, key=lambda person: (-person.held, -person.answers, person.name))
