"""Who may what, address by address and verb by verb: the whole of it. What is not here is nobody's.

A new route, or a new verb of an old one, fails until it has its row. Addresses are written as in the URL map.
"""

from __future__ import annotations

STRANGER, VIEWER, ANNOTATOR, OPERATOR, ADMIN = "stranger", "viewer", "annotator", "operator", "admin"

Who = frozenset[str]
ANYBODY: Who = frozenset({STRANGER, VIEWER, ANNOTATOR, OPERATOR, ADMIN})
MEMBERS: Who = ANYBODY - {STRANGER}
READERS: Who = frozenset({VIEWER, OPERATOR, ADMIN})
JUDGES: Who = frozenset({ANNOTATOR, OPERATOR, ADMIN})
OPERATORS: Who = frozenset({OPERATOR, ADMIN})
ADMINS: Who = frozenset({ADMIN})

PAGES: dict[str, dict[str, Who]] = {
    "health/": {"GET": ANYBODY},
    "sign-in/": {"GET": ANYBODY, "POST": ANYBODY},
    "sign-out/": {"POST": ANYBODY},
    "": {"GET": MEMBERS, "POST": OPERATORS},
    "runs/": {"GET": MEMBERS},
    "runs/launch/": {"GET": OPERATORS, "POST": OPERATORS},
    "runs/launch/estimate/": {"POST": OPERATORS},
    "runs/launch/fields/": {"POST": OPERATORS},
    "runs/<int:run_id>/": {"GET": MEMBERS},
    "runs/<int:run_id>/proposals/<int:review_id>/": {"GET": OPERATORS, "POST": OPERATORS},
    "runs/<int:run_id>/stuck/": {"GET": OPERATORS},
    "runs/<int:run_id>/items/<int:item_id>/<slug:deed>/": {"GET": OPERATORS, "POST": OPERATORS},
    "runs/<int:run_id>/questions/<int:request_id>/<slug:deed>/": {"GET": OPERATORS, "POST": OPERATORS},
    "runs/<int:run_id>/budget/": {"GET": OPERATORS, "POST": OPERATORS},
    "runs/<int:run_id>/iterations/<int:name>/fork/": {"GET": OPERATORS, "POST": OPERATORS},
    "runs/<int:run_id>/live/": {"GET": MEMBERS},
    "runs/<int:run_id>/prompts/": {"GET": MEMBERS},
    "runs/<int:run_id>/prompts/<int:version_id>/": {"GET": READERS},
    "runs/<int:run_id>/prompts/<int:version_id>/revert/": {"GET": OPERATORS, "POST": OPERATORS},
    "runs/<int:run_id>/iterations/<int:name>/": {"GET": READERS},
    "runs/<int:run_id>/<slug:deed>/": {"GET": OPERATORS, "POST": OPERATORS},
    "programs/": {"GET": READERS},
    "programs/import/": {"GET": OPERATORS, "POST": OPERATORS},
    "programs/<slug:name>/": {"GET": READERS},
    "data/": {"GET": READERS},
    "data/import/": {"GET": OPERATORS, "POST": OPERATORS},
    "data/<slug:name>/": {"GET": READERS},
    "endpoints/": {"GET": OPERATORS},
    "endpoints/new/": {"GET": ADMINS, "POST": ADMINS},
    "endpoints/<int:endpoint_id>/": {"GET": ADMINS, "POST": ADMINS},
    "endpoints/<int:endpoint_id>/test/": {"POST": OPERATORS},
    "endpoints/<int:endpoint_id>/delete/": {"GET": ADMINS, "POST": ADMINS},
    "queue/": {"GET": OPERATORS},
    "people/": {"GET": OPERATORS},
    "people/add/": {"POST": ADMINS},
    "people/<int:member_id>/role/": {"POST": ADMINS},
    "people/<int:member_id>/remove/": {"GET": ADMINS, "POST": ADMINS},
    "people/tokens/": {"GET": MEMBERS, "POST": MEMBERS},
    "people/tokens/<int:token_id>/revoke/": {"POST": MEMBERS},
    "judge/": {"GET": JUDGES},
    "judge/counts/": {"GET": JUDGES},
    "judge/undo/": {"GET": JUDGES},
    "judge/<int:request_id>/answer/": {"POST": JUDGES},
    "judge/<int:request_id>/later/": {"POST": JUDGES},
    "judge/<int:request_id>/skip/": {"GET": JUDGES, "POST": JUDGES},
    "judge/<int:request_id>/read/": {"POST": JUDGES},
    "judge/<int:request_id>/keep/": {"POST": JUDGES},
    "answers/": {"GET": JUDGES},
    "answers/<int:answer_id>/": {"GET": JUDGES, "POST": JUDGES},
    "answers/<int:answer_id>/became/": {"GET": JUDGES},
}

