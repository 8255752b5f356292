"""What can go wrong with a call, in words that name the endpoint, its address and the way out.

`permanent` means that no call to this endpoint will fare better until somebody changes something: a driver may stop
at once. `retryable` means that the same call, made again a little later, may well succeed. `billed` means that a reply
may have been written and has to be paid for, though it is lost. No message holds a key.
"""

from __future__ import annotations


class EndpointError(Exception):
    """A call that was not answered properly. `where` names the endpoint, `what` says what happened."""

    permanent = False
    retryable = False
    billed = False
    remedy = ""

    def __init__(
        self,
        where: str,
        what: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        raw: str | None = None,
    ) -> None:
        super().__init__(where, what)
        self.where = where
        self.what = what
        self.status = status
        self.retry_after = retry_after
        self.raw = raw
        self.attempts = 1

    def __str__(self) -> str:
        tried = f", in {self.attempts} attempts" if self.attempts > 1 else ""
        return f"{self.where} {self.what.rstrip('.')}{tried}. {self.remedy}".rstrip()


class KeyRefused(EndpointError):
    permanent = True
    remedy = "Give the endpoint an API key that is valid there and may use this model."


class RequestRefused(EndpointError):
    permanent = True
    remedy = "Check the endpoint's address, its model and what the request asks for."


class ModelUnknown(RequestRefused):
    remedy = "Check the model's name and the endpoint's address (it usually ends in /v1)."


class RequestUnfit(RequestRefused):
    """This one request cannot be answered (too long, filtered); others can."""

    permanent = False
    remedy = "Shorten or change this input; other requests to the endpoint are not affected."


class Unreachable(EndpointError):
    retryable = True
    remedy = "Check that the server is running and that its address is right."


class ConnectionLost(Unreachable):
    """The connection broke after the request was sent."""

    billed = True


class TimedOut(EndpointError):
    retryable = True
    billed = True
    remedy = "Raise the endpoint's timeout, or lower its max_concurrent if the server is overloaded."


class RateLimited(EndpointError):
    retryable = True
    remedy = "Lower the endpoint's rate_limit, tokens_per_minute or max_concurrent, or try again later."


class QuotaSpent(RateLimited):
    permanent = True
    retryable = False
    remedy = "Top up the account behind this key, or use another endpoint."


class ServerFailed(EndpointError):
    retryable = True
    remedy = "The fault is the server's: try again later, or look at its log if it is yours."


class EndpointDown(EndpointError):
    """The breaker is open: the call was not made."""

    remedy = "The fault is the server's: it is tried again by itself; look at its log if it is yours."

    def __init__(self, where: str, failures: int, seconds: float, last: str) -> None:
        what = (
            f"failed {failures} times in a row and is left alone for {seconds:.0f} s; the last time it {last}"
        )
        super().__init__(where, what, retry_after=seconds)


class GarbledReply(EndpointError):
    """A reply that is not a chat completion; `raw` holds what came."""

    retryable = True
    billed = True
    remedy = "Check that the address is that of an OpenAI-compatible API."


class EmptyReply(GarbledReply):
    """A completion without a word in it."""

    remedy = "Ask again, or with a larger max_tokens if the model thinks before it writes."


class NoSuchEndpoint(EndpointError):
    permanent = True

    def __init__(self, alias: str, known: tuple[str, ...]) -> None:
        names = ", ".join(repr(name) for name in known) or "none"
        super().__init__(f"The alias {alias!r}", f"has no endpoint (there are: {names})")
        self.remedy = f"Add an endpoint called {alias!r}, or one called 'default' for all the others."


class NoLimitToPrice(EndpointError):
    permanent = True
    remedy = "Give the request or the endpoint max_tokens, the longest reply to pay for."

    def __init__(self, where: str) -> None:
        super().__init__(
            where, "has a price and a budget holds, but the call has no max_tokens to reserve it for"
        )


class BudgetSpent(EndpointError):
    permanent = True
    remedy = "Raise the budget to go on."
