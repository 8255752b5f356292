"""The caller: who they are here, and the tokens that speak for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.core.exceptions import ValidationError as DjangoError
from django.core.validators import validate_email
from django.http import HttpResponse
from ninja import Query, Schema
from pydantic import AwareDatetime, Field, field_validator

from optimization.accounts.permissions import Action
from optimization.accounts.selectors import tokens_of
from optimization.accounts.services import mail_set
from optimization.accounts.tokens import token_create, token_revoke
from optimization.api.cursors import Page, Paging, page_of
from optimization.api.names import Id
from optimization.api.principals import ApiRequest
from optimization.api.problems import Fault, Refusal, missing
from optimization.api.subjects import Subject
from optimization.models import ApiToken

router = Subject("me")


class Me(Schema):
    """`actions` is what the caller may do here, by role and, for a token, by scope."""

    username: str
    role: str
    workspace: str
    is_rehearsal: bool
    actions: list[Action]


class Mail(Schema):
    """Empty: nobody writes. `digest`: a mail a day at most when work has waited or its time runs out."""

    email: str = Field(max_length=254)
    digest: bool

    @field_validator("email")
    @classmethod
    def _is_address(cls, email: str) -> str:
        if email:
            try:
                validate_email(email)
            except DjangoError as error:
                raise ValueError("This is no mail address.") from error
        return email


class TokenOut(Schema):
    id: int
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenMade(TokenOut):
    """`token` is told once and never again; a replayed answer has null in its place."""

    token: str | None


class TokenIn(Schema):
    name: str = Field(min_length=1, max_length=120)
    scopes: list[Action] = Field(min_length=1, max_length=50)
    expires_at: AwareDatetime | None = None


class TokenQuery(Paging):
    sort: Literal["created", "-created"] = "-created"


@router.route("GET", "/me", None, {200: Me})
def me_get(request: ApiRequest) -> Me:
    """Who the caller is, where, and what they may do."""
    member = request.auth.membership
    return Me(
        username=member.user.get_username(),
        role=member.role,
        workspace=member.workspace.slug,
        is_rehearsal=member.is_rehearsal,
        actions=request.auth.actions(),
    )


@router.route("GET", "/me/mail", Action.TOKENS_OWN, {200: Mail})
def me_mail(request: ApiRequest) -> Mail:
    """Where the caller is written to, and whether."""
    member = request.auth.membership
    return Mail(email=member.user.email, digest=member.mail_digest)


@router.route("PUT", "/me/mail", Action.TOKENS_OWN, {200: Mail})
def me_mail_set(request: ApiRequest, payload: Mail) -> Mail:
    """Another address, which all of the caller's workspaces share, and this workspace's switch."""
    mail_set(membership=request.auth.membership, email=payload.email, digest=payload.digest)
    return payload


@router.route("GET", "/tokens", Action.TOKENS_OWN, {200: Page[TokenOut]})
def token_list(request: ApiRequest, query: Query[TokenQuery]) -> Page[TokenOut]:
    """The caller's own tokens in this workspace that are not revoked."""
    rows, following = page_of(
        tokens_of(request.auth.membership), query, sort=query.sort, fields={"created": "pk"}
    )
    return Page(items=[TokenOut(**_token(row)) for row in rows], next=following)


@router.route("POST", "/tokens", Action.TOKENS_OWN, {201: TokenMade})
def token_add(request: ApiRequest, payload: TokenIn, response: HttpResponse) -> TokenMade:
    """Makes a token for the caller. A token can make others of its own scopes and expiry at most."""
    _within_own(request, payload)
    token, plain = token_create(
        workspace=request.auth.workspace,
        user=request.auth.user,
        name=payload.name,
        scopes=payload.scopes,
        expires=payload.expires_at,
    )
    response["Cache-Control"] = "no-store"
    return TokenMade(**_token(token), token=plain)


@router.route("DELETE", "/tokens/{token_id}", Action.TOKENS_OWN, {204: None}, problems=(404,))
def token_remove(request: ApiRequest, token_id: Id) -> None:
    """Ends one of the caller's tokens now."""
    token = tokens_of(request.auth.membership).filter(pk=token_id).first()
    if token is None:
        raise missing("token", token_id)
    token_revoke(token=token)


def _within_own(request: ApiRequest, payload: TokenIn) -> None:
    own = request.auth.token
    if own is None:
        return
    if more := [scope for scope in payload.scopes if scope not in own.scopes]:
        detail = f"This token has no scope {more[0]} to hand on."
        raise Refusal(403, detail, [Fault(detail=detail, pointer="#/scopes")])
    if own.expires_at and (payload.expires_at is None or payload.expires_at > own.expires_at):
        detail = f"A token made by this one must expire by {own.expires_at.isoformat()}."
        raise Refusal(403, detail, [Fault(detail=detail, pointer="#/expires_at")])


def _token(token: ApiToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenOut.model_fields}
