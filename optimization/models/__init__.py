"""Everything that outlives a process. One file a subject."""

from optimization.models.datasets import Dataset, DatasetVersion, Example, ExampleSplit
from optimization.models.endpoints import Endpoint
from optimization.models.feedback import (
    Answer,
    AnswerVersion,
    Audience,
    Claim,
    ClaimState,
    Draft,
    FeedbackRequest,
    LateReading,
    RequestState,
    Showing,
    Skip,
)
from optimization.models.idempotency import IdempotentResponse
from optimization.models.journal import Call, Effect, WorkItem, WorkState
from optimization.models.parameters import Application, Candidate, Origin, ParameterVersion, Step
from optimization.models.policies import (
    Checkpoint,
    ModelLog,
    PolicyJob,
    PolicyStep,
    RolloutGroup,
    RolloutSource,
)
from optimization.models.programs import Program, ProgramVersion
from optimization.models.quality import Adjudication, Gold, Opinion
from optimization.models.reverts import Revert
from optimization.models.reviews import Decision, ProposalReview
from optimization.models.runs import Activity, Iteration, Run, RunEvent, RunKind, RunState, Score
from optimization.models.tapes import Tape
from optimization.models.workers import WorkerPulse
from optimization.models.workspaces import ApiToken, Invitation, Membership, Panel, Role, Workspace

__all__ = [
    "Activity",
    "Adjudication",
    "Answer",
    "AnswerVersion",
    "ApiToken",
    "Application",
    "Audience",
    "Call",
    "Candidate",
    "Checkpoint",
    "Claim",
    "ClaimState",
    "Dataset",
    "DatasetVersion",
    "Decision",
    "Draft",
    "Effect",
    "Endpoint",
    "Example",
    "ExampleSplit",
    "FeedbackRequest",
    "Gold",
    "IdempotentResponse",
    "Invitation",
    "Iteration",
    "LateReading",
    "Membership",
    "ModelLog",
    "Opinion",
    "Origin",
    "Panel",
    "ParameterVersion",
    "PolicyJob",
    "PolicyStep",
    "Program",
    "ProgramVersion",
    "ProposalReview",
    "RequestState",
    "Revert",
    "Role",
    "RolloutGroup",
    "RolloutSource",
    "Run",
    "RunEvent",
    "RunKind",
    "RunState",
    "Score",
    "Showing",
    "Skip",
    "Step",
    "Tape",
    "WorkItem",
    "WorkState",
    "WorkerPulse",
    "Workspace",
]
