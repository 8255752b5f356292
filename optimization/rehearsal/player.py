"""Which part a request gives the rehearsal: writer, judge, updater, aggregator, or a plain conversation.

A JSON schema's properties tell the judge's parts apart; without one the rehearsal writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from optimization.rehearsal import NOTICE
from optimization.rehearsal.brief import Brief, outside_blocks
from optimization.rehearsal.filling import filled
from optimization.rehearsal.judge import Verdict, judge
from optimization.rehearsal.updater import DEFAULT_CONSERVATISM, constraints_broken, summarised, updated
from optimization.rehearsal.wire import ChatRequest
from optimization.rehearsal.writer import write

_A_FEW_WORDS = 12
_DEFAULT_LEVELS = [1.0, 2.0, 3.0, 4.0, 5.0]
_OUTPUT = re.compile(r"<(output(?:_\w{1,2})?)>\s*(.*?)\s*</\1>", re.DOTALL)

Schema = dict[str, Any]
Part = Callable[[ChatRequest, Schema], dict[str, Any]]


def play(request: ChatRequest, sample: int = 0) -> str:
    """The reply's text: a function of the request, and of its number where several replies are wanted to it."""
    wanted = request.response_format
    if wanted.type == "text":
        return _write(request, sample)
    if wanted.json_schema is None:
        return json.dumps({"text": _write(request)}, ensure_ascii=False)
    schema = wanted.json_schema.body
    return json.dumps(_part(schema.get("properties", {}))(request, schema), ensure_ascii=False)


def _part(properties: Schema) -> Part:
    if properties.get("summary", {}).get("type") == "array":
        return _summary
    return next((part for names, part in _PARTS.items() if names <= set(properties)), _other)


def _write(request: ChatRequest, sample: int = 0) -> str:
    brief = Brief.read(request.user)
    if not request.system and not brief.blocks and len(request.user.split()) <= _A_FEW_WORDS:
        return f"This is the {NOTICE}. You wrote: {request.user.strip()}"
    return write(f"{request.system}\n{outside_blocks(request.user)}", brief, sample)


def _update(request: ChatRequest, schema: Schema) -> dict[str, str]:
    blocks = Brief.read(request.user).blocks
    value, reason = updated(
        blocks.get("current_value", ""),
        blocks.get("feedback", ""),
        constraints=blocks.get("constraints", ""),
        upstream=blocks.get("upstream", ""),
        conservatism=_number(blocks.get("conservatism", ""), DEFAULT_CONSERVATISM),
        alternative=int(_number(blocks.get("alternative", ""), 1)) - 1,
    )
    return {"value": value, "reason": reason}


def _number(text: str, default: float) -> float:
    found = re.search(r"\d+(\.\d+)?", text)
    return float(found[0]) if found else default


def _check(request: ChatRequest, schema: Schema) -> dict[str, Any]:
    """Whether a value keeps to constraints given in words, as far as they count characters or words."""
    blocks = Brief.read(request.user).blocks
    broken = constraints_broken(blocks.get("value", ""), blocks.get("constraints", ""))
    return {"kept": not broken, "problem": " ".join(broken)}


def _summary(request: ChatRequest, schema: Schema) -> dict[str, Any]:
    blocks = Brief.read(request.user).blocks
    return {"summary": summarised(blocks.get("feedback", request.user))}


def _rubric(request: ChatRequest, schema: Schema) -> dict[str, Any]:
    verdict = _verdicts(request)[0]
    properties = schema["properties"]
    if "scores" in properties:
        aspects = properties["scores"]["properties"].items()
        chosen: dict[str, Any] = {"scores": {name: _level(verdict, score) for name, score in aspects}}
    else:
        chosen = {"score": _level(verdict, properties["score"])}
    return {
        **chosen,
        "justification": verdict.justification(),
        "actionable_improvements": verdict.improvements(),
    }


def _level(verdict: Verdict, score: Schema) -> float | int:
    level = verdict.level(_levels(score))
    return int(level) if level.is_integer() else level


def _levels(score: Schema) -> list[float]:
    if score.get("enum"):
        return [float(one) for one in score["enum"]]
    if {"minimum", "maximum"} <= set(score):
        return [float(one) for one in range(int(score["minimum"]), int(score["maximum"]) + 1)]
    return _DEFAULT_LEVELS


def _preference(request: ChatRequest, schema: Schema) -> dict[str, Any]:
    a, b = (_verdicts(request) * 2)[:2]
    winner = "tie" if a.share == b.share else "A" if a.share > b.share else "B"
    better = a if winner != "B" else b
    return {
        "winner": winner,
        "reason": f"{winner}: {better.strengths()}." if winner != "tie" else "Both show the same.",
        "a_strengths": a.strengths(),
        "a_weaknesses": " ".join(a.improvements()) or a.weaknesses(),
        "b_strengths": b.strengths(),
        "b_weaknesses": " ".join(b.improvements()) or b.weaknesses(),
    }


def _ranking(request: ChatRequest, schema: Schema) -> dict[str, Any]:
    verdicts = _verdicts(request)
    order = sorted(range(len(verdicts)), key=lambda at: (-verdicts[at].share, at))
    best, worst = verdicts[order[0]], verdicts[order[-1]]
    return {
        "ranking": [at + 1 for at in order],
        "best_qualities": best.strengths(),
        "worst_issues": " ".join(worst.improvements()) or worst.weaknesses(),
        "comparison": "; ".join(f"{at + 1}: {verdicts[at].share:.0%} of what is expected" for at in order),
    }


def _group(request: ChatRequest, schema: Schema) -> dict[str, Any]:
    """A verdict by each id that the schema names, of outputs that are scored together."""
    entry = schema["properties"]["verdicts"].get("items", {}).get("properties", {})
    ids, verdicts = entry.get("id", {}).get("enum", []), _verdicts(request)
    if len(ids) != len(verdicts):
        return _other(request, schema)
    return {
        "verdicts": [
            {"id": one, "score": round(verdict.share, 4), "explanation": verdict.justification()}
            for one, verdict in zip(ids, verdicts, strict=True)
        ]
    }


def _improvements(request: ChatRequest, schema: Schema) -> dict[str, Any]:
    return {"actionable_improvements": _verdicts(request)[0].improvements()}


def _other(request: ChatRequest, schema: Schema) -> dict[str, Any]:
    instance = filled(schema, _write(request))
    return instance if isinstance(instance, dict) else {}


def _verdicts(request: ChatRequest) -> list[Verdict]:
    """A verdict on each output of the request, in the order in which they stand."""
    brief = Brief.read(request.user)
    target = brief.blocks.get("target", "")
    criteria = brief.blocks.get("criteria", "")
    outputs = [output for _, output in _OUTPUT.findall(request.user)] or [request.user]
    return [judge(output, brief, target, criteria) for output in outputs]


_PARTS: dict[frozenset[str], Part] = {
    frozenset({"value", "reason"}): _update,
    frozenset({"kept", "problem"}): _check,
    frozenset({"score", "justification"}): _rubric,
    frozenset({"scores", "justification"}): _rubric,
    frozenset({"winner", "reason"}): _preference,
    frozenset({"ranking", "comparison"}): _ranking,
    frozenset({"verdicts"}): _group,
    frozenset({"actionable_improvements"}): _improvements,
}
