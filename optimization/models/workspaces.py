"""Who may do what where: workspaces, memberships with a role, API tokens."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Workspace(models.Model):
    name = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    VIEWER = "viewer"
    ANNOTATOR = "annotator"
    OPERATOR = "operator"
    ADMIN = "admin"


class Membership(models.Model):
    """A person's role in a workspace. `is_rehearsal` marks a rehearsal colleague: a program, not a person.

    A run that weighs its annotators counts an answer `weight` times. `mail_digest` is the person's own switch;
    `mailed_at` says when they were last written to.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices)
    is_rehearsal = models.BooleanField(default=False)
    weight = models.FloatField(default=1.0)
    mail_digest = models.BooleanField(default=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_role_per_workspace")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.workspace}"


class Panel(models.Model):
    """Some of a workspace's people, by name, to whom questions may be assigned."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="panels")
    name = models.CharField(max_length=80)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="panels")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_panel_per_name")]

    def __str__(self) -> str:
        return self.name


class Invitation(models.Model):
    """A link by which `places` people join a workspace; only the digest of its secret is stored."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=12, choices=Role.choices)
    note = models.CharField(max_length=120, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    places = models.PositiveSmallIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"invitation to {self.workspace} as {self.role}"


class ApiToken(models.Model):
    """A script's key: shown once, stored as a SHA-256 digest, bound to one membership's workspace and user."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="tokens")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
