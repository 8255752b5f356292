"""Mail to people for whom questions wait: one digest a day at most, none while they judge, and each has a switch.

A digest is sent for questions that have waited QUIET, or whose time runs out within SOON.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from optimization.accounts.permissions import Action, roles_with
from optimization.feedback.audience import questions_for
from optimization.feedback.lanes import waiting
from optimization.models import Claim, ClaimState, Membership

QUIET = timedelta(minutes=15)
SOON = timedelta(hours=4)
BETWEEN = timedelta(hours=20)
BATCH = 20  # a round: a slow server of mail must not hold the sweeper up
_log = structlog.get_logger()


def digests_send(now: datetime | None = None) -> int:
    """Write to everybody to whom it is time to write; gives how many were."""
    now = now or timezone.now()
    due = Q(created_at__lte=now - QUIET) | Q(due_at__lte=now + SOON)
    pressing = waiting().filter(due, workspace=OuterRef("workspace"))
    at_work = Claim.objects.filter(user=OuterRef("user"), state=ClaimState.ACTIVE, expires_at__gt=now)
    rested = Q(mailed_at=None) | Q(mailed_at__lte=now - BETWEEN)
    members = Membership.objects.filter(rested, Exists(pressing), ~Exists(at_work)).filter(
        mail_digest=True,
        is_rehearsal=False,
        user__is_active=True,
        role__in=roles_with(Action.FEEDBACK_ANSWER),
    )
    return sum(
        _write(member, due, now)
        for member in members.exclude(user__email="").select_related("user", "workspace")[:BATCH]
    )


def _write(member: Membership, due: Q, now: datetime) -> bool:
    """Whoever sets `mailed_at` writes, so that two sweepers do not both; a mail that fails is not tried again today."""
    questions = questions_for(member).filter(due)
    count = questions.count()
    if not count:
        return False
    mine = Membership.objects.filter(pk=member.pk, mailed_at=member.mailed_at).update(mailed_at=now)
    if not mine:
        return False
    nearest = questions.exclude(due_at=None).order_by("due_at").values_list("due_at", flat=True).first()
    try:
        send_mail(_subject(count, member), _text(count, member, nearest), None, [member.user.email])
    except Exception as error:
        _log.warning("digest_not_sent", member=member.pk, error=str(error))
        return False
    return True


def _subject(count: int, member: Membership) -> str:
    return f"{count} output{'' if count == 1 else 's'} to judge in {member.workspace}"


def _text(count: int, member: Membership, nearest: datetime | None) -> str:
    name = member.user.first_name or member.user.get_username()
    wait = "one output waits" if count == 1 else f"{count} outputs wait"
    until = f" The first of them only until {timezone.localtime(nearest):%d %b, %H:%M}." if nearest else ""
    return (
        f"Hello {name},\n\n{wait} for your judgement in {member.workspace}.{until}\n\n"
        f"{settings.PUBLIC_URL}/judge/\n\n"
        f"You get this once a day at most. To switch it off: {settings.PUBLIC_URL}/people/mail/\n"
    )
