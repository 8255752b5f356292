"""An object of a schema that the rehearsal does not know: a text for strings, the least that is allowed elsewhere."""

from __future__ import annotations

from typing import Any

_DEEPEST = 12


def filled(schema: dict[str, Any], text: str) -> Any:
    """A value of the JSON schema (references, alternatives, enumerations, lower bounds) with `text` in its strings."""
    return _filled(schema, text, schema, 0)


def _filled(schema: dict[str, Any], text: str, whole: dict[str, Any], depth: int) -> Any:
    schema = _resolved(schema, whole)
    if depth > _DEEPEST:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    match _type(schema):
        case "object":
            members = schema.get("properties", {}).items()
            return {name: _filled(member, text, whole, depth + 1) for name, member in members}
        case "array":
            item = _filled(schema.get("items", {"type": "string"}), text, whole, depth + 1)
            return [item] * max(schema.get("minItems", 1), 1)
        case "string":
            return text[: schema.get("maxLength")]
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", 0)
    return None


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference means, and the first of several alternatives."""
    for _ in range(_DEEPEST):
        if "$ref" in schema:
            schema = whole.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {})
        elif alternatives := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            schema = alternatives[0]
        else:
            break
    return schema


def _type(schema: dict[str, Any]) -> str:
    stated = schema.get("type", "object" if "properties" in schema else "string")
    return str(stated[0] if isinstance(stated, list) else stated)
