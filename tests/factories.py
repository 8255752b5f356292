"""Runs as the engine leaves them, in every state that a page can show: a lamp shop's replies to its customers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from optimization.models import (
    Activity,
    Answer,
    Audience,
    Call,
    Candidate,
    Claim,
    Dataset,
    DatasetVersion,
    Effect,
    Example,
    FeedbackRequest,
    Iteration,
    Origin,
    ParameterVersion,
    Program,
    ProgramVersion,
    ProposalReview,
    RequestState,
    Run,
    RunState,
    Score,
    Step,
    WorkItem,
    Workspace,
    WorkState,
)

TICKETS = [
    "My order #48213 was due last Tuesday and the tracking page has not moved for five days. I need the lamp on Saturday.",
    "The left bulb of my desk lamp flickers since yesterday. It is four months old. Do I have to send back the whole lamp?",
    "You charged me twice for order #48377. I see 64.90 two times on my card.",
    "Can I change the delivery address? I move on Thursday.",
    "The shade arrived with a dent. I have thrown the box away already.",
    "Does the reading lamp work with a dimmer on the wall?",
    "I returned the floor lamp three weeks ago and have no refund.",
    "The voucher LIGHT10 says that it is not valid, although it is May.",
]
REPLY = (
    "Hello,\n\nI am sorry that your lamp is late. I have asked for a free express re-send of the order, which arrives on "
    "Friday before noon.\n\nWould that suit you?"
)
DRAFTS = [
    "You answer customers of a lamp shop. Begin with a greeting. Say what happened in one sentence. Offer help. Close with a question.",
    "You answer customers of a lamp shop. Begin with the customer's name. Say what happened in one sentence. Offer help with a date. Close with a question.",
    "You answer customers of a lamp shop. Begin with the customer's name and the order number. Say what happened in one sentence, and what you have already done about it. Offer one concrete step with a date; name the refund when the parcel is more than 4 days late. Close with a question.",
    "You answer customers of a lamp shop. Begin with the customer's name and the order number. Say what happened in one sentence, and what you have already done about it. Offer one concrete step with a date; name the refund and its amount when the parcel is more than 4 days late. Do not apologise twice. Close with a question.",
]
REMARKS = ["Give a date", "Name the refund", "give a date.", "Say the order number"]
LEVELS = [
    {"score": 1, "label": "No", "description": "Ignores the problem or gets it wrong"},
    {"score": 2, "label": "Barely", "description": "Names the problem, offers nothing to do"},
    {"score": 3, "label": "Partly", "description": "A step in the right direction, with a gap"},
    {"score": 4, "label": "Mostly", "description": "Solves it; a detail is missing or unclear"},
    {"score": 5, "label": "Fully", "description": "Solved, with the policy applied correctly"},
]
SPEC: dict[str, Any] = {
    "inputs": ["ticket"],
    "nodes": [
        {
            "id": "draft",
            "alias": "default",
            "prompt": "Ticket: {ticket}",
            "parameter": {
                "value": DRAFTS[0],
                "description": "How a first reply is drafted",
                "constraints": [],
            },
        },
        {
            "id": "refine",
            "alias": "default",
            "prompt": "Ticket: {ticket}\nDraft: {draft}",
            "parameter": {
                "value": "Shorten the draft and keep every fact.",
                "description": "How the draft is refined",
                "constraints": [],
            },
        },
    ],
    "output": "refine",
}
CONFIG: dict[str, Any] = {
    "program": "support-reply",
    "dataset": "support-tickets",
    "trainer": {"name": "MinibatchAlgorithm", "args": {"batch_size": 8}},
    "optimizer": {"name": "SFAOptimizer", "args": {"conservatism": 0.7}},
    "loss": {
        "name": "HumanRubricLoss",
        "args": {"criteria": "Does the reply solve the customer's problem?", "rubric": LEVELS},
    },
    "judge": None,
    "people": {"per_iteration": 8, "rehearsal": True, "wanted": 1},
    "iterations": 5,
    "seed": 0,
    "budget": "2.50",
    "on_error": "continue",
}


def make_program(workspace: Workspace) -> ProgramVersion:
    program, _ = Program.objects.get_or_create(
        workspace=workspace, name="support-reply", defaults={"title": "Support reply"}
    )
    version, _ = program.versions.get_or_create(number=1, defaults={"spec": SPEC, "digest": "p1"})
    return version


def make_dataset(workspace: Workspace) -> DatasetVersion:
    dataset, _ = Dataset.objects.get_or_create(
        workspace=workspace, name="support-tickets", defaults={"title": "Support tickets"}
    )
    version, made = dataset.versions.get_or_create(
        number=1, defaults={"digest": "d1", "sizes": {"train": 8, "validate": 0, "test": 8}}
    )
    if made:
        Example.objects.bulk_create(
            Example(version=version, split=split, position=position, inputs={"ticket": ticket})
            for split in ("train", "test")
            for position, ticket in enumerate(TICKETS)
        )
    return version


def make_run(workspace: Workspace, user: User, **changes: Any) -> Run:
    """A run that has just been launched: running, its first prompts written, nothing done yet."""
    config = {**CONFIG, **changes.pop("config", {})}
    values: dict[str, Any] = {
        "name": "Support replies, gentle steps",
        "reason": "Launched.",
        "state_since": timezone.now() - timedelta(minutes=40),
        "trainer_state": {"candidate": "initial"},
        "budget": "2.50",
        "program_version": make_program(workspace),
        "dataset_version": make_dataset(workspace),
    }
    run = Run.objects.create(workspace=workspace, created_by=user, config=config, **{**values, **changes})
    initial = Candidate.objects.create(run=run, key="initial")
    for name, value in (("draft.system_prompt", DRAFTS[0]), ("refine.system_prompt", "Shorten the draft.")):
        version = ParameterVersion.objects.create(
            run=run, name=name, number=1, value=value, origin=Origin.INITIAL
        )
        initial.versions.add(version)
    Score.objects.create(
        run=run, position=0, split="test", candidate="initial", mean=0.41, stderr=0.05, count=8
    )
    return run


def make_iteration(run: Run, score: float, people: list[User], *, changed: bool = True) -> Iteration:
    """A whole iteration: eight outputs, judged by people in turn, and a step that was taken or not."""
    begun = timezone.now() - timedelta(minutes=30 - 5 * run.iteration)
    number = run.iteration
    iteration = Iteration.objects.create(
        run=run, number=number, started_at=begun, train_score=score - 0.03, state=run.trainer_state
    )
    forward = make_effect(run, "forward", 0, begun, seconds=300)
    for index in range(len(TICKETS)):
        item = make_item(forward, index, WorkState.DONE, result=_outcome(index, 0.25 * (1 + index % 4)))
        answer = make_answer(
            make_request(item), people[index % len(people)], score=1 + index % 4, number=index
        )
        assert answer.request.state == RequestState.ANSWERED
    make_effect(run, "backward", 1, begun + timedelta(seconds=300), seconds=2)
    make_effect(run, "propose", 2, begun + timedelta(seconds=302), seconds=4)
    if changed:
        _step(run, number, DRAFTS[min(number + 1, len(DRAFTS) - 1)])
        make_effect(run, "commit", 3, begun + timedelta(seconds=306), seconds=0)
    make_effect(run, "evaluate", 4, begun + timedelta(seconds=306), seconds=5)
    iteration.changed = ["draft.system_prompt"] if changed else []
    iteration.note = "1 of 2 changed" if changed else "kept, no gain"
    iteration.finished_at = begun + timedelta(seconds=312)
    iteration.save()
    Score.objects.create(
        run=run, position=number + 1, split="test", candidate="c", mean=score, stderr=0.05, count=8
    )
    run.iteration += 1
    run.save()
    return iteration


def make_waiting(run: Run, people: list[User], *, given: int = 5, wanted: int = 8) -> list[FeedbackRequest]:
    """The running iteration's outputs are there; people have judged `given` of them."""
    begun = timezone.now() - timedelta(minutes=4)
    Iteration.objects.create(run=run, number=run.iteration, started_at=begun, state=run.trainer_state)
    forward = make_effect(run, "forward", 0, begun)
    requests = []
    for index in range(wanted):
        judged = index < given
        item = make_item(forward, index, WorkState.DONE if judged else WorkState.WAITING)
        requests.append(make_request(item))
        if judged:
            make_answer(requests[-1], people[index % len(people)], score=3, number=index)
    Run.objects.filter(pk=run.pk).update(activity=Activity.PEOPLE)
    run.refresh_from_db()
    return requests


