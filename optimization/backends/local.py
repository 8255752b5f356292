"""LocalBackend: torch on this machine, a child process a job, checkpoints in a folder a model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ValidationError

from optimization.backends.backend import TrainResult
from optimization.backends.choices import choice_of, conversations_of
from optimization.backends.sinks import FileSink, Sink, WandbSink
from optimization.backends.trajectories import Message, Trajectory, TrajectoryGroup

if TYPE_CHECKING:
    from optimization.backends.model import TrainableModel
    from optimization.policy.jobs import Job, Progress, Result

logger = logging.getLogger("handgrad.backends")


class State(BaseModel):
    """Where a model stands: calls of `train`, the checkpoint they led to, and the mean reward that each one got.

    `first_reward_std` is the standard deviation of the first call's rewards.
    """

    base_model: str
    step: int = 0
    weights: str | None = None
    first_reward_std: float | None = None
    rewards: dict[int, float] = {}


class LocalBackend:
    """Trains on this machine, in `path`/<project>/<model>: `checkpoints/<step>`, `state.json` and what is logged.

    Of the checkpoints the latest and the best stay: best by the rewards logged with split "val", or else by those that
    it was trained on. With `lora_rank` small matrices are trained beside the weights. `processes` share the model by
    torchrun and FSDP2. `on_progress` gets the reports of the running job.
    """

    def __init__(
        self,
        path: str | Path = ".handgrad",
        *,
        lora_rank: int | None = None,
        lora_alpha: int = 16,
        micro_batch_size: int = 8,
        epochs: int = 1,
        minibatches: int = 1,
        max_grad_norm: float = 1.0,
        weight_decay: float = 0.0,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        seed: int = 0,
        device: str = "auto",
        processes: int = 1,
        threads: int | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.path = Path(path)
        self.on_progress = on_progress
        self._resources = {"device": device, "processes": processes, "threads": threads}
        self._settings = {
            "lora": None if lora_rank is None else {"rank": lora_rank, "alpha": lora_alpha},
            "micro_batch_size": micro_batch_size,
            "epochs": epochs,
            "minibatches": minibatches,
            "max_grad_norm": max_grad_norm,
            "weight_decay": weight_decay,
            "precision": precision,
            "seed": seed,
        }
        self._busy: dict[Path, asyncio.Lock] = {}
        self._wandb = WandbSink()

    async def register(self, model: TrainableModel) -> None:
        """Take the model on. Raises ValueError if one of its name began as another base model here."""
        state = self._state(model)
        if state.base_model != model.base_model:
            raise ValueError(
                f"{self.folder(model)} holds a model that began as {state.base_model!r}, not as {model.base_model!r}. "
                "Give the new one another name."
            )
        self._keep_state(model, state)

    async def get_step(self, model: TrainableModel) -> int:
        return self._state(model).step

    def sinks(self, model: TrainableModel) -> list[Sink]:
        """Files in the model's folder; Weights & Biases where it is installed and has a key."""
        files: Sink = FileSink(self.folder(model))
        return [files, self._wandb] if WandbSink.available() else [files]

    async def train(
        self,
        model: TrainableModel,
        trajectory_groups: Iterable[TrajectoryGroup],
        *,
        learning_rate: float = 5e-6,
        ppo: bool = False,
        epsilon: float | None = None,
        epsilon_high: float | None = None,
        advantage_balance: float = 0.0,
        scale_rewards: bool = True,
        importance_sampling_level: Literal["token", "sequence", "average", "geometric_average"] = "token",
        max_negative_advantage_importance_sampling_weight: float | None = None,
        mask_prob_ratio: bool = False,
        kimi_k2_tau: float | None = None,
        precalculate_logprobs: bool = False,
        allow_training_without_logprobs: bool = False,
        plot_tensors: bool = False,
        truncated_importance_sampling: float | None = None,
        scale_learning_rate_by_reward_std_dev: bool = False,
        logprob_calculation_chunk_size: int = 1024,
        save_checkpoint: bool = True,
        verbose: bool = False,
    ) -> TrainResult:
        """Train the model on the groups, each trajectory against the others of its group.

        - learning_rate: of AdamW. scale_learning_rate_by_reward_std_dev multiplies it by the standard deviation of
          these rewards over that of the model's first call.
        - ppo: PPO's clipped surrogate instead of CISPO. epsilon, epsilon_high: how far the ratio of probabilities may
          move, 0.2 both ways for PPO, 1 and 4 for CISPO.
        - advantage_balance: above 0 weakens the non-positive advantages, below 0 the non-negative, by so much of them.
        - scale_rewards: divide by the standard deviation of the group.
        - importance_sampling_level: one ratio a token, one a trajectory, or a mean of both.
        - max_negative_advantage_importance_sampling_weight: the greatest ratio. mask_prob_ratio: leave out what lies
          outside the clipping range. kimi_k2_tau: strength of Kimi K2's regularisation.
        - precalculate_logprobs: compute the old log-probabilities before the update instead of taking the sampler's.
          truncated_importance_sampling does so too, and corrects for the difference up to this factor.
        - allow_training_without_logprobs: train every turn of the assistant, as if today's policy had sampled it.
        - logprob_calculation_chunk_size: tokens made into logits at once.
        - plot_tensors: write `tensors-<step>.html` beside the checkpoints.
        - save_checkpoint: keep the weights as a numbered checkpoint; without it they are kept for the next call alone.
        - verbose: log the job's progress.

        Logs nothing else: `model.log` does. Raises ValueError for an argument out of range, or no groups, and JobFailed
        in words, with the last checkpoint untouched.
        """
        arguments = {
            "learning_rate": learning_rate,
            "ppo": ppo,
            "epsilon": epsilon,
            "epsilon_high": epsilon_high,
            "advantage_balance": advantage_balance,
            "scale_rewards": scale_rewards,
            "importance_sampling_level": importance_sampling_level,
            "max_negative_advantage_importance_sampling_weight": max_negative_advantage_importance_sampling_weight,
            "mask_prob_ratio": mask_prob_ratio,
            "kimi_k2_tau": kimi_k2_tau,
            "precalculate_logprobs": precalculate_logprobs,
            "allow_training_without_logprobs": allow_training_without_logprobs,
            "plot_tensors": plot_tensors,
            "truncated_importance_sampling": truncated_importance_sampling,
            "scale_learning_rate_by_reward_std_dev": scale_learning_rate_by_reward_std_dev,
            "logprob_calculation_chunk_size": logprob_calculation_chunk_size,
        }
        groups = list(trajectory_groups)
        if not any(len(group) for group in groups):
            raise ValueError("There are no trajectories to train on.")
        async with self._busy.setdefault(self.folder(model), asyncio.Lock()):
            return await self._train(model, groups, arguments, save_checkpoint, verbose)

    async def roll_out(
        self,
        model: TrainableModel,
        prompts: Sequence[str | Sequence[Message]],
        *,
        copies: int = 1,
        temperature: float = 1.0,
        max_tokens: int = 256,
        seed: int = 0,
    ) -> list[TrajectoryGroup]:
        """`copies` completions of every prompt by the model as it is, a group a prompt, to be given rewards.

        Each ends in a choice with its tokens and log-probabilities, as an OpenAI-compatible server returns one.
        """
        from optimization.policy.config import Sampling
        from optimization.policy.jobs import RolloutJob
        from optimization.policy.rollouts import Prompt, read_rollouts

        if not prompts:
            raise ValueError("There are no prompts to roll out.")
        begun = [[{"role": "user", "content": p}] if isinstance(p, str) else [*p] for p in prompts]
        state = self._state(model)
        job = RolloutJob(
            model=str(self._weights(model, state) or state.base_model),
            prompts=tuple(Prompt(text=tuple(messages)) for messages in begun),
            copies=copies,
            sampling=Sampling(temperature=temperature, max_tokens=max_tokens),
            seed=seed,
        )
        folder = self.folder(model) / "jobs" / "rollouts"
        await self._run(job, folder)
        rollouts = read_rollouts(folder / "rollouts.jsonl")
        return [
            TrajectoryGroup(
                Trajectory(
                    messages_and_choices=[*messages, choice_of(rollout)],
                    temperature=temperature,
                    metadata={"step": state.step},
                )
                for rollout in rollouts[number * copies : (number + 1) * copies]
            )
            for number, messages in enumerate(begun)
        ]

    def folder(self, model: TrainableModel) -> Path:
        return self.path / model.project / model.name

    def checkpoint(self, model: TrainableModel) -> Path | None:
        """The folder of the model's weights as they are; None before it was trained."""
        return self._weights(model, self._state(model))

    async def _train(
        self,
        model: TrainableModel,
        groups: list[TrajectoryGroup],
        arguments: dict[str, Any],
        save_checkpoint: bool,
        verbose: bool,
    ) -> TrainResult:
        from optimization.policy.jobs.spec import TrainArguments, TrainJob, TrainSettings

        state = self._state(model)
        before = self._weights(model, state)
        place = f"checkpoints/{state.step + 1:04d}" if save_checkpoint else f"working/{state.step + 1:04d}"
        try:
            checked = TrainArguments.model_validate(arguments)
        except ValidationError as error:
            found = error.errors()[0]
            raise ValueError(f"{found['loc'][0]}: {found['msg']}, not {found['input']!r}.") from None
        job = TrainJob(
            base=state.base_model,
            checkpoint=None if before is None else str(before),
            output=str((self.folder(model) / place).absolute()),
            groups=conversations_of(groups),
            arguments=checked,
            settings=TrainSettings.model_validate(self._settings),
            first_reward_std=state.first_reward_std,
        )
        folder = self.folder(model) / "jobs" / f"train-{state.step + 1:04d}"
        result = await self._run(job, folder, verbose)
        return self._taken(model, state, result, place, folder)

    def _taken(
        self, model: TrainableModel, before: State, result: Result, place: str, folder: Path
    ) -> TrainResult:
        """Enter the job's result, prune the checkpoints, and say what came of the call."""
        from optimization.policy.jobs.spec import JobFolder

        if self._state(model) != before:
            raise RuntimeError(
                f"Another process trained {model.name!r} meanwhile. This call was not applied; make it again."
            )
        state = before.model_copy(deep=True)
        state.step += 1
        if result.details.get("trained"):
            state.weights = place
        else:
            reasons = _untrained(result.metrics)
            logger.warning("%s, step %d: nothing to learn from: %s.", model.name, state.step, reasons)
        if "reward" in result.metrics:
            # They were sampled by the weights before this step.
            state.rewards[before.step] = result.metrics["reward"]
            if state.first_reward_std is None:
                state.first_reward_std = result.metrics["reward_std_dev"]
        self._keep_state(model, state)
        plotted = JobFolder(folder).tensors
        if plotted.exists():
            plotted.rename(self.folder(model) / f"tensors-{state.step:04d}.html")
        self._prune(model, state)
        saved = self._weights(model, state)
        kept = saved is not None and saved.parent.name == "checkpoints"
        return TrainResult(state.step, result.metrics, checkpoint_path=str(saved) if kept else None)

    async def _run(self, job: Job, folder: Path, verbose: bool = False) -> Result:
        from optimization.policy.jobs import Resources, run_job

        def report(progress: Progress) -> None:
            self.on_progress(progress)
            if verbose:
                logger.info("%s: %d of %d", progress.task, progress.done, progress.total)

        return await run_job(
            job, folder, resources=Resources.model_validate(self._resources), on_progress=report
        )

    def _prune(self, model: TrainableModel, state: State) -> None:
        from optimization.policy.folders import prune

        best = self._best(model, state)
        kept = {Path(state.weights).name} if state.weights else set()
        for parent in ("checkpoints", "working"):
            if (self.folder(model) / parent).exists():
                prune(self.folder(model) / parent, kept | ({f"{best:04d}"} if best is not None else set()))

    def _best(self, model: TrainableModel, state: State) -> int | None:
        """The step with the best mean reward, of those that have a checkpoint."""
        logged = FileSink(self.folder(model)).logged()
        rewards = {line["step"]: line["val/reward"] for line in logged if "val/reward" in line}
        rewards = rewards or state.rewards
        kept = {step: reward for step, reward in rewards.items() if self._saved(model, step).exists()}
        return max(kept, key=lambda step: (kept[step], step), default=None)

    def _saved(self, model: TrainableModel, step: int) -> Path:
        return self.folder(model) / "checkpoints" / f"{step:04d}"

    def _weights(self, model: TrainableModel, state: State) -> Path | None:
        return None if state.weights is None else (self.folder(model) / state.weights).absolute()

    def _state(self, model: TrainableModel) -> State:
        file = self.folder(model) / "state.json"
        if not file.exists():
            return State(base_model=model.base_model)
        return State.model_validate_json(file.read_text())

    def _keep_state(self, model: TrainableModel, state: State) -> None:
        folder = self.folder(model)
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / ".partial-state.json"
        partial.write_text(state.model_dump_json(indent=1))
        partial.rename(folder / "state.json")


def _untrained(metrics: Mapping[str, float]) -> str:
    """Why a call had nothing to learn from, and what to do about it."""
    reasons = {
        "groups_zero_variance": "groups in which all rewards are equal",
        "trajectories_unscored": "trajectories without a reward",
        "trajectories_without_log_probs": "trajectories without a choice that has log-probabilities (ask the server for "
        "logprobs, or allow_training_without_logprobs)",
    }
    return ", ".join(f"{words}: {int(metrics[name])}" for name, words in reasons.items() if metrics[name])
