"""Which questions are for whom."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from optimization.models import Answer, Audience, FeedbackRequest, Membership, RequestState, Skip


def questions_for(member: Membership) -> QuerySet[FeedbackRequest]:
    """The open questions of this person's audience that they have neither answered nor skipped.

    One that no item asks is left of an iteration that was begun anew, until it is asked again. People judge for people;
    a rehearsal colleague, which is a program, gets its own questions.
    """
    audience = Audience.REHEARSAL if member.is_rehearsal else Audience.PEOPLE
    own = {"request": OuterRef("pk"), "user": member.user_id}
    return FeedbackRequest.objects.filter(
        ~Exists(Answer.objects.filter(**own)),
        ~Exists(Skip.objects.filter(**own)),
        item__isnull=False,
        workspace=member.workspace_id,
        audience=audience,
        state=RequestState.OPEN,
    )
