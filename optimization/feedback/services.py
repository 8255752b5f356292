"""All that may be done with the queue."""

from optimization.feedback.adjudication import request_adjudicate
from optimization.feedback.answers import answer_submit
from optimization.feedback.assigning import questions_assign
from optimization.feedback.claims import claim_ahead, claim_next, claim_release, claim_renew
from optimization.feedback.drafts import draft_load, draft_save
from optimization.feedback.edits import answer_edit
from optimization.feedback.gold import gold_add, gold_add_many, gold_import, gold_keep, gold_mark
from optimization.feedback.panels import member_leave, member_set_role, panel_dissolve, panel_set
from optimization.feedback.preview import answer_preview
from optimization.feedback.requests import (
    request_open,
    requests_left_withdraw,
    requests_withdraw,
)
from optimization.feedback.settling import item_wake
from optimization.feedback.showings import question_shown
from optimization.feedback.skips import request_skip, skip_undo

__all__ = [
    "answer_edit",
    "answer_preview",
    "answer_submit",
    "claim_ahead",
    "claim_next",
    "claim_release",
    "claim_renew",
    "draft_load",
    "draft_save",
    "gold_add",
    "gold_add_many",
    "gold_import",
    "gold_keep",
    "gold_mark",
    "item_wake",
    "member_leave",
    "member_set_role",
    "panel_dissolve",
    "panel_set",
    "question_shown",
    "questions_assign",
    "request_adjudicate",
    "request_open",
    "request_skip",
    "requests_left_withdraw",
    "requests_withdraw",
    "skip_undo",
]
