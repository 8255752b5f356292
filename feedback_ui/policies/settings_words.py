"""A policy's run in words: one line for its head, facts for its side."""

from __future__ import annotations

from optimization.models import Run
from optimization.runs.labels import label_of
from optimization.runs.policy.backend import backend_arguments
from optimization.runs.policy.config import BEGINNER, PolicyRunConfig
from optimization.runs.words import counted
from optimization.trainers.policies import POLICY_TRAINERS, GRPOPlan, PPOPlan

REWARDS = {
    "VerifierLoss": "a check in code",
    "LLMGroupLoss": "a model, group by group",
    "LLMRubricLoss": "a model's rubric",
    "LLMRankingLoss": "a model's ranking",
    "LLMPreferenceLoss": "a model's preference",
    "HumanRubricLoss": "people's rubric",
    "HumanRankingLoss": "people's ranking",
    "HumanPreferenceLoss": "people's preference",
    "CompositeLoss": "several judges",
}


def base_in_words(base: str) -> str:
    return "a model made from scratch" if base == BEGINNER else base


def policy_line(run: Run) -> str:
    """ "GRPO · 32 prompts of 8 completions · a check in code" """
    config = PolicyRunConfig.model_validate(run.config)
    plan = POLICY_TRAINERS[config.trainer.name].Plan.model_validate(config.trainer.args)
    rewards = dict.fromkeys(REWARDS.get(each.reward.name, each.reward.name) for each in config.components)
    return " · ".join(
        (
            config.trainer.name.removesuffix("Trainer"),
            f"{plan.prompts_per_step} prompts of {plan.group_size} completions a step",
            ", ".join(rewards),
        )
    )


def _learning(config: PolicyRunConfig, plan: PPOPlan | GRPOPlan) -> list[tuple[str, str]]:
    """How a step is taken: by the trainer's own loss, or by a backend's arguments."""
    said = backend_arguments(config)
    if config.backend is None or said is None:
        return [("Learning rate", f"{plan.learning_rate:g}"), ("KL penalty", f"{plan.beta:g}")]
    loss = "PPO" if said.ppo else "CISPO"
    given = [
        (label_of(name)[0], "yes" if value is True else "no" if value is False else str(value))
        for name, value in config.backend.args.items()
        if name not in ("learning_rate", "ppo")
    ]
    step = f"by {config.backend.name}, {loss}"
    return [("Step", step), ("Learning rate", f"{said.learning_rate:g}"), *given]


def policy_facts(run: Run) -> list[tuple[str, str]]:
    """What the run was launched with, as (what, value) pairs."""
    config = PolicyRunConfig.model_validate(run.config)
    plan = POLICY_TRAINERS[config.trainer.name].Plan.model_validate(config.trainer.args)
    sources = run.sources.select_related("dataset_version__dataset").order_by("index")
    facts = [
        ("Began as", base_in_words(config.base)),
        *((f"Data of {source.name}", str(source.dataset_version)) for source in sources),
        ("Trainer", config.trainer.name.removesuffix("Trainer")),
        *_learning(config, plan),
        ("Temperature", f"{plan.sampling.temperature:g}"),
        ("Longest completion", f"{plan.sampling.max_tokens} tokens"),
        (
            "Sampled ahead",
            f"at most {counted(plan.max_staleness, 'step')}" if plan.max_staleness else "nothing",
        ),
        ("Device", config.compute.device),
        ("Seed", str(config.seed)),
    ]
    if plan.lora is not None:
        facts.insert(4, ("LoRA", f"rank {plan.lora.rank}"))
    return facts
