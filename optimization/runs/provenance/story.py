"""The story of a parameter version: for each of its sentences, the version that brought it and what was behind that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Q

from optimization.models import Application, Origin, ParameterVersion, Run, Step
from optimization.runs.changes import scores_around
from optimization.runs.provenance.causes import CallFact, Cause, causes_of, optimizer_calls, output_calls
from optimization.runs.provenance.sentences import closeness, traced

CLOSEST = 3


@dataclass(frozen=True)
class Brought:
    """A version and all that is behind it. `step` is the one that accepted it, null while none has.

    `answers` are those that the step used, remarks or not, and without a step those behind the remarks; `before` and `after` the scores around it.
    """

    version: ParameterVersion
    run: Run
    step: Step | None
    causes: tuple[Cause, ...]
    calls: tuple[CallFact, ...]
    answers: tuple[int, ...]
    before: float | None
    after: float | None

    @property
    def iteration_name(self) -> int:
        return self.version.iteration + 1

    @property
    def is_initial(self) -> bool:
        return self.version.origin == Origin.INITIAL

    @cached_property
    def people(self) -> tuple[str, ...]:
        """Who made the remarks, each once, in the order in which they were made; models among them."""
        return tuple(dict.fromkeys(cause.judge for cause in self.causes))

    @cached_property
    def examples(self) -> tuple[int, ...]:
        return tuple(sorted({cause.example for cause in self.causes}))

    @property
    def cost(self) -> float:
        return sum(call.cost for call in self.calls)

    def closest_to(self, sentence: str) -> list[Cause]:
        """The remarks that share most words with a sentence, one of each wording; none where none shares any."""
        once = {cause.text.rstrip(".!").casefold(): cause for cause in reversed(self.causes)}.values()
        near = [(closeness(sentence, cause.text), cause) for cause in reversed(list(once))]
        ranked = sorted((pair for pair in near if pair[0]), key=lambda pair: -pair[0])
        return [cause for _, cause in ranked[:CLOSEST]]


@dataclass(frozen=True)
class SentenceStory:
    """A sentence, what brought it in this wording, and the remarks closest to it. `was` is what it reworded."""

    text: str
    was: str
    brought: Brought
    closest: tuple[Cause, ...]


@dataclass(frozen=True)
class VersionStory:
    """`brought` are the versions whose sentences still stand in this one, the newest first."""

    version: ParameterVersion
    run: Run
    sentences: tuple[SentenceStory, ...]
    brought: tuple[Brought, ...]


def version_found(run: Run, version_id: int) -> ParameterVersion | None:
    """A version that the run wrote, or that it shares with the run it was forked from."""
    known = Q(run=run) | Q(candidates__run=run)
    return ParameterVersion.objects.filter(known, pk=version_id).select_related("run").distinct().first()


def versions_known(run: Run, name: str) -> list[ParameterVersion]:
    """Every version of a parameter that the run wrote or shares, the oldest first."""
    known = Q(run=run) | Q(candidates__run=run)
    return list(ParameterVersion.objects.filter(known, name=name).distinct().order_by("number", "pk"))


def version_story(run: Run, version: ParameterVersion) -> VersionStory:
    """What is behind each sentence of the version, told in this run and in those that it was forked from."""
    line = _line_of(version)
    sentences = traced([ancestor.value for ancestor in line])
    brought = {place: _brought(line[place]) for place in {sentence.place for sentence in sentences}}
    return VersionStory(
        version=version,
        run=run,
        sentences=tuple(
            SentenceStory(
                text=sentence.text,
                was=sentence.was,
                brought=brought[sentence.place],
                closest=tuple(brought[sentence.place].closest_to(sentence.text)),
            )
            for sentence in sentences
        ),
        brought=tuple(brought[place] for place in sorted(brought, reverse=True)),
    )


def _line_of(version: ParameterVersion) -> Sequence[ParameterVersion]:
    """The version and its forebears, the oldest first."""
    same = ParameterVersion.objects.filter(name=version.name).select_related("run")
    by_id: dict[int, ParameterVersion] = {version.pk: version}
    line, runs = [version], set[int]()
    while (parent := line[-1].parent_id) is not None:
        if parent not in by_id:
            home = same.get(pk=parent)
            assert home.run_id not in runs
            runs.add(home.run_id)
            by_id |= {one.pk: one for one in same.filter(run=home.run_id)}
        line.append(by_id[parent])
    return line[::-1]


def _brought(version: ParameterVersion) -> Brought:
    run = version.run
    step = (
        Step.objects.filter(run=run, candidate__versions=version)
        .exclude(previous__versions=version)
        .order_by("pk")
        .first()
    )
    before, after = scores_around(run, step.iteration) if step else (None, None)
    written = version.origin != Origin.INITIAL
    causes = causes_of(version, run) if written else []
    calls = [*optimizer_calls(version, run), *output_calls(causes)] if written else []
    applied = Application.objects.filter(step=step).order_by("answer").values_list("answer", flat=True)
    told = sorted({cause.answer for cause in causes if cause.answer is not None})
    return Brought(
        version=version,
        run=run,
        step=step,
        causes=tuple(causes),
        calls=tuple(calls),
        answers=tuple(applied if step else told),
        before=before,
        after=after,
    )
