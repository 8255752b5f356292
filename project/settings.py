"""All settings, one file, read from the environment (docs/settings.md lists every variable)."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from project.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent


def _flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, str(default)).lower() in {"1", "true", "yes", "on"}


def _data_dir() -> Path:
    home = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    folder = Path(os.environ.get("HANDGRAD_DATA", home / "handgrad"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder.resolve()


def _secret_key() -> str:
    """From the environment; in development one is made once and kept in the data folder."""
    if key := os.environ.get("SECRET_KEY"):
        return key
    if not DEVELOPMENT:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set: outside development Handgrad does not start without one."
        )
    kept = DATA_DIR / "secret.key"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(50))
    return kept.read_text().strip()


def celery_broker(redis_url: str) -> str:
    """Celery's name for the same Redis: it spells a unix socket's address in its own way."""
    url = urlsplit(redis_url)
    return f"redis+socket://{url.path}?virtual_host=0" if url.scheme == "unix" else redis_url


def _database() -> dict[str, object]:
    url = urlsplit(os.environ.get("DATABASE_URL", f"sqlite:///{DATA_DIR / 'handgrad.sqlite3'}"))
    if url.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(url.path).replace("//", "/"),
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
            "TEST": {"NAME": str(Path(tempfile.gettempdir()) / f"handgrad-test-{os.getpid()}.sqlite3")},
        }
    if url.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(url.path.lstrip("/")),
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": url.hostname or "",
            "PORT": str(url.port or ""),
            "CONN_MAX_AGE": 60,
            # Statements of the hot paths are planned once a connection (optimization.models.prepared).
            "OPTIONS": {
                "prepare_threshold": 0 if _flag("HANDGRAD_PREPARED_STATEMENTS", default=True) else None
            },
            "TEST": {"NAME": os.environ.get("HANDGRAD_TEST_DATABASE", "test_handgrad")},
        }
    raise ImproperlyConfigured(
        f"DATABASE_URL has the scheme {url.scheme!r}; use postgresql://user:password@host:5432/name or sqlite:///path."
    )


ENVIRONMENT = os.environ.get("HANDGRAD_ENV", "development")
DEVELOPMENT = ENVIRONMENT == "development"
DATA_DIR = _data_dir()
SECRET_KEY = _secret_key()
DEBUG = _flag("DEBUG")
if DEBUG and not DEVELOPMENT:
    raise ImproperlyConfigured(
        "DEBUG is on outside development: unset DEBUG, or set HANDGRAD_ENV=development."
    )
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "django.forms",
    "django_htmx",
    "channels",
    "ninja",
    "optimization",
    "feedback_ui",
    "workers",
]
MIDDLEWARE = [
    "project.request_log.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "optimization.accounts.middleware.WorkspaceMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "optimization.api.middleware.ApiProblemMiddleware",
]
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
WSGI_APPLICATION = "project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "feedback_ui.navigation.navigation",
            ]
        },
    }
]
FORM_RENDERER = "feedback_ui.forms.FormRenderer"
DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["optimization.accounts.backend.MemberBackend"]
SESSION_ENGINE = "optimization.accounts.sessions"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("HANDGRAD_STATIC", DATA_DIR / "static"))
STATICFILES_DIRS = [
    ("uplot", BASE_DIR / "node_modules" / "uplot" / "dist"),
    ("sortablejs", BASE_DIR / "node_modules" / "sortablejs" / "modular"),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT
        else "project.static_files.HashedStaticFiles"
    },
}

# What the browser may load. Scripts and styles come from files, or carry the page's nonce.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
# Behind TLS everywhere but in development. The proxy's X-Forwarded-Proto is believed from FORWARDED_ALLOW_IPS (uvicorn).
HTTPS = _flag("HANDGRAD_HTTPS", not DEVELOPMENT)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/$"]
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS

# Mail: in development each is a file in the data folder. PUBLIC_URL is the address that mails lead to.
PUBLIC_URL = os.environ.get("HANDGRAD_URL", "http://127.0.0.1:8000").rstrip("/")
DEFAULT_FROM_EMAIL = os.environ.get("HANDGRAD_MAIL_FROM", "handgrad@localhost")
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = _flag("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 10
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"

LOGGING_CONFIG = "project.logs.configure_logging"
LOGGING = logging_settings(as_json=not DEVELOPMENT, level=os.environ.get("LOG_LEVEL", "INFO").upper())

# Threads that answer pages and REST, in each web process. SQLite has one writer: more threads only lengthen the tail.
WEB_THREADS = int(os.environ.get("HANDGRAD_WEB_THREADS", "1" if "sqlite3" in str(DATABASES) else "4"))

# The run engine (seconds): a worker's hold on a work item, how often it is renewed, how often the sweeper looks.
LEASE_SECONDS = float(os.environ.get("HANDGRAD_LEASE_SECONDS", "45"))
HEARTBEAT_SECONDS = float(os.environ.get("HANDGRAD_HEARTBEAT_SECONDS", "10"))
SWEEP_SECONDS = float(os.environ.get("HANDGRAD_SWEEP_SECONDS", "3"))
# How often the supervisor asks each worker for a sign of life; after nine rounds without any it is started again.
LIVENESS_SECONDS = float(os.environ.get("HANDGRAD_LIVENESS_SECONDS", "10"))
# A person's hold on a question.
CLAIM_SECONDS = float(os.environ.get("HANDGRAD_CLAIM_SECONDS", "300"))

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}

# Celery. A message is a nudge: the database knows what is due, so a message may come late, twice or never.
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", celery_broker(REDIS_URL))
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ROUTES = {
    "workers.tasks.forward": {"queue": "llm"},
    "workers.tasks.backward": {"queue": "llm"},
    "workers.tasks.step": {"queue": "llm"},
    "workers.tasks.reward": {"queue": "llm"},
    "workers.tasks.replay": {"queue": "llm"},
    "workers.tasks.replay_policy": {"queue": "gpu"},
    "workers.tasks.train_policy": {"queue": "gpu"},
}
# A task hands over after about ten seconds; what it still has in the air then gets this long to end.
CELERY_TASK_SOFT_TIME_LIMIT = 600
CELERY_TASK_TIME_LIMIT = 660
# Policy training may ask for more for itself, up to this many seconds.
LONGEST_TASK_SECONDS = 24 * 3600
# Whoever sends to a broker that is away gives up at once, for the sweeper sends the nudge again; a connection that died
# while it lay idle is made anew, once.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2}
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 2
# A lost broker ends no work: its leases hold, and the message that is then delivered again finds nothing due.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
if urlsplit(CELERY_BROKER_URL).scheme.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # Above the longest limit, or a task that still runs would be delivered a second time.
        "visibility_timeout": LONGEST_TASK_SECONDS + 3600,
        # What a killed worker held comes back after 2 s; by default kombu looks every 100 s.
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
        # For a broker that accepts and then says nothing.
        "socket_timeout": 3,
        "socket_keepalive": True,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        # By default whoever opens a channel to send tries for seconds, on and on; consumers come back whatever this says.
        "max_retries": 0,
        "read_timeout": 5,
        "write_timeout": 5,
    }

CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "workers.tasks.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},
    }
}
# Processes that carry out LLM work on this machine.
LLM_WORKERS = int(os.environ.get("HANDGRAD_LLM_WORKERS", "2"))
# What training a policy needs: "install" it after the address is up, "elsewhere" (the gpu worker has it), or "off".
POLICIES = {"0": "off", "1": "install"}.get(value := os.environ.get("HANDGRAD_POLICIES", "install"), value)

# Checkpoints and the jobs' folders; with workers on several machines, a folder that all of them and the web process see.
POLICY_DIR = Path(os.environ.get("HANDGRAD_POLICY_DIR", DATA_DIR / "policies"))

# Endpoints. Fernet keys that encrypt API keys, the newest first (none: one derived from SECRET_KEY). Hosts that may be
# called; none named: every public address. Whether models on this machine may be called.
ENDPOINT_KEYS = [key for key in os.environ.get("HANDGRAD_ENDPOINT_KEYS", "").split(",") if key]
ENDPOINT_HOSTS = [host for host in os.environ.get("HANDGRAD_ENDPOINT_HOSTS", "").lower().split(",") if host]
ENDPOINT_LOCAL = _flag("HANDGRAD_ENDPOINT_LOCAL", DEVELOPMENT)
# What makes the first endpoint: OpenAI's variables, else the rehearsal endpoint.
OPENAI_API_KEY = os.environ.get("OPENAI_API_KEY", "")
OPENAI_BASE_URL = os.environ.get("OPENAI_BASE_URL", "")
OPENAI_MODEL = os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")
# Whether `manage.py up` starts the rehearsal endpoint and the rehearsal colleagues.
REHEARSAL = _flag("HANDGRAD_REHEARSAL", DEVELOPMENT)
REHEARSAL_URL = os.environ.get("HANDGRAD_REHEARSAL_URL", "http://127.0.0.1:8010/v1")


# The most that one imported file may hold.
DATASET_MAX_BYTES = int(os.environ.get("HANDGRAD_DATASET_MAX_BYTES", str(50_000_000)))
DATASET_MAX_ROWS = int(os.environ.get("HANDGRAD_DATASET_MAX_ROWS", "100000"))
