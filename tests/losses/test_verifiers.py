"""The built-in verifiers, by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optimization.losses import VerifierLoss
from optimization.losses.verifiers import BUILT_IN, verifier_named, verifier_names


async def judged(verifier: dict[str, Any], output: Any, target: Any = None) -> tuple[float | None, str]:
    value = await VerifierLoss(verifier)(output, target)
    return value.score, "".join(text for group in value.payload for text in group)


@pytest.mark.parametrize(
    ("verifier", "target", "passes", "fails", "message"),
    [
        ({"name": "exact"}, "Yes", "Yes\n", "yes", "The output must be exactly 'Yes'."),
        ({"name": "exact", "ignore_case": True}, "Yes", "yes", "no", "The output must be exactly 'Yes'."),
        (
            {"name": "exact", "expected": "A", "strip": False},
            "B",
            "A",
            "A ",
            "The output must be exactly 'A'.",
        ),
        (
            {"name": "regex", "pattern": "lamp"},
            None,
            "a lamp",
            "light",
            "The output must match the pattern 'lamp'.",
        ),
        (
            {"name": "regex", "pattern": "a+", "full": True, "message": "Only a."},
            None,
            "aaa",
            "aab",
            "Only a.",
        ),
        ({"name": "contains"}, "HB-1", "order HB-1", "order", "The output must contain 'HB-1'."),
        ({"name": "contains", "text": ["a", "b"]}, None, "ab", "a", "The output must contain 'b'."),
        (
            {"name": "contains", "text": "DEAR", "ignore_case": True},
            None,
            "Dear",
            "Hi",
            "The output must contain 'DEAR'.",
        ),
        (
            {"name": "numeric"},
            "It is 12",
            "I get 3, so 12.0",
            "13",
            "The output's number is 13 and must be 12.",
        ),
        (
            {"name": "numeric", "tolerance": 0.5},
            10,
            "10.4",
            "10.6",
            "The output's number is 10.6 and must be 10.",
        ),
        (
            {"name": "numeric", "expected": 1000, "relative": 0.01},
            None,
            "1,009",
            "1,020",
            "1020 and must be 1000",
        ),
        ({"name": "numeric"}, 5, "between 3-5", "none", "The output must give a number, 5."),
        (
            {"name": "length", "maximum": 3},
            None,
            "one two three",
            "one two three four",
            "has 4 words and may have at most 3",
        ),
        (
            {"name": "length", "minimum": 2, "unit": "lines"},
            None,
            "a\nb",
            "a",
            "has 1 lines and needs at least 2",
        ),
        ({"name": "length", "maximum": 2, "unit": "characters"}, None, "ab", "abc", "has 3 characters"),
        ({"name": "code_fence"}, None, 'See:\n```json\n{"a": 1}\n```', "{}", "in a block fenced by ```"),
        (
            {"name": "code_fence", "language": "python"},
            None,
            "```python\nx = 1\n```",
            "```\nx =\n```",
            "valid python",
        ),
        (
            {"name": "code_fence", "language": "toml"},
            None,
            "```toml\na = 1\n```",
            "```toml\na\n```",
            "valid toml",
        ),
        (
            {"name": "code_fence", "language": "yaml"},
            None,
            "```yaml\na: [1]\n```",
            "```yaml\na: [1\n```",
            "valid yaml",
        ),
    ],
)
async def test_a_verifier_passes_and_fails_with_a_sentence(
    verifier: dict[str, Any], target: Any, passes: str, fails: str, message: str
) -> None:
    assert await judged(verifier, passes, target) == (1.0, "")
    score, said = await judged(verifier, fails, target)
    assert score == 0.0
    assert message in said


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize("output", ['{"n": 1}', '```json\n{"n": 1}\n```', {"n": 1}])
async def test_json_is_checked_against_a_schema(output: Any) -> None:
    assert (await judged({"name": "json_schema", "schema": SCHEMA}, output))[0] == 1.0


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("n is 1", "The output must be JSON: it is not JSON"),
        ('{"n": "one"}', "The output's JSON is wrong at $.n: 'one' is not of type 'integer'."),
        ("{}", "The output's JSON is wrong at $: 'n' is a required property."),
    ],
)
async def test_json_that_breaks_the_schema_is_told_where(output: str, message: str) -> None:
    score, said = await judged({"name": "json_schema", "schema": SCHEMA}, output)

    assert score == 0.0
    assert message in said


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/schema", "#/$defs/nowhere", "file:///etc/passwd"])
def test_a_schema_refers_to_nothing_outside_it(reference: str) -> None:
    with pytest.raises(ValueError, match="nothing is fetched from elsewhere. Put what it refers to under"):
        VerifierLoss({"name": "json_schema", "schema": {"properties": {"a": True, "b": {"$ref": reference}}}})


async def test_a_schema_may_refer_to_its_own_definitions() -> None:
    schema = {"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}

    assert (await judged({"name": "json_schema", "schema": schema}, "[1]"))[0] == 1.0
    assert (
        "at $[0]: 'a' is not of type" in (await judged({"name": "json_schema", "schema": schema}, '["a"]'))[1]
    )


ODD = [
    "",
    "\x00",
    "e\u0301 ✓",
    "\ud800",
    "9" * 5000,
    "[" * 100_000,
    "NaN",
    "x" * 100_000,
    None,
    True,
    b"x",
    [],
    {},
]


@pytest.mark.parametrize(
    "verifier",
    [
        {"name": "exact", "expected": "lamp"},
        {"name": "regex", "pattern": "^lamp$"},
        {"name": "contains", "text": "lamp"},
        {"name": "json_schema", "schema": {"required": ["lamp"], "type": "object"}},
        {"name": "json_path", "path": "$.lamp"},
        {"name": "numeric", "expected": 3},
        {"name": "length", "minimum": 10**6},
        {"name": "code_fence"},
    ],
    ids=lambda verifier: verifier["name"],
)
async def test_an_odd_output_fails_with_a_sentence_and_raises_nothing(verifier: dict[str, Any]) -> None:
    for output in ODD:
        score, said = await judged(verifier, output)
        assert score == 0.0
        assert said.startswith("The ")
        assert len(said) < 500


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("json", "[" * 100_000),
        ("python", "x" + "+x" * 100_000),
        ("toml", "a = " + "[" * 5000),
        ("yaml", "[" * 5000),
    ],
)
async def test_code_nested_without_end_is_not_valid(language: str, code: str) -> None:
    assert (await judged({"name": "code_fence", "language": language}, f"```\n{code}\n```"))[0] == 0.0


async def test_of_several_blocks_those_of_the_language_are_read() -> None:
    output = "```bash title=run\r\nls\r\n```\r\nThen\r\n```json\r\n{}\r\n```"

    assert (await judged({"name": "code_fence"}, output))[0] == 1.0
    assert (await judged({"name": "json_path", "path": "$"}, output))[0] == 1.0
    assert (await judged({"name": "code_fence"}, output + "\n```json\n{\n```"))[0] == 0.0


async def test_numbers_are_told_in_full() -> None:
    said = (await judged({"name": "numeric", "expected": 1234567}, "1234568"))[1]
    assert said == "The output's number is 1234568 and must be 1234567."


async def test_a_json_path_tells_true_from_one() -> None:
    assert (await judged({"name": "json_path", "path": "$.a", "expected": True}, '{"a": 1}'))[0] == 0.0
    assert (await judged({"name": "json_path", "path": "$.a", "expected": 1}, '{"a": 1.0}'))[0] == 1.0


async def test_a_json_path_must_find_something_or_the_value_wanted() -> None:
    found = '{"items": [{"id": 7}, {"id": 8}]}'

    assert (await judged({"name": "json_path", "path": "$.items[*].id"}, found))[0] == 1.0
    assert (await judged({"name": "json_path", "path": "$.items[*].id", "expected": 8}, found))[0] == 1.0
    assert (await judged({"name": "json_path", "path": "$.items[0].id", "match_target": True}, found, 7))[
        0
    ] == 1.0
    assert await judged({"name": "json_path", "path": "$.name"}, found) == (
        0.0,
        "The output's JSON must have something at $.name.",
    )
    assert await judged({"name": "json_path", "path": "$.items[0].id", "expected": 9}, found) == (
        0.0,
        "The output's JSON must have 9 at $.items[0].id, not 7.",
    )
    assert "must be JSON" in (await judged({"name": "json_path", "path": "$.a"}, "no"))[1]


@pytest.mark.parametrize(
    ("verifier", "message"),
    [
        ({"name": "unheard_of"}, "No verifier 'unheard_of'. There are: code_fence, contains"),
        ({"name": "regex"}, "Verifier 'regex' cannot be made with"),
        ({"name": "regex", "pattern": "("}, "Verifier 'regex' cannot be made with"),
        ({"name": "regex", "patern": "a"}, "Verifier 'regex' cannot be made with"),
        (
            {"name": "json_schema", "schema": {"type": "unknown"}},
            "The schema of the json_schema verifier is no valid JSON schema",
        ),
        ({"name": "json_path", "path": "$["}, r"The path '\$\[' of the json_path verifier cannot be read"),
        ({"name": "length", "unit": "pages"}, "counts words, characters, lines, not 'pages'"),
        ({"name": "length", "minimum": 5, "maximum": 2}, "No output has 5 to 2 words"),
        ({"name": "length", "minimum": "5"}, r"cannot be made with {'minimum': '5'}.*It takes \(minimum"),
        ({"name": "code_fence", "language": "cobol"}, "parses json, python, toml, yaml, not 'cobol'"),
        ({"name": "contains", "text": []}, "contains verifier has no text to look for"),
        ({"name": "numeric", "tolerance": -1}, "numeric verifier's tolerance is 0 or more, not -1"),
        ({"name": "numeric", "expected": "twelve"}, "numeric verifier's expected is a number, not 'twelve'"),
        ({"name": "json_path", "path": 5}, r"cannot be made with {'path': 5}"),
        ({"pattern": "a"}, "No verifier 'None'"),
    ],
)
def test_a_verifier_that_cannot_be_made_is_a_value_error_in_words(
    verifier: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        VerifierLoss(verifier)


@pytest.mark.parametrize("name", ["exact", "contains", "numeric"])
async def test_a_verifier_without_anything_to_compare_with_says_so(name: str) -> None:
    with pytest.raises(ValueError, match=f"The {name} verifier has nothing to compare with"):
        await VerifierLoss(name)("output")


def test_every_built_in_verifier_has_its_name() -> None:
    assert set(BUILT_IN) <= set(verifier_names())
    assert verifier_named("length", maximum=1)("a") == (
        True,
        "The output has 1 words and may have at most 1.",
    )


def test_a_plug_in_offers_verifiers_by_entry_point(tmp_path: Path) -> None:
    (tmp_path / "shouting.py").write_text(
        "def loud():\n    return lambda output: (output.isupper(), 'Shout.')\n"
    )
    info = tmp_path / "shouting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[handgrad.verifiers]\nloud = shouting:loud\n")
    use = (
        f"import asyncio, sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from optimization.losses import VerifierLoss\n"
        "from optimization.losses.verifiers import verifier_names\n"
        "assert 'loud' in verifier_names()\n"
        "print(asyncio.run(VerifierLoss('loud')('quiet')).payload)"
    )
    said = subprocess.run([sys.executable, "-c", use], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[['Shout.']]"
