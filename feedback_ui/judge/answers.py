"""My answers: what I said, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from feedback_ui.judge.verdict_words import Verdict, verdict_of
from optimization.accounts.middleware import WorkspaceRequest
from optimization.accounts.pages import requires
from optimization.accounts.permissions import Action
from optimization.feedback.quality.words import subject_of
from optimization.feedback.selectors import answers_of
from optimization.feedback.skips import skips_of
from optimization.models import Answer, RequestState, Skip

PAGE = 50
PASSED_ON = 20


@dataclass(frozen=True)
class Fate:
    """What became of an answer: a sentence and the kind of its dot."""

    dot: str
    words: str


@dataclass(frozen=True)
class GivenAnswer:
    """One line of the list: the newest version of an answer."""

    answer: Answer

    @property
    def verdict(self) -> Verdict:
        versions = list(self.answer.versions.all())
        body = versions[-1].body if versions else self.answer.body
        own = [one.order for one in self.answer.request.showings.all() if one.user_id == self.answer.user_id]
        return verdict_of(self.answer.request.question, body, own[0] if own else [])

    @property
    def subject(self) -> str:
        return subject_of(self.answer.request.question)

    @property
    def changed(self) -> bool:
        return bool(self.answer.versions.all())

    @property
    def iteration(self) -> int:
        """Counted from 1, as people do."""
        return self.answer.request.iteration + 1

    @property
    def fate(self) -> Fate:
        request = self.answer.request
        used = sorted({one.step.iteration + 1 for one in self.answer.applications.all()})
        if used:
            steps = " and ".join(map(str, used))
            changed = ", there as you changed it" if len(used) > 1 else ""
            late = ", as it came late" if self.answer.late else ""
            return Fate("done", f"Used in the step of iteration {steps}{changed}{late}")
        if self.answer.late:
            return Fate("waits", "Came after its time: kept, and counted by the next step")
        if request.state == RequestState.WITHDRAWN:
            return Fate("stopped", "Kept, not used: the run was cancelled")
        if request.state == RequestState.OPEN:
            return Fate("waits", "Waits for others to answer the same question")
        if request.run.iteration > request.iteration:
            return Fate("stopped", f"Read in iteration {self.iteration}; no change rests on it")
        return Fate("acts", f"Waits for the step of iteration {self.iteration}")


@dataclass(frozen=True)
class PassedOn:
    """A question that was passed on and can still be taken back."""

    skip: Skip

    @property
    def subject(self) -> str:
        return subject_of(self.skip.request.question)


@requires(Action.FEEDBACK_ANSWER)
@require_safe
def my_answers(request: WorkspaceRequest) -> HttpResponse:
    """The newest PAGE answers, or those before `?before=`; on the first page what could still be judged after all."""
    answers = answers_of(workspace=request.workspace, user=request.membership.user)
    before = request.GET.get("before", "")
    if before.isdecimal():
        answers = answers.filter(pk__lt=int(before))
    found = list(answers[: PAGE + 1])
    shown, more = found[:PAGE], len(found) > PAGE
    page = {
        "previous_query": "",
        "next_query": f"before={shown[-1].pk}" if more else "",
    }
    passed_on = skips_of(workspace=request.workspace, user=request.membership.user)
    context = {
        "answers": [GivenAnswer(answer) for answer in shown],
        "passed_on": [] if before else [PassedOn(skip) for skip in passed_on[:PASSED_ON]],
        "page": page,
    }
    return render(request, "judge/answers.html", context)
