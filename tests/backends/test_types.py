"""An argument that a backend does not know is an error to a type checker, as the proposal shows."""

from __future__ import annotations

import pytest
from django.conf import settings
from mypy import api

SNIPPET = """
from optimization.backends import (
    LocalBackend, ServerlessBackend, TinkerBackend, TrainableBackend, TrainableModel, TrainResult, TrajectoryGroup
)

async def trained(model: TrainableModel, groups: list[TrajectoryGroup]) -> None:
    local, serverless, tinker = LocalBackend(), ServerlessBackend(), TinkerBackend()
    await local.train(model, groups, learning_rate=5e-6, plot_tensors=True, logprob_calculation_chunk_size=512)
    await serverless.train(model, groups, learning_rate=1e-5, kimi_k2_tau=0.1, precalculate_logprobs=True)
    await tinker.train(model, groups, save_checkpoint=False, deploy_checkpoint=True, train_unembed=True)
    await serverless.train(model, groups, plot_tensors=True)  # wrong
    await serverless.train(model, groups, allow_training_without_logprobs=True)  # wrong
    await serverless.train(model, groups, truncated_importance_sampling=2.0)  # wrong
    await tinker.train(model, groups, logprob_calculation_chunk_size=512)  # wrong
    await tinker.train(model, groups, mask_prob_ratio=True)  # wrong
    await local.train(model, groups, deploy_checkpoint=True)  # wrong
    await local.train(model, groups, importance_sampling_level="word")  # wrong
    await local.train(model, groups, learning_rate="fast")  # wrong
    every: list[TrainableBackend] = [local, serverless, tinker]
    result: TrainResult = await every[0].train(model, groups, learning_rate=1e-6, ppo=True, epsilon=0.1)
    await every[0].train(model, groups, plot_tensors=True)  # wrong
    await model.log(groups, metrics=(result := await local.train(model, groups)).metrics, step=result.step)
    print(result.step, result.metrics, result.checkpoint_path, result.artifact_name, result.deployed)
"""
WRONG = {number for number, line in enumerate(SNIPPET.splitlines(), 1) if line.endswith("# wrong")}


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What mypy says of the snippet, by line. Other packages are not followed: the backends are what is checked."""
    folder = tmp_path_factory.mktemp("checked")
    (folder / "snippet.py").write_text(SNIPPET)
    (folder / "mypy.ini").write_text("[mypy]\nignore_missing_imports = True\n")
    backends = sorted(str(path) for path in (settings.BASE_DIR / "optimization" / "backends").glob("*.py"))
    said, failed, _ = api.run(
        [
            *("--config-file", str(folder / "mypy.ini"), "--cache-dir", str(folder / "cache")),
            *("--follow-imports", "skip", "--show-error-codes", "--no-error-summary"),
            *(str(folder / "snippet.py"), *backends),
        ]
    )
    assert not failed, failed
    lines = [line for line in said.splitlines() if "snippet.py" in line and ": error:" in line]
    return {int(line.split(":")[1]): line for line in lines}


def test_every_argument_that_a_backend_does_not_know_is_a_type_error(errors: dict[int, str]) -> None:
    assert set(errors) == WRONG


def test_the_error_names_the_argument(errors: dict[int, str]) -> None:
    named = [line for line in errors.values() if "Unexpected keyword argument" in line]

    assert any('"plot_tensors" for "train" of "ServerlessBackend"' in line for line in named)
    assert any('"logprob_calculation_chunk_size" for "train" of "TinkerBackend"' in line for line in named)
