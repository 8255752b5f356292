"""Rows for the stage, and what they say afterwards: `python -m benchmarks.queue_load.rows DEED JSON`."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

# Only now: these need the apps that the line above has loaded.
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.color import no_style
from django.db import connection
from django.db.models import Count, F, Q
from django.utils import timezone

from benchmarks.queue_load.question import QUESTION
from optimization.accounts.permissions import Action
from optimization.accounts.tokens import token_create
from optimization.models import (
    Activity,
    Answer,
    Claim,
    ClaimState,
    Dataset,
    DatasetVersion,
    Effect,
    FeedbackRequest,
    Membership,
    Program,
    ProgramVersion,
    Role,
    Run,
    WorkItem,
    Workspace,
    WorkState,
)

FIRST = 1_000


def people(count: int) -> dict[str, list[str]]:
    """A workspace with so many annotators: the cookie of a signed-in browser and a token for each, by the door they open."""
    workspace = Workspace.objects.create(name="Desk", slug="desk")
    User.objects.bulk_create(User(username=f"annotator-{number}") for number in range(count))
    users = list(User.objects.order_by("pk"))
    Membership.objects.bulk_create(
        Membership(workspace=workspace, user=user, role=Role.ANNOTATOR) for user in users
    )
    return {"page": [_signed_in(user) for user in users], "rest": [_token(workspace, user) for user in users]}


def _signed_in(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def _token(workspace: Workspace, user: User) -> str:
    return token_create(workspace=workspace, user=user, name="desk", scopes=[Action.FEEDBACK_ANSWER])[1]


def queue(items: int, wanted: int) -> int:
    """Empty the queue and fill it: so many open questions, each with a work item of its own."""
    workspace = Workspace.objects.get()
    tables = [Run._meta.db_table, FeedbackRequest._meta.db_table]
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables, allow_cascade=True))
    program, _ = Program.objects.get_or_create(workspace=workspace, name="reply", title="Reply")
    version, _ = ProgramVersion.objects.get_or_create(program=program, number=1, spec={}, digest="d")
    dataset, _ = Dataset.objects.get_or_create(workspace=workspace, name="tickets", title="Tickets")
    examples, _ = DatasetVersion.objects.get_or_create(dataset=dataset, number=1, digest="d")
    run = Run.objects.create(
        workspace=workspace,
        name="Desk",
        program_version=version,
        dataset_version=examples,
        config={},
        activity=Activity.PEOPLE,
        state_since=timezone.now(),
        created_by=User.objects.first(),
    )
    effect = Effect.objects.create(run=run, iteration=0, ordinal=0, kind="forward", digest="d")
    common = {"run": run, "effect": effect, "queue": "llm", "kind": "forward", "state": WorkState.WAITING}
    work = WorkItem.objects.bulk_create(
        [WorkItem(index=n, due_at=timezone.now(), **common) for n in range(min(items, FIRST))]
    )
    FeedbackRequest.objects.bulk_create(
        FeedbackRequest(
            workspace=workspace,
            run=run,
            item=item,
            key=f"{number}",
            iteration=0,
            kind="rubric",
            question={**QUESTION, "output": f"{QUESTION['output']}It is order {number}."},
            wanted=wanted,
        )
        for number, item in enumerate(work)
    )
    if items > FIRST:
        _multiply(items)
    return items


def _multiply(items: int) -> None:
    """Copy the first rows until there are enough, each with a text of its own; copies share the work items."""
    names = [
        field.column
        for field in FeedbackRequest._meta.concrete_fields
        if field.column not in ("id", "key", "question")
    ]
    kind = "jsonb" if connection.vendor == "postgresql" else "text"
    columns = ", ".join(f'"{name}"' for name in names)
    table = FeedbackRequest._meta.db_table
    with connection.cursor() as cursor:
        have = FIRST
        while have < items:
            more = min(have, items - have)
            cursor.execute(
                f'INSERT INTO {table} ("key", "question", {columns}) '
                f"SELECT \"key\" || '+{have}', "
                f"CAST(REPLACE(CAST(question AS text), 'It is order ', 'It is order {have}+') AS {kind}), "
                f"{columns} FROM {table} ORDER BY id LIMIT {more}"
            )
            have += more
        cursor.execute(f"VACUUM (ANALYZE) {table}" if connection.vendor == "postgresql" else "ANALYZE")


def expire() -> int:
    """The hold of every claim has run out."""
    return Claim.objects.filter(state=ClaimState.ACTIVE).update(
        expires_at=F("expires_at") - timedelta(hours=1)
    )


def verdict() -> dict[str, Any]:
    """What must hold: each answer of a person to a question once, no question over its number, places that add up."""
    doubled = Answer.objects.values("request", "user").annotate(times=Count("pk")).filter(times__gt=1)
    counted = FeedbackRequest.objects.filter(Q(taken__gt=0)).annotate(given=Count("answers"))
    return {
        "answers": Answer.objects.count(),
        "doubled": doubled.count(),
        "over": counted.filter(given__gt=F("wanted")).count(),
    }


def enqueue(number: int) -> float:
    """One more question, as a run asks it; gives the moment of its commit (seconds since the epoch)."""
    import time

    from django.db import transaction

    from optimization.feedback.services import request_open
    from optimization.losses.questions import QUESTION as PARSED

    run = Run.objects.get()
    item = WorkItem.objects.create(
        run=run,
        effect=run.effects.get(),
        index=10**6 + number,
        queue="llm",
        kind="forward",
        state=WorkState.WAITING,
        due_at=timezone.now(),
    )
    asked = PARSED.validate_python({**QUESTION, "output": f"Output {number}"})
    with transaction.atomic():
        request_open(item=item, key=f"live {number}", question=asked)
        moment = time.time()
    return moment


DEEDS = {deed.__name__: deed for deed in (people, queue, expire, verdict, enqueue)}

if __name__ == "__main__":
    print(json.dumps(DEEDS[sys.argv[1]](**json.loads(sys.argv[2]))))