def make_review(run: Run, judge: User) -> ProposalReview:
    """The first iteration was judged by one person, and its proposal waits for an operator's word."""
    begun = timezone.now()
    Iteration.objects.create(
        run=run, number=0, started_at=begun, state={"candidate": "initial"}, train_score=0.45
    )
    forward = make_effect(run, "forward", 0, begun, seconds=60)
    make_answer(make_request(make_item(forward, 0, WorkState.DONE)), judge, score=2)
    present = Candidate.objects.get(run=run, key="initial")
    draft = present.versions.get(name="draft.system_prompt")
    version = ParameterVersion.objects.create(
        run=run, name=draft.name, number=2, value=DRAFTS[1], origin=Origin.OPTIMIZER, parent=draft
    )
    proposal = Candidate.objects.create(run=run, key="0.2.0")
    proposal.versions.set([version, *present.versions.exclude(pk=draft.pk)])
    item = make_item(make_effect(run, "approve", 3, begun), 0, WorkState.WAITING)
    return ProposalReview.objects.create(run=run, item=item, iteration=0, ordinal=3, proposal=proposal.key)


def make_stopped(run: Run, state: RunState, reason: str) -> Run:
    """The run as `run_move` leaves it."""
    run.state, run.reason, run.activity = state, reason, Activity.NONE
    run.state_since = timezone.now()
    run.save()
    return run


