"""What a job is asked, how far it is, and what came of it: plain data in the job's folder. Imports without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from optimization.policy.config import GRPOConfig, Lora, PPOConfig, Precision, RewardModelConfig, Sampling
from optimization.policy.conversations import Group
from optimization.policy.rollouts import Prompt, Rollout

ImportanceLevel = Literal["token", "sequence", "average", "geometric_average"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Resources(_Data):
    """What a job may use. `device` is "auto", "cpu" or a GPU; more `processes` share the model by torchrun and FSDP2."""

    device: str = "auto"
    processes: int = Field(1, ge=1)
    threads: int | None = Field(None, ge=1, description="CPU threads a process; None leaves it to torch.")


class RolloutJob(_Data):
    """Sample `copies` completions of every prompt -> `rollouts.jsonl`, and `pieces.json`, the text of each token there is."""

    kind: Literal["rollout"] = "rollout"
    model: str = Field(description="A checkpoint's folder, or a model's folder or name.")
    prompts: tuple[Prompt, ...]
    sources: tuple[str, ...] = Field((), description="The component of each prompt.")
    follow_ups: tuple[tuple[str, ...], ...] = Field(
        (), description="For each prompt, what the user says after each reply."
    )
    copies: int = Field(1, ge=1)
    sampling: Sampling = Sampling()
    seed: int = 0
    rollout_batch_size: int = Field(256, ge=1)
    precision: Precision = "auto"


class TrainArguments(_Data):
    """The arguments of LocalBackend.train, as it documents them."""

    learning_rate: float = Field(5e-6, gt=0)
    ppo: bool = False
    epsilon: float | None = Field(None, gt=0)
    epsilon_high: float | None = Field(None, gt=0)
    advantage_balance: float = Field(0.0, ge=-1, le=1)
    scale_rewards: bool = True
    importance_sampling_level: ImportanceLevel = "token"
    max_negative_advantage_importance_sampling_weight: float | None = Field(None, gt=0)
    mask_prob_ratio: bool = False
    kimi_k2_tau: float | None = None
    precalculate_logprobs: bool = False
    allow_training_without_logprobs: bool = False
    plot_tensors: bool = False
    truncated_importance_sampling: float | None = Field(None, gt=0)
    scale_learning_rate_by_reward_std_dev: bool = False
    logprob_calculation_chunk_size: int = Field(1024, ge=1)


class StepJob(_Data):
    """One step of PPOTrainer or GRPOTrainer on rollouts that have been scored -> the checkpoint `output`."""

    kind: Literal["step"] = "step"
    trainer: Literal["PPOTrainer", "GRPOTrainer"] = "GRPOTrainer"
    config: dict[str, Any] = Field({}, description="The trainer's configuration, as JSON data.")
    base: str = Field(description="The model at the start: the reference of the KL penalty.")
    checkpoint: str | None = Field(None, description="Where the step begins; None for the base.")
    output: str
    components: tuple[str, ...]
    rollouts: tuple[Rollout, ...]
    scores: tuple[float | None, ...]
    arguments: TrainArguments | None = Field(
        None,
        description="A backend's, which then says how GRPOTrainer learns, in place of the configuration.",
    )
    first_reward_std: float | None = Field(
        None, description="The standard deviation of the run's first rewards, where arguments are given."
    )
    figures: bool = Field(
        False, description="Write how far each token is from the reference, and how far the step moved it."
    )

    @model_validator(mode="after")
    def _config_fits(self) -> StepJob:
        self.trainer_config()
        return self

    def trainer_config(self) -> PPOConfig:
        return (GRPOConfig if self.trainer == "GRPOTrainer" else PPOConfig).model_validate(self.config)


class TrainSettings(_Data):
    """How a backend trains, whatever it is told at a call."""

    lora: Lora | None = None
    micro_batch_size: int = Field(8, ge=1)
    epochs: int = Field(1, ge=1)
    minibatches: int = Field(1, ge=1)
    max_grad_norm: float = Field(1.0, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    precision: Precision = "auto"
    seed: int = 0


class TrainJob(_Data):
    """Train on groups of conversations with rewards -> the checkpoint `output`."""

    kind: Literal["train"] = "train"
    base: str
    checkpoint: str | None = None
    output: str
    groups: tuple[Group, ...]
    arguments: TrainArguments = TrainArguments()
    settings: TrainSettings = TrainSettings()
    first_reward_std: float | None = Field(
        None,
        description="The standard deviation of the first call's rewards, which the learning rate is scaled by.",
    )


class BeginnerJob(_Data):
    """Make the example's model from scratch -> the folder `output`."""

    kind: Literal["beginner"] = "beginner"
    output: str
    steps: int = Field(250, ge=1)
    seed: int = 0


class ComparisonData(_Data):
    prompt: Prompt
    chosen: str
    rejected: str
    margin: float = 0.0


class RewardModelJob(_Data):
    """Train a reward model on comparisons -> the folder `output`, and how far it can be trusted."""

    kind: Literal["reward_model"] = "reward_model"
    base: str
    output: str
    comparisons: tuple[ComparisonData, ...]
    config: RewardModelConfig = RewardModelConfig()


class TokenFigures(_Data):
    """Of a rollout's tokens: the KL divergence from the reference, none where it was not trained on, and how much likelier
    the step made them."""

    kl: tuple[float, ...] | None
    ratio: tuple[float, ...]


Job = RolloutJob | StepJob | TrainJob | BeginnerJob | RewardModelJob
AnyJob = Annotated[Job, Field(discriminator="kind")]


class JobFile(_Data):
    """`job.json`."""

    job: AnyJob
    resources: Resources = Resources()


class Progress(_Data):
    """How far a job is: `done` of `total` of a task, in its own units."""

    task: str
    done: int
    total: int


class Result(_Data):
    """`result.json`. `error` says in words what went wrong, `kind` which error it was, by the name of its class."""

    state: Literal["done", "failed", "cancelled"]
    metrics: dict[str, float] = {}
    details: dict[str, Any] = {}
    error: str = ""
    kind: str = ""


class JobFolder:
    """The files of a job."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.job = self.path / "job.json"
        self.progress = self.path / "progress.jsonl"
        self.result = self.path / "result.json"
        self.cancel = self.path / "cancel"
        self.rollouts = self.path / "rollouts.jsonl"
        self.pieces = self.path / "pieces.json"
        self.figures = self.path / "figures.jsonl"
        self.tensors = self.path / "tensors.html"
        self.log = self.path / "child.log"

    def asked(self) -> Job | None:
        """The job that the folder is about, if there is one."""
        try:
            return JobFile.model_validate_json(self.job.read_text()).job
        except FileNotFoundError:
            return None

    def finished(self) -> Result | None:
        """The result, if there is one."""
        try:
            return Result.model_validate_json(self.result.read_text())
        except FileNotFoundError:
            return None

    def write_whole(self, file: Path, text: str) -> None:
        """Write a file in one step."""
        partial = file.with_name(f".partial-{file.name}")
        partial.write_text(text)
        partial.rename(file)
