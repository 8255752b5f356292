"""What every optimizer keeps to: order, groups, records, pending, steps, the active one."""

from __future__ import annotations

from typing import Any

import pytest

from optimization.core import Parameter, active_optimizer
from optimization.optimizers import OPTIMIZERS, Optimizer, Proposal, SFAOptimizer, TGDOptimizer
from tests.optimizers.models import Chain, FakeModel, Step, improving, judged


class Upper(Optimizer):
    """The smallest optimizer: whatever got feedback is shouted."""

    async def propose(self, n: int = 1) -> list[Proposal]:
        return [{name: parameter.value.upper() for name, parameter in self.updatable().items()}] * n


def upper(module: Any, **defaults: Any) -> Upper:
    return Upper(module.parameters(), defaults).bind(FakeModel(improving))


def text(value: str = "x", name: str | None = None) -> Parameter:
    return Parameter(value, "a text", name=name)


async def test_a_subclass_overrides_propose_alone_and_step_gives_the_new_values_by_name() -> None:
    chain = Chain(2)
    optimizer = upper(chain)
    await judged(chain, "louder")
    assert await optimizer.step() == {"step0.prompt": "P0", "step1.prompt": "P1"}
    assert chain.state_dict() == {"step0.prompt": "P0", "step1.prompt": "P1"}


async def test_a_step_leaves_feedback_untouched() -> None:
    chain = Chain(1)
    optimizer = upper(chain)
    await judged(chain, "louder")
    before = list(chain.step0.prompt.feedback)
    await optimizer.step()
    assert chain.step0.prompt.feedback == before
    assert before


@pytest.mark.parametrize("zero", ["zero_feedback", "clear_grad"])
async def test_zeroing_empties_the_lists_in_place_and_forgets_the_records(zero: str) -> None:
    chain = Chain(1)
    optimizer = upper(chain)
    await judged(chain, "louder")
    kept = chain.step0.prompt.feedback
    getattr(optimizer, zero)()
    assert kept == []
    assert kept is chain.step0.prompt.feedback
    with pytest.raises(RuntimeError, match="captured no forward pass"):
        await optimizer.step()


async def test_an_unbound_optimizer_says_what_to_call() -> None:
    chain = Chain(1)
    optimizer = Upper(chain.parameters())
    await judged(chain, "louder")
    with pytest.raises(RuntimeError, match=r"call \.bind\(resources\)"):
        await optimizer.step()


async def test_records_without_feedback_change_nothing() -> None:
    chain = Chain(1)
    optimizer = upper(chain)
    await judged(chain)
    assert optimizer.records
    assert await optimizer.step() == {}


async def test_parameters_are_pending_while_a_step_runs_and_released_on_error() -> None:
    chain = Chain(1)
    seen: list[bool] = []

    class Failing(Upper):
        async def propose(self, n: int = 1) -> list[Proposal]:
            seen.append(chain.step0.prompt.pending)
            raise ValueError("no")

    optimizer = Failing(chain.parameters()).bind(FakeModel(improving))
    await judged(chain, "louder")
    with pytest.raises(ValueError, match="no"):
        await optimizer.step()
    assert seen == [True]
    assert not chain.step0.prompt.pending


async def test_a_step_with_a_closure_runs_it_once_before_the_update_and_gives_what_it_gave() -> None:
    chain = Chain(1)
    optimizer = upper(chain)
    values: list[str] = []

    async def closure() -> tuple[float, str]:
        optimizer.zero_feedback()
        values.append(chain.step0.prompt.value)
        await judged(chain, "louder")
        return 0.5, "so so"

    assert await optimizer.step(closure) == (0.5, "so so")
    assert values == ["p0"]
    assert chain.step0.prompt.value == "P0"


