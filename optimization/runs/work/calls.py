"""Calls to models, each stored before anything is built on it and never made twice once it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from django.db import IntegrityError, transaction

from optimization.llm.messages import Completion, CompletionRequest, Resources, Usage
from optimization.llm.scope import current_scope
from optimization.models import Call
from optimization.models.copied import rows_add
from optimization.runs.engine.faults import fault
from optimization.runs.engine.replay import JournalMismatch
from optimization.runs.work.sheet import current_sheet, other_key
from optimization.runs.work.writer import Writer


class JournaledResources:
    """Resources that read the journal first: a stored response is given again, a new one is stored first."""

    def __init__(self, inner: Resources, writer: Writer) -> None:
        self._inner = inner
        self._writer = writer

    async def complete(self, alias: str, request: CompletionRequest) -> Completion:
        key = current_scope().key()
        sheet = current_sheet()
        digest = request.digest()
        stored = sheet.calls.get(key)
        if stored and stored.digest != digest and sheet.anew:
            key = other_key(key, digest)
            stored = sheet.calls.get(key)
        if stored is None and (lent := sheet.lent.call(key, digest)):
            return completion_of(lent)
        if stored:
            if stored.digest != digest:
                raise JournalMismatch(
                    f"The call {key} is stored with another request than the one that the program makes now: its code "
                    "has changed while the run waited. Restore it and press Retry, or begin the iteration anew: every call "
                    "and answer that still fits is used again."
                )
            sheet.adopted[0].add(stored.pk)
            return completion_of(stored)
        fault("before_call")
        completion = await self._inner.complete(alias, request)
        fault("after_call")
        call = Call(
            run_id=sheet.item.run_id,
            key=key,
            iteration=sheet.item.effect.iteration,
            item=sheet.item,
            alias=alias,
            digest=digest,
            request=request.model_dump(mode="json"),
            text=completion.text,
            model=completion.model,
            prompt_tokens=completion.usage.prompt_tokens,
            completion_tokens=completion.usage.completion_tokens,
            cost=completion.usage.cost,
            latency=completion.latency,
        )
        stored = await self._writer.write(SaveCall(call))
        fault("after_save")
        return completion_of(stored)


def completion_of(call: Call) -> Completion:
    """The reply as it was when it came."""
    usage = Usage(
        calls=1, prompt_tokens=call.prompt_tokens, completion_tokens=call.completion_tokens, cost=call.cost
    )
    return Completion(text=call.text, model=call.model, usage=usage, latency=call.latency)


@dataclass(frozen=True)
class SaveCall:
    """Store a response under its key; where another worker was first, its response counts."""

    call: Call

    @classmethod
    def apply(cls, batch: Sequence[Self]) -> list[Call]:
        calls = [operation.call for operation in batch]
        try:
            with transaction.atomic():
                rows_add(Call, calls)
            return calls
        except IntegrityError:
            return [cls._first(call) for call in calls]

    @staticmethod
    def _first(call: Call) -> Call:
        call.pk = None
        values = {
            field.attname: getattr(call, field.attname)
            for field in Call._meta.concrete_fields
            if field.attname != "id"
        }
        stored, _ = Call.objects.get_or_create(
            run_id=values.pop("run_id"), key=values.pop("key"), defaults=values
        )
        return stored
