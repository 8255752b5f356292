"""The arguments of an algorithm: the part of `train`'s keywords that a run is configured with, checked by their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class PlanError(ValueError):
    """Arguments that an algorithm does not take: `errors` holds (JSON pointer, message) pairs."""

    def __init__(self, trainer: str, errors: list[tuple[str, str]]) -> None:
        self.errors = errors
        super().__init__(
            f"{trainer}: " + "; ".join(f"{pointer[1:]}: {message}" for pointer, message in errors)
        )


class Plan(BaseModel):
    """What every algorithm takes. A subclass of Trainer extends it as its own `Plan`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    num_epochs: int | None = Field(
        1, ge=1, description="Passes over the training set; null for no end of its own."
    )
    batch_size: int = Field(1, ge=1, description="Training examples an iteration.")
    num_samples: int = Field(
        1, ge=1, description="Outputs that are made and judged of each training example."
    )
    eval_frequency: int = Field(1, ge=0, description="Iterations from one test to the next; 0 for no tests.")
    num_eval_samples: int = Field(
        1, ge=1, description="Outputs that are made and judged of each test example."
    )
    min_score: float | None = Field(
        None,
        description="The score of an example that raises an error; without it such an example is left out.",
    )
    approve: bool = Field(False, description="Ask a person before a proposal is applied.")

    @classmethod
    def read(cls, trainer: str, arguments: Mapping[str, Any]) -> Self:
        """The plan of these arguments. Raises PlanError, which names each argument that does not fit."""
        try:
            return cls.model_validate(dict(arguments))
        except ValidationError as error:
            known = f"it takes {', '.join(cls.model_fields)}"
            raise PlanError(
                trainer,
                [
                    (
                        "/" + "/".join(str(part) for part in found["loc"]),
                        f"no such argument; {known}"
                        if found["type"] == "extra_forbidden"
                        else f"{found['msg']}, not {found['input']!r}",
                    )
                    for found in error.errors()
                ],
            ) from None
