"""The judge: counts which concepts a text shows, of those that the case, its target and the criteria expect."""

from __future__ import annotations

from dataclasses import dataclass

from optimization.rehearsal.asking import named_in
from optimization.rehearsal.brief import Brief, word_limit
from optimization.rehearsal.catalogue import CONCEPTS
from optimization.rehearsal.concepts import Concept

REMARKS = 3
_ENOUGH_TO_REPLACE_BASICS = 3
_ALWAYS = frozenset({"filler", "blame", "jargon"})


@dataclass(frozen=True)
class Verdict:
    """`share` of the expected concepts that are shown, 0..1; `missing` has the most important first."""

    shown: tuple[Concept, ...]
    missing: tuple[Concept, ...]

    @property
    def share(self) -> float:
        expected = len(self.shown) + len(self.missing)
        return len(self.shown) / expected if expected else 1.0

    def level(self, scores: list[float], leniency: float = 0.25) -> float:
        """The rubric's score for this share: the top level only for all of it, `leniency` of a level given away."""
        ordered = sorted(scores)
        steps = len(ordered) - 1
        reached = int(self.share * steps + leniency)
        return ordered[steps if not self.missing else min(reached, steps - 1)]

    def improvements(self, limit: int = REMARKS, wording: int = 0) -> list[str]:
        """A sentence for each of the most important concepts that are missing."""
        return [concept.remarks[wording % len(concept.remarks)] for concept in self.missing[:limit]]

    def strengths(self) -> str:
        return _listed("it shows", self.shown) or "it answers at all"

    def weaknesses(self) -> str:
        return _listed("it lacks", self.missing) or "nothing that I would change"

    def justification(self) -> str:
        sentence = f"{self.strengths()}; {self.weaknesses()}."
        return f"{sentence[:1].upper()}{sentence[1:]}"


def _listed(lead: str, concepts: tuple[Concept, ...]) -> str:
    return f"{lead} {', '.join(one.label for one in concepts)}" if concepts else ""


def expected(brief: Brief, target: str, criteria: str) -> list[Concept]:
    """What the target and the criteria name; a target that names little leaves the basic concepts in force."""
    fitting = [concept for concept in CONCEPTS if concept.fits(brief)]
    aimed = set(named_in(target)).intersection(fitting)
    enough = len(aimed) >= _ENOUGH_TO_REPLACE_BASICS
    always = {one for one in fitting if (one.name in _ALWAYS if enough else one.basic)}
    wanted = aimed | always | set(named_in(criteria))
    return [concept for concept in fitting if concept in wanted]


def judge(output: str, brief: Brief, target: str = "", criteria: str = "") -> Verdict:
    brief = brief.with_limit(word_limit(target) or word_limit(criteria))
    shown: list[Concept] = []
    missing: list[Concept] = []
    for concept in expected(brief, target, criteria):
        (shown if concept.shown(output, brief) else missing).append(concept)
    missing.sort(key=lambda concept: -concept.importance)
    return Verdict(tuple(shown), tuple(missing))
