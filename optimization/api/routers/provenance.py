"""Where a prompt's words come from, and what became of an answer."""

from __future__ import annotations

from ninja import Schema

from optimization.accounts.permissions import Action
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import missing
from optimization.api.routers.runs import run_found
from optimization.api.subjects import Subject
from optimization.models import Answer, Origin
from optimization.runs.provenance import Brought, SentenceStory, Use, became_of, version_found, version_story

router = Subject("provenance")


class CauseOut(Schema):
    """A remark behind a step. `answer` is null where a model judged; `calls` are the ids of those that made the output."""

    text: str
    judge: str
    is_rehearsal: bool
    answer: int | None
    example: int
    sample: int
    score: float | None
    calls: list[int]


class CallOut(Schema):
    """A call to a model: `purpose` is the program's node, or what the optimizer did with it."""

    id: int
    purpose: str
    alias: str
    model: str
    tokens: int
    cost: float


class BroughtOut(Schema):
    """A version and all that is behind it; `answers` are the ids of those that its step used, remarks or not."""

    version: int
    number: int
    origin: Origin
    run: int
    iteration: int
    accepted: bool
    answers: list[int]
    causes: list[CauseOut]
    calls: list[CallOut]
    people: list[str]
    examples: list[int]
    score_before: float | None
    score_after: float | None


class SentenceOut(Schema):
    """`brought_by` is the id of the version that brought the sentence, `was` the one that it reworded, and `closest` the
    remarks that share most words with it."""

    text: str
    was: str
    brought_by: int
    closest: list[str]


class ProvenanceOut(Schema):
    name: str
    number: int
    value: str
    sentences: list[SentenceOut]
    brought: list[BroughtOut]


class WordsOut(Schema):
    """What a step did to a parameter; `standing` are the new sentences that still stand."""

    name: str
    before: str
    after: str
    sentences: list[str]
    standing: list[str]


class UseOut(Schema):
    run: int
    iteration: int
    revision: int
    words: str
    changes: list[WordsOut]
    score_before: float | None
    score_after: float | None


class BecameOut(Schema):
    """`words` tells the whole in a sentence; `uses` is empty while no step has used the answer."""

    answer: int
    words: str
    uses: list[UseOut]


@router.route(
    "GET",
    "/runs/{run_id}/parameters/{version_id}/provenance",
    Action.OUTPUTS_READ,
    {200: ProvenanceOut},
    problems=(404,),
)
def run_parameter_provenance(request: ApiRequest, run_id: Id, version_id: Id) -> ProvenanceOut:
    """For each sentence of a version: the version that brought it, and the remarks, people, examples and calls behind."""
    run = run_found(request, run_id)
    version = version_found(run, version_id)
    if version is None:
        raise missing("parameter version", version_id)
    story = version_story(run, version)
    return ProvenanceOut(
        name=version.name,
        number=version.number,
        value=version.value,
        sentences=[_sentence(sentence) for sentence in story.sentences],
        brought=[_brought(brought) for brought in story.brought],
    )


@router.route(
    "GET", "/feedback/answers/{answer_id}/became", Action.FEEDBACK_ANSWER, {200: BecameOut}, problems=(404,)
)
def feedback_answer_became(request: ApiRequest, answer_id: Id) -> BecameOut:
    """What became of an answer: which steps used it, which words they changed, the scores on both sides.

    Annotators ask about their own answers, operators about anyone's.
    """
    answers = Answer.objects.filter(request__workspace=request.auth.workspace).select_related("request__run")
    if not request.auth.may(Action.OUTPUTS_READ):
        answers = answers.filter(user=request.auth.user)
    answer = answers.filter(pk=answer_id).first()
    if answer is None:
        raise missing("answer", answer_id)
    became = became_of(answer)
    return BecameOut(answer=answer.pk, words=became.words, uses=[_use(use) for use in became.uses])


def _sentence(sentence: SentenceStory) -> SentenceOut:
    return SentenceOut(
        text=sentence.text,
        was=sentence.was,
        brought_by=sentence.brought.version.pk,
        closest=[cause.text for cause in sentence.closest],
    )


def _brought(brought: Brought) -> BroughtOut:
    return BroughtOut(
        version=brought.version.pk,
        number=brought.version.number,
        origin=Origin(brought.version.origin),
        run=brought.run.pk,
        iteration=brought.version.iteration,
        accepted=brought.is_initial or brought.step is not None,
        answers=list(brought.answers),
        causes=[
            CauseOut(
                text=cause.text,
                judge=cause.judge,
                is_rehearsal=cause.is_rehearsal,
                answer=cause.answer,
                example=cause.example,
                sample=cause.sample,
                score=cause.score,
                calls=list(cause.calls),
            )
            for cause in brought.causes
        ],
        calls=[
            CallOut(
                id=call.id,
                purpose=call.purpose,
                alias=call.alias,
                model=call.model,
                tokens=call.tokens,
                cost=call.cost,
            )
            for call in brought.calls
        ],
        people=list(brought.people),
        examples=list(brought.examples),
        score_before=brought.before,
        score_after=brought.after,
    )


def _use(use: Use) -> UseOut:
    return UseOut(
        run=use.run.pk,
        iteration=use.step.iteration,
        revision=use.step.revision,
        words=use.words,
        changes=[
            WordsOut(
                name=words.change.name,
                before=words.change.before,
                after=words.change.after,
                sentences=list(words.sentences),
                standing=list(words.standing),
            )
            for words in use.changes
        ],
        score_before=use.before,
        score_after=use.after,
    )
