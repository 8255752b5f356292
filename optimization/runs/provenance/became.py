"""What became of an answer: which steps used it, which words they changed, and the scores on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from optimization.models import Answer, Application, Iteration, RequestState, Run, RunState, Step
from optimization.runs.changes import ParameterChange, current_parameters, scores_around, step_changes
from optimization.runs.provenance.sentences import sentences_of
from optimization.runs.words import counted


@dataclass(frozen=True)
class WordChange:
    """What a step did to one parameter. `sentences` are those that it brought, `standing` those of them that still
    stand in the prompts as they are now."""

    change: ParameterChange
    sentences: tuple[str, ...]
    standing: tuple[str, ...]


@dataclass(frozen=True)
class Use:
    """A step that used the answer. `run` is the run that took it, a fork that shares the answer among them."""

    step: Step
    run: Run
    changes: tuple[WordChange, ...]
    before: float | None
    after: float | None

    @property
    def iteration_name(self) -> int:
        return self.step.iteration + 1

    @property
    def gain(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def words(self) -> str:
        """ "Used in iteration 2: 3 new sentences in draft, and the score went from 0.41 to 0.58." """
        names = ", ".join(change.change.node for change in self.changes)
        new = sum(len(change.sentences) for change in self.changes)
        what = f"{counted(new, 'new sentence')} in {names}" if new else "no prompt changed"
        score = ""
        if self.before is not None and self.after is not None:
            score = f", and the score {_moved(f'{self.before:.2f}', f'{self.after:.2f}')}"
        return f"Used in iteration {self.iteration_name}: {what}{score}."


def _moved(before: str, after: str) -> str:
    return f"stayed at {after}" if before == after else f"went from {before} to {after}"


@dataclass(frozen=True)
class Became:
    """`words` is the whole of it in a sentence; `uses` are empty where nothing has used the answer (yet)."""

    answer: Answer
    words: str
    uses: tuple[Use, ...]


def became_of(answer: Answer) -> Became:
    """What became of an answer, for whoever gave it and for whoever asks.

    A few queries an answer: meant for one answer at a time, not for a list.
    """
    applied = Application.objects.filter(answer=answer).select_related(
        "step__run", "step__candidate", "step__previous"
    )
    uses = tuple(_use(one.step) for one in applied.order_by("step"))
    words = " ".join(use.words for use in uses) or _not_used(answer)
    return Became(answer=answer, words=words, uses=uses)


def _use(step: Step) -> Use:
    before, after = scores_around(step.run, step.iteration)
    now = {version.name: set(sentences_of(version.value)) for version in current_parameters(step.run)}
    return Use(
        step=step,
        run=step.run,
        changes=tuple(_words(change, now.get(change.name, set())) for change in step_changes(step)),
        before=before,
        after=after,
    )


def _words(change: ParameterChange, now: set[str]) -> WordChange:
    known = set(sentences_of(change.before))
    new = tuple(sentence for sentence in sentences_of(change.after) if sentence not in known)
    return WordChange(change, new, tuple(sentence for sentence in new if sentence in now))


def _not_used(answer: Answer) -> str:
    """Why no step has used it, in words."""
    request = answer.request
    run, name = request.run, request.iteration + 1
    if request.state == RequestState.WITHDRAWN or run.state == RunState.CANCELLED:
        return "The run was cancelled: the answer is kept, and was not used."
    iteration = Iteration.objects.filter(run=run, number=request.iteration).first()
    if iteration is not None and iteration.finished_at is None:
        return f"Not used yet: iteration {name} still waits for other answers or for its step."
    stepped = run.steps.filter(iteration=request.iteration).exists()
    if stepped and answer.late:
        return f"Not used yet: it came after the step of iteration {name} was taken."
    if stepped:
        return f"Read in iteration {name}. No change that its step made rests on it."
    return (
        f"Read in iteration {name}, which kept the prompts as they were: what was proposed was not better, or nothing was "
        "to be changed."
    )
