"""What becomes of a question once an answer is in: it asks for more, goes to a reviewer, or closes and wakes its item.

1. While fewer than `wanted` have answered, nothing.
2. While the score is uncertain (its standard error is above UNCERTAIN), fewer than `most` are asked and somebody is left
   to ask, one more is.
3. Where the annotators agree less than `review_below`, a reviewer decides before the run goes on.
4. Else the question closes, with its twins, and the work items that wait for them are due.
"""

from __future__ import annotations

from django.db.models import F, Q
from django.db.models.functions import Now

from optimization.feedback.assigning import judges_of
from optimization.feedback.lanes import people_of
from optimization.feedback.notices import queue_changed, queue_shrank
from optimization.feedback.rereading import announce_later
from optimization.losses.questions import ANSWER, QUESTION
from optimization.losses.scoring import answer_scores, scores_agreement, standard_error
from optimization.models import FeedbackRequest, RequestState, WorkItem, WorkState
from optimization.models.prepared import Prepared, PreparedUpdate

UNCERTAIN = 0.1
SETTLED_FROM = [RequestState.OPEN, RequestState.DISPUTED, RequestState.EXPIRED]
_TWINS: Prepared[FeedbackRequest] = Prepared(
    lambda request: FeedbackRequest.objects.filter(twin_of=request).only("item", "run"), "request"
)
_CLOSE = PreparedUpdate(
    lambda request: FeedbackRequest.objects.filter(
        Q(pk=request) | Q(twin_of=request), state__in=SETTLED_FROM
    ),
    "request",
    state=RequestState.ANSWERED,
    answered_at=Now(),
    stand_in="",
    stood_in=None,
)
_WAKE = PreparedUpdate(
    lambda item: WorkItem.objects.filter(pk=item, state=WorkState.WAITING),
    "item",
    state=WorkState.DUE,
    due_at=Now(),
)


def request_settle(locked: FeedbackRequest) -> None:
    """Call it under the question's lock, after an answer was written."""
    if locked.state not in {RequestState.OPEN, RequestState.EXPIRED}:
        return
    in_time = locked.state == RequestState.OPEN
    asks_once = in_time and locked.wanted == 1 and locked.most is None and locked.review_below is None
    bodies = [] if asks_once else list(locked.answers.filter(late=False).values_list("body", flat=True))
    if len(bodies) < locked.wanted and not asks_once:
        return
    if in_time and (locked.most is not None or locked.review_below is not None):
        question = QUESTION.validate_python(locked.question)
        scores = [answer_scores(question, ANSWER.validate_python(body)) for body in bodies]
        if _ask_one_more(locked, standard_error(scores)) or _ask_reviewer(locked, scores_agreement(scores)):
            return
    request_close(locked)


def request_close(locked: FeedbackRequest) -> None:
    """The question has its answers: it and its twins are answered, and their items go on."""
    has_twins = _CLOSE(request=locked.pk) > 1
    for request in [locked, *(_TWINS(request=locked.pk) if has_twins else ())]:
        if request.item_id is not None:
            item_wake(request.item_id, request.run_id)
    queue_shrank(locked.workspace_id)


def _ask_one_more(locked: FeedbackRequest, error: float | None) -> bool:
    if locked.most is None or locked.wanted >= locked.most or error is None or error <= UNCERTAIN:
        return False
    if not _anybody_left(locked):
        return False
    FeedbackRequest.objects.filter(pk=locked.pk).update(wanted=F("wanted") + 1)
    queue_changed(locked.workspace_id)
    return True


def _anybody_left(locked: FeedbackRequest) -> bool:
    """Whether somebody who is asked has neither answered nor passed on: else one more place would wait for ever."""
    judges = set(judges_of(locked.workspace).values_list("pk", flat=True))
    asked = people_of(locked.lane)
    done = {*locked.answers.values_list("user", flat=True), *locked.skips.values_list("user", flat=True)}
    return bool((judges if asked is None else judges & asked) - done)


def _ask_reviewer(locked: FeedbackRequest, agreed: float | None) -> bool:
    if locked.review_below is None or agreed is None or agreed >= locked.review_below:
        return False
    FeedbackRequest.objects.filter(pk=locked.pk).update(state=RequestState.DISPUTED)
    queue_changed(locked.workspace_id)
    return True


def item_wake(item_id: int, run_id: int) -> None:
    """A work item that waited for people is due."""
    _WAKE(item=item_id)
    announce_later(item_id, run_id)
