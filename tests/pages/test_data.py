"""Datasets: the list, a look into the splits, importing a file with an error per bad row."""

import json

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from optimization.models import Dataset, DatasetVersion, Workspace
from tests.factories import make_dataset
from tests.pages.reading import errors_beside, text

DEALT = {"train": "60", "validate": "20", "test": "20"}


def sent(*lines: str, **changes: object) -> dict[str, object]:
    file = SimpleUploadedFile("rows.jsonl", "\n".join(lines).encode())
    return {"name": "Tickets", "file": file, **DEALT, **changes}


def row(**fields: object) -> str:
    return json.dumps(fields)


def test_the_list_counts_the_splits(operator: Client, workspace: Workspace) -> None:
    make_dataset(workspace)
    assert "Support tickets support-tickets 8 0 8 1" in text(operator.get("/data/"))


def test_a_dataset_can_be_looked_into_split_by_split(operator: Client, workspace: Workspace) -> None:
    version = make_dataset(workspace)
    version.examples.filter(split="test", position=0).update(
        inputs={"ticket": "Held out"}, target={"says": "yes"}
    )
    assert "My order #48213" in text(operator.get("/data/support-tickets/"))
    shown = text(operator.get("/data/support-tickets/?split=test"))
    assert "Held out" in shown
    assert '{"says": "yes"}' in shown


def test_a_file_is_imported_and_dealt_out(operator: Client) -> None:
    answer = operator.post("/data/import/", sent(*[row(ticket=f"Lamp {n}") for n in range(10)]))
    assert answer["Location"] == "/data/tickets/"
    assert DatasetVersion.objects.get().sizes == {"train": 6, "validate": 2, "test": 2}


def test_each_bad_row_is_named_by_its_line_and_nothing_is_imported(operator: Client) -> None:
    answer = operator.post("/data/import/", sent(row(ticket="a"), "{oops", row(ticket="b", split="tset")))
    assert answer.status_code == 422
    assert "2 lines are wrong, and nothing was imported" in errors_beside(answer, "file")
    shown = text(answer)
    assert "2 not valid JSON" in shown
    assert '3 "split" is "tset": use "train", "validate" or "test"' in shown
    assert not Dataset.objects.exists()


def test_parts_that_do_not_add_up_are_refused_beside_them(operator: Client) -> None:
    answer = operator.post("/data/import/", sent(row(ticket="a"), train="70"))
    assert "must add up to 100" in errors_beside(answer, "train")


def test_an_empty_file_is_refused_beside_it(operator: Client) -> None:
    assert errors_beside(operator.post("/data/import/", sent("")), "file")


def test_a_foreign_dataset_is_not_found(operator: Client) -> None:
    make_dataset(Workspace.objects.create(name="Other", slug="other"))
    answer = operator.get("/data/support-tickets/")
    assert answer.status_code == 404
    assert "There is no dataset “support-tickets” in Support team." in text(answer)
