"""What uvicorn serves: pages and REST through WSGI threads, static files beside them, sockets through Channels.

Django's own ASGI handler answers a quarter of the requests a second that its WSGI handler does behind a2wsgi, and
its connections cannot persist; so HTTP goes to WSGI threads that live as long as the process and keep one database
connection each. Static files have threads of their own: a slow view never holds up a stylesheet.
"""

import os
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

STATIC_THREADS = 4
AsgiApplication = Callable[[Any, Any, Any], Awaitable[None]]


class PagesAndStaticFiles:
    """HTTP by address: `/static/` to the files, everything else to Django."""

    def __init__(self, pages: AsgiApplication, static_files: AsgiApplication) -> None:
        self.pages = pages
        self.static_files = static_files

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_static = scope["path"].startswith(settings.STATIC_URL)
        await (self.static_files if is_static else self.pages)(scope, receive, send)


# Views that cannot be imported stop the process here, rather than every request later.
list(get_resolver().url_patterns)

application = ProtocolTypeRouter(
    {
        "http": PagesAndStaticFiles(
            WSGIMiddleware(django_application, workers=settings.WEB_THREADS),
            WSGIMiddleware(static_application(), workers=STATIC_THREADS),
        ),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, unknown_socket]))
        ),
    }
)
