"""Rows of Label Studio, made and read by its own Python: `python -I peer_rows.py DEED JSON`.

It imports nothing of this repository, as that Python has none of it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import django
import label_studio

logging.basicConfig(level=logging.ERROR)  # else it tells at length where its files lie
sys.path.insert(0, str(Path(label_studio.__file__).parent))
os.environ["DJANGO_SETTINGS_MODULE"] = "label_studio.core.settings.label_studio"
django.setup()

# Only now: these need the apps that the line above has loaded.
from django.db import connection
from django.db.models import Count, F
from organizations.models import Organization
from rest_framework.test import APIClient
from tasks.models import Annotation, Task
from users.models import User


def queue(people: int, items: int, config: str, task: dict[str, str]) -> list[str]:
    """A project with so many tasks for one annotator each, and the people of its organization: a key for each of them."""
    tokens = [_annotator(number) for number in range(people)]
    owner = APIClient()
    owner.credentials(HTTP_AUTHORIZATION=f"Token {tokens[0]}")
    project = _posted(
        owner, "/api/projects/", {"title": "Desk", "label_config": config, "maximum_annotations": 1}
    )
    tasks = [{**task, "reply": f"{task['reply']}It is order {number}."} for number in range(items)]
    _posted(owner, f"/api/projects/{project['id']}/import", tasks)
    if (have := Task.objects.count()) != items:
        raise RuntimeError(f"Label Studio has taken {have} of {items} tasks.")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)" if connection.vendor == "postgresql" else "ANALYZE")
    return [f"{project['id']} {token}" for token in tokens]


def _annotator(number: int) -> str:
    organization = Organization.objects.get()
    user = User.objects.create(
        email=f"annotator-{number}@desk.test",
        username=f"annotator-{number}",
        active_organization=organization,
    )
    organization.add_user(user)
    return str(user.reset_token().key)


def _posted(client: APIClient, path: str, body: object) -> dict[str, Any]:
    reply = client.post(path, body, format="json")
    if reply.status_code != 201:
        raise RuntimeError(f"{path} said {reply.status_code}: {reply.content[:500]!r}")
    return dict(reply.json())


def verdict() -> dict[str, int]:
    """Annotations, and tasks with more of them than were asked for."""
    given = Task.objects.annotate(given=Count("annotations"))
    return {
        "answers": Annotation.objects.count(),
        "over": given.filter(given__gt=F("overlap")).count(),
    }


DEEDS = {deed.__name__: deed for deed in (queue, verdict)}

if __name__ == "__main__":
    print(json.dumps(DEEDS[sys.argv[1]](**json.loads(sys.argv[2]))))
