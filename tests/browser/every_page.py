"""Every page of the product with something on it: its addresses, by the route that the URL map has for them."""

from __future__ import annotations

from dataclasses import dataclass

from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page

from optimization.accounts.invitations import invitation_create
from optimization.feedback.services import (
    answer_edit,
    answer_submit,
    claim_next,
    gold_add,
    panel_set,
    request_skip,
)
from optimization.models import Endpoint, Membership, Panel, RunState, WorkState
from tests.accounts.access_table import PAGES, STRANGER
from tests.factories import (
    make_effect,
    make_item,
    make_iteration,
    make_review,
    make_run,
    make_stopped,
    make_waiting,
)
from tests.feedback.scene import GOOD, LEVELS, Scene, rubric
from tests.policy_runs.rows import make_policy_run

OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
NO_PAGES = {
    "health/",
    "judge/counts/",
    "judge/ahead/",
    "runs/<int:run_id>/live/",
    "runs/<int:run_id>/checkpoints/<slug:key>/",
}
"""What answers a GET with something else than a page: figures, parts of a page, a file."""


@dataclass(frozen=True)
class Site:
    """`people` has somebody of each role; `pages` the addresses of each route."""

    people: dict[str, User]
    pages: dict[str, list[str]]

    def of(self, role: str) -> list[str]:
        """What a role may open."""
        allowed = (route for route, verbs in PAGES.items() if role in verbs.get("GET", ()))
        return [address for route in allowed for address in self.pages.get(route, ())]


def make_site(scene: Scene) -> Site:
    people = {role: scene.person(role, role=role) for role in ("viewer", "annotator", "operator", "admin")}
    admin, annotator = people["admin"], people["annotator"]
    pages = {"sign-in/": ["/sign-in/"]} | _catalog(scene) | _people(scene, admin) | _desk(scene, people)
    pages |= _runs(scene, admin, annotator) | _policy(scene, admin)
    return Site(people, pages)


def every_route() -> set[str]:
    return {route for route, verbs in PAGES.items() if "GET" in verbs} - NO_PAGES


def _runs(scene: Scene, admin: User, annotator: User) -> dict[str, list[str]]:
    waiting = make_run(scene.workspace, admin)
    make_iteration(waiting, 0.52, [annotator])
    make_iteration(waiting, 0.66, [annotator])
    make_waiting(waiting, [annotator])
    stopped = make_run(scene.workspace, admin, name="A run that needs attention")
    make_stopped(stopped, RunState.NEEDS_ATTENTION, "The endpoint default refused the key. Enter it again.")
    asks = make_run(scene.workspace, admin, name="A run that asks before each step")
    review = make_review(asks, annotator)
    unjudged = make_run(scene.workspace, admin, name="A run that nobody can judge")
    (question,) = make_waiting(unjudged, [annotator], given=0, wanted=1)
    for member in scene.workspace.memberships.select_related("user"):
        request_skip(request=question, user=member.user, reason="I do not know the shop")
    failing = make_effect(unjudged, "evaluate", 3, timezone.now())
    item = make_item(failing, 2, WorkState.DUE, errors=1, last_error="The endpoint cut its reply.")
    run, version = f"/runs/{waiting.pk}/", waiting.parameter_versions.latest("pk").pk
    stuck = f"/runs/{unjudged.pk}/"
    return {
        "": ["/"],
        "runs/": ["/runs/", "/runs/?show=cancelled"],
        "runs/launch/": ["/runs/launch/"],
        "runs/<int:run_id>/": [run, f"/runs/{stopped.pk}/", f"/runs/{asks.pk}/", stuck],
        "runs/<int:run_id>/proposals/<int:review_id>/": [f"/runs/{asks.pk}/proposals/{review.pk}/"],
        "runs/<int:run_id>/stuck/": [f"{stuck}stuck/"],
        "runs/<int:run_id>/items/<int:item_id>/<slug:deed>/": [f"{stuck}items/{item.pk}/leave-out/"],
        "runs/<int:run_id>/questions/<int:request_id>/<slug:deed>/": [
            f"{stuck}questions/{question.pk}/ask-model/"
        ],
        "runs/<int:run_id>/without/": [f"{run}without/"],
        "runs/<int:run_id>/budget/": [f"{run}budget/"],
        "runs/<int:run_id>/iterations/<int:name>/fork/": [f"{run}iterations/2/fork/"],
        "runs/<int:run_id>/iterations/<int:name>/": [f"{run}iterations/1/", f"{run}iterations/3/"],
        "runs/<int:run_id>/prompts/": [f"{run}prompts/"],
        "runs/<int:run_id>/prompts/<int:version_id>/": [f"{run}prompts/{version}/"],
        "runs/<int:run_id>/prompts/<int:version_id>/revert/": [f"{run}prompts/{version}/revert/"],
        "runs/<int:run_id>/<slug:deed>/": [f"{run}cancel/"],
        "queue/<int:run_id>/assign/": [f"/queue/{waiting.pk}/assign/"],
    }


