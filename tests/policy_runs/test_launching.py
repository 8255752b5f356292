"""A policy's run is launched over REST, and each thing that is wrong is pointed at."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from optimization.accounts.permissions import PERMISSIONS
from optimization.accounts.tokens import token_create
from optimization.models import Role, Run, RunKind, Workspace
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)
Config = Callable[..., dict[str, Any]]


@pytest.fixture
def script(team: Workspace, operator: User) -> Caller:
    scopes = PERMISSIONS[Role.OPERATOR]
    return Caller(token_create(workspace=team, user=operator, name="script", scopes=scopes)[1])


def test_it_is_launched_followed_and_read_over_rest(
    script: Caller, config: Config, play: Callable[[Run], Run]
) -> None:
    launched = script.post("/runs", {"config": config(iterations=1)}).json()
    assert (launched["kind"], launched["dataset"], launched["name"]) == ("policy", "letters", "GRPO, Letters")
    assert launched["config"]["components"][0]["name"] == "vowels"
    play(Run.objects.get(pk=launched["id"], kind=RunKind.POLICY))

    run = script.get(f"/runs/{launched['id']}").json()
    (step,) = script.get(f"/runs/{run['id']}/steps").json()["items"]
    (checkpoint,) = script.get(f"/runs/{run['id']}/checkpoints").json()["items"]
    groups = script.get(f"/runs/{run['id']}/iterations/0/rollouts").json()["items"]
    assert run["state"] == "finished"
    assert step["metrics"]["reward/vowels"] == step["metrics"]["reward"]
    assert (checkpoint["key"], checkpoint["current"], checkpoint["kept"]) == ("step-1", True, True)
    assert [len(group["samples"]) for group in groups] == [4, 4, 4]
    assert {"text", "kl", "ratio", "log_prob"} == set(groups[0]["samples"][0]["tokens"][0])


def test_a_checkpoint_is_a_tar_of_what_transformers_reads(
    script: Caller, config: Config, play: Callable[[Run], Run]
) -> None:
    run = play(Run.objects.get(pk=script.post("/runs", {"config": config(iterations=1)}).json()["id"]))

    sent: Any = script.get(f"/runs/{run.pk}/checkpoints/step-1/archive")
    body = b"".join(sent.streaming_content)
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        names = archive.getnames()

    assert len(body) == int(sent["Content-Length"])
    assert f"run-{run.pk}-step-1/model.safetensors" in names
    assert f"run-{run.pk}-step-1/config.json" in names
    assert script.get(f"/runs/{run.pk}/checkpoints/step-9/archive").status_code == 404


def with_component(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda config: config | {"components": [config["components"][0] | changes]}


def with_arguments(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda config: (
        config | {"trainer": config["trainer"] | {"args": config["trainer"]["args"] | changes}}
    )


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        (with_component(dataset="nowhere"), "#/config/components/0/dataset", "no dataset “nowhere”"),
        (with_component(prompt="{ticket}"), "#/config/components/0/prompt", "asks for ticket.*brings text"),
        (
            with_component(reward={"name": "LLMFeedbackLoss"}),
            "#/config/components/0/reward/name",
            "no reward",
        ),
        (
            with_component(reward={"name": "VerifierLoss", "args": {"verifier": "nothing"}}),
            "#/config/components/0/reward",
            "nothing",
        ),
        (
            with_component(reward={"name": "LLMPreferenceLoss", "args": {"criteria": "better?"}}),
            "#/config/trainer/args/group_size",
            "two",
        ),
        (with_arguments(plot_tensors=True), "#/config/trainer/args/plot_tensors", "no such argument"),
        (with_arguments(group_size=1), "#/config/trainer/args/group_size", "greater than or equal to 2"),
        (with_arguments(learning_rate=-1), "#/config/trainer/args/learning_rate", "not -1"),
        (lambda config: config | {"trainer": {"name": "SFT"}}, "#/config/trainer", "GRPOTrainer, PPOTrainer"),
        (lambda config: config | {"components": []}, "#/config/components", "at least 1"),
        (
            lambda config: config | {"components": config["components"] * 2},
            "#/config/components",
            "of its own",
        ),
        (lambda config: config | {"iterations": 0}, "#/config/iterations", "greater than or equal to 1"),
        (lambda config: config | {"compute": {"device": "tpu"}}, "#/config/compute/device", "pattern"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    pointer: str,
    said: str,
    script: Caller,
    config: Config,
) -> None:
    answer = script.post("/runs", {"config": change(config())})

    assert answer.status_code == 422, answer.content
    faults = {fault["pointer"]: fault["detail"] for fault in answer.json()["errors"]}
    place = next((each for each in faults if each.startswith(pointer)), None)
    assert place is not None, faults
    assert re.search(said, faults[place]), faults


def test_the_choices_tell_trainers_rewards_and_backends(script: Caller) -> None:
    told = script.get("/choices").json()
    names = {subject: [option["name"] for option in options] for subject, options in told.items()}

    assert names["policy_trainers"] == ["GRPOTrainer", "PPOTrainer"]
    assert {"LLMGroupLoss", "VerifierLoss", "HumanRankingLoss"} <= set(names["rewards"])
    assert names["backends"] == ["LocalBackend", "ServerlessBackend", "TinkerBackend"]
