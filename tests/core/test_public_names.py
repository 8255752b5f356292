"""The names and signatures on which anyone may rely."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from optimization import core, llm, losses, optimizers, trainers
from optimization.core import (
    BackwardContext,
    BackwardResult,
    LLMInference,
    Module,
    Parameter,
    TrainingStep,
    Value,
)
from optimization.llm import EndpointConfig, RateLimiter
from optimization.losses import LossModule
from tests.core.scripted import Model, echo

PUBLIC = {
    "core": "Value ValueKind valueify unwrap normalize_feedback_payload combine_feedback collect_tape_ids Parameter "
    "Module LLMInference Sequential ModuleList ModuleDict ForwardRecord BackwardContext BackwardResult TrainingStep "
    "run no_grad OptimizationError",
    "losses": "VerifierLoss LLMFeedbackLoss HumanFeedbackLoss LLMRubricLoss HumanRubricLoss LLMPreferenceLoss "
    "HumanPreferenceLoss LLMRankingLoss HumanRankingLoss CompositeLoss RubricLevel LossModule FeedbackDesk ConsoleDesk "
    "ScriptedDesk FeedbackAnswer RubricAnswer PreferenceAnswer RankingAnswer",
    "optimizers": "Optimizer SFAOptimizer TGDOptimizer",
    "trainers": "Trainer Minibatch MinibatchAlgorithm BasicSearchAlgorithm Guide standard_optimization_step",
    "llm": "EndpointConfig ResourceConfig RateLimiter Usage",
}


@pytest.mark.parametrize("package", PUBLIC)
def test_the_public_names_are_there(package: str) -> None:
    module = import_module(f"optimization.{package}")
    assert set(PUBLIC[package].split()) <= set(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


def shape(function: Callable[..., Any]) -> str:
    """The parameters with their defaults, without their types."""
    found = inspect.signature(function)
    plain = [
        one.replace(annotation=inspect.Parameter.empty)
        for one in found.parameters.values()
        if one.name != "self"
    ]
    return str(inspect.Signature(plain))


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        (LLMInference, "(alias, system_prompt=None, *, temperature=None, max_tokens=None, response_format=None)"),
        (Module.bind, "(resources, max_concurrent=None)"),
        (Parameter, "(value, description=None, requires_grad=True, constraints=(), *"),
        (TrainingStep, "(module, loss)"),
        (Value.backward, "(grad=None, retain_graph=False)"),
        (core.run, "(module, /, *inputs, record=False"),
        (losses.VerifierLoss, "(verifier, success_feedback="),
        (losses.LLMFeedbackLoss, "(alias='judge', criteria=None)"),
        (losses.HumanFeedbackLoss, "(prompt_template=None, show_context=True, desk=None)"),
        (losses.LLMRubricLoss, "(criteria, rubric, alias='judge'"),
        (losses.HumanRubricLoss, "(criteria, rubric, require_feedback=True, desk=None"),
        (losses.LLMPreferenceLoss, "(criteria, alias='judge')"),
        (losses.HumanPreferenceLoss, "(criteria, require_reason=True, desk=None)"),
        (losses.LLMRankingLoss, "(criteria, n=None, alias='judge')"),
        (losses.HumanRankingLoss, "(criteria, n=None, allow_ties=False, desk=None)"),
        (losses.CompositeLoss, "(losses, aggregator=None)"),
        (losses.RubricLevel, "(score, label, description='')"),
        (LossModule.forward, "(output, target=None, *, context=None)"),
        (losses.LLMPreferenceLoss.compare, "(a, b"),
        (losses.LLMRankingLoss.rank, "(outputs"),
        (optimizers.Optimizer, "(params, defaults=None)"),
        (optimizers.Optimizer.propose, "(n=1)"),
        (optimizers.Optimizer.apply, "(proposal)"),
        (optimizers.Optimizer.step, "(closure=None)"),
        (optimizers.Optimizer.state_dict, "()"),
        (optimizers.Optimizer.load_state_dict, "(state, model_clients=None)"),
        (optimizers.SFAOptimizer, "(params, conservatism=0.7, max_retries=3, reasoning_model=None"),
        (
            optimizers.TGDOptimizer,
            "(params, model_client=None, messages=None, inputs=None, constraints=(), momentum=0, **completion_args)",
        ),
        (trainers.Trainer, "(agent=None, optimizer=None, num_threads=None, logger=None)"),
        (
            EndpointConfig,
            "(model, base_url=None, api_key=None, max_concurrent=None, rate_limit=None, tokens_per_minute=None, "
            "max_retries=3, retry_delay=1.0, timeout=60.0, input_cost_per_1m=0.0, output_cost_per_1m=0.0",
        ),
        (RateLimiter, "(rpm="),
    ],
)  # fmt: skip
def test_the_signatures_are_those_of_the_specification(function: Callable[..., Any], signature: str) -> None:
    assert shape(function).startswith(signature.removesuffix(")"))
    if signature.endswith(")"):
        assert shape(function) == signature


def test_what_backward_hands_a_module_and_what_it_gives_back() -> None:
    assert set(inspect.signature(BackwardContext).parameters) >= {
        "node_id",
        "inputs",
        "output",
        "graph",
        "all_results",
        "downstream_feedback",
    }
    assert list(inspect.signature(BackwardResult).parameters) == ["input_feedback", "parameter_feedback"]


@pytest.mark.parametrize(
    "waits",
    [
        core.run,
        core.LLMInference.forward,
        Value.backward,
        Module.backward,
        BackwardContext.reason,
        LossModule.forward,
        losses.LLMPreferenceLoss.compare,
        losses.HumanRankingLoss.rank,
        losses.ConsoleDesk.ask,
        losses.ScriptedDesk.ask,
        optimizers.Optimizer.propose,
        optimizers.Optimizer.step,
    ],
)
def test_all_that_waits_on_a_model_or_a_person_is_async(waits: Callable[..., Any]) -> None:
    assert inspect.iscoroutinefunction(waits)


def test_bind_returns_what_is_bound() -> None:
    model = Model(echo)
    module, loss = LLMInference("default", Parameter("p", "a prompt")), losses.LLMFeedbackLoss()
    optimizer = optimizers.SFAOptimizer(module.parameters())
    assert module.bind(model) is module
    assert loss.bind(model) is loss
    assert optimizer.bind(model) is optimizer


def test_every_loss_optimizer_and_algorithm_has_a_public_name() -> None:
    assert set(losses.LOSSES) <= set(losses.__all__)
    assert set(optimizers.OPTIMIZERS) <= set(optimizers.__all__)
    assert set(trainers.TRAINERS) <= set(trainers.__all__)
    assert set(llm.__all__) >= set(PUBLIC["llm"].split())


def test_every_algorithm_is_a_trainer() -> None:
    kinds = [*trainers.TRAINERS.values(), trainers.Minibatch, trainers.BasicSearchAlgorithm]
    assert all(issubclass(kind, trainers.Trainer) for kind in kinds)
    assert all(inspect.iscoroutinefunction(door) for kind in kinds for door in (kind.train, kind.evaluate))
