"""A policy's pages show what its run did, to those who may read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from optimization.models import Checkpoint, PolicyStep, RolloutGroup, Run, RunKind, Workspace
from optimization.runs.replays import run_replay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def finished(launch: Callable[..., Run], play: Callable[[Run], Run]) -> Run:
    return play(launch(iterations=2))


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content[:400]
    return answer.content.decode()


def test_the_pages_of_a_run_show_steps_groups_and_checkpoints(client: Client, finished: Run) -> None:
    page = text(client, f"/runs/{finished.pk}/")
    for told in ("Reward of the batch", "KL from the start", "Clipped tokens", "Entropy", "Length, tokens"):
        assert told in page
    assert "Groups without variance" in page
    assert "Tokens a second" in page
    assert "GRPO · 3 prompts of 4 completions a step · a check in code" in page
    assert page.count('class="groups__row"') == 3

    step = text(client, f"/runs/{finished.pk}/steps/1/")
    assert "3 groups" in step
    group = text(client, f"/runs/{finished.pk}/steps/1/groups/0/")
    assert group.count('class="sample"') == 4
    assert "ratio" in group
    assert "KL" in group
    assert 'class="token' in group

    checkpoints = text(client, f"/runs/{finished.pk}/checkpoints/?a=initial&b=step-2")
    assert checkpoints.count('data-label="Gain"') == 2
    answer: Any = client.get(f"/runs/{finished.pk}/checkpoints/step-2/")
    assert answer["Content-Disposition"] == f'attachment; filename="run-{finished.pk}-step-2.tar"'


def test_a_run_is_forked_and_replayed_from_its_pages(client: Client, finished: Run) -> None:
    fork = reverse("iteration_fork", args=[finished.pk, 2])
    assert f'href="{fork}"' in text(client, f"/runs/{finished.pk}/steps/2/")
    assert f'href="{fork}"' in text(client, f"/runs/{finished.pk}/checkpoints/")
    assert "the weights that “Letters” had before step 2" in text(client, fork)

    made = client.post(fork)["Location"]

    page = text(client, made)
    assert "Begun from" in page
    assert "at its step 2" in page
    assert re.search(r"Step <strong>2</strong> of 2", page)
    assert 'href="' + reverse("run_deed", args=[finished.pk, "replay"]) in text(
        client, f"/runs/{finished.pk}/"
    )
    run_replay(finished)
    assert "All 2 checkpoints came out byte-equal" in text(client, f"/runs/{finished.pk}/")


def test_a_step_of_one_component_does_not_name_it_at_every_group(client: Client, finished: Run) -> None:
    assert "vowels" not in text(client, f"/runs/{finished.pk}/steps/1/")


def test_weights_that_cannot_be_forked_from_are_said_on_the_page(client: Client, finished: Run) -> None:
    Checkpoint.objects.filter(run=finished, key="step-1").update(removed_at="2026-01-01T00:00:00Z")

    answer = client.post(f"/runs/{finished.pk}/iterations/2/fork/", follow=True)

    assert "The weights after step 1 were removed" in answer.content.decode()


def test_a_page_that_has_everything_is_sent_nothing(client: Client, finished: Run) -> None:
    page = text(client, f"/runs/{finished.pk}/")
    have = ",".join(re.findall(r'data-digest="(\w+)"', page))

    assert client.get(f"/runs/{finished.pk}/live/?have={have}").status_code == 204


def test_a_run_that_has_just_begun_says_what_comes(client: Client, launch: Callable[..., Run]) -> None:
    run = launch()

    page = text(client, f"/runs/{run.pk}/")

    assert "the first comes when the policy, as it begins, has answered the test prompts" in page
    assert "every step that had something to learn from leaves one" in page
    assert client.get(f"/runs/{run.pk}/steps/1/").status_code == 404
    assert "No checkpoint yet" in text(client, f"/runs/{run.pk}/checkpoints/")


def test_it_is_launched_from_the_form_and_again_like_before(client: Client, team: Workspace) -> None:
    page = client.get("/runs/launch/policy/")
    sent = {name: "" if (value := field.value()) is None else value for name, field in _fields(page)}
    sent |= {"iterations": 3, "device": "cpu"}

    answer = client.post("/runs/launch/policy/", sent)

    run = Run.objects.get(kind=RunKind.POLICY)
    assert answer["Location"] == f"/runs/{run.pk}/"
    assert run.config["components"][0]["prompt"] == "{ticket}\nTeam: "
    assert run.config["components"][0]["reward"]["args"]["verifier"] == {"name": "exact"}
    again = client.get(f"/runs/launch/policy/?like={run.pk}")
    assert again.context["form"]["iterations"].value() == 3
    assert "768" in client.post("/runs/launch/policy/estimate/", sent | {"iterations": 3}).content.decode()


@pytest.mark.parametrize(
    ("reward", "said", "copies"), [("check", "", 1), ("people", "", 8), ("ranking", "", 8), ("group", "4", 4)]
)
def test_every_way_of_rewarding_is_launched_from_the_form(
    client: Client, team: Workspace, reward: str, said: str, copies: int
) -> None:
    page = client.get("/runs/launch/policy/")
    sent = {name: "" if (value := field.value()) is None else value for name, field in _fields(page)}

    client.post("/runs/launch/policy/", sent | {"reward": reward, "num_eval_samples": said})

    run = Run.objects.get(kind=RunKind.POLICY)
    assert run.config["trainer"]["args"]["num_eval_samples"] == copies
    again = client.get(f"/runs/launch/policy/?like={run.pk}").context["form"]
    assert again["num_eval_samples"].value() == (int(said) if said else None)


def test_a_backends_arguments_are_fields_of_the_form_and_come_back(client: Client, team: Workspace) -> None:
    page = client.get("/runs/launch/policy/")
    sent = {name: "" if (value := field.value()) is None else value for name, field in _fields(page)}
    sent |= {"backend": "LocalBackend", "backend_ppo": "on", "backend_epsilon": "0.1", "device": "cpu"}
    del sent["backend_scale_rewards"]

    client.post("/runs/launch/policy/", sent)

    run = Run.objects.get(kind=RunKind.POLICY)
    assert run.config["backend"] == {
        "name": "LocalBackend",
        "args": {"learning_rate": 3e-4, "ppo": True, "epsilon": 0.1, "scale_rewards": False},
    }
    assert not {"learning_rate", "beta"} & set(run.config["trainer"]["args"])
    again = client.get(f"/runs/launch/policy/?like={run.pk}").context["form"]
    values = {name: again[f"backend_{name}"].value() for name in ("ppo", "epsilon", "scale_rewards")}
    assert values == {"ppo": True, "epsilon": 0.1, "scale_rewards": False}
    assert again["backend"].value() == "LocalBackend"
    facts = client.get(f"/runs/{run.pk}/").content.decode()
    assert "by LocalBackend, PPO" in facts


def test_where_no_reference_is_kept_no_kl_is_shown(client: Client, finished: Run) -> None:
    addresses = [f"/runs/{finished.pk}/{rest}" for rest in ("steps/1/groups/0/", "checkpoints/")]
    # A page's tags hold random tokens, any letters of them.
    assert all("KL" in strip_tags(text(client, address)) for address in addresses)
    for step in PolicyStep.objects.filter(run=finished):
        del step.metrics["kl"]
        step.save(update_fields=["metrics"])
    for group in RolloutGroup.objects.exclude(figures=None):
        group.figures = [figures | {"kl": None} for figures in group.figures]
        group.save(update_fields=["figures"])

    assert not any("KL" in strip_tags(text(client, address)) for address in addresses)


def test_a_reward_that_was_held_against_no_group_is_shown_without_an_advantage(
    client: Client, launch: Callable[..., Run], play: Callable[[Run], Run], config: Callable[..., Any]
) -> None:
    arguments = config(args={"group_size": 1})["trainer"]["args"]
    run = play(launch(iterations=1, trainer={"name": "PPOTrainer", "args": arguments}))

    page = text(client, f"/runs/{run.pk}/steps/1/groups/0/")

    assert "mean reward" in page
    assert "advantage" not in page
    assert "nothing was learned" not in page
    assert "all alike" not in text(client, f"/runs/{run.pk}/steps/1/")


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"prompt": "{subject}"}, "prompt", "asks for subject"),
        ({"group_size": "1"}, "group_size", "greater than or equal to 2"),
        ({"device": "tpu"}, "device", "pattern"),
        ({"check": "regex", "check_arguments": '{"pattern": "("}'}, "check_arguments", ""),
        ({"components": '[{"name": "x"}]'}, "components", ""),
        (
            {"backend": "LocalBackend", "backend_epsilon": "wide"},
            "backend_epsilon",
            "This is not JSON|number",
        ),
        ({"backend": "LocalBackend", "backend_epsilon": "-1"}, "backend_epsilon", "greater than 0"),
        ({"backend": "LocalBackend", "backend_advantage_balance": "3"}, "backend_advantage_balance", "to 1"),
        ({"backend": "LocalBackend", "learning_rate": "-1"}, "learning_rate", "greater than 0"),
        ({"backend": "LocalBackend", "trainer": "PPOTrainer"}, "trainer", "choose GRPOTrainer"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    changes: dict[str, str], field: str, said: str, client: Client, team: Workspace
) -> None:
    page = client.get("/runs/launch/policy/")
    sent = {name: "" if (value := one.value()) is None else value for name, one in _fields(page)}

    answer = client.post("/runs/launch/policy/", sent | changes)

    assert answer.status_code == 422
    assert re.search(said, str(answer.context["form"].errors[field]))


def _fields(page: Any) -> list[tuple[str, Any]]:
    form = page.context["form"]
    left_out = {"chat", *(name for name, field in form.fields.items() if field.initial is False)}
    return [(name, form[name]) for name in form.fields if name not in left_out]
