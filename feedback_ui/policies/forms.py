"""The launch form of a policy's run: what is trained, on which prompts, by whose reward, how."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.forms import BoundField

from feedback_ui.forms import faults_show
from feedback_ui.launch import defaults
from feedback_ui.launch.arguments import JsonField, arguments_in, fields_of
from optimization.catalog.selectors import datasets_of
from optimization.losses.verifiers import verifier_names
from optimization.models import Run, Workspace
from optimization.runs.policy.backend import HERE, NOT_IN_A_RUN
from optimization.runs.policy.choices import backend_options
from optimization.runs.policy.config import BEGINNER

# By the way of rewarding: its words, and the loss that it means.
REWARDS: dict[str, tuple[str, str]] = {
    "check": ("a check in code: 1 or 0", "VerifierLoss"),
    "group": ("a model, which scores a prompt's completions in one call", "LLMGroupLoss"),
    "ranking": ("a model, which ranks a prompt's completions", "LLMRankingLoss"),
    "people": ("people, who rank a prompt's completions", "HumanRankingLoss"),
}
TRAINERS = {
    "GRPOTrainer": "GRPO: against its group",
    "PPOTrainer": "PPO: by its own reward",
}
# A trainer's arguments that have a field: by the argument, the field.
PLAIN = (
    *("prompts_per_step", "group_size", "learning_rate", "beta", "minibatches", "epochs", "micro_batch_size"),
    *("eval_frequency", "max_staleness"),
)
IN_SIGHT = ("prompts_per_step", "group_size", "learning_rate", "beta", "max_tokens", "temperature")
TAKEN_BY = [
    ("", "the trainer: its loss, with a KL penalty"),
    (HERE, "LocalBackend.train, by its own arguments"),
]
MORE = (
    *("minibatches", "epochs", "micro_batch_size", "eval_frequency", "num_eval_samples", "max_staleness"),
    *("lora_rank", "device", "checkpoints_kept", "budget", "seed", "components"),
)
# What stands elsewhere on the form, or has no meaning in a run.
OF_THE_FORM = frozenset({"learning_rate", *NOT_IN_A_RUN})
_BACKEND = next(option.arguments for option in backend_options() if option.name == HERE)


class PolicyForm(forms.Form):
    """`config` is what the service is given. What it begins with suits the model that is made from scratch."""

    name = forms.CharField(
        required=False, max_length=160, help_text="Empty: the trainer's name and the data's."
    )
    base = forms.CharField(
        label="The model",
        required=False,
        max_length=400,
        widget=forms.TextInput(attrs={"placeholder": "made from scratch", "spellcheck": "false"}),
        help_text="A folder on the workers' machine, or a name on the hub such as Qwen/Qwen3-0.6B. Empty: a small one, "
        "made from scratch in seconds.",
    )
    dataset = forms.ChoiceField(label="Data")
    prompt = forms.CharField(
        max_length=20_000,
        initial="{ticket}\nTeam: ",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text="The examples' fields in braces. The model goes on from its end.",
    )
    chat = forms.BooleanField(
        label="It is a user's message", required=False, help_text="Written as the model's chat template says."
    )
    follow_ups = forms.CharField(
        label="After each reply the user says",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One message a line, each after a reply; nothing: it answers once. The last reply is rewarded, and all "
        "of them are trained.",
    )
    reward = forms.ChoiceField(
        label="A completion is rewarded by",
        choices=[(key, words) for key, (words, _) in REWARDS.items()],
        initial="check",
    )
    check = forms.ChoiceField(
        label="Check", choices=[(name, name.replace("_", " ")) for name in verifier_names()], initial="exact"
    )
    check_arguments = JsonField(
        label="Its arguments",
        required=False,
        help_text='As JSON, such as {"pattern": "^\\\\d+$"}. Empty: it compares with the target.',
    )
    criteria = forms.CharField(
        label="What is judged",
        required=False,
        max_length=4000,
        initial=defaults.CRITERIA,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    trainer = forms.ChoiceField(choices=list(TRAINERS.items()), initial="GRPOTrainer")
    backend = forms.ChoiceField(label="The step is taken by", choices=TAKEN_BY, required=False)
    iterations = forms.IntegerField(label="Steps", min_value=1, max_value=100_000, initial=24)
    prompts_per_step = forms.IntegerField(label="Prompts a step", min_value=1, initial=32)
    group_size = forms.IntegerField(label="Completions a prompt", min_value=1, initial=8)
    learning_rate = forms.FloatField(
        label="Learning rate", initial=3e-4, help_text="Of a large pretrained model about 1e-6 to 1e-5."
    )
    beta = forms.FloatField(
        label="KL penalty",
        min_value=0,
        initial=0.02,
        help_text="Keeps it near where it began; 0: nothing does.",
    )
    max_tokens = forms.IntegerField(label="Longest, tokens", min_value=1, initial=12)
    temperature = forms.FloatField(min_value=0.01, initial=1.0)
    minibatches = forms.IntegerField(label="Optimizer steps a batch", min_value=1, initial=4)
    epochs = forms.IntegerField(label="Passes over a batch", min_value=1, initial=1)
    micro_batch_size = forms.IntegerField(label="Completions in memory at once", min_value=1, initial=64)
    eval_frequency = forms.IntegerField(label="Steps between tests", min_value=0, initial=4)
    num_eval_samples = forms.IntegerField(
        label="Completions a test prompt",
        min_value=1,
        required=False,
        help_text="Empty: one, or as many as in training where the reward compares them.",
    )
    max_staleness = forms.IntegerField(
        label="Batches sampled ahead",
        min_value=0,
        max_value=8,
        initial=0,
        help_text="While judges score one batch the next is sampled; none is older than so many steps.",
    )
    lora_rank = forms.IntegerField(
        label="LoRA rank", min_value=1, required=False, help_text="Empty: all weights are trained."
    )
    device = forms.CharField(
        initial="auto", max_length=12, help_text="auto, cpu, cuda, or one of several: cuda:1."
    )
    checkpoints_kept = forms.IntegerField(label="Checkpoints kept", min_value=2, max_value=1000, initial=10)
    budget = forms.DecimalField(
        label="Budget for judges, $", min_value=0, required=False, help_text="Empty: no limit."
    )
    seed = forms.IntegerField(initial=0, min_value=0)
    components = JsonField(
        label="Further components",
        required=False,
        help_text="More data with rewards of their own, trained on together: a list as JSON, as the API takes it.",
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["dataset"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(each.name, each.title) for each in datasets_of(workspace)]
        field.initial = "ticket-teams"
        for argument, made in fields_of(_BACKEND, OF_THE_FORM):
            self.fields[f"backend_{argument}"] = made

    def in_sight(self) -> list[BoundField]:
        return [self[name] for name in IN_SIGHT]

    def more(self) -> list[BoundField]:
        return [self[name] for name in MORE]

    def of_the_backend(self) -> list[BoundField]:
        """The arguments of the backend's `train`, as its signature has them."""
        return [self[name] for name in self.fields if name.startswith("backend_")]

    def backend_errors(self) -> bool:
        return self.is_bound and any(field.errors for field in self.of_the_backend())

    def more_errors(self) -> bool:
        return self.is_bound and any(field.errors for field in self.more())

    def test_copies(self) -> int:
        """Completions of each test prompt."""
        given = self.cleaned_data
        return given["num_eval_samples"] or _copies_by_itself(given["reward"], given["group_size"])

    def config(self) -> dict[str, Any]:
        """The launch as data, checked by PolicyRunConfig and the service."""
        given = self.cleaned_data
        args: dict[str, Any] = {name: given[name] for name in PLAIN}
        args["sampling"] = {"max_tokens": given["max_tokens"], "temperature": given["temperature"]}
        args["eval_temperature"] = given["temperature"]
        args["num_eval_samples"] = self.test_copies()
        backend = None
        if given["backend"]:
            learned = {"learning_rate": args.pop("learning_rate")}
            del args["beta"]
            backend = {"name": given["backend"], "args": learned | arguments_in(_BACKEND, "backend", given)}
        if given["lora_rank"]:
            args["lora"] = {"rank": given["lora_rank"], "alpha": 2 * given["lora_rank"]}
        component = {
            "name": given["dataset"],
            "dataset": given["dataset"],
            # A browser sends lines that end in two characters.
            "prompt": given["prompt"].replace("\r\n", "\n"),
            "chat": given["chat"],
            "follow_ups": given["follow_ups"].splitlines() if given["chat"] else [],
            "reward": self._reward(),
        }
        return {
            "kind": "policy",
            "base": given["base"] or BEGINNER,
            "components": [component, *(given["components"] or [])],
            "trainer": {"name": given["trainer"], "args": args},
            "backend": backend,
            "compute": {"device": given["device"]},
            "iterations": given["iterations"],
            "checkpoints_kept": given["checkpoints_kept"],
            "budget": given["budget"] or None,
            "seed": given["seed"],
        }

    def _reward(self) -> dict[str, Any]:
        given = self.cleaned_data
        _, loss = REWARDS[given["reward"]]
        if given["reward"] == "check":
            return {
                "name": loss,
                "args": {"verifier": {"name": given["check"], **(given["check_arguments"] or {})}},
            }
        return {"name": loss, "args": {"criteria": given["criteria"] or defaults.CRITERIA}}

    def refuse(self, faults: Iterable[tuple[str, str]]) -> None:
        """Put each (JSON pointer, message) beside the field that it is about."""
        places = {f"/trainer/args/{name}": name for name in (*PLAIN, "num_eval_samples")}
        places |= {
            "/base": "base",
            "/components/0/dataset": "dataset",
            "/components/0/prompt": "prompt",
            "/components/0/follow_ups": "follow_ups",
            "/components/0/reward/args": "check_arguments",
            "/components/0/reward": "reward",
            "/components": "components",
            "/trainer/args/sampling/max_tokens": "max_tokens",
            "/trainer/args/sampling/temperature": "temperature",
            "/trainer/args/lora": "lora_rank",
            "/trainer": "trainer",
            "/backend/args/learning_rate": "learning_rate",
            **{
                f"/backend/args/{name.removeprefix('backend_')}": name
                for name in self.fields
                if name.startswith("backend_")
            },
            "/backend": "backend",
            "/compute/device": "device",
            "/iterations": "iterations",
            "/checkpoints_kept": "checkpoints_kept",
            "/budget": "budget",
        }
        faults_show(self, faults, places)