def make_effect(run: Run, kind: str, ordinal: int, begun: Any, *, seconds: float | None = None) -> Effect:
    """Under way, unless it is said how many seconds it took."""
    effect = Effect.objects.create(
        run=run,
        iteration=run.iteration,
        ordinal=ordinal,
        kind=kind,
        digest="x",
        done_at=None if seconds is None else begun + timedelta(seconds=seconds),
    )
    Effect.objects.filter(pk=effect.pk).update(created_at=begun)
    effect.refresh_from_db()
    return effect


def make_item(effect: Effect, index: int, state: WorkState, result: Any = None, **changes: Any) -> WorkItem:
    """With the call to a model that it made."""
    item = WorkItem.objects.create(
        run_id=effect.run_id,
        effect=effect,
        index=index,
        queue="llm",
        kind=effect.kind,
        payload={"split": "train", "example": index, "candidate": "initial", "sample": 0},
        state=state,
        due_at=timezone.now(),
        result=_outcome(index, 0.5) if state == WorkState.DONE and result is None else result,
        **changes,
    )
    Call.objects.create(
        run_id=effect.run_id,
        key=f"{effect.iteration}/{effect.ordinal}/{effect.kind}//train.{index}/draft/0/0",
        iteration=effect.iteration,
        item=item,
        alias="default",
        digest="x",
        request={},
        text=REPLY,
        model="rehearsal",
        prompt_tokens=300,
        completion_tokens=140,
        cost=0.0011,
        latency=0.8,
    )
    return item


def make_request(item: WorkItem, audience: Audience = Audience.PEOPLE) -> FeedbackRequest:
    """The rubric's question about the item's output; asked three seconds after its effect began."""
    request = FeedbackRequest.objects.create(
        workspace=item.run.workspace,
        run=item.run,
        item=item,
        key=f"{item.effect.iteration}/{item.pk}",
        iteration=item.effect.iteration,
        kind="rubric",
        question={
            "kind": "rubric",
            "criteria": "Does the reply solve the customer's problem?",
            "output": REPLY,
            "levels": LEVELS,
        },
        audience=audience,
    )
    FeedbackRequest.objects.filter(pk=request.pk).update(
        created_at=item.effect.created_at + timedelta(seconds=3.1)
    )
    request.refresh_from_db()
    return request


def make_answer(request: FeedbackRequest, user: User, *, score: int, number: int = 0) -> Answer:
    body = {
        "kind": "rubric",
        "score": score,
        "improvements": [REMARKS[number % len(REMARKS)]],
        "justification": "",
    }
    request.state, request.answered_at = RequestState.ANSWERED, timezone.now()
    request.save()
    return Answer.objects.create(
        request=request, user=user, client_key=f"{request.pk}-{user.pk}", body=body, seconds=45.0
    )


def make_claim(request: FeedbackRequest, user: User) -> Claim:
    expires = timezone.now() + timedelta(minutes=5)
    return Claim.objects.create(request=request, user=user, fence=1, expires_at=expires)


def _outcome(index: int, score: float) -> dict[str, Any]:
    feedback = [[REMARKS[index % len(REMARKS)]]]
    return {"example": index, "sample": 0, "output": REPLY, "score": score, "feedback": feedback}


def _step(run: Run, number: int, text: str) -> None:
    """The draft's prompt becomes `text`; the other parameter stays."""
    previous = Candidate.objects.get(run=run, key=run.trainer_state["candidate"])
    draft = previous.versions.get(name="draft.system_prompt")
    version = ParameterVersion.objects.create(
        run=run,
        name=draft.name,
        number=draft.number + 1,
        value=text,
        origin=Origin.OPTIMIZER,
        parent=draft,
        iteration=number,
    )
    candidate = Candidate.objects.create(run=run, key=f"{number}.2.0", iteration=number)
    candidate.versions.set([version, *previous.versions.exclude(pk=draft.pk)])
    Step.objects.create(run=run, iteration=number, candidate=candidate, previous=previous)
    run.trainer_state = {"candidate": candidate.key}
