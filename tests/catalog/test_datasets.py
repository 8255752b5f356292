"""Imports take all rows or none, and say of each bad row what is wrong with it."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from optimization.catalog.datasets import dataset_import
from optimization.catalog.errors import DatasetRefused
from optimization.models import Dataset, Example, Workspace

GOOD = [{"ticket": f"My parcel {number} is late", "target": "An apology and a date"} for number in range(10)]


def jsonl(*rows: object) -> list[str]:
    return [row if isinstance(row, str) else json.dumps(row) for row in rows]


def refused(workspace: Workspace, *rows: object, **options) -> DatasetRefused:
    with pytest.raises(DatasetRefused) as refusal:
        dataset_import(workspace=workspace, name="tickets", lines=jsonl(*rows), **options)
    assert not Dataset.objects.exists()
    return refusal.value


def test_rows_become_examples_with_inputs_and_target(workspace: Workspace) -> None:
    version = dataset_import(workspace=workspace, name="Tickets", lines=jsonl(*GOOD))
    assert version.dataset.name == "tickets"
    assert version.number == 1
    example = version.examples.get(split="train", position=0)
    assert set(example.inputs) == {"ticket"}
    assert example.target == "An apology and a date"


def test_inputs_may_stand_in_an_object_of_their_own(workspace: Workspace) -> None:
    rows = [{"inputs": {"target": "a word to guess"}, "target": "guess", "split": "train"}]
    version = dataset_import(workspace=workspace, name="words", lines=jsonl(*rows))
    assert version.examples.get().inputs == {"target": "a word to guess"}


def test_splits_by_field_keep_the_order_of_the_file(workspace: Workspace) -> None:
    rows = [{"n": 1, "split": "test"}, {"n": 2, "split": "train"}, {"n": 3, "split": "test"}]
    version = dataset_import(workspace=workspace, name="numbers", lines=jsonl(*rows))
    assert version.sizes == {"train": 1, "validate": 0, "test": 2}
    assert [row.inputs["n"] for row in version.examples.filter(split="test").order_by("position")] == [1, 3]


def test_splits_by_ratio_are_the_seeds_own(workspace: Workspace) -> None:
    def train(name: str, seed: int) -> list[str]:
        version = dataset_import(workspace=workspace, name=name, lines=jsonl(*GOOD), seed=seed)
        assert version.sizes == {"train": 6, "validate": 2, "test": 2}
        return list(version.examples.filter(split="train").values_list("inputs__ticket", flat=True))

    assert train("a", 1) == train("b", 1)
    assert train("a", 1) != train("c", 2)


@pytest.mark.parametrize(("rows", "train", "test"), [(1, 1, 0), (2, 1, 1), (3, 1, 1), (4, 2, 1)])
def test_the_smallest_files_leave_something_to_learn_from(workspace, rows, train, test) -> None:
    sizes = dataset_import(workspace=workspace, name="few", lines=jsonl(*GOOD[:rows])).sizes
    assert (sizes["train"], sizes["test"]) == (train, test)


def test_the_same_file_again_is_the_same_version_and_a_changed_one_the_next(workspace: Workspace) -> None:
    first = dataset_import(workspace=workspace, name="tickets", lines=jsonl(*GOOD))
    again = dataset_import(workspace=workspace, name="tickets", lines=jsonl(*GOOD))
    other = dataset_import(workspace=workspace, name="tickets", lines=jsonl(*GOOD[:5]))
    assert again == first
    assert other.number == 2
    assert first.examples.count() == 10


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('{"ticket": "half', "not valid JSON at column"),
        ('{"ticket": NaN}', "NaN is not JSON"),
        ("[1]", "must be an object, this is a list"),
        ("null", "this is null"),
        ("{}", "no inputs"),
        ({"ticket": "a", "target": "b", "split": "dev"}, 'use "train", "validate" or "test"'),
        ({"ticket": "a", "split": []}, 'use "train", "validate" or "test"'),
        ({"mail": "a"}, '"ticket" is missing'),
        ({"ticket": "a", "mood": "b"}, '"mood" is not in the first row'),
        ({"inputs": {"ticket": "a"}, "mood": "b"}, 'beside "inputs" stands "mood"'),
        ({"ticket": "a\x00b"}, "NUL"),
        ("[" * 100_000, "nested too deeply"),
        ({"ticket": "a" * 200_001}, "the most is 200,000"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_what_to_do(workspace: Workspace, row, words) -> None:
    refusal = refused(workspace, GOOD[0], row, GOOD[1])
    assert [fault.line for fault in refusal.rows] == [2]
    assert words in refusal.rows[0].message


def test_a_line_that_is_not_utf8_is_named(workspace: Workspace) -> None:
    with pytest.raises(DatasetRefused) as refusal:
        dataset_import(workspace=workspace, name="t", lines=[b'{"a": "ok"}\n', b'{"a": "\xff"}\n'])
    assert "byte 8 is not UTF-8" in str(refusal.value.rows[0])


def test_a_byte_order_mark_and_blank_lines_are_no_fault(workspace: Workspace) -> None:
    lines = ['\ufeff{"a": 1}\r\n', "\n", '{"a": 2}\r\n']
    assert sum(dataset_import(workspace=workspace, name="t", lines=lines).sizes.values()) == 2


def test_every_bad_row_is_reported_and_only_the_first_hundred_are_listed(workspace: Workspace) -> None:
    refusal = refused(workspace, GOOD[0], *["{"] * 250)
    assert (refusal.bad, len(refusal.rows)) == (250, 100)
    assert "250 lines are wrong, and nothing was imported" in str(refusal)


def test_a_split_is_named_by_all_rows_or_by_none(workspace: Workspace) -> None:
    refusal = refused(workspace, {"a": 1, "split": "train"}, {"a": 2})
    assert [fault.line for fault in refusal.rows] == [2]


def test_a_file_without_rows_or_without_train_rows_is_refused(workspace: Workspace) -> None:
    assert "no rows" in str(refused(workspace))
    assert "at least one to learn from" in str(refused(workspace, {"a": 1, "split": "test"}))


def test_rows_are_held_against_the_inputs_of_a_program(workspace: Workspace) -> None:
    refusal = refused(workspace, {"mail": "x"}, {"ticket": "y", "mood": "z"}, inputs=["ticket"])
    assert [str(fault) for fault in refusal.rows] == [
        'Line 1: "ticket" is missing, which the program has: add it'
    ]


def test_limits_hold(workspace: Workspace, settings) -> None:
    settings.DATASET_MAX_ROWS = 2
    assert "at most 2 rows" in refused(workspace, *GOOD).rows[0].message
    settings.DATASET_MAX_BYTES = 50
    assert "larger than 50 bytes" in str(refused(workspace, *GOOD))


def test_unusable_names_and_ratios_are_refused(workspace: Workspace) -> None:
    with pytest.raises(DatasetRefused, match="cannot name a dataset"):
        dataset_import(workspace=workspace, name="!!!", lines=jsonl(*GOOD))
    for ratios in ({"train": 0, "test": 1}, {"train": 1, "dev": 1}, {"train": 1, "test": -1}, {}):
        assert "ratios" in str(refused(workspace, *GOOD, ratios=ratios))


def test_the_command_imports_a_file_and_names_its_bad_rows(workspace: Workspace, tmp_path, capsys) -> None:
    file = tmp_path / "tickets.jsonl"
    file.write_text("\n".join(jsonl(*GOOD)))
    call_command("dataset_import", "tickets", str(file))
    assert "tickets v1: 6 train, 2 validate, 2 test rows" in capsys.readouterr().out
    assert Example.objects.count() == 10
    file.write_text("{\n")
    with pytest.raises(CommandError, match="1 line is wrong"):
        call_command("dataset_import", "tickets", str(file))
    assert "Line 1: not valid JSON" in capsys.readouterr().err


def test_a_large_file_is_read_from_a_stream(workspace: Workspace) -> None:
    stream = io.BytesIO("\n".join(jsonl(*GOOD)).encode())
    assert sum(dataset_import(workspace=workspace, name="t", lines=stream).sizes.values()) == 10