def _policy(scene: Scene, admin: User) -> dict[str, list[str]]:
    run = f"/runs/{make_policy_run(scene.workspace, admin, steps=2).pk}/"
    return {
        "runs/launch/policy/": ["/runs/launch/policy/"],
        "runs/<int:run_id>/steps/<int:name>/": [f"{run}steps/2/"],
        "runs/<int:run_id>/steps/<int:name>/groups/<int:index>/": [f"{run}steps/2/groups/0/"],
        "runs/<int:run_id>/checkpoints/": [f"{run}checkpoints/?a=initial&b=step-2"],
    }


def _catalog(scene: Scene) -> dict[str, list[str]]:
    endpoint = Endpoint.objects.create(
        workspace=scene.workspace, name="default", model="rehearsal", is_rehearsal=True
    )
    address = f"/endpoints/{endpoint.pk}/"
    return {
        "programs/": ["/programs/"],
        "programs/import/": ["/programs/import/"],
        "programs/<slug:name>/": ["/programs/support-reply/"],
        "data/": ["/data/"],
        "data/import/": ["/data/import/"],
        "data/<slug:name>/": ["/data/support-tickets/"],
        "endpoints/": ["/endpoints/"],
        "endpoints/new/": ["/endpoints/new/"],
        "endpoints/<int:endpoint_id>/": [address],
        "endpoints/<int:endpoint_id>/delete/": [f"{address}delete/"],
    }


def _people(scene: Scene, admin: User) -> dict[str, list[str]]:
    panel = panel_set(panel=Panel(workspace=scene.workspace), name="Lamp experts", members=[admin])
    _, secret = invitation_create(workspace=scene.workspace, created_by=admin, role="annotator", places=3)
    member = Membership.objects.get(workspace=scene.workspace, user__username="viewer")
    return {
        "people/": ["/people/"],
        "people/<int:member_id>/remove/": [f"/people/{member.pk}/remove/"],
        "people/invitations/": ["/people/invitations/"],
        "people/panels/": ["/people/panels/", f"/people/panels/?change={panel.pk}"],
        "people/mail/": ["/people/mail/"],
        "people/tokens/": ["/people/tokens/"],
        "join/<str:secret>/": [f"/join/{secret}/", "/join/no-such-invitation/"],
    }


def _desk(scene: Scene, people: dict[str, User]) -> dict[str, list[str]]:
    """Everybody who judges has answered something, changed it, passed something on, and holds the next."""
    gold_add(
        workspace=scene.workspace,
        question=rubric("Thank you.").model_dump(mode="json"),
        expected={"score": 5},
        user=people["admin"],
    )
    dispute = scene.ask(rubric("A reply that divides"), wanted=2, review_below=0.9)
    for role, score in (("operator", 1), ("admin", 5)):
        claim = claim_next(workspace=scene.workspace, user=people[role])
        assert claim
        body = {"score": score, "improvements": ["Say when it comes"]}
        answer_submit(request=dispute, user=people[role], fence=claim.fence, client_key="d", body=body)
    answered = scene.ask(rubric("A reply that all have judged", levels=LEVELS), wanted=3)
    skipped = scene.ask(rubric("A reply that all have passed on"), wanted=3)
    scene.ask(rubric("A reply to judge"), wanted=3)
    pages: dict[str, list[str]] = {"judge/<int:request_id>/skip/": [f"/judge/{skipped.pk}/skip/"]}
    for role in ("annotator", "operator", "admin"):
        user = people[role]
        claim = claim_next(workspace=scene.workspace, user=user)
        assert claim
        answer = answer_submit(request=answered, user=user, fence=claim.fence, client_key="a", body=GOOD)
        answer_edit(answer=answer, user=user, body={**GOOD, "improvements": ["Name the day"]})
        request_skip(request=skipped, user=user, reason="I do not know enough about the subject")
        if role == "annotator":
            mine = f"/answers/{answer.pk}/"
    pages |= {
        "judge/": ["/judge/"],
        "answers/": ["/answers/"],
        "answers/<int:answer_id>/": [mine],
        "answers/<int:answer_id>/became/": [f"{mine}became/"],
        "queue/": ["/queue/"],
        "queue/quality/": ["/queue/quality/"],
        "queue/gold/": ["/queue/gold/"],
        "queue/reviews/": ["/queue/reviews/"],
    }
    return pages


def serious(page: Page) -> list[str]:
    """Axe's serious and critical findings, each with where it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{finding['id']}: {node['target']} {node.get('failureSummary', '')}"
        for finding in found
        if finding["impact"] in {"serious", "critical"}
        for node in finding["nodes"]
    ]


__all__ = ["OVERFLOWS", "STRANGER", "Site", "every_route", "make_site", "serious"]