API: dict[str, dict[str, Who]] = {
    "api/v1/openapi.json": {"GET": ANYBODY},
    "api/v1/docs": {"GET": ANYBODY},
    "api/v1/programs": {"GET": READERS, "POST": OPERATORS},
    "api/v1/programs/<name>": {"GET": READERS},
    "api/v1/datasets": {"GET": READERS, "POST": OPERATORS},
    "api/v1/datasets/<name>": {"GET": READERS, "PUT": OPERATORS},
    "api/v1/datasets/<name>/examples": {"GET": READERS},
    "api/v1/endpoints": {"GET": OPERATORS, "POST": ADMINS},
    "api/v1/endpoints/<endpoint_id>": {"GET": OPERATORS, "PATCH": ADMINS, "DELETE": ADMINS},
    "api/v1/endpoints/<endpoint_id>/test": {"POST": OPERATORS},
    "api/v1/choices": {"GET": MEMBERS},
    "api/v1/runs": {"GET": MEMBERS, "POST": OPERATORS},
    "api/v1/runs/<run_id>": {"GET": MEMBERS, "PATCH": OPERATORS},
    "api/v1/runs/<run_id>/fork": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/pause": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/resume": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/cancel": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/take-late": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/restart": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/retry": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/parameters/<version_id>/revert": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/replay": {"GET": MEMBERS, "POST": OPERATORS},
    "api/v1/runs/<run_id>/iterations": {"GET": MEMBERS},
    "api/v1/runs/<run_id>/iterations/<number>/outputs": {"GET": READERS},
    "api/v1/runs/<run_id>/iterations/<number>/changes": {"GET": MEMBERS},
    "api/v1/runs/<run_id>/proposals": {"GET": MEMBERS},
    "api/v1/runs/<run_id>/proposals/<proposal_id>/decision": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/stuck": {"GET": OPERATORS},
    "api/v1/runs/<run_id>/items/<item_id>/mend": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/questions/<question_id>/mend": {"POST": OPERATORS},
    "api/v1/runs/<run_id>/parameters": {"GET": MEMBERS},
    "api/v1/runs/<run_id>/steps": {"GET": MEMBERS},
    "api/v1/runs/<run_id>/checkpoints": {"GET": MEMBERS},
    "api/v1/runs/<run_id>/checkpoints/<key>/archive": {"GET": READERS},
    "api/v1/runs/<run_id>/iterations/<number>/rollouts": {"GET": READERS},
    "api/v1/runs/<run_id>/parameters/<version_id>/provenance": {"GET": READERS},
    "api/v1/runs/<run_id>/events": {"GET": MEMBERS},
    "api/v1/feedback/requests": {"GET": OPERATORS},
    "api/v1/feedback/answers/<answer_id>/became": {"GET": JUDGES},
    "api/v1/feedback/claim": {"POST": JUDGES},
    "api/v1/feedback/answers": {"GET": JUDGES},
    "api/v1/feedback/answers/<answer_id>": {"GET": JUDGES, "PUT": JUDGES},
    "api/v1/feedback/requests/<request_id>/heartbeat": {"POST": JUDGES},
    "api/v1/feedback/requests/<request_id>/answer": {"POST": JUDGES},
    "api/v1/feedback/requests/<request_id>/preview": {"POST": JUDGES},
    "api/v1/feedback/requests/<request_id>/skip": {"POST": JUDGES},
    "api/v1/feedback/requests/<request_id>/release": {"POST": JUDGES},
    "api/v1/feedback/requests/<request_id>/draft": {"PUT": JUDGES},
    "api/v1/members": {"GET": OPERATORS, "POST": ADMINS},
    "api/v1/members/<member_id>": {"GET": OPERATORS, "PATCH": ADMINS, "DELETE": ADMINS},
    "api/v1/me": {"GET": MEMBERS},
    "api/v1/tokens": {"GET": MEMBERS, "POST": MEMBERS},
    "api/v1/tokens/<token_id>": {"DELETE": MEMBERS},
}

# By the pattern in feedback_ui.routing; names in it are filled with a run of the member's own workspace.
SOCKETS: dict[str, Who] = {
    r"^ws/runs/(?P<run_id>\d+)/$": MEMBERS,
    r"^ws/queue/$": JUDGES,
}
