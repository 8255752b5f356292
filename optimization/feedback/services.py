"""All that may be done with the queue."""

from optimization.feedback.answers import answer_submit
from optimization.feedback.claims import claim_next, claim_release, claim_renew
from optimization.feedback.drafts import draft_load, draft_save
from optimization.feedback.requests import request_open, request_skip, requests_withdraw
from optimization.feedback.settling import items_wake

__all__ = [
    "answer_submit",
    "claim_next",
    "claim_release",
    "claim_renew",
    "draft_load",
    "draft_save",
    "items_wake",
    "request_open",
    "request_skip",
    "requests_withdraw",
]
