"""The queue: questions that wait for people, holds on them, and answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from optimization.models.journal import WorkItem
from optimization.models.quality import Gold
from optimization.models.runs import IDLE, Run
from optimization.models.workspaces import Workspace

NEVER = datetime(9999, 12, 31, tzinfo=UTC)  # the deadline of a question without one: sorts last everywhere


class RequestState(models.TextChoices):
    OPEN = "open"
    DISPUTED = "disputed"  # its answers differ too much: a reviewer decides
    ANSWERED = "answered"
    EXPIRED = "expired"  # its time ran out, and the run went on without it
    WITHDRAWN = "withdrawn"  # its run was cancelled


class Audience(models.TextChoices):
    PEOPLE = "people"
    REHEARSAL = "rehearsal"
    CHECK = "check"  # gold items and mirrored repeats: shown to people as any other question, read by no run


class FeedbackRequest(models.Model):
    """One question (losses.questions) of one work item, for `wanted` annotators. `key` is Scope.key().

    It outlives its item: one whose iteration was begun anew is asked, and its answers are read, under the same key.

    `taken` counts the places in use, active claims and answers together; the schema keeps it at or below `wanted`.
    `fence` grows by one with each claim. Both change only under a lock on this row.

    `lane` says who is asked: all people, the rehearsal colleagues, a panel, one person; "" asks nobody (feedback.lanes).
    Within a lane the order is `urgency` (feedback.urgency), `priority`, `deadline`, age. A person answers at most
    `per_person` questions of the run. While the score is uncertain `wanted` grows, up to `most`. Below an agreement of
    `review_below` a reviewer decides.

    `digest` is the question's: one that is the same, word for word, is not asked again but shares the answers of the
    request that it is the `twin_of`. A check has no item: it shows a `gold` item, or mirrors the request `mirror_of`,
    from `ready_at` on. Of another question `gold` is the item that was made of it: who held it is not shown that.

    `deadline` is when its time runs out, NEVER where it does not; `extended` how often it was given more. Of one that
    expired, `stand_in` says who is asked in place of people: "model", or nobody; `stood_in` is the model's answer, with
    its name.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="feedback_requests")
    run = models.ForeignKey(Run, models.CASCADE, related_name="feedback_requests", db_index=False)
    item = models.ForeignKey(WorkItem, models.SET_NULL, null=True, related_name="feedback_requests")
    key = models.CharField(max_length=400)
    iteration = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)
    question = models.JSONField()
    audience = models.CharField(max_length=12, choices=Audience.choices, default=Audience.PEOPLE)
    lane = models.CharField(max_length=40, default="people", blank=True)
    wanted = models.PositiveSmallIntegerField(default=1)
    most = models.PositiveSmallIntegerField(null=True, blank=True)
    per_person = models.PositiveIntegerField(null=True, blank=True)
    review_below = models.FloatField(null=True, blank=True)
    taken = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=RequestState.choices, default=RequestState.OPEN)
    urgency = models.SmallIntegerField(default=IDLE)
    priority = models.FloatField(default=0.0)
    deadline = models.DateTimeField(default=NEVER)
    digest = models.CharField(max_length=64, blank=True)
    twin_of = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="twins", db_index=False
    )
    mirror_of = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="mirrors", db_index=False
    )
    gold = models.ForeignKey(
        Gold, models.CASCADE, null=True, blank=True, related_name="requests", db_index=False
    )
    ready_at = models.DateTimeField(null=True, blank=True)
    extended = models.PositiveSmallIntegerField(default=0)
    stand_in = models.CharField(max_length=8, blank=True)
    stood_in = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="one_request_per_key"),
            models.CheckConstraint(condition=Q(taken__lte=F("wanted")), name="no_more_takers_than_wanted"),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "lane", "state", "-urgency", "-priority", "deadline", "id"],
                condition=Q(taken__lt=F("wanted")),
                name="queue_order",
            ),
            models.Index(fields=["run", "state"], name="requests_by_run"),
            models.Index(fields=["run", "digest"], name="requests_by_question"),
            models.Index(fields=["run"], condition=Q(state="open", audience="check"), name="checks_waiting"),
            models.Index(fields=["deadline"], condition=Q(state="open"), name="requests_by_deadline"),
            # Of the few that are one: an index that held the others too would be written with each claim and answer.
            models.Index(fields=["twin_of"], condition=Q(twin_of__isnull=False), name="twins"),
            models.Index(fields=["mirror_of"], condition=Q(mirror_of__isnull=False), name="mirrors"),
            models.Index(fields=["gold"], condition=Q(gold__isnull=False), name="gold_questions"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} question {self.pk}"

    @property
    def ends_at(self) -> datetime | None:
        """Its deadline; None where it has none."""
        return None if self.deadline == NEVER else self.deadline


