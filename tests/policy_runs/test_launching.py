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
from optimization.backends import BACKENDS, arguments_schema
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
    assert {"text", "kl", "ratio", "log_prob", "sampled"} == set(groups[0]["samples"][0]["tokens"][0])


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
        (with_component(follow_ups=["And?"]), "#/config/components/0", "^Only a chat goes on"),
        (
            with_component(chat=True, follow_ups=["What of {order}?"]),
            "#/config/components/0/prompt",
            "asks for order.*brings text",
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


def with_backend(**arguments: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The backend's arguments in place of the trainer's own."""

    def changed(config: dict[str, Any]) -> dict[str, Any]:
        args = {name: value for name, value in config["trainer"]["args"].items() if name != "learning_rate"}
        backend = {"name": "LocalBackend", "args": arguments}
        return config | {"trainer": config["trainer"] | {"args": args}, "backend": backend}

    return changed


def named(name: str, **arguments: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda config: with_backend()(config) | {"backend": {"name": name, "args": arguments}}


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        (
            with_backend(plot_tensor=True),
            "#/config/backend/args/plot_tensor",
            "no such argument. LocalBackend takes learning_rate, ppo",
        ),
        (with_backend(ppo="yes"), "#/config/backend/args/ppo", "valid boolean, not 'yes'"),
        (with_backend(epsilon="0.2"), "#/config/backend/args/epsilon", "valid number, not '0.2'"),
        (
            with_backend(importance_sampling_level="word"),
            "#/config/backend/args/importance_sampling_level",
            "'token', 'sequence'",
        ),
        (with_backend(learning_rate=-1.0), "#/config/backend/args/learning_rate", "greater than 0, not -1.0"),
        (with_backend(advantage_balance=2.0), "#/config/backend/args/advantage_balance", "equal to 1"),
        (with_backend(save_checkpoint=False), "#/config/backend/args/save_checkpoint", "keeps one"),
        (with_backend(plot_tensors=True), "#/config/backend/args/plot_tensors", "own pages"),
        (named("ServerlessBackend", plot_tensors=True), "#/config/backend/args/plot_tensors", "no such"),
        (named("TinkerBackend", mask_prob_ratio=True), "#/config/backend/args/mask_prob_ratio", "no such"),
        (named("TinkerBackend", train_mlp=False), "#/config/backend/name", "no service to train on yet"),
        (named("OtherBackend"), "#/config/backend/name", "LocalBackend, ServerlessBackend, TinkerBackend"),
        (
            lambda config: with_arguments(beta=0.1)(with_backend()(config)),
            "#/config/trainer/args/beta",
            "The arguments of LocalBackend say how it learns",
        ),
        (
            lambda config: (
                with_backend()(config) | {"trainer": {"name": "PPOTrainer", "args": {"group_size": 4}}}
            ),
            "#/config/trainer/name",
            "choose GRPOTrainer",
        ),
    ],
)
def test_what_a_backend_does_not_take_is_refused_at_its_argument(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    pointer: str,
    said: str,
    script: Caller,
    config: Config,
) -> None:
    test_what_cannot_be_is_refused_at_its_field(change, pointer, said, script, config)


def test_the_api_describes_each_backends_arguments_by_its_signature(script: Caller) -> None:
    schemas = script.get("/openapi.json").json()["components"]["schemas"]

    of_the_config = schemas["PolicyRunConfig"]["properties"]["backend"]["anyOf"]
    arguments = {
        choice["properties"]["name"]["const"]: set(choice["properties"]["args"]["properties"])
        for choice in of_the_config
        if choice["type"] == "object"
    }
    assert {name: len(known) for name, known in arguments.items()} == {
        name: len(arguments_schema(backend)["properties"]) for name, backend in BACKENDS.items()
    }
    assert "truncated_importance_sampling" in arguments["LocalBackend"] - arguments["ServerlessBackend"]
    assert "deploy_checkpoint" in arguments["TinkerBackend"] - arguments["LocalBackend"]


def test_a_run_whose_steps_a_backend_takes_is_launched_over_rest(
    script: Caller, config: Config, play: Callable[[Run], Run]
) -> None:
    backend = with_backend(learning_rate=1e-3, ppo=True, epsilon=0.1, truncated_importance_sampling=2.0)

    launched = script.post("/runs", {"config": backend(config(iterations=2))}).json()

    assert launched["config"]["backend"]["args"]["epsilon"] == 0.1
    run = play(Run.objects.get(pk=launched["id"]))
    steps = script.get(f"/runs/{run.pk}/steps").json()["items"]
    assert run.state == "finished", run.reason
    assert [step["checkpoint"] for step in steps] == ["step-1", "step-2"]
    assert {"reward/vowels", "clip_fraction", "entropy", "length"} <= set(steps[0]["metrics"])
    assert "kl" not in steps[0]["metrics"]
