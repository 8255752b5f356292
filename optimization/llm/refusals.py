"""What the OpenAI client raises, told as an EndpointError: which fault it is, and whether waiting helps."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Mapping

import httpx2
import openai

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
    """The error in Handgrad's words, without the endpoint's key even where the server repeats it."""
    match error:
        case openai.APITimeoutError() | TimeoutError():
            return TimedOut(where, f"did not answer within {endpoint.timeout:g} s")
        case openai.APIStatusError():
            return _of_status(error, where, endpoint)
        case openai.APIConnectionError():
            cause = error.__cause__ or error
            said = shown(str(cause) or type(cause).__name__, endpoint)
            if isinstance(cause, httpx2.ReadError | httpx2.RemoteProtocolError):
                return ConnectionLost(where, f"broke the connection ({said})")
            return Unreachable(where, f"could not be reached ({said})")
        case openai.APIError():
            return ServerFailed(where, f"broke off its reply: {shown(error.message, endpoint)}")
        case json.JSONDecodeError():
            return GarbledReply(
                where, "sent a stream with a piece that is not JSON", raw=shown(error.doc, endpoint)
            )
    return GarbledReply(where, f"sent what the client cannot read: {shown(str(error), endpoint)}")


def _of_status(error: openai.APIStatusError, where: str, endpoint: EndpointConfig) -> EndpointError:
    status, code = error.status_code, error.code or ""
    said = f": {words}" if (words := shown(_words(error), endpoint)) else ""
    retry_after = retry_after_seconds(error.response.headers)
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
        there = error.response.headers.get("location", "elsewhere")
        kind, what = RequestRefused, f"redirects to {there} ({status}), and redirects are not followed"
    elif code in UNFIT_CODES or status == 413:
        kind, what = RequestUnfit, f"cannot take this request ({status}){said}"
    else:
        kind, what = RequestRefused, f"refused the request ({status}){said}"
    return kind(where, what, status=status, retry_after=retry_after)


def _words(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping):
        message = body.get("message") or body.get("detail") or body.get("error") or body
        return message if isinstance(message, str) else json.dumps(message)
    if isinstance(body, str) and "<" not in body[:20]:
        return body
    return ""


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
