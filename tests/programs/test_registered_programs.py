from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optimization.core import LLMInference, Module, Parameter, unwrap
from optimization.programs import (
    SupportReply,
    build_program,
    get_program,
    program_digest,
    register_program,
    registered_programs,
)
from tests.core.scripted import Model, echo
from tests.programs.test_json_programs import SPEC, changed

SHOP = Path(__file__).parents[2] / "optimization" / "rehearsal" / "data" / "tickets.jsonl"


def test_the_shipped_program_is_registered_with_its_inputs() -> None:
    program = get_program("support_reply")

    assert (program.name, program.title) == ("support_reply", "Support reply")
    assert program.inputs == ("ticket", "customer", "facts")
    assert isinstance(program.build(), SupportReply)
    assert program.build() is not program.build()


def test_the_shipped_program_has_two_parameters_that_learn() -> None:
    parameters = dict(get_program("support_reply").build().named_parameters())

    assert list(parameters) == ["draft.system_prompt", "refine.system_prompt"]
    assert all(parameter.requires_grad and parameter.description for parameter in parameters.values())


async def test_the_shipped_program_drafts_and_refines_a_real_ticket() -> None:
    ticket = json.loads(SHOP.read_text().splitlines()[0])["inputs"]
    model = Model(echo)
    reply = unwrap(await get_program("support_reply").build().bind(model)(**ticket))

    drafting, refining = (request.messages[1].content for request in model.requests)
    assert f"<ticket>\n{ticket['ticket']}\n</ticket>" in drafting
    assert f"<customer>\n{ticket['customer']}\n</customer>" in drafting
    assert f"<facts>\n{ticket['facts']}\n</facts>" in refining
    assert "<draft>\nYou answer customers of a lamp shop. Be friendly." in refining
    assert reply.startswith("You improve drafts")


def test_a_program_is_registered_under_a_name_of_its_own() -> None:
    class Mine(Module):
        def __init__(self) -> None:
            self.model = LLMInference("default", Parameter("Answer.", "how to answer"))

        def forward(self, question: Any) -> Any:
            return self.model(question)

    register_program("mine-in-a-test", title="Mine")(Mine)

    assert isinstance(get_program("mine-in-a-test").build(), Mine)
    assert "mine-in-a-test" in registered_programs()
    with pytest.raises(ValueError, match="registered already"):
        register_program("mine-in-a-test", title="Other")(SupportReply)


def test_an_unknown_program_is_a_key_error_that_names_those_there_are() -> None:
    with pytest.raises(KeyError, match=r"No program 'nope' is registered.*support_reply"):
        get_program("nope")


def test_a_plug_in_offers_programs_by_entry_point(tmp_path: Path) -> None:
    (tmp_path / "extra_program.py").write_text(
        "from optimization.core import LLMInference, Parameter\n"
        "from optimization.programs import register_program\n"
        "@register_program('extra', title='Extra')\n"
        "def extra():\n"
        "    return LLMInference('default', Parameter('Answer.', 'how to answer'))\n"
    )
    info = tmp_path / "extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[handgrad.programs]\nextra = extra_program\n")
    use = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from optimization.programs import get_program\n"
        "print(get_program('extra').title, get_program('extra').inputs)"
    )
    said = subprocess.run([sys.executable, "-c", use], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "Extra ('prompt',)"


# -- digests ---------------------------------------------------------------------------------------------------


def test_the_digest_of_a_json_program_is_that_of_its_meaning() -> None:
    reordered = json.loads(json.dumps(SPEC, sort_keys=True))
    spelled_out = changed("/nodes/1/alias", "default")

    assert program_digest(SPEC) == program_digest(reordered) == program_digest(spelled_out)
    assert program_digest(build_program(SPEC)) == program_digest(SPEC)
    assert len(program_digest(SPEC)) == 64


@pytest.mark.parametrize(
    ("path", "value"),
    [("/nodes/1/prompt", "{ticket}!"), ("/nodes/1/parameter/value", "Other."), ("/nodes/0/max_tokens", 51)],
)
def test_any_change_of_a_json_program_changes_its_digest(path: str, value: Any) -> None:
    assert program_digest(changed(path, value)) != program_digest(SPEC)


def test_the_digest_of_a_module_covers_values_settings_templates_and_source() -> None:
    class Other(SupportReply):
        """The same in another class."""

    changes = [SupportReply() for _ in range(5)]
    changes[0].draft.system_prompt.value = "Other."  # type: ignore[union-attr]
    changes[1].draft.temperature = 0.5
    changes[2].refine_prompt.text = "{draft}"
    changes[3].draft.alias = "strong"
    changes[4].draft.system_prompt.constraints = ("Stay polite.",)  # type: ignore[union-attr]
    digests = {program_digest(program) for program in [SupportReply(), Other(), *changes]}

    assert len(digests) == 7
    assert program_digest(SupportReply()) == program_digest(SupportReply())


def test_the_digest_is_the_same_in_every_process() -> None:
    use = "from optimization.programs import *; print(program_digest(get_program('support_reply').build()))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", use],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert runs == {program_digest(SupportReply())}
