"""The launch form: what is improved, what a good output is, who judges, how it learns.

The fields that it always has stand in the class. The arguments of what is chosen, a loss, a check, a trainer and an
optimizer, come from their schemas, as fields called by the part and the argument: `trainer_batch_size`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from django import forms
from django.forms import BoundField
from django.http import QueryDict
from django.urls import reverse_lazy

from feedback_ui.forms import faults_show
from feedback_ui.launch import care, defaults, judging
from feedback_ui.launch.arguments import arguments_in, feedback_required, fields_of
from feedback_ui.launch.care import CareFields
from optimization.catalog.selectors import datasets_of, programs_of
from optimization.losses.verifiers import verifier_names
from optimization.models import Membership, Workspace
from optimization.runs.choices import (
    Option,
    loss_options,
    optimizer_options,
    trainer_options,
    verifier_options,
)

# Changing one of these changes which fields there are.
REDRAWS = {
    "hx-post": reverse_lazy("launch_fields"),
    "hx-target": "#launch-fields",
    "hx-include": "#launch",
    "hx-swap": "outerHTML settle:0ms",  # what is drawn anew can be chosen in at once
    "hx-sync": "#launch-fields:replace",
}
PARTS: dict[str, Callable[[], list[Option]]] = {
    "loss": loss_options,
    "check": verifier_options,
    "trainer": trainer_options,
    "optimizer": optimizer_options,
}
ELSEWHERE = frozenset({"rubric", "verifier"})
"""Arguments with an editor of their own."""
IN_SIGHT = {
    "batch_size",
    "num_samples",
    "ensure_improvement",
    "num_proposals",
    "max_metric_calls",
    "approve",
}
"""Arguments of a trainer that stand beside it, the rest under More settings."""
OUTDATED = {
    "method": ("held_out", "trainer_num_samples"),
    "loss_verifier": ("check_",),
    "optimizer": ("optimizer_",),
}
"""By the choice that was changed: what was filled in for another one."""
# Where a fault of the launch belongs in the form, besides the arguments' own places.
PLACES = {
    "/name": "name",
    "/program": "program",
    "/dataset": "dataset",
    "/loss": "method",
    "/judge": "held_out",
    "/people/per_iteration": "per_iteration",
    "/people/wanted": "wanted",
    "/people/rehearsal": "rehearsal",
    "/people/deadline_minutes": "deadline",
    "/people/on_deadline": "on_deadline",
    "/trainer": "trainer",
    "/optimizer": "optimizer",
    "/iterations": "iterations",
    "/stop/target_score": "target_score",
    "/stop/patience": "patience",
    "/stop/hours": "hours",
    "/budget": "budget",
    "/seed": "seed",
    "/on_error": "on_error",
    **care.PLACES,
}


class LaunchForm(CareFields):
    """`config` is what the service is given."""

    name = forms.CharField(
        required=False, max_length=160, help_text="Empty: the program's name and the dataset's."
    )
    program = forms.ChoiceField()
    dataset = forms.ChoiceField(label="Data")
    method = forms.ChoiceField(
        label="How outputs are judged",
        choices=[(name, words) for name, (words, *_) in judging.METHODS.items()],
        initial="rubric",
        widget=forms.Select(attrs=REDRAWS),
    )
    judged_by = forms.ChoiceField(
        choices=[("people", "People"), ("model", "A model")], initial="people", widget=forms.RadioSelect
    )
    per_iteration = forms.IntegerField(
        label="Outputs to people, an iteration",
        min_value=0,
        max_value=10_000,
        initial=defaults.PEOPLE_PER_ITERATION,
        required=False,
        help_text="Empty: all of a batch.",
    )
    wanted = forms.IntegerField(label="Judges an output", min_value=1, max_value=9, initial=1)
    deadline = forms.IntegerField(
        label="People answer within",
        min_value=1,
        required=False,
        help_text="Decisions on proposals, too. Empty: they may take their time.",
    )
    deadline_unit = forms.ChoiceField(
        label="Counted in", choices=[("1", "minutes"), ("60", "hours"), ("1440", "days")], initial="60"
    )
    on_deadline = forms.ChoiceField(
        label="If nobody answers in time",
        choices=[
            ("go_on", "go on with what is there"),
            ("model", "ask a model, and say so"),
            ("extend", "give as much time again"),
            ("stop", "stop the run for attention"),
        ],
        initial="go_on",
    )
    rehearsal = forms.BooleanField(
        label="Rehearsal colleagues judge the rest (programs, not people)", required=False, initial=True
    )
    held_out = forms.ChoiceField(
        label="Held-out outputs are judged by", required=False, widget=forms.Select(attrs=REDRAWS)
    )
    trainer = forms.ChoiceField(widget=forms.Select(attrs=REDRAWS))
    optimizer = forms.ChoiceField(widget=forms.Select(attrs=REDRAWS))
    iterations = forms.IntegerField(min_value=1, max_value=10_000, initial=defaults.ITERATIONS)
    budget = forms.DecimalField(
        label="Budget, $",
        min_value=0,
        required=False,
        help_text="The run stops before it would spend more. Empty: no limit.",
    )
    on_error = forms.ChoiceField(
        label="An example that fails",
        choices=[("continue", "costs that example"), ("stop", "stops the run for attention")],
        initial="continue",
    )
    target_score = forms.FloatField(
        label="End at a score of",
        min_value=0,
        max_value=1,
        required=False,
        help_text="From 0 to 1, held out where something is. Empty: all iterations are made.",
    )
    patience = forms.IntegerField(
        label="Patience",
        min_value=1,
        required=False,
        help_text="The run ends after so many scores in a row without a better one. Empty: never.",
    )
    hours = forms.FloatField(label="End after, hours", min_value=0, required=False, help_text="Empty: never.")
    seed = forms.IntegerField(initial=0, min_value=0)

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_asked(workspace)
        self._offer("program", [(each.name, each.title) for each in programs_of(workspace)])
        self._offer("dataset", [(each.name, _with_sizes(each)) for each in datasets_of(workspace)])
        self._offer("trainer", _titles(trainer_options()))
        self._offer("optimizer", _titles(optimizer_options()))
        self._offer("held_out", judging.held_out_choices(self.chosen("method")))
        if not Membership.objects.filter(workspace=workspace, is_rehearsal=True).exists():
            del self.fields["rehearsal"]
            self.fields["per_iteration"].initial = None
        self.schemas: dict[str, Mapping[str, Any]] = {}
        self._add_arguments("loss", judging.loss_name(self.chosen("method"), self.chosen("judged_by")))
        if self.chosen("method") == "verifier":
            self.fields["loss_verifier"] = forms.ChoiceField(
                label="Check",
                choices=[(name, name.replace("_", " ")) for name in verifier_names()],
                initial="exact",
                widget=forms.Select(attrs=REDRAWS),
            )
            self._add_arguments("check", self.chosen("loss_verifier"))
        self._add_arguments("trainer", self.chosen("trainer"))
        self._add_arguments("optimizer", self.chosen("optimizer"))
        if self.chosen("held_out") == judging.BY_LEVELS and "loss_criteria" not in self.fields:
            self.fields["criteria"] = forms.CharField(
                label="What is judged by the levels", max_length=4000, initial=defaults.CRITERIA
            )

    def chosen(self, name: str) -> str:
        """The value of a choice as it stands; the field's first one where it cannot be."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        possible = [value for value, _ in cast("Iterable[tuple[str, str]]", field.choices)]
        value = self[name].value()
        return value if value in possible else (field.initial or next(iter(possible), ""))

    # -- what the template draws -----------------------------------------------------------------------------

    @property
    def shown(self) -> str:
        """The names of all fields: a field of another choice, which the page did not have, is told by it."""
        return " ".join(self.fields)

    @property
    def unseen(self) -> set[str]:
        """Fields that the page from which this was sent did not have."""
        return set(self.fields) - set(self.data.get("shown", "").split()) if self.is_bound else set()

    @property
    def uses_levels(self) -> bool:
        return self.chosen("method") == "rubric" or self.chosen("held_out") == judging.BY_LEVELS

    @property
    def asks_whom(self) -> bool:
        """Is there a choice between people and a model?"""
        return self.chosen("method") not in {"verifier", "composite"}

    @property
    def asks_people(self) -> bool:
        method = self.chosen("method")
        return method == "composite" or (method != "verifier" and self.chosen("judged_by") == "people")

    @property
    def asks_anybody(self) -> bool:
        """Whether the run may wait for a person, be it for a word on its proposals alone."""
        approves = self.fields.get("trainer_approve")
        return self.asks_people or (approves is not None and bool(self["trainer_approve"].value()))

    def loss_fields(self) -> list[BoundField]:
        names = ["loss_verifier", *self._names("check"), *self._names("loss"), "criteria"]
        return [self[name] for name in dict.fromkeys(names) if name in self.fields]

    def trainer_fields(self) -> list[BoundField]:
        return [self[name] for name in self._names("trainer") if name.removeprefix("trainer_") in IN_SIGHT]

    def more_parts(self) -> list[tuple[str, list[BoundField]]]:
        """What stands under More settings, part by part."""
        seen = {field.name for field in self.trainer_fields()}
        parts = {
            "Of the trainer": self._names("trainer"),
            "Of the optimizer": self._names("optimizer"),
            "When it ends": ["target_score", "patience", "hours"],
            "Besides": ["on_error", "seed"],
        }
        return [(title, [self[name] for name in names if name not in seen]) for title, names in parts.items()]

    def more_errors(self) -> bool:
        return self._wrong(field.name for _, fields in self.more_parts() for field in fields)

    def care_errors(self) -> bool:
        return self._wrong(CareFields.base_fields)

    def faulty(self) -> list[BoundField]:
        """The fields that are wrong, in the order of the page."""
        wrong = {name for name in self.fields if self._wrong([name])}
        own = ["program", "dataset", "name", "method", *(field.name for field in self.loss_fields())]
        return [self[name] for name in dict.fromkeys([*own, *self.fields]) if name in wrong]

    def _wrong(self, names: Iterable[str]) -> bool:
        return self.is_bound and any(name in self.errors for name in names)

    # -- what the service is given ---------------------------------------------------------------------------

    def config(self, levels: list[dict[str, Any]]) -> dict[str, Any]:
        """The launch as data, checked by RunConfig and the service."""
        given = self.cleaned_data
        method, loss = given["method"], judging.loss_name(given["method"], given["judged_by"])
        args = self._arguments("loss")
        if method == "rubric":
            args["rubric"] = levels
        if "loss_require_feedback" in given:
            args["require_feedback"] = feedback_required(given["loss_require_feedback"], levels)
        if method == "verifier":
            args["verifier"] = {"name": given["loss_verifier"], **self._arguments("check")}
        criteria = given.get("criteria") or given.get("loss_criteria") or defaults.CRITERIA
        return {
            "program": given["program"],
            "dataset": given["dataset"],
            "trainer": {"name": given["trainer"], "args": {"num_epochs": None, **self._arguments("trainer")}},
            "optimizer": {"name": given["optimizer"], "args": self._arguments("optimizer")},
            "loss": {"name": loss, "args": args},
            "judge": judging.judge_of_held_out(given["held_out"], method, args, criteria, levels),
            "people": {
                "per_iteration": given["per_iteration"],
                "wanted": given["wanted"],
                "rehearsal": given.get("rehearsal", False),
                "deadline_minutes": given["deadline"] and given["deadline"] * int(given["deadline_unit"]),
                "on_deadline": given["on_deadline"],
                **self.care(),
            },
            "iterations": given["iterations"],
            "stop": {name: given[name] or None for name in ("target_score", "patience", "hours")},
            "budget": given["budget"] or None,
            "seed": given["seed"],
            "on_error": given["on_error"],
        }

    def refuse(self, faults: Iterable[tuple[str, str]]) -> None:
        """Put each (JSON pointer, message) beside the field that it is about."""
        places = dict(PLACES)
        for part in ("loss", "trainer", "optimizer"):
            places |= {f"/{part}/args/{name}": f"{part}_{name}" for name in self.schemas[part]["properties"]}
        if self.chosen("method") == "verifier":
            places["/loss/args"] = "loss_verifier"
        faults_show(self, faults, {place: name for place, name in places.items() if name in self.fields})

    # -- how the arguments' fields come about ----------------------------------------------------------------

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices
        field.initial = choices[0][0] if choices else None

    def _add_arguments(self, part: str, name: str) -> None:
        option = next((option for option in PARTS[part]() if option.name == name), None)
        self.schemas[part] = option.arguments if option else {"properties": {}}
        for argument, field in fields_of(self.schemas[part], ELSEWHERE):
            if part in {"loss", "trainer"}:
                field.initial = self._to_begin_with(argument, field.initial)
            if (part, argument) == ("trainer", "approve"):
                field.widget.attrs.update(REDRAWS)
            self.fields[f"{part}_{argument}"] = field

    def _to_begin_with(self, argument: str, default: Any) -> Any:
        """Some arguments begin with what suits a run rather than with the library's default."""
        match argument:
            case "criteria":
                return defaults.CRITERIA
            case "losses":
                return defaults.JUDGES
            case "batch_size" if default == 1:
                return defaults.BATCH_SIZE
            case "num_samples":
                return judging.SAMPLES.get(self.chosen("method"), default)
        return default

    def _names(self, part: str) -> list[str]:
        """The fields of a part's arguments."""
        arguments = self.schemas.get(part, {}).get("properties", ())
        return [name for name in (f"{part}_{argument}" for argument in arguments) if name in self.fields]

    def _arguments(self, part: str) -> dict[str, Any]:
        return arguments_in(self.schemas[part], part, self.cleaned_data)


def carried_over(data: QueryDict, workspace: Workspace, changed: str) -> dict[str, Any]:
    """What was on the page, to begin the form for another choice with; `changed` names the field that made it another.

    What the page did not have, and what suited the choice before, is left to the new choice.
    """
    sent = LaunchForm(data, workspace=workspace)
    outdated = sent.unseen | {
        name for name in sent.fields if any(name.startswith(part) for part in OUTDATED.get(changed, ()))
    }
    return {
        name: field.widget.value_from_datadict(data, {}, name)
        for name, field in sent.fields.items()
        if name not in outdated
    }


def _titles(options: list[Option]) -> list[tuple[str, str]]:
    return [(option.name, option.title) for option in options]


def _with_sizes(dataset: Any) -> str:
    sizes = dataset.versions.all()[0].sizes
    return f"{dataset.title} ({sizes.get('train', 0):,} to learn from, {sizes.get('test', 0):,} held out)"
