"""Who a session belongs to, read with all that a page asks of them next: their memberships."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from optimization.accounts.selectors import memberships_of, memberships_remember


class MemberBackend(ModelBackend):
    """Signs in by password as Django does."""

    def get_user(self, user_id: Any) -> User | None:
        memberships = memberships_of(int(user_id))
        if not memberships:
            return super().get_user(user_id)
        user = memberships[0].user
        if not self.user_can_authenticate(user):
            return None
        memberships_remember(user, memberships)
        return user
