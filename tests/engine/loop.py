"""The loop in one process: `advance`, the workers' drive and people, by hand, without a broker."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connections

from optimization.feedback.services import answer_submit, claim_next
from optimization.models import Answer, Claim, FeedbackRequest, Run, WorkItem, WorkState
from optimization.runs.engine.advance import advance
from workers.drive import drive
from workers.process import Process

KINDS = (("forward", "evaluate"), ("backward",), ("propose",))
Judge = Callable[[dict[str, Any]], dict[str, Any]]


def work(run: Run, process: Process) -> None:
    """Advance the run and carry out what is due, until it waits for people or has nothing more to do."""
    advance(run.pk)
    while WorkItem.objects.filter(run=run, state=WorkState.DUE).exists() and running(run):
        for kinds in KINDS:
            process.runner.run(drive(run.pk, kinds, process))
        advance(run.pk)


def running(run: Run) -> bool:
    run.refresh_from_db()
    return run.state == "running"


def answer_all(run: Run, user: User, judge: Judge) -> int:
    """Claim and answer what waits for this person; how many answers that were."""
    given = 0
    while answer_one(run, user, judge):
        given += 1
    return given


def answer_one(run: Run, user: User, judge: Judge) -> Answer | None:
    """Claim and answer the next question; None when nothing waits for this person."""
    claim = claim_next(workspace=run.workspace, user=user)
    return answer_claim(claim, judge) if claim else None


def answer_claim(claim: Claim, judge: Judge) -> Answer:
    """Answer what is held."""
    request = FeedbackRequest.objects.get(pk=claim.request_id)
    return answer_submit(
        request=request,
        user=claim.user,
        fence=claim.fence,
        client_key=uuid.uuid4().hex,
        body=judge(request.question),
        seconds=5.0,
    )


def play(run: Run, user: User, judge: Judge, process: Process) -> Run:
    """Work and answer in turn until the run ends or needs attention."""
    work(run, process)
    while running(run) and answer_all(run, user, judge):
        work(run, process)
    run.refresh_from_db()
    return run


def close(process: Process) -> None:
    process.close()
    connections.close_all()
