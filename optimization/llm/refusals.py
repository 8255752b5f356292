"""Statuses and broken connections told as an EndpointError: which fault it is, and whether waiting helps."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping

import aiohttp

from optimization.llm.endpoints import EndpointConfig
from optimization.llm.errors import (
    ConnectionLost,
    EndpointError,
    GarbledReply,
    KeyRefused,
    ModelUnknown,
    QuotaSpent,
    RateLimited,
    RequestRefused,
    RequestUnfit,
    ServerFailed,
    TimedOut,
    Unreachable,
)

UNFIT_CODES = {
    "context_length_exceeded",
    "content_filter",
    "content_policy_violation",
    "string_above_max_length",
}
QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached"}
_SHOWN = 300


def translate(error: Exception, where: str, endpoint: EndpointConfig) -> EndpointError:
    """What the HTTP client raises, in Handgrad's words."""
    match error:
        case TimeoutError():
            return TimedOut(where, f"did not answer within {endpoint.timeout:g} s")
        case aiohttp.ClientConnectorError():
            return Unreachable(where, f"could not be reached ({_cause(error, endpoint)})")
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError() | OSError():
            return ConnectionLost(where, f"broke the connection off ({_cause(error, endpoint)})")
        case aiohttp.InvalidURL():
            return RequestRefused(where, "has an address that cannot be called")
        case aiohttp.ClientError():
            return GarbledReply(where, f"sent what is not HTTP: {_cause(error, endpoint)}")
    return RequestRefused(where, f"may not be called ({_cause(error, endpoint)})")


def refused(
    status: int, headers: Mapping[str, str], content: bytes, where: str, endpoint: EndpointConfig
) -> EndpointError:
    """What a status other than success means, without the endpoint's key even where the server repeats it."""
    words, code = words_of(content)
    said = f": {words}" if (words := shown(words, endpoint)) else ""
    kind: type[EndpointError]
    if status in (401, 403):
        kind, what = KeyRefused, f"refused the API key ({status}){said}"
    elif (status == 429 and code in QUOTA_CODES) or status == 402:
        kind, what = QuotaSpent, f"says that the account's quota is spent ({status}){said}"
    elif status == 429:
        kind, what = RateLimited, f"is called too often ({status}){said}"
    elif status == 404:
        kind, what = ModelUnknown, f"knows no such model or path ({status}){said}"
    elif status == 408:
        kind, what = TimedOut, f"gave up waiting ({status}){said}"
    elif status >= 500 or status in (409, 425):
        kind, what = ServerFailed, f"failed ({status}){said}"
    elif 300 <= status < 400:
        there = headers.get("location", "elsewhere")
        kind, what = RequestRefused, f"redirects to {there} ({status}), and redirects are not followed"
    elif code in UNFIT_CODES or status == 413:
        kind, what = RequestUnfit, f"cannot take this request ({status}){said}"
    else:
        kind, what = RequestRefused, f"refused the request ({status}){said}"
    return kind(where, what, status=status, retry_after=retry_after_seconds(headers))


def words_of(content: bytes) -> tuple[str, str]:
    """The message and the code in an error's body; a page of HTML says nothing."""
    text = content.decode(errors="replace")
    try:
        body = json.loads(text)
    except ValueError:
        return ("" if "<" in text[:20] else text), ""
    if isinstance(body, dict):
        body = body.get("error") or body
    if not isinstance(body, dict):
        return (body if isinstance(body, str) else ""), ""
    message = body.get("message") or body.get("detail") or body or ""
    return (message if isinstance(message, str) else json.dumps(message)), str(body.get("code") or "")


def _cause(error: Exception, endpoint: EndpointConfig) -> str:
    return shown(str(error) or type(error).__name__, endpoint)


def shown(text: str, endpoint: EndpointConfig) -> str:
    """Text from outside, fit for a message: one line, not too long, and without the key."""
    if key := endpoint.key:
        text = text.replace(key, "(the key)")
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " ..."


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds, written in milliseconds, in seconds or as a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return seconds if 0 < seconds < float("inf") else None
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return max(email.utils.mktime_tz(date) - time.time(), 0.0) or None if date else None
