"""ParetoSearch: the front, the draw, merges, and the budget in metric calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

from optimization.trainers import ParetoSearch
from optimization.trainers.effects import TrainerState
from optimization.trainers.pareto import Member, draw, front_of, merged_writers
from tests.optimizers.models import Asked, Chain, FakeModel
from tests.trainers.agents import agent_and_optimizer, dataset, marks
from tests.trainers.script import Script

SIZES: Any = {"train": 6, "validate": 2}


def member(candidate: str, *scores: float | None, **more: Any) -> Member:
    return Member(candidate=candidate, scores=list(scores), **more)


def test_the_front_is_what_no_other_dominates() -> None:
    pool = [member("a", 1, 0), member("b", 0, 1), member("c", 0, 0.5), member("d", None, 1)]
    assert [found.candidate for found in front_of(pool)] == ["a", "b"]


def test_a_parent_is_drawn_from_the_front_by_the_examples_it_is_best_on_the_same_for_the_same_seed() -> None:
    pool = [member("a", 1, 1, 1, 0), member("b", 0, 0, 0, 1), member("c", 0, 0, 0, 0.5)]
    drawn = [draw(pool, TrainerState(seed=1, iteration=i)).candidate for i in range(200)]
    assert drawn == [draw(pool, TrainerState(seed=1, iteration=i)).candidate for i in range(200)]
    assert 120 < drawn.count("a") < 180
    assert "c" not in drawn


def test_a_merge_takes_each_parameter_from_the_one_that_changed_it_last() -> None:
    first = member("a", 1, 0, writers={"p": "a", "shared": "old"}, forebears=["initial", "old"])
    second = member("b", 0, 1, writers={"q": "b", "shared": "b"}, forebears=["initial", "old"])
    assert merged_writers(first, second) == {"p": "a", "q": "b", "shared": "b"}
    assert merged_writers(second, first)["shared"] == "b"


def test_where_both_changed_a_parameter_by_themselves_the_first_has_it() -> None:
    first, second = member("a", 1, 0, writers={"p": "a"}), member("b", 0, 1, writers={"p": "b"})
    assert merged_writers(first, second) == {"p": "a"}


def test_an_iteration_reflects_on_failures_and_judges_what_got_better_on_the_validation_set() -> None:
    trainer = ParetoSearch()
    script = Script(lambda candidate, example: {"initial": 0.5}.get(candidate, 0.75))
    state = script.run(trainer, trainer.prepare(SIZES))
    assert script.kinds() == ["evaluate", "forward", "backward", "propose", "evaluate", "evaluate", "commit"]
    start, again, whole = script.of("evaluate")
    assert (start.candidate, start.split, start.guide) == ("initial", "validate", "validate")
    assert (again.split, again.guide, again.examples) == ("train", "train", script.of("forward")[0].examples)
    assert (whole.candidate, whole.examples) == ("c1", (0, 1))
    assert state.candidate == "c1"
    assert state.memory["metric_calls"] == 2 + 3 + 3 + 2
    assert json.loads(state.model_dump_json())["memory"] == state.memory


def test_a_proposal_no_better_on_its_batch_costs_no_validation() -> None:
    trainer = ParetoSearch()
    script = Script()
    state = script.run(trainer, trainer.prepare(SIZES))
    assert script.kinds() == ["evaluate", "forward", "backward", "propose", "evaluate"]
    assert len(state.memory["pool"]) == 1


def test_outputs_that_are_perfect_are_no_failures_to_learn_from() -> None:
    trainer = ParetoSearch()
    script = Script(lambda candidate, example: 1.0)
    script.run(trainer, trainer.prepare(SIZES))
    assert script.kinds() == ["evaluate", "forward"]


def improving(candidate: str, example: int) -> float:
    return {"initial": 0.5, "edited": 0.6}.get(candidate, 0.75)


def test_what_a_person_turned_down_is_not_proposed_again() -> None:
    trainer = ParetoSearch()
    script = Script(improving, approval="rejected")
    state = trainer.prepare(SIZES, approve=True, merge_frequency=0)
    for _ in range(3):
        state = script.run(trainer, state)
    assert state.candidate == "initial"
    assert (
        len({effect.proposal.candidate for effect in script.of("approve")}) == len(script.of("approve")) == 1
    )
    assert state.memory["rejected"] == ["c1"]


def test_what_a_person_made_of_a_proposal_is_validated_and_searched_from() -> None:
    trainer = ParetoSearch()
    script = Script(improving, approval="edited")
    state = script.run(trainer, trainer.prepare(SIZES, approve=True))
    assert state.candidate == "edited"
    assert script.of("commit")[0].candidate == "edited"
    assert [(found["candidate"], found["writers"]) for found in state.memory["pool"][1:]] == [
        ("c1", {"prompt": "c1"}),
        ("edited", {"prompt": "edited"}),
    ]
    script.approval = "approved"
    assert script.run(trainer, state).candidate in ("edited", "c2")


def test_two_of_the_front_are_merged_once_and_the_merge_joins_the_pool() -> None:
    trainer = ParetoSearch()
    state = trainer.prepare(SIZES, merge_frequency=1)
    pool = [
        member("initial", 0, 0),
        member("a", 1, 0, writers={"p": "a"}, forebears=["initial"]),
        member("b", 0, 1, writers={"q": "b"}, forebears=["initial"]),
    ]
    memory = {"pool": [found.model_dump() for found in pool], "metric_calls": 6}
    state = state.model_copy(update={"iteration": 1, "candidate": "a", "memory": memory})
    script = Script(lambda candidate, example: 1.0)
    state = script.run(trainer, state)
    (merge,) = script.of("merge")
    assert (merge.candidate, merge.take) == ("a", (("q", "b"),))
    assert state.memory["pool"][-1]["writers"] == {"p": "a", "q": "b"}
    assert state.candidate == "c1"
    again = Script(lambda candidate, example: 1.0)
    again.run(trainer, TrainerState.model_validate_json(state.model_dump_json()))
    assert "merge" not in again.kinds()


def test_the_search_ends_with_its_metric_calls() -> None:
    trainer = ParetoSearch()
    state = trainer.prepare(SIZES, max_metric_calls=8)
    assert trainer.finished(state) is None
    assert (
        trainer.finished(Script().run(trainer, state))
        == "Finished: 8 outputs have been judged, of 8 at most."
    )


def test_without_scores_it_says_which_judges_have_some() -> None:
    trainer = ParetoSearch()
    with pytest.raises(ValueError, match="Use a loss with scores"):
        Script(lambda candidate, example: None).run(trainer, trainer.prepare(SIZES))


async def test_it_finds_the_best_prompt_in_this_process() -> None:
    agent, optimizer, _ = agent_and_optimizer()
    scores, _ = await ParetoSearch(agent, optimizer).train(marks, dataset("a", "b", "c"), max_metric_calls=60)
    assert agent.prompt.value == "p!!!!"
    assert scores[-1] == 1.0


async def test_merging_joins_what_two_candidates_are_good_at() -> None:
    from optimization.optimizers import SFAOptimizer

    def one_at_a_time(asked: Asked) -> Any:
        mark = {"step0.prompt": "A", "step1.prompt": "B"}[asked.scope.node]
        wanted = mark in asked.block("feedback")
        return {"value": asked.block("current_value") + (mark if wanted else ""), "reason": ""}

    def guide(x: str, output: str, info: str) -> tuple[float, str]:
        return float(info in output), "" if info in output else f"wants {info}"

    chain = Chain(2)
    chain.step0.prompt.value, chain.step1.prompt.value = "x", "y"
    optimizer = SFAOptimizer(chain.parameters()).bind(FakeModel(one_at_a_time))
    data = {"inputs": ["1", "2"], "infos": ["A", "B"]}
    await ParetoSearch(chain, optimizer).train(
        guide, data, batch_size=1, merge_frequency=2, max_metric_calls=40, seed=3
    )
    assert chain.state_dict() == {"step0.prompt": "xA", "step1.prompt": "yB"}