def _copies_by_itself(reward: str, group_size: int) -> int:
    """Where the reward compares completions, one would have none beside it."""
    return 1 if reward == "check" else group_size


def policy_initial(run: Run) -> dict[str, Any]:
    """The form's values as an earlier run had them."""
    config = run.config
    component, *further = config["components"]
    args, reward = config["trainer"]["args"], component["reward"]
    backend = config.get("backend") or {"name": "", "args": {}}
    learning = {name: value for name, value in backend["args"].items() if name == "learning_rate"}
    kinds = {loss: key for key, (_, loss) in REWARDS.items()}
    verifier = reward["args"].get("verifier", {})
    verifier = {"name": verifier} if isinstance(verifier, str) else dict(verifier)
    initial = {
        "name": run.name,
        "base": "" if config["base"] == BEGINNER else config["base"],
        **{name: component[name] for name in ("dataset", "prompt", "chat")},
        "follow_ups": "\n".join(component.get("follow_ups", ())),
        "reward": kinds.get(reward["name"], "check"),
        "check": verifier.pop("name", "exact"),
        "check_arguments": verifier or None,
        "criteria": reward["args"].get("criteria", defaults.CRITERIA),
        "trainer": config["trainer"]["name"],
        "backend": backend["name"],
        **{f"backend_{name}": value for name, value in backend["args"].items()},
        **{name: args[name] for name in PLAIN if name in args},
        **learning,
        **{
            name: value
            for name, value in args.get("sampling", {}).items()
            if name in ("max_tokens", "temperature")
        },
        "lora_rank": (args.get("lora") or {}).get("rank"),
        "device": config["compute"]["device"],
        **{name: config[name] for name in ("iterations", "checkpoints_kept", "budget", "seed")},
        "components": further or None,
    }
    copies = args.get("num_eval_samples", 1)
    if copies != _copies_by_itself(initial["reward"], args.get("group_size", 1)):
        initial["num_eval_samples"] = copies
    return initial
