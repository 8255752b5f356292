"""What the documentation shows runs as it stands there."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from optimization import core, llm, losses, optimizers, trainers
from optimization.llm import CompletionRequest
from optimization.losses import RubricAnswer, ScriptedDesk, use_desk
from optimization.rehearsal.endpoint import running
from tests.core.scripted import Model, echo

HERE = Path(__file__).parents[2]
PAGE, README = HERE / "docs" / "core.md", HERE / "README.md"


def examples_of(page: Path) -> list[str]:
    return [block.split("```")[0] for block in page.read_text().split("```python\n")[1:]]


def answering(request: CompletionRequest) -> Any:
    replies = {
        "parameter_update": {"value": "Say when it arrives.", "reason": "asked for"},
        "feedback_summary": {"summary": ["Say when."]},
    }
    return replies.get(request.schema_name) or echo(request)


async def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program, _resources = examples_of(PAGE)  # each of the two is run in a test of its own
    code = program.replace("asyncio.run(main())", "")
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    names["EndpointConfig"] = lambda model: Model(answering)
    with use_desk(ScriptedDesk([RubricAnswer(2, ["Say when."]), RubricAnswer(3, ["Say when."])])):
        await names["main"]()

    assert capsys.readouterr().out.strip() == str(
        {"draft.system_prompt": "Say when it arrives.", "refine.system_prompt": "Say when it arrives."}
    )


async def test_the_graph_that_the_page_draws_is_that_of_its_example() -> None:
    names: dict[str, Any] = {}
    exec(compile(examples_of(PAGE)[0].replace("asyncio.run(main())", ""), str(PAGE), "exec"), names)
    program = names["Reply"]().bind(Model(echo))
    desk = ScriptedDesk([RubricAnswer(2, ["Say when it arrives."])])
    levels = [losses.RubricLevel(score, "x") for score in (1, 2, 3)]
    step = core.TrainingStep(program, losses.HumanRubricLoss("Is it helpful?", levels, desk=desk)).train()
    loss = await step("My lamp has not come.")
    nodes = core.current_registry().load(loss.meta["_tape_ids"][0]).graph.nodes
    read = {
        name.removeprefix("module."): [ref.node.removeprefix("module.") for ref in node.references]  # type: ignore[union-attr]
        for name, node in nodes.items()
    }
    assert read == {
        "draft": ["input:ticket"],
        "both": ["input:ticket", "draft"],
        "refine": ["both"],
        "loss": ["refine", "input:ticket"],
    }

    await loss.backward()
    drawn = PAGE.read_text()
    for (name, parameter), remark in zip(
        program.named_parameters(),
        ("My lamp has not come.", "Ticket: My lamp has not come. Draft: "),
        strict=True,
    ):
        told = parameter.feedback[0].splitlines()
        assert name in drawn
        assert told[:2] == ["- Say when it arrives.", "Score: 0.50"]
        assert all(line in drawn for line in told[:2])
        assert told[2].startswith(f"Input: {remark}")
        assert f"Input: {remark.strip()}" in drawn


def test_the_library_example_of_the_readme_runs_against_the_rehearsal_endpoint() -> None:
    (code,) = examples_of(README)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    with running() as url:
        script = code.replace("http://127.0.0.1:8010/v1", url)
        done = subprocess.run([sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    scores, *prompt = done.stdout.splitlines()
    assert scores == "[0.0, 0.5, 1.0]"
    assert prompt[0] == "You answer customers."
    assert len(prompt) > 1


def test_the_resources_of_the_page_can_be_made() -> None:
    code = examples_of(PAGE)[1]
    names = dict(vars(llm))
    exec(compile(code, str(PAGE), "exec"), names)
    assert names["resources"].config.resolve("judge") == "judge"
    assert names["resources"].config.resolve("optimizer/updater") == "default"


@pytest.mark.parametrize("package", [core, llm, losses, optimizers, trainers])
def test_every_public_name_says_what_it_is(package: ModuleType) -> None:
    public = {name: getattr(package, name) for name in package.__all__}
    silent = [
        name
        for name, found in public.items()
        if (inspect.isclass(found) or inspect.isfunction(found))
        and (not vars(found).get("__doc__", found.__doc__) or found.__doc__.startswith(f"{name}("))
    ]
    assert silent == []
