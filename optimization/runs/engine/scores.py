"""Scores as the curve shows them, written when an effect's result is."""

from __future__ import annotations

from optimization.models import Iteration, Run, Score
from optimization.trainers.effects import Effect, Evaluate, Evaluation, Forward


def score_record(run: Run, effect: Effect, result: object) -> None:
    """Keep a Forward's mean as the iteration's training score and a test Evaluate as a point of the curve.

    A test evaluation before the iteration's first Forward belongs to the state that the iteration began with.
    """
    if isinstance(effect, Forward) and isinstance(result, tuple):
        scores = [outcome.score for outcome in result if outcome.score is not None]
        if scores:
            Iteration.objects.filter(run=run, number=run.iteration).update(
                train_score=sum(scores) / len(scores)
            )
    elif isinstance(effect, Evaluate) and isinstance(result, Evaluation) and effect.guide == "test":
        judged = run.effects.filter(iteration=run.iteration, kind="forward").exists()
        Score.objects.update_or_create(
            run=run,
            position=run.iteration + (1 if judged else 0),
            split=effect.split,
            defaults={
                "candidate": effect.candidate,
                "mean": result.mean,
                "stderr": result.stderr,
                "count": sum(outcome.score is not None for outcome in result.outcomes),
            },
        )
