"""Gold items and mirrored repeats: questions mixed in with a run's own, to measure how they are answered.

1. Beside a share of a run's questions a check is opened, in the same lane with the same urgency, its number next to
   theirs, so that nothing tells it from them. A gold item is one of the same shape: same kind, criteria and levels.
2. A mirrored repeat waits unseen until somebody has answered its question; some minutes later it is that person's, with
   the sides changed. What they answer is read by no run.
3. Which questions have a check follows from their key alone: a replay opens the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.db.models.functions import Now
from pydantic import ValidationError

from optimization.feedback.errors import FeedbackError, InvalidAnswer
from optimization.feedback.lanes import NOBODY, person_lane
from optimization.feedback.parsing import answer_parse
from optimization.losses.questions import QUESTION, Question
from optimization.models import Answer, Audience, FeedbackRequest, Gold, RequestState, Workspace

MIRROR_AFTER = timedelta(minutes=3)
COMPARING = ("preference", "ranking")
_TEXTS = ("output", "outputs", "context", "target")


def question_shape(question: Question) -> str:
    """The same for questions that look alike but for what they are about."""
    asked = question.model_dump(mode="json")
    told = {name: value for name, value in asked.items() if name not in _TEXTS}
    told["parts"] = sorted(asked["context"])
    told["outputs"] = len(asked.get("outputs", ())) or 1
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def gold_add(*, workspace: Workspace, question: dict[str, Any], expected: dict[str, Any], user: User) -> Gold:
    """Make a gold item; the same question again takes the new answer. Raises FeedbackError or InvalidAnswer in words."""
    try:
        asked = QUESTION.validate_python(question)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        place = "/".join(str(part) for part in first["loc"])
        raise FeedbackError(f"This is no question: {place}: {first['msg']}.") from invalid
    if asked.kind == "feedback":
        raise FeedbackError(
            "Free feedback has no answer that could be expected: use a rubric or a comparison."
        )
    known = answer_parse(asked, expected).model_dump(mode="json")
    stored = asked.model_dump(mode="json")
    digest = sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
    gold, _ = Gold.objects.update_or_create(
        workspace=workspace,
        digest=digest,
        defaults={"expected": known, "active": True},
        create_defaults={
            "kind": asked.kind,
            "question": stored,
            "expected": known,
            "shape": question_shape(asked),
            "created_by": user,
        },
    )
    return gold


def gold_mark(*, answer: Answer, user: User) -> Gold:
    """From now on an answer of somebody is what its question expects."""
    body = {name: value for name, value in answer.body.items() if name != "kind"}
    return gold_keep(request=answer.request, expected=body, user=user)


def gold_keep(*, request: FeedbackRequest, expected: dict[str, Any], user: User) -> Gold:
    """Make a gold item of a question that was asked. Whoever has held that one is not shown the item."""
    gold = gold_add(workspace=request.workspace, question=request.question, expected=expected, user=user)
    FeedbackRequest.objects.filter(pk=request.pk).exclude(state=RequestState.OPEN).update(gold=gold)
    return gold


Wrong = list[tuple[int, str]]


def gold_import(*, workspace: Workspace, lines: Iterable[str], user: User) -> tuple[int, Wrong]:
    """As `gold_add_many`, of JSON objects, one a line; blank lines are passed over."""
    rows = {number: _row(line) for number, line in enumerate(lines, 1) if line.strip()}
    return gold_add_many(workspace=workspace, rows=rows, user=user)


def gold_add_many(*, workspace: Workspace, rows: Mapping[int, Any], user: User) -> tuple[int, Wrong]:
    """Rows of {"question": ..., "expected": ...} by their number; how many were taken, and what is wrong with which."""
    taken, wrong = 0, []
    for number, row in rows.items():
        try:
            gold_add(workspace=workspace, question=row["question"], expected=row["expected"], user=user)
            taken += 1
        except (KeyError, TypeError):
            wrong.append((number, "This is no JSON object with “question” and “expected”."))
        except (InvalidAnswer, FeedbackError) as refused:
            wrong.append((number, str(refused)))
    return taken, wrong


def _row(line: str) -> Any:
    """None where the line is no JSON."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def checks_mix(request: FeedbackRequest, *, gold: float, mirrored: float) -> None:
    """Open the checks of a question that has just been opened, in its transaction."""
    if request.audience != Audience.PEOPLE or request.twin_of_id:
        return
    if _falls(request, "gold") < gold and (item := _next_gold(request)):
        _open(request, "gold", gold=item, kind=item.kind, question=item.question)
    if request.kind in COMPARING and _falls(request, "mirror") < mirrored:
        _open(request, "mirror", mirror_of=request, lane=NOBODY)


def mirror_release(request: FeedbackRequest, user: User) -> None:
    """The repeat of a comparison is now for whoever judged it first."""
    if request.kind in COMPARING and request.audience == Audience.PEOPLE:
        FeedbackRequest.objects.filter(mirror_of=request, lane=NOBODY, state=RequestState.OPEN).update(
            lane=person_lane(user.pk), ready_at=Now() + MIRROR_AFTER
        )


def _falls(request: FeedbackRequest, name: str) -> float:
    """A number 0..1 that is the question's own."""
    digest = sha256(f"{request.run_id}/{request.key}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _next_gold(request: FeedbackRequest) -> Gold | None:
    """The one of the question's shape that the run has used least."""
    fitting = Gold.objects.filter(
        workspace=request.workspace_id,
        shape=question_shape(QUESTION.validate_python(request.question)),
        active=True,
    )
    used = Count("requests", filter=Q(requests__run=request.run_id, requests__audience=Audience.CHECK))
    return fitting.annotate(used=used).order_by("used", "pk").first()


def _open(request: FeedbackRequest, name: str, **changes: Any) -> None:
    fields = {
        "workspace_id": request.workspace_id,
        "run_id": request.run_id,
        "iteration": request.iteration,
        "kind": request.kind,
        "question": request.question,
        "lane": request.lane,
        "urgency": request.urgency,
        "priority": request.priority,
        "deadline": request.deadline,
        "per_person": request.per_person,
    }
    key = f"{request.key}~{name}"[-400:]
    FeedbackRequest.objects.create(key=key, audience=Audience.CHECK, **{**fields, **changes})
