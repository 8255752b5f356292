"""Datasets over REST: rows as JSON or a file as JSONL, an error per bad row, nothing half-imported."""

import json

from optimization.models import Dataset
from tests.api.conftest import As

ROWS = [{"ticket": f"Where is parcel {number}?", "split": "train"} for number in range(5)]


def test_rows_make_a_dataset(as_role: As) -> None:
    script = as_role("operator")
    made = script.post("/datasets", {"name": "tickets", "title": "Tickets", "rows": ROWS})
    assert made.status_code == 201, made.content
    assert made["Location"] == "/api/v1/datasets/tickets"
    assert made.json()["latest"]["sizes"] == {"train": 5, "validate": 0, "test": 0}
    listed = script.get("/datasets?search=tick").json()["items"]
    assert [dataset["name"] for dataset in listed] == ["tickets"]


def test_a_file_goes_up_as_it_is_and_a_second_one_is_the_next_version(as_role: As) -> None:
    script = as_role("operator")
    file = "\n".join(json.dumps(row) for row in ROWS).encode()
    for number, content in enumerate((file, file + b'\n{"ticket": "one more", "split": "test"}'), start=1):
        sent = script.send("PUT", "/datasets/tickets?title=Tickets", content)
        assert sent.status_code == 200, sent.content
        assert sent.json()["latest"]["number"] == number
    assert script.send("PUT", "/datasets/tickets", file).json()["latest"]["number"] == 2


def test_each_bad_row_is_named_and_nothing_is_imported(as_role: As) -> None:
    script = as_role("operator")
    refused = script.send("PUT", "/datasets/tickets", b'{"ticket": "a"}\n{"ticket": \n{"mail": "b"}\n')
    assert refused.status_code == 422
    assert [fault["line"] for fault in refused.json()["errors"]] == [2, 3]
    assert "2 lines are wrong, and nothing was imported" in refused.json()["detail"]
    refused = script.post("/datasets", {"name": "tickets", "rows": [{"ticket": "a"}, 7]})
    assert refused.json()["errors"][0]["line"] == 2
    assert not Dataset.objects.exists()


def test_rows_can_be_read_again_in_pages(as_role: As) -> None:
    script = as_role("operator")
    script.post("/datasets", {"name": "tickets", "rows": ROWS})
    page = script.get("/datasets/tickets/examples?split=train&limit=3").json()
    assert [row["position"] for row in page["items"]] == [0, 1, 2]
    rest = script.get(f"/datasets/tickets/examples?split=train&limit=3&cursor={page['next']}").json()
    assert [row["inputs"]["ticket"] for row in rest["items"]] == ["Where is parcel 3?", "Where is parcel 4?"]
    assert rest["next"] is None


def test_an_unknown_dataset_is_named(as_role: As) -> None:
    assert "no dataset mails" in as_role("viewer").get("/datasets/mails").json()["detail"]


def test_a_file_beyond_the_limit_is_refused(as_role: As, settings) -> None:
    settings.DATASET_MAX_BYTES = 30
    for file in (b'{"ticket": "a"}\n' * 5, b'{"ticket": "' + b"a" * 90 + b'"}'):
        refused = as_role("operator").send("PUT", "/datasets/tickets", file)
        assert refused.status_code == 422
        assert "larger than 30 bytes" in refused.json()["detail"]
