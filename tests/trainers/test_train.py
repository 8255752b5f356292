"""`train` and `evaluate` in this process, with a real agent, optimizer and tapes."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from optimization.core import LLMInference, MemoryRegistry, Parameter, use_registry
from optimization.losses import VerifierLoss
from optimization.optimizers import SFAOptimizer, TGDOptimizer
from optimization.trainers import (
    BasicSearchAlgorithm,
    DollarLimit,
    Event,
    EventKind,
    Guide,
    Minibatch,
    MinibatchAlgorithm,
    NoImprovement,
    TargetScore,
    TimeLimit,
    load_agent,
    standard_optimization_step,
)
from tests.optimizers.models import Asked, Chain, FakeModel, improving
from tests.trainers.agents import Writer, agent_and_optimizer, dataset, marks

DATA = dataset("a", "b", "c", "d")


async def test_training_gives_the_score_of_each_iteration_and_the_last_test_score() -> None:
    agent, optimizer, _ = agent_and_optimizer()
    trainer = MinibatchAlgorithm(agent, optimizer)
    scores, test = await trainer.train(marks, DATA, batch_size=2, num_epochs=2, test_dataset=dataset("t"))
    assert scores == [0.0, 0.25, 0.5, 0.75]
    assert test == 1.0
    assert agent.prompt.value == "p!!!!"


async def test_the_batch_is_one_feedback_marked_by_example_so_nothing_needs_summing_up() -> None:
    agent, optimizer, model = agent_and_optimizer()
    await MinibatchAlgorithm(agent, optimizer).train(marks, DATA, batch_size=4)
    (text,) = agent.prompt.feedback
    remarks = [line for line in text.splitlines() if line.startswith("- ")]
    assert [remark[:8] for remark in remarks] == ["- ID [0]", "- ID [1]", "- ID [2]", "- ID [3]"]
    assert {remark[10:] for remark in remarks} == {f"more marks for <{x}>" for x in "abcd"}
    assert [asked.alias for asked in model.asked] == ["optimizer/updater"]


async def test_minibatch_leaves_each_examples_feedback_to_the_aggregator() -> None:
    agent, optimizer, model = agent_and_optimizer()
    await Minibatch(agent, optimizer).train(marks, DATA, batch_size=4)
    assert len(agent.prompt.feedback) == 4
    assert [asked.alias for asked in model.asked] == ["optimizer/aggregator", "optimizer/updater"]


@pytest.mark.parametrize("as_loss", [False, True])
async def test_every_loss_can_serve_as_a_guide(as_loss: bool) -> None:
    def check(output: str, target: Any) -> tuple[bool, str]:
        return "!" in output, f"no mark for {target}"

    def guide(x: Any, output: str, info: Any) -> tuple[float, str]:
        passed, message = check(output, info)
        return float(passed), "" if passed else message

    agent, optimizer, _ = agent_and_optimizer()
    judge = VerifierLoss(check) if as_loss else guide
    assert await MinibatchAlgorithm(agent, optimizer).train(judge, DATA, batch_size=2) == ([0.0, 1.0], None)


async def test_a_guide_is_a_class_or_a_function_plain_or_async() -> None:
    class Marks(Guide):
        async def get_feedback(self, task: Any, response: Any, info: Any) -> Any:
            return marks(task, response, info)

    agent, optimizer, _ = agent_and_optimizer()
    assert (await MinibatchAlgorithm(agent, optimizer).train(Marks(), DATA, batch_size=4))[0] == [0.0]


async def test_an_input_that_is_a_dict_is_given_by_keywords() -> None:
    agent, _, _ = agent_and_optimizer()
    trainer = MinibatchAlgorithm()
    assert await trainer.evaluate(agent, marks, [{"text": "a!"}], ["<a>"]) == 0.25


async def test_an_update_that_makes_the_batch_worse_is_not_kept() -> None:
    def worse(asked: Asked) -> Any:
        return {"value": "", "reason": ""} if asked.block("rejected") else {"value": "nothing", "reason": ""}

    agent, optimizer, _ = agent_and_optimizer(worse)
    agent.prompt.value = "p!"
    await MinibatchAlgorithm(agent, optimizer).train(marks, DATA, batch_size=4, ensure_improvement=True)
    assert agent.prompt.value == "p!"


async def test_search_keeps_the_best_of_its_proposals() -> None:
    def answer(asked: Asked) -> Any:
        return {"value": "p" + "!" * asked.scope.sample, "reason": ""}

    agent, optimizer, model = agent_and_optimizer(answer)
    trainer = BasicSearchAlgorithm(agent, optimizer)
    await trainer.train(marks, DATA, batch_size=4, validate_dataset=dataset("v"), num_proposals=3)
    assert agent.prompt.value == "p!!"
    assert len({asked.scope.key() for asked in model.asked}) == len(model.asked)


async def test_every_call_and_example_has_a_place_of_its_own_over_all_iterations() -> None:
    agent, optimizer, model = agent_and_optimizer()
    await MinibatchAlgorithm(agent, optimizer).train(marks, DATA, batch_size=1)
    keys = [asked.scope.key() for asked in model.asked]
    assert len(set(keys)) == len(keys) == 4


async def test_momentum_is_remembered_when_an_update_is_committed() -> None:
    agent = Writer()
    optimizer = TGDOptimizer(agent.parameters(), momentum=3).bind(FakeModel(improving))
    await MinibatchAlgorithm(agent, optimizer).train(marks, DATA, batch_size=2)
    assert [value for value, _ in optimizer.state[agent.prompt]["momentum_buffer"]] == ["p", "p!"]


async def test_feedback_goes_back_through_every_step_of_a_program() -> None:
    chain = Chain(2)
    optimizer = SFAOptimizer(chain.parameters()).bind(FakeModel(improving))
    await MinibatchAlgorithm(chain, optimizer).train(marks, DATA, batch_size=4)
    assert chain.state_dict() == {"step0.prompt": "p0!", "step1.prompt": "p1!"}


async def test_an_example_that_raises_costs_that_example_and_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    agent, optimizer, _ = agent_and_optimizer()
    with caplog.at_level(logging.INFO, "handgrad.trainer"):
        scores, _ = await MinibatchAlgorithm(agent, optimizer).train(marks, dataset("a", "bad"), batch_size=2)
    assert scores == [0.0]
    assert agent.prompt.value == "p!"
    assert "example 1 raised: ValueError: cannot write about bad" in caplog.text


async def test_with_min_score_its_error_is_told_to_every_parameter() -> None:
    agent, optimizer, _ = agent_and_optimizer()
    await MinibatchAlgorithm(agent, optimizer).train(marks, dataset("a", "bad"), batch_size=2, min_score=0)
    assert "The program raised an error: ValueError: cannot write about bad" in agent.prompt.feedback[0]


async def test_a_batch_of_which_every_example_raises_changes_nothing() -> None:
    agent, optimizer, model = agent_and_optimizer()
    assert await MinibatchAlgorithm(agent, optimizer).train(marks, dataset("bad"), min_score=0) == (
        [0.0],
        None,
    )
    assert model.asked == []


async def test_a_permanent_fault_stops_at_once() -> None:
    class WrongKey(Exception):
        permanent = True

    def guide(x: Any, output: str, info: Any) -> Any:
        raise WrongKey

    agent, optimizer, _ = agent_and_optimizer()
    with pytest.raises(WrongKey):
        await MinibatchAlgorithm(agent, optimizer).train(guide, DATA)


async def test_no_more_examples_run_at_once_than_threads() -> None:
    running: list[int] = []

    async def guide(x: Any, output: str, info: Any) -> tuple[float, str]:
        running.append(1)
        await asyncio.sleep(0)
        running.append(-1)
        return 1.0, ""

    agent, optimizer, _ = agent_and_optimizer()
    await MinibatchAlgorithm(agent, optimizer, num_threads=2).train(guide, DATA, batch_size=4)
    assert max(sum(running[:i]) for i in range(len(running))) <= 2


async def test_cancelling_leaves_no_half_applied_step() -> None:
    blocked = asyncio.Event()

    class Hanging(FakeModel):
        async def complete(self, alias: str, request: Any) -> Any:
            if request.sample == 1:
                blocked.set()
                await asyncio.Event().wait()
            return await super().complete(alias, request)

    agent = Writer()
    optimizer = SFAOptimizer(agent.parameters()).bind(Hanging(improving))
    training = asyncio.create_task(BasicSearchAlgorithm(agent, optimizer).train(marks, DATA, num_proposals=2))
    await blocked.wait()
    training.cancel()
    with pytest.raises(asyncio.CancelledError):
        await training
    assert agent.prompt.value == "p"
    assert not agent.prompt.pending


async def test_an_edited_proposal_is_what_is_applied() -> None:
    agent, optimizer, _ = agent_and_optimizer()

    async def approver(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
        assert (before, after) == ({"prompt": "p"}, {"prompt": "p!"})
        return {"prompt": "by hand"}

    await MinibatchAlgorithm(agent, optimizer).train(
        marks, DATA, batch_size=4, approve=True, approver=approver
    )
    assert agent.prompt.value == "by hand"


async def test_evaluating_gives_the_mean_and_records_and_changes_nothing() -> None:
    agent, _, _ = agent_and_optimizer()
    registry = MemoryRegistry()
    with use_registry(registry):
        trainer = MinibatchAlgorithm()
        assert await trainer.evaluate(agent, marks, ["a!", "b", "bad"], [0, 1, 2]) == 0.125
        assert await trainer.evaluate(agent, marks, ["a!", "b", "bad"], [0, 1, 2], min_score=0.125) == 0.125
    assert len(registry) == 0
    assert await trainer.evaluate(agent, marks, ["bad"], [0]) is None


async def test_agents_are_saved_as_json_and_loaded_again(tmp_path: Path) -> None:
    agent, optimizer, _ = agent_and_optimizer()
    path = tmp_path / "checkpoints" / "agent.json"
    await MinibatchAlgorithm(agent, optimizer).train(
        marks, DATA, batch_size=2, save_frequency=1, save_path=path
    )
    assert json.loads(path.read_text())["parameters"] == {"prompt": "p!!"}
    assert load_agent(Writer(), path).state_dict() == {"prompt": "p!!"}


async def test_stoppers_end_training_between_iterations_and_say_why() -> None:
    reasons: list[str] = []

    def note(event: Event) -> None:
        if event.kind is EventKind.TRAIN_DONE:
            reasons.append(event.data["reason"])

    for stopper, iterations in ((TargetScore(0.5), 3), (TimeLimit(0), 1)):
        agent, optimizer, _ = agent_and_optimizer()
        trainer = MinibatchAlgorithm(agent, optimizer)
        scores, _ = await trainer.train(marks, DATA, num_epochs=9, stoppers=[stopper], callbacks=[note])
        assert len(scores) == iterations
    agent, optimizer, _ = agent_and_optimizer(lambda asked: {"value": "p", "reason": "stay"})
    trainer = MinibatchAlgorithm(agent, optimizer)
    scores, _ = await trainer.train(marks, DATA, num_epochs=9, stoppers=[NoImprovement(2)], callbacks=[note])
    assert len(scores) == 3
    assert reasons == [
        "The score 0.500 has reached the target 0.5.",
        "The time limit of 0:00:00 is over.",
        "No improvement on 0.000 in the last 2 scores.",
    ]


async def test_a_dollar_limit_stops_when_program_optimizer_and_judge_have_cost_so_much_together() -> None:
    agent, optimizer, model = agent_and_optimizer()
    model.update_usage({"cost": 5.0})  # spent before training, which counts from where it begins

    def priced(x: Any, output: str, info: Any) -> tuple[float, str]:
        model.update_usage({"cost": 0.25})
        return marks(x, output, info)

    told: list[Event] = []
    scores, _ = await MinibatchAlgorithm(agent, optimizer).train(
        priced, DATA, num_epochs=9, stoppers=[DollarLimit(0.5)], callbacks=[told.append]
    )
    assert len(scores) == 2
    assert told[-1].data["reason"] == "The calls have cost $0.5000 of $0.5."


async def test_every_event_is_told_in_order() -> None:
    told: list[str] = []
    agent, optimizer, _ = agent_and_optimizer()
    await MinibatchAlgorithm(agent, optimizer).train(
        marks, dataset("a"), callbacks=[lambda event: told.append(event.kind.value)]
    )
    effect = ["effect_begun", "effect_done"]
    assert told == [
        "train_begun",
        "iteration_begun",
        *["effect_begun", "example_done", "effect_done"],
        *effect * 3,
        "iteration_done",
        "train_done",
    ]


async def test_progress_is_drawn_when_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    agent, optimizer, _ = agent_and_optimizer()
    await MinibatchAlgorithm(agent, optimizer).train(marks, DATA, verbose=True)
    assert "training (train" in capsys.readouterr().err


async def test_what_is_not_bound_is_named_before_the_first_example() -> None:
    program, (agent, _, model) = LLMInference("default", Parameter("p", "d")), agent_and_optimizer()
    with pytest.raises(RuntimeError, match="LLMInference"):
        await MinibatchAlgorithm(program, SFAOptimizer(program.parameters()).bind(model)).train(marks, DATA)
    with pytest.raises(RuntimeError, match="SFAOptimizer"):
        await MinibatchAlgorithm(agent, SFAOptimizer(agent.parameters())).train(marks, DATA)


async def test_standard_optimization_step_gives_target_score_and_feedback() -> None:
    target, score, feedback = await standard_optimization_step(Writer(), "a!", marks, "<a>")
    assert (str(target), score, feedback) == ("a!:p", 0.25, [["more marks for <a>"]])
    target, score, feedback = await standard_optimization_step(Writer(), "bad", marks, "<a>", min_score=0)
    assert score == 0
    assert "cannot write about bad" in feedback[0][0]


async def test_each_sample_of_an_example_is_a_request_of_its_own() -> None:
    program = LLMInference("default").bind(model := FakeModel(lambda asked: "an output"))
    await MinibatchAlgorithm().evaluate(program, marks, ["a"], ["<a>"], num_samples=3)
    assert sorted(asked.request.sample for asked in model.asked) == [0, 1, 2]


async def test_train_takes_every_keyword_of_the_specification(tmp_path: Path) -> None:
    agent, optimizer, _ = agent_and_optimizer()
    train_scores, test_score = await Minibatch(
        agent, optimizer, num_threads=2, logger=logging.getLogger()
    ).train(
        marks,
        DATA,
        ensure_improvement=True,
        improvement_threshold=0.01,
        num_epochs=1,
        batch_size=2,
        test_dataset=dataset("t"),
        eval_frequency=1,
        num_eval_samples=1,
        log_frequency=1,
        save_frequency=1,
        save_path=str(tmp_path / "agent.json"),
        min_score=0.0,
        verbose=False,
        num_threads=4,
    )
    assert train_scores == [0.0, 0.25]
    assert test_score == 0.5


async def test_a_frequency_of_0_means_never(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    agent, optimizer, _ = agent_and_optimizer()
    path = tmp_path / "agent.json"
    _, test_score = await MinibatchAlgorithm(agent, optimizer).train(
        marks,
        DATA,
        test_dataset=dataset("t"),
        eval_frequency=0,
        log_frequency=0,
        save_frequency=0,
        save_path=path,
    )
    assert test_score is None
    assert not path.exists()
    assert [record.message for record in caplog.records] == ["Finished after 1 epoch."]


async def test_the_log_is_plain_and_tells_outputs_where_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    agent, optimizer, _ = agent_and_optimizer()
    await MinibatchAlgorithm(agent, optimizer).train(
        marks, DATA, test_dataset=dataset("t"), log_frequency=2, verbose="output"
    )
    told = [record.message for record in caplog.records]
    assert [line for line in told if line.startswith("iteration")] == [
        "iteration 2: train score 0.25, test score 0.5",
        "iteration 4: train score 0.75, test score 1.0",
    ]
    assert told[:2] == ["test example 0 scored 0.0: t:p", "train example 0 scored 0.0: a:p"]


async def test_the_hooks_of_an_algorithm_are_overridden_as_sub_generators() -> None:
    called: list[str] = []

    class Mine(Minibatch):
        def forward(self, candidate, batch):
            called.append("forward")
            return (yield from super().forward(candidate, batch))

        def update(self, state, outcomes):
            called.append("update")
            return (yield from super().update(state, outcomes))

        def optimizer_step(self, state, outcomes):
            called.append("optimizer_step")
            return (yield from super().optimizer_step(state, outcomes))

        def has_improvement(self, proposal, outcomes):
            called.append("has_improvement")
            yield from ()
            return False

    agent, optimizer, _ = agent_and_optimizer()
    await Mine(agent, optimizer).train(marks, dataset("a"), ensure_improvement=True)
    assert called == ["forward", "update", "optimizer_step", "has_improvement"]
    assert agent.prompt.value == "p"


async def test_the_validation_guide_defaults_to_the_guide_and_may_be_another() -> None:
    asked: list[str] = []

    def validates(x: Any, output: str, info: Any) -> tuple[float, str]:
        asked.append(x)
        return marks(x, output, info)

    for keywords, seen in (({}, 0), ({"validate_guide": validates}, 5 * 2)):
        agent, optimizer, _ = agent_and_optimizer()
        await BasicSearchAlgorithm(agent, optimizer).train(
            marks, dataset("a"), validate_dataset=dataset("v", "w"), **keywords
        )
        assert len(asked) == seen
        assert agent.prompt.value == "p!"