class ClaimState(models.TextChoices):
    ACTIVE = "active"
    LAPSED = "lapsed"  # its time ran out; still its owner's while the question has a free place
    RELEASED = "released"  # put off or skipped
    ANSWERED = "answered"


class Claim(models.Model):
    """A person's hold on a question, minutes long. One active claim a person and question; `fence` goes with the submit.

    One that is `ahead` is reserved for them while they judge another (feedback.ahead).
    """

    request = models.ForeignKey(FeedbackRequest, models.CASCADE, related_name="claims")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="claims")
    fence = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=ClaimState.choices, default=ClaimState.ACTIVE)
    ahead = models.BooleanField(default=False)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "user"], condition=Q(state="active"), name="one_active_claim_per_person"
            ),
            models.UniqueConstraint(fields=["request", "fence"], name="one_claim_per_fence"),
        ]
        indexes = [
            models.Index(fields=["state", "expires_at"], name="claims_by_expiry"),
            models.Index(fields=["user", "state"], name="claims_by_person"),
            models.Index(fields=["user"], condition=Q(state="active", ahead=True), name="reservations"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} holds {self.request_id}"


class Answer(models.Model):
    """What a person answered: one a person and question. `client_key` makes a repeated submit the same answer.

    `seconds` is the time on task. `body`, an answer of losses.questions, is what the question's own iteration counts:
    it follows edits until the question's effect is complete, and stays from then on. An answer that came only after
    that is `late`.
    """

    request = models.ForeignKey(FeedbackRequest, models.CASCADE, related_name="answers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="answers")
    client_key = models.CharField(max_length=64)
    body = models.JSONField()
    seconds = models.FloatField(default=0.0)
    late = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "user"], name="one_answer_per_person"),
            models.UniqueConstraint(fields=["user", "client_key"], name="one_answer_per_client_key"),
        ]

    def __str__(self) -> str:
        return f"answer of {self.user_id} to {self.request_id}"


class AnswerVersion(models.Model):
    """The history of an edited answer: each version of it, the first included, numbered from 1.

    An answer that was never edited has none. A `late` version came after the question's effect was complete: it does
    not change what was counted there, and is counted by a later step.
    """

    answer = models.ForeignKey(Answer, models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField()
    body = models.JSONField()
    seconds = models.FloatField(default=0.0)
    late = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["answer", "number"], name="one_version_per_number")]

    def __str__(self) -> str:
        return f"version {self.number} of answer {self.answer_id}"


class Showing(models.Model):
    """In which order a person sees the outputs of a question that compares: `order[place]` is the output there."""

    request = models.ForeignKey(FeedbackRequest, models.CASCADE, related_name="showings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    order = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "user"], name="one_showing_per_person")]

    def __str__(self) -> str:
        return f"order of {self.request_id} for {self.user_id}"


class LateReading(models.Model):
    """An answer, or a version of one, that came after its question's effect was complete: it waits to be counted.

    `version` is 0 for an answer as it was first given. A late `item` reads it when the run next carries feedback back;
    `iteration` is the one whose step counts it, null until then.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="late_readings")
    answer = models.ForeignKey(Answer, models.CASCADE, related_name="late_readings")
    version = models.PositiveSmallIntegerField(default=0)
    item = models.ForeignKey(WorkItem, models.SET_NULL, null=True, related_name="late_readings")
    iteration = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["answer", "version"], name="one_late_reading_per_version")
        ]
        indexes = [models.Index(fields=["run"], condition=Q(iteration=None), name="late_readings_waiting")]

    def __str__(self) -> str:
        return f"late version {self.version} of answer {self.answer_id}"

    @property
    def body(self) -> dict[str, Any]:
        """What was said in it."""
        said = self.answer.versions.filter(number=self.version).first() if self.version else None
        body: dict[str, Any] = said.body if said else self.answer.body
        return body


class Draft(models.Model):
    """What a person has typed so far."""

    request = models.ForeignKey(FeedbackRequest, models.CASCADE, related_name="drafts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    body = models.JSONField(default=dict)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "user"], name="one_draft_per_person")]

    def __str__(self) -> str:
        return f"draft of {self.user_id} for {self.request_id}"


class Skip(models.Model):
    """A person passed a question on, with a reason; it is not offered to them again."""

    request = models.ForeignKey(FeedbackRequest, models.CASCADE, related_name="skips")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    reason = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "user"], name="one_skip_per_person")]

    def __str__(self) -> str:
        return f"{self.user_id} skipped {self.request_id}"
