"""Reads JSON strictly: what the database could not store is refused at the door."""

from __future__ import annotations

import json
from typing import Any, cast

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from optimization.api.problems import Fault, Refusal


class StrictParser(Parser):
    """No NaN or Infinity, no NUL, no half of a surrogate pair."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        data = json.loads(request.body, parse_constant=_no_constant)
        if b"\\u" in request.body:
            written = json.dumps(data, ensure_ascii=False)
            written.encode()
            if "\\u0000" in written:
                raise ValueError("a NUL character")
        return cast(dict[str, Any], data)

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        parsed = super().parse_querydict(data, list_fields, request)
        for name, value in parsed.items():
            if "\x00" in str(value):
                raise Refusal(
                    422,
                    f"The parameter {name} holds a NUL character.",
                    [Fault(detail="take the NUL out", parameter=name)],
                )
        return parsed


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