@pytest.mark.parametrize("kind", [SFAOptimizer, TGDOptimizer])
async def test_both_optimizers_run_a_closure_once_and_retry_without_it(
    kind: type[SFAOptimizer | TGDOptimizer],
) -> None:
    chain, calls = Chain(1), []
    replies = iter([{"value": "", "reason": ""}, {"value": "loud", "reason": ""}])
    optimizer = kind(chain.parameters()).bind(FakeModel(lambda asked: next(replies)))

    async def closure() -> tuple[float, str]:
        calls.append(chain.step0.prompt.value)
        await judged(chain, "louder")
        return 0.25, "too quiet"

    assert await optimizer.step(closure) == (0.25, "too quiet")
    assert (calls, chain.step0.prompt.value) == (["p0"], "loud")


async def test_a_closure_may_be_plain() -> None:
    chain = Chain(1)
    optimizer = upper(chain)
    await judged(chain, "louder")
    assert await optimizer.step(lambda: (1.0, "well")) == (1.0, "well")


def test_the_order_of_parameters_never_changes_so_a_set_is_refused() -> None:
    with pytest.raises(TypeError, match="not a set"):
        Upper({text(), text()})


def test_groups_have_settings_of_their_own_over_the_defaults() -> None:
    a, b = text(name="a"), text(name="b")
    optimizer = SFAOptimizer([{"params": [a]}, {"params": [b], "conservatism": 0.1}])
    assert [group["conservatism"] for group in optimizer.param_groups] == [0.7, 0.1]
    assert optimizer.group_of(b)["max_retries"] == 3


async def test_a_group_added_later_learns_with_settings_of_its_own() -> None:
    chain = Chain(2)
    optimizer = TGDOptimizer([chain.step0.prompt]).bind(FakeModel(improving))
    optimizer.add_param_group({"params": [chain.step1.prompt], "momentum": 1})
    await judged(chain, "louder")
    assert sorted((await optimizer.step()).values()) == ["p0!", "p1!"]
    assert [group["momentum"] for group in optimizer.param_groups] == [0, 1]
    assert [bool(optimizer.state.get(prompt)) for prompt in chain.parameters()] == [False, True]


def test_a_group_with_an_unknown_setting_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no setting caution.*conservatism"):
        SFAOptimizer([{"params": [text()], "caution": 1}])


def test_a_parameter_given_twice_is_refused() -> None:
    a = text(name="a")
    with pytest.raises(ValueError, match="'a' was given to the optimizer twice"):
        Upper([a, a])
    with pytest.raises(ValueError, match="twice"):
        Upper([a]).add_param_group({"params": [a]})


def test_no_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="no parameters"):
        Upper([])


def test_equal_names_are_told_apart_and_given_names_are_kept() -> None:
    assert list(Upper([text(name="a"), text(name="a")]).named_parameters()) == ["a", "a-2"]
    assert list(Upper([("draft", text()), ("refine", text())]).named_parameters()) == ["draft", "refine"]


def test_applying_sets_all_values_or_none() -> None:
    chain = Chain(2)
    optimizer = upper(chain)
    with pytest.raises(KeyError, match=r"no parameter 'stepp1\.prompt'"):
        optimizer.apply({"step0.prompt": "new", "stepp1.prompt": "new"})
    with pytest.raises(TypeError, match="must be text"):
        optimizer.apply({"step0.prompt": "new", "step1.prompt": 3})  # type: ignore[dict-item]
    assert chain.step0.prompt.value == "p0"
    optimizer.apply({"step0.prompt": "new"})
    assert chain.step0.prompt.value == "new"


async def test_the_last_one_made_bound_or_zeroed_is_active_and_a_context_scopes_it() -> None:
    first, second = upper(Step("a")), upper(Step("b"))
    assert active_optimizer() is second
    first.zero_feedback()
    assert active_optimizer() is first
    second.bind(FakeModel(improving))
    assert active_optimizer() is second
    with first.active():
        assert active_optimizer() is first
    assert active_optimizer() is second


async def test_records_rebuilt_from_where_they_were_stored_can_be_captured_by_hand() -> None:
    chain = Chain(1)
    recording = upper(chain)
    await judged(chain, "louder")
    (record,) = recording.records.values()
    later = upper(chain)
    later.capture_record(record)
    assert await later.step() == {"step0.prompt": "P0"}


def test_optimizers_are_known_by_name() -> None:
    assert sorted(OPTIMIZERS) == ["SFAOptimizer", "TGDOptimizer"]
