"""What becomes of a question once an answer is in: it asks for more, goes to a reviewer, or closes and wakes its item.

1. While fewer than `wanted` have answered, nothing.
2. While the score is uncertain (its standard error is above UNCERTAIN) and fewer than `most` are asked, one more is.
3. Where the annotators agree less than `review_below`, a reviewer decides before the run goes on.
4. Else the question closes, with its twins, and the work items that wait for them are due.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from optimization.feedback.notices import queue_changed
from optimization.feedback.signals import item_due
from optimization.losses.questions import ANSWER, QUESTION
from optimization.losses.scoring import answer_scores, scores_agreement, standard_error
from optimization.models import FeedbackRequest, RequestState, WorkItem, WorkState

UNCERTAIN = 0.1


def request_settle(locked: FeedbackRequest) -> None:
    """Call it under the question's lock, after an answer was written."""
    if locked.state != RequestState.OPEN:
        return
    asks_once = locked.wanted == 1 and locked.most is None and locked.review_below is None
    bodies = [] if asks_once else list(locked.answers.values_list("body", flat=True))
    if len(bodies) < locked.wanted and not asks_once:
        return
    if locked.most is not None or locked.review_below is not None:
        question = QUESTION.validate_python(locked.question)
        scores = [answer_scores(question, ANSWER.validate_python(body)) for body in bodies]
        if _ask_one_more(locked, standard_error(scores)) or _ask_reviewer(locked, scores_agreement(scores)):
            return
    request_close(locked)


def request_close(locked: FeedbackRequest) -> None:
    """The question has its answers: it and its twins are answered, and their items go on."""
    closing = FeedbackRequest.objects.filter(Q(pk=locked.pk) | Q(twin_of=locked.pk))
    twins = [] if not locked.digest else list(locked.twins.values_list("item", "run"))
    closing.filter(state__in=[RequestState.OPEN, RequestState.DISPUTED]).update(
        state=RequestState.ANSWERED, answered_at=Now()
    )
    if locked.item_id is None:
        return
    waiting = [(locked.item_id, locked.run_id), *((item, run) for item, run in twins if item)]
    items_wake(waiting)
    queue_changed(locked.workspace_id)


def _ask_one_more(locked: FeedbackRequest, error: float | None) -> bool:
    if locked.most is None or locked.wanted >= locked.most or error is None or error <= UNCERTAIN:
        return False
    FeedbackRequest.objects.filter(pk=locked.pk).update(wanted=F("wanted") + 1)
    queue_changed(locked.workspace_id)
    return True


def _ask_reviewer(locked: FeedbackRequest, agreed: float | None) -> bool:
    if locked.review_below is None or agreed is None or agreed >= locked.review_below:
        return False
    FeedbackRequest.objects.filter(pk=locked.pk).update(state=RequestState.DISPUTED)
    queue_changed(locked.workspace_id)
    return True


def items_wake(waiting: list[tuple[int, int]]) -> None:
    """Work items (with their runs) that waited for people are due."""
    WorkItem.objects.filter(pk__in=[item for item, _ in waiting], state=WorkState.WAITING).update(
        state=WorkState.DUE, due_at=Now()
    )
    transaction.on_commit(lambda: _announce(waiting))


def _announce(waiting: list[tuple[int, int]]) -> None:
    for item_id, run_id in waiting:
        item_due.send_robust(sender=FeedbackRequest, item_id=item_id, run_id=run_id)
