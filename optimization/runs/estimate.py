"""What a run will take, told before it is launched: calls, dollars, minutes of people.

An iteration runs the program on a batch, has it judged, rewrites every prompt, and scores the held-out split; the
split is scored once more at the start. Tokens are those of the workspace's last calls, where it has made any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Avg

from optimization.catalog.endpoints import endpoints_for
from optimization.core import LLMInference, Module
from optimization.losses import LOSSES
from optimization.models import Answer, Audience, Call, Workspace
from optimization.runs.assembly import judge_of, trainer_prepared
from optimization.runs.config import Choice, RunConfig
from optimization.runs.status import SECONDS_AN_ANSWER
from optimization.trainers import Trainer
from optimization.trainers.effects import Split

LAST = 500
TOKENS_IN, TOKENS_OUT = 600.0, 250.0
"""What a call takes while a workspace has made none from which to tell."""
CALLS_A_PARAMETER = 2  # the optimizer sums up its feedback, then writes it anew


@dataclass(frozen=True)
class Estimate:
    """`human_seconds` is what people give in all; `is_measured` says whether tokens and pace come from experience."""

    calls: int
    dollars: float
    human_seconds: float
    questions: int
    is_measured: bool

    @property
    def human_minutes(self) -> int:
        return round(self.human_seconds / 60)


def launch_estimate(
    workspace: Workspace, config: RunConfig, program: Module, sizes: Mapping[Split, int]
) -> Estimate:
    """Raises PlanError for arguments that the trainer does not take."""
    counts = _Counts(config, program, sizes)
    tokens_in, tokens_out, measured = _tokens(workspace)
    price_in, price_out = _prices(workspace)
    dollars = counts.calls * (tokens_in * price_in + tokens_out * price_out) / 1_000_000
    return Estimate(
        calls=counts.calls,
        dollars=dollars,
        human_seconds=counts.questions * _pace(workspace),
        questions=counts.questions,
        is_measured=measured,
    )


@dataclass(frozen=True)
class _Round:
    """Outputs that are made and judged together, so many times in a run; `together`: samples are compared."""

    times: int
    examples: int
    samples: int
    judge: Choice
    together: bool = False


class _Counts:
    """Calls and questions of a whole run."""

    def __init__(self, config: RunConfig, program: Module, sizes: Mapping[Split, int]) -> None:
        trainer, _ = trainer_prepared(config, sizes)
        nodes = sum(isinstance(module, LLMInference) for module in program.modules())
        learned = sum(parameter.requires_grad for parameter in program.parameters())
        proposals = getattr(trainer.plan, "num_proposals", 1)
        self.calls = config.iterations * learned * CALLS_A_PARAMETER * proposals
        self.questions = 0
        for one in _rounds(config, trainer, proposals):
            judged_by_models, _ = _judging(one.judge, one.examples, one.samples, one.together)
            self.calls += one.times * (one.examples * one.samples * nodes + judged_by_models)
            most = config.people.per_iteration
            to_people = one.examples if most is None else min(most, one.examples)
            _, asked = _judging(one.judge, to_people, one.samples, one.together)
            self.questions += one.times * asked * config.people.wanted


def _rounds(config: RunConfig, trainer: Trainer, proposals: int) -> Iterator[_Round]:
    plan, sizes, judge = trainer.plan, trainer.sizes, judge_of(config)
    batch = min(plan.batch_size, sizes["train"])
    yield _Round(config.iterations, batch, plan.num_samples, config.loss, plan.num_samples > 1)
    if "train" in trainer.decides_by:
        yield _Round(config.iterations, batch, plan.num_samples, config.loss)
    if "validate" in trainer.decides_by:
        candidates = proposals + 1 if proposals > 1 else 1
        validated = sizes.get("validate") or sizes["train"]
        yield _Round(config.iterations * candidates, validated, plan.num_eval_samples, judge)
    if trainer.tests_after(0):
        tests = 1 + config.iterations // plan.eval_frequency
        yield _Round(tests, sizes["test"], plan.num_eval_samples, judge)


def _judging(judge: Choice, examples: int, samples: int, together: bool) -> tuple[int, int]:
    """Calls to models and questions to people that it takes to judge the samples of so many examples."""
    if judge.members:
        each = [_judging(member, examples, samples, together) for member in judge.members]
        summed_up = examples * samples if judge.args.get("aggregator") else 0
        return sum(calls for calls, _ in each) + summed_up, sum(asked for _, asked in each)
    verdicts = examples if together and LOSSES[judge.name].compares else examples * samples
    if judge.asks_people:
        return 0, verdicts
    return (0 if judge.name == "VerifierLoss" else verdicts), 0


def _tokens(workspace: Workspace) -> tuple[float, float, bool]:
    last = Call.objects.filter(run__workspace=workspace).order_by("-pk").values_list("pk", flat=True)[:LAST]
    mean = Call.objects.filter(pk__in=list(last)).aggregate(
        prompt=Avg("prompt_tokens"), completion=Avg("completion_tokens")
    )
    if mean["prompt"] is None:
        return TOKENS_IN, TOKENS_OUT, False
    return mean["prompt"], mean["completion"], True


def _prices(workspace: Workspace) -> tuple[float, float]:
    """Of the endpoint `default`, which most calls go to; nothing where there is none yet."""
    endpoint = endpoints_for(workspace).get("default")
    if endpoint is None:
        return 0.0, 0.0
    return float(endpoint.input_cost_per_1m), float(endpoint.output_cost_per_1m)


def _pace(workspace: Workspace) -> float:
    """Seconds that an answer of a person takes here."""
    last = Answer.objects.filter(
        request__workspace=workspace, request__audience=Audience.PEOPLE, seconds__gt=0
    ).order_by("-pk")
    seconds = list(last.values_list("seconds", flat=True)[:LAST])
    return sum(seconds) / len(seconds) if seconds else SECONDS_AN_ANSWER
