"""The shipped run over REST: launched, followed to its end, read out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

POLL_SECONDS = 0.5
MOST_SILENCE = 60.0
_API = "/api/v1"
_ENDED = {"finished", "cancelled"}
_STUCK = {"needs_attention", "paused"}

RUBRIC = [
    {"score": 1, "label": "No", "description": "Does not help the customer."},
    {"score": 2, "label": "Barely", "description": "Most of what the customer needs to know is missing."},
    {"score": 3, "label": "Partly", "description": "Helps, with gaps."},
    {"score": 4, "label": "Mostly", "description": "Helps; a detail is missing."},
    {"score": 5, "label": "Fully", "description": "Could be sent as it stands."},
]
CRITERIA = "Would you send this reply to the customer as it stands?"


class PlayError(Exception):
    """The run did not come to its end; the message says what it waits for or what it needs."""


@dataclass(frozen=True)
class Played:
    """A finished run as REST tells it, its parameters' versions, and how long it took."""

    run: dict[str, Any]
    parameters: list[dict[str, Any]]
    seconds: float

    @property
    def curve(self) -> list[float]:
        """The held-out score at the start and after each iteration."""
        return [point["mean"] for point in sorted(self.run["curve"], key=lambda point: point["position"])]

    @property
    def rises(self) -> int:
        """After how many iterations the score was higher than before."""
        return sum(after > before for before, after in zip(self.curve, self.curve[1:], strict=False))


def shipped_run(iterations: int, seed: int = 0) -> dict[str, Any]:
    """The run of the README, judged by rehearsal colleagues alone."""
    rubric = {"criteria": CRITERIA, "rubric": RUBRIC}
    return {
        "program": "support_reply",
        "dataset": "support-tickets",
        "trainer": {"name": "MinibatchAlgorithm", "args": {"batch_size": 8}},
        "optimizer": {"name": "SFAOptimizer", "args": {"conservatism": 0.7}},
        "loss": {"name": "HumanRubricLoss", "args": rubric},
        "judge": {"name": "LLMRubricLoss", "args": rubric},
        "people": {"per_iteration": 0, "rehearsal": True, "wanted": 1},
        "iterations": iterations,
        "seed": seed,
    }


class Player:
    """Plays runs at an address with a token."""

    def __init__(self, address: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx2.Client(base_url=address, headers=headers, timeout=30.0)

    def play(
        self,
        config: dict[str, Any],
        watch: Callable[[dict[str, Any]], None],
        timeout: float,
    ) -> Played:
        """Launches the run and follows it; `watch` is shown each state. Raises PlayError."""
        started = time.monotonic()
        launched = self._ask("POST", "/runs", {"name": "Rehearsal", "config": config})
        run = launched
        for run in self._follow(launched["id"], started + timeout):
            watch(run)
        if run["state"] != "finished":
            raise PlayError(f"{run['sentence']}. {run['reason']} {run['next_step']}")
        parameters = self._ask("GET", f"/runs/{run['id']}/parameters?limit=100")["items"]
        return Played(run, parameters, time.monotonic() - started)

    def _follow(self, run_id: int, deadline: float) -> Iterator[dict[str, Any]]:
        """The run's states, one every moment, until it has ended, needs somebody, or the time is over."""
        while True:
            run = self._ask("GET", f"/runs/{run_id}")
            yield run
            if run["state"] in _ENDED | _STUCK:
                return
            if time.monotonic() > deadline:
                raise PlayError(
                    f"The time is over and the run goes on: {run['sentence']}. {run['next_step']}"
                )
            time.sleep(POLL_SECONDS)

    def _ask(self, verb: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """An answer; a server that is just being started again is asked again."""
        patience = time.monotonic() + MOST_SILENCE
        while True:
            try:
                reply = self._http.request(verb, f"{_API}{path}", json=body, headers=_once(verb))
            except httpx2.TransportError as error:
                if time.monotonic() > patience:
                    raise PlayError(f"{self._http.base_url} does not answer: {error}") from error
                time.sleep(POLL_SECONDS)
                continue
            if reply.is_error:
                raise PlayError(f"{verb} {path} was refused: {reply.status_code} {reply.text}")
            answer: dict[str, Any] = reply.json()
            return answer


def _once(verb: str) -> dict[str, str]:
    """A launch that is sent again is the same launch."""
    return {"Idempotency-Key": "rehearsal"} if verb == "POST" else {}
