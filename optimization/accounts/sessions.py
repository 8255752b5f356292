"""Django's sessions in the database, read by a prepared statement: every page asks for one."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from optimization.models.prepared import Prepared

_ALIVE: Prepared[Session] = Prepared(
    lambda key_text: Session.objects.filter(session_key=key_text, expire_date__gt=Now()), "key_text"
)


class SessionStore(db.SessionStore):
    """The engine that settings name."""

    def _get_session_from_db(self) -> Any:
        alive = _ALIVE.first(key_text=self.session_key)
        if alive is None:
            self._session_key = None
        return alive
