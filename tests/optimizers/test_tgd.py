"""TGDOptimizer: momentum, constraints, messages of one's own."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from optimization.core import MaxLength, OptimizationError
from optimization.optimizers import TGDOptimizer
from tests.optimizers.models import Chain, FakeModel, Step, improving, judged


def tgd(module: Any, answer: Any = improving, **settings: Any) -> tuple[TGDOptimizer, FakeModel]:
    model = FakeModel(answer)
    return TGDOptimizer(module.parameters(), **settings).bind(model), model


async def test_every_parameter_is_updated_by_its_own_feedback_at_once() -> None:
    chain = Chain(2)
    optimizer, model = tgd(chain)
    await judged(chain, "better")
    assert await optimizer.step() == {"step0.prompt": "p0!", "step1.prompt": "p1!"}
    assert [asked.block("upstream") for asked in model.asked] == ["", ""]


async def test_momentum_keeps_the_last_values_and_their_feedback_and_shows_them_to_the_model() -> None:
    step = Step("p")
    optimizer, model = tgd(step, momentum=2)
    for remark in ("first", "second", "third"):
        optimizer.zero_feedback()
        await judged(step, remark)
        await optimizer.step()
    buffer = optimizer.state[step.prompt]["momentum_buffer"]
    assert [value for value, _ in buffer] == ["p!", "p!!"]
    assert "third" in buffer[1][1][0]
    assert model.asked[0].block("history") == ""
    assert model.asked[2].block("history").split("\n\n") == [
        "An earlier value:\np\nWhat was said of it:\n- first",
        "An earlier value:\np!\nWhat was said of it:\n- second",
    ]


async def test_without_momentum_nothing_is_remembered() -> None:
    step = Step("p")
    optimizer, _ = tgd(step)
    await judged(step, "better")
    await optimizer.step()
    assert dict(optimizer.state) == {}


async def test_constraints_hold_for_every_parameter() -> None:
    step = Step("p")
    optimizer, model = tgd(step, constraints=[MaxLength(1)])
    await judged(step, "better")
    with pytest.raises(OptimizationError, match=r"'prompt'.*4 attempts"):
        await optimizer.step()
    assert "At most 1 characters" in model.asked[0].block("constraints")


async def test_a_constraint_in_words_is_checked_by_a_model_and_its_word_goes_back_to_the_updater() -> None:
    def answer(asked: Any) -> Any:
        if asked.request.schema_name == "constraint_check":
            kept = asked.block("value").endswith("!!")
            return {"kept": kept, "problem": "" if kept else "it is not kind"}
        return {"value": "p!!" if asked.block("rejected") else "p!", "reason": "because"}

    step = Step("p")
    optimizer, model = tgd(step, answer, constraints=["Stay kind.", MaxLength(9)])
    await judged(step, "better")
    assert await optimizer.step() == {"prompt": "p!!"}
    assert [asked.alias for asked in model.asked] == ["optimizer/updater", "optimizer/checker"] * 2
    assert model.of("check")[0].block("constraints") == "- Stay kind."
    assert model.of("update")[1].block("rejected") == "p!\nThis cannot be used: it is not kind."


@pytest.mark.parametrize("spoilt", ["a step of its model", "the check of its constraints"])
async def test_a_step_that_fails_leaves_values_momentum_and_feedback_as_they_were(spoilt: str) -> None:
    chain = Chain(2)

    def answer(asked: Any) -> Any:
        if asked.request.schema_name == "constraint_check" and spoilt == "the check of its constraints":
            return {"kept": False, "problem": "no"}
        if asked.block("parameter") == "step1.prompt" and spoilt == "a step of its model":
            raise ConnectionError("gone")
        return improving(asked)

    optimizer, _ = tgd(chain, answer, momentum=2, constraints=["Stay kind."])
    await judged(chain, "better")
    before = [list(parameter.feedback) for parameter in chain.parameters()]
    with pytest.raises((ConnectionError, OptimizationError)):
        await optimizer.step()
    assert chain.state_dict() == {"step0.prompt": "p0", "step1.prompt": "p1"}
    assert [parameter.feedback for parameter in chain.parameters()] == before
    assert dict(optimizer.state) == {}
    assert not any(parameter.pending for parameter in chain.parameters())


async def test_a_step_that_is_cancelled_leaves_everything_as_it_was() -> None:
    chain = Chain(2)
    optimizer, model = tgd(chain, momentum=1)
    one_is_written, never = asyncio.Event(), asyncio.Event()

    async def slow(alias: str, request: Any) -> Any:
        if "step1" in request.messages[-1].content:
            one_is_written.set()
            await never.wait()
        return await model.complete(alias, request)

    optimizer.bind(SimpleNamespace(complete=slow))
    await judged(chain, "better")
    step = asyncio.create_task(optimizer.step())
    await one_is_written.wait()
    assert all(parameter.pending for parameter in chain.parameters())
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert chain.state_dict() == {"step0.prompt": "p0", "step1.prompt": "p1"}
    assert dict(optimizer.state) == {}
    assert not any(parameter.pending for parameter in chain.parameters())


async def test_messages_of_ones_own_have_their_slots_filled_once() -> None:
    step = Step("say {feedback} {unknown}")
    messages = [{"role": "user", "content": "As a {style} editor:\n{current_value}{feedback}"}]
    optimizer, model = tgd(step, messages=messages, inputs={"style": "kind"}, temperature=0.5, max_tokens=9)
    await judged(step, "better")
    await optimizer.step()
    assert model.asked[0].user.startswith(
        "As a kind editor:\n<current_value>\nsay {feedback} {unknown}\n</current_value>"
    )
    assert model.asked[0].request.temperature == 0.5
    assert model.asked[0].request.max_tokens == 9


async def test_a_model_client_of_its_own_is_asked_and_needs_no_bind() -> None:
    step = Step("p")
    client = FakeModel(improving)
    optimizer = TGDOptimizer(step.parameters(), model_client=client)
    await judged(step, "better")
    assert await optimizer.step() == {"prompt": "p!"}
    assert client.usage.calls == 1


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="momentum"):
        TGDOptimizer(Step("p").parameters(), momentum=-1)
    with pytest.raises(ValueError, match=r"no argument model.*temperature"):
        TGDOptimizer(Step("p").parameters(), model="gpt-4o")
