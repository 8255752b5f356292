"""A database that is away: restarted, overloaded or out of reach. That is nobody's error but its own."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

DATABASE_AWAY = (OperationalError, InterfaceError)
