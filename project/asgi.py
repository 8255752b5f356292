"""What uvicorn serves: pages and REST through WSGI threads, static files beside them, sockets through Channels.

Django's own ASGI handler answers a quarter of the requests a second that its WSGI handler does behind a2wsgi, and
its connections cannot persist; so HTTP goes to WSGI threads that live as long as the process and keep one database
connection each. Static files have threads of their own, so that a slow view never holds up a stylesheet; and so have the
views that wait for another server, so that a test of an endpoint that hangs never holds up a page.
"""

import os
import re
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django_application: Any = get_wsgi_application()

# Only now: these need the apps that the line above has loaded.
from a2wsgi import WSGIMiddleware
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.conf import settings
from django.urls import get_resolver

from feedback_ui.routing import websocket_urlpatterns
from project.sockets import unknown_socket
from project.static_files import static_application
from project.web_threads import WebThreads
from workers.nudges import send_by_thread

STATIC_THREADS = WAITING_THREADS = 4
WAITING = re.compile(r"(/api/v1)?/endpoints/\d+/test/?")
AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]


class ByAddress:
    """HTTP by address: `/static/` to the files, everything else to Django, what waits for others aside."""

    def __init__(
        self, pages: AsgiApplication, waiting: AsgiApplication, static_files: AsgiApplication
    ) -> None:
        self.pages = pages
        self.waiting = waiting
        self.static_files = static_files

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.application(scope["path"])(scope, receive, send)

    def application(self, path: str) -> AsgiApplication:
        if path.startswith(settings.STATIC_URL):
            return self.static_files
        return self.waiting if WAITING.fullmatch(path) else self.pages


# Views that cannot be imported stop the process here, rather than every request later.
list(get_resolver().url_patterns)

send_by_thread()
application = ProtocolTypeRouter(
    {
        "http": ByAddress(
            WebThreads(django_application, settings.WEB_THREADS),
            WebThreads(django_application, WAITING_THREADS),
            WSGIMiddleware(static_application(), workers=STATIC_THREADS),
        ),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, unknown_socket]))
        ),
    }
)
