"""Mail to those who judge, as a digest: when work has waited for a while, or a deadline is near. Each person has a switch.

1. A person is written to at most once in EVERY; where a deadline is nearer than NEAR, once in EVERY_NEAR.
2. `mailed_at` moves first, by a conditional update, and then the mail goes out: two sweepers send one mail.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q
from django.utils import timezone

from optimization.accounts.permissions import Action, roles_with
from optimization.feedback.audience import questions_for
from optimization.feedback.lanes import lanes_of
from optimization.models import Audience, FeedbackRequest, Membership, RequestState

log = structlog.get_logger()
WAITED = timedelta(hours=1)
EVERY = timedelta(hours=24)
NEAR = timedelta(hours=2)
EVERY_NEAR = timedelta(hours=4)
COUNTED = 500


def digests_send(now: datetime | None = None) -> int:
    """Write to whoever should hear of something; gives how many mails went out."""
    now = now or timezone.now()
    waiting = FeedbackRequest.objects.filter(state=RequestState.OPEN, audience=Audience.PEOPLE)
    if not waiting.filter(Q(created_at__lt=now - WAITED) | Q(deadline__lt=now + NEAR)).exists():
        return 0
    members = Membership.objects.filter(
        Q(mailed_at=None) | Q(mailed_at__lt=now - EVERY_NEAR),
        mail_digest=True,
        is_rehearsal=False,
        role__in=roles_with(Action.FEEDBACK_ANSWER),
        user__is_active=True,
    ).exclude(user__email="")
    return sum(_write(member, now) for member in members.select_related("user", "workspace"))


def _write(member: Membership, now: datetime) -> bool:
    own = questions_for(Q(lane__in=lanes_of(member)), member.workspace_id, member.user_id).filter(
        audience=Audience.PEOPLE
    )
    near = own.filter(deadline__lt=now + NEAR).exists()
    rested = member.mailed_at is None or member.mailed_at < now - EVERY
    if not near and not (rested and own.filter(created_at__lt=now - WAITED).exists()):
        return False
    if not Membership.objects.filter(pk=member.pk, mailed_at=member.mailed_at).update(mailed_at=now):
        return False
    runs = Counter(own.values_list("run__name", flat=True)[:COUNTED])
    try:
        send_mail(
            _subject(member, sum(runs.values()), near), _body(member, runs, near), None, [member.user.email]
        )
    except OSError as error:
        log.warning("digest_not_sent", member=member.pk, error=str(error))
        return False
    return True


def _subject(member: Membership, questions: int, near: bool) -> str:
    waits = f"{questions}{'+' if questions == COUNTED else ''} to judge in {member.workspace.name}"
    return f"{waits}, and a deadline is near" if near else waits


def _body(member: Membership, runs: Counter[str], near: bool) -> str:
    lines = [f"  {count} in “{name}”" for name, count in runs.most_common()]
    deadline = f"Some of it must be judged within {NEAR.seconds // 3600} hours.\n\n" if near else ""
    return (
        f"Hello {member.user.first_name or member.user.get_username()},\n\nthis waits for you:\n\n"
        + "\n".join(lines)
        + f"\n\n{deadline}Judge: {settings.PUBLIC_URL}/judge/\n"
        + f"No such mail any more: {settings.PUBLIC_URL}/people/mail/\n"
    )
