"""What holds for each algorithm, whatever its settings: runs to its end, cancelled anywhere, out of money, or failing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from optimization.core import LLMInference, MemoryRegistry, Module, Parameter, use_registry
from optimization.llm import Completion, CompletionRequest, DollarBudget, EndpointConfig, ResourceManager
from optimization.llm.errors import BudgetSpent
from optimization.optimizers import SFAOptimizer
from optimization.trainers import TRAINERS, Trainer
from tests.llm.conftest import server
from tests.llm.scripted import ScriptedEndpoint, says
from tests.optimizers.models import Asked, FakeModel, improving
from tests.trainers.agents import Writer, dataset, marks

__all__ = ["server"]

DATA = dataset("a", "b", "c")
kinds = pytest.mark.parametrize("kind", list(TRAINERS.values()), ids=list(TRAINERS))


class Pair(Module):
    """Two steps that ask a model; the answer bears the marks of both prompts."""

    def __init__(self) -> None:
        self.draft = LLMInference("default", Parameter("d", "how to draft"), max_tokens=9)
        self.refine = LLMInference("default", Parameter("r", "how to refine"), max_tokens=9)

    def forward(self, text: Any) -> Any:
        return self.refine(self.draft(text))


def following(asked: Asked) -> Any:
    """A model that answers with its prompt and its input, and rewrites parameters with a mark more."""
    if asked.request.response_schema is not None:
        return improving(asked)
    system, user = (message.content for message in asked.request.messages)
    return f"{user}:{system}"


def trainer_of(kind: type[Trainer], model: Any) -> tuple[Pair, Trainer]:
    agent = Pair().bind(model)
    return agent, kind(agent, SFAOptimizer(agent.parameters(), max_tokens=50).bind(model))


def whole(agent: Pair) -> bool:
    """Were both prompts written as often? A step writes one mark to each."""
    marks_of = [value.count("!") for value in agent.state_dict().values()]
    return marks_of[0] == marks_of[1]


def bounded(kind: type[Trainer]) -> dict[str, Any]:
    return (
        {"max_metric_calls": 30, "merge_frequency": 2} if "max_metric_calls" in kind.Plan.model_fields else {}
    )


@kinds
@pytest.mark.parametrize(
    "plan",
    [
        {"batch_size": 2},
        {"batch_size": 99},
        {"batch_size": 2, "ensure_improvement": True, "improvement_threshold": 0.1},
        {"batch_size": 2, "num_samples": 3, "num_eval_samples": 2},
        {"batch_size": 1, "min_score": 0.0},
        {"batch_size": 2, "eval_frequency": 0, "log_frequency": 0, "save_frequency": 0},
        {"batch_size": 2, "num_threads": 1},
    ],
    ids=str,
)
async def test_it_runs_to_its_end_and_leaves_the_agent_whole(
    kind: type[Trainer], plan: dict[str, Any]
) -> None:
    given = {name: value for name, value in plan.items() if name in {*kind.Plan.model_fields, "num_threads"}}
    frequencies = {name: value for name, value in plan.items() if name in ("log_frequency", "save_frequency")}
    agent, trainer = trainer_of(kind, FakeModel(following))
    with use_registry(MemoryRegistry()) as registry:
        scores, test_score = await trainer.train(
            marks, DATA, num_epochs=1, test_dataset=dataset("t"), **bounded(kind), **given, **frequencies
        )
        assert len(scores) >= -(-3 // plan["batch_size"])
        assert all(score is not None and 0 <= score <= 1 for score in scores)
        assert (test_score is None) == (plan.get("eval_frequency") == 0)
        assert whole(agent)
        assert not any(parameter.pending for parameter in agent.parameters())
        assert not agent.training
        assert len(registry) == 0, "tapes that nobody will carry back are kept"


@kinds
async def test_an_output_whose_judge_raises_leaves_no_tape_behind(kind: type[Trainer]) -> None:
    _agent, trainer = trainer_of(kind, FakeModel(following))
    with use_registry(MemoryRegistry()) as registry:
        await trainer.train(lambda x, output, info: 1 / 0, DATA, batch_size=2, num_epochs=1, **bounded(kind))
        assert len(registry) == 0


@kinds
async def test_an_example_that_raises_costs_that_example(kind: type[Trainer], caplog: Any) -> None:
    agent, model = Writer(), FakeModel(improving)
    trainer = kind(agent, SFAOptimizer(agent.parameters()).bind(model))
    scores, _ = await trainer.train(
        marks, dataset("a", "bad", "c"), batch_size=3, num_epochs=2, **bounded(kind)
    )
    assert scores[0] == 0.0
    assert agent.prompt.value != "p"
    assert any("train example 1 raised: ValueError" in message for message in caplog.messages)


@kinds
@pytest.mark.parametrize("min_score", [None, 0.0])
async def test_examples_that_all_raise_cost_no_more_than_themselves(
    kind: type[Trainer], min_score: float | None
) -> None:
    agent, model = Writer(), FakeModel(improving)
    trainer = kind(agent, SFAOptimizer(agent.parameters()).bind(model))
    scores, _ = await trainer.train(
        marks, dataset("bad", "bad"), batch_size=2, num_epochs=2, min_score=min_score, **bounded(kind)
    )
    assert scores[0] == min_score
    assert agent.prompt.value == "p"


class Brittle(Writer):
    """A writer that raises on everything once its prompt has a mark."""

    async def forward(self, text: Any) -> Any:
        if "!" in self.prompt.value:
            raise ValueError("the prompt broke it")
        return await super().forward(text)


@pytest.mark.parametrize(
    "kind", [kind for kind in TRAINERS.values() if kind.__name__ != "MinibatchAlgorithm"]
)
async def test_a_proposal_that_breaks_every_example_is_no_improvement_and_no_end(kind: type[Trainer]) -> None:
    agent, model = Brittle(), FakeModel(improving)
    trainer = kind(agent, SFAOptimizer(agent.parameters()).bind(model))
    keeps_the_better = {"ensure_improvement": True} if "ensure_improvement" in kind.Plan.model_fields else {}
    scores, _ = await trainer.train(
        marks, dataset("a", "b"), batch_size=2, num_epochs=2, **keeps_the_better, **bounded(kind)
    )
    assert set(scores) == {0.0}
    assert agent.prompt.value == "p"


class Counting(FakeModel):
    """Hangs at one of its calls."""

    def __init__(self, hangs_at: int) -> None:
        super().__init__(following)
        self.hangs_at, self.hanging = hangs_at, asyncio.Event()

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        if len(self.asked) == self.hangs_at:
            self.hanging.set()
            await asyncio.Event().wait()
        return await super().complete(alias, request)


@kinds
async def test_cancelled_at_any_call_it_leaves_a_whole_step_or_none(kind: type[Trainer]) -> None:
    settings = {"batch_size": 2, "num_epochs": 2, "test_dataset": dataset("t"), **bounded(kind)}
    _, trainer = trainer_of(kind, counted := FakeModel(following))
    await trainer.train(marks, DATA, **settings)
    for call in range(0, len(counted.asked), 3):
        agent, trainer = trainer_of(kind, model := Counting(call))
        training = asyncio.create_task(trainer.train(marks, DATA, **settings))
        await model.hanging.wait()
        training.cancel()
        with pytest.raises(asyncio.CancelledError):
            await training
        assert whole(agent), f"cancelled at call {call}: {agent.state_dict()}"
        assert not any(parameter.pending for parameter in agent.parameters())
        assert not agent.training


@kinds
async def test_a_budget_that_runs_out_within_a_step_leaves_it_out_and_more_money_goes_on(
    kind: type[Trainer], server: ScriptedEndpoint
) -> None:
    def answer(request: dict[str, Any]) -> Any:
        messages = request["messages"]
        if "response_format" not in request:
            return says(f"{messages[-1]['content']}:{messages[0]['content']}")
        if request["response_format"]["json_schema"]["name"] == "feedback_summary":
            return says('{"summary": ["more marks"]}', usage={"prompt_tokens": 9, "completion_tokens": 9})
        now = messages[-1]["content"].partition("<current_value>\n")[2].partition("\n</current_value>")[0]
        return says(
            f'{{"value": "{now}!", "reason": "because"}}', usage={"prompt_tokens": 9, "completion_tokens": 9}
        )

    server.otherwise = answer
    endpoint = EndpointConfig("m", server.url, output_cost_per_1m=10_000.0, max_tokens=50)
    for dollars in (0.6, 0.8, 1.0):
        resources = ResourceManager(endpoint, budget=(budget := DollarBudget(dollars)))
        agent, trainer = trainer_of(kind, resources)
        with pytest.raises(BudgetSpent, match=r"Raise the budget to go on"):
            await trainer.train(marks, DATA, batch_size=2, num_epochs=20, **bounded(kind))
        assert budget.spent <= dollars
        assert budget.reserved == pytest.approx(0.0)
        assert whole(agent)
        before = agent.state_dict()
        budget.limit += 10.0
        await trainer.train(marks, DATA, batch_size=3, num_epochs=1, **bounded(kind))
        assert whole(agent)
        assert agent.state_dict() != before
