"""Rollouts: what is drawn, with which probability, and what stops it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from optimization.policy.config import Sampling
from optimization.policy.generation import Continuation, generate
from optimization.policy.language_model import LanguageModel
from optimization.policy.sampling import draw, sampling_logits
from tests.policy.builders import tiny

PROMPTS = [[1, 2, 3], [4, 5], [9] * 7]
ENDS = set(range(30))


def sample(model: LanguageModel | None = None, **options: Any) -> list[Continuation]:
    sampling = Sampling(**{"max_tokens": 12, **options.pop("sampling", {})})
    chosen = {"ends": ENDS, "padding": 257, "seed": 3, "copies": 3, "prompts": PROMPTS} | options
    return generate(model or tiny(), chosen.pop("prompts"), sampling, **chosen)


def test_every_prompt_is_continued_so_many_times_side_by_side() -> None:
    alone = [sample(prompts=[prompt], copies=1, seed=3) for prompt in PROMPTS]
    together = sample(copies=2)

    assert len(together) == 6
    # The first number drawn is the first row's, whoever is beside it.
    assert alone[0][0].tokens == together[0].tokens


def test_a_completion_ends_with_its_end_token_or_at_the_greatest_length() -> None:
    for made in sample():
        assert not ENDS & set(made.tokens[:-1])
        assert made.finished == (made.tokens[-1] in ENDS)
        assert made.finished or len(made.tokens) == 12


def test_neither_the_size_of_a_batch_nor_the_rows_beside_it_change_what_a_row_says() -> None:
    at_once, one_by_one = sample(), sample(rows_at_once=3)

    assert [made.tokens for made in at_once] == [made.tokens for made in one_by_one]


def test_a_seed_reproduces_and_another_one_does_not() -> None:
    assert sample(seed=5) == sample(seed=5)
    assert sample(seed=5) != sample(seed=6)


def test_at_temperature_0_the_likeliest_token_is_taken() -> None:
    model = tiny()
    made = sample(model, copies=1, sampling={"temperature": 0.0})

    for prompt, each in zip(PROMPTS, made, strict=True):
        tokens = list(prompt)
        for token in each.tokens:
            assert token == model.head(model.hidden(torch.tensor([tokens])))[0, -1].argmax()
            tokens.append(token)


@pytest.mark.parametrize(
    "sampling", [{}, {"temperature": 0.6}, {"top_p": 0.7}, {"temperature": 1.5, "top_p": 0.9}]
)
def test_the_log_probabilities_are_those_of_the_distribution_that_was_sampled(
    sampling: dict[str, float],
) -> None:
    model = tiny()
    temperature, top_p = sampling.get("temperature", 1.0), sampling.get("top_p", 1.0)
    for row, made in enumerate(sample(model, sampling=sampling)):
        tokens = list(PROMPTS[row // 3])
        for place, (token, log_prob) in enumerate(zip(made.tokens, made.log_probs, strict=True)):
            logits = model.head(model.hidden(torch.tensor([tokens])))[0, -1].detach().double().numpy()
            shares = np.exp(logits / temperature - (logits / temperature).max())
            shares /= shares.sum()
            order = np.argsort(-shares, kind="stable")
            nucleus = order[: int(np.searchsorted(np.cumsum(shares[order]), top_p)) + 1]
            if top_p < 1:
                assert made.nucleus is not None
                assert set(made.nucleus[place]) == set(nucleus.tolist())
                shares /= shares[nucleus].sum()
            assert log_prob == pytest.approx(np.log(shares[token]), abs=2e-5)
            tokens.append(token)


def test_without_a_nucleus_none_is_kept() -> None:
    assert all(made.nucleus is None for made in sample())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1, exclude_max=True))
def test_a_draw_inverts_the_cumulative_distribution(seed: int, uniform: float) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.full(6, 0.3))
    shares[shares < 1e-3] = 0
    shares /= shares.sum()

    token = int(draw(torch.from_numpy(shares).log()[None], torch.tensor([uniform], dtype=torch.float64)))

    assert shares[token] > 0
    assert np.cumsum(shares)[token] > uniform - 1e-12
    assert token == 0 or np.cumsum(shares)[token - 1] <= uniform + 1e-12


def test_draws_follow_the_distribution() -> None:
    shares = torch.tensor([0.5, 0.0, 0.3, 0.2])
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(0))

    drawn = draw(shares.log().expand(20_000, -1), uniform).bincount(minlength=4) / 20_000

    torch.testing.assert_close(drawn, shares, atol=0.01, rtol=0)
    assert drawn[1] == 0


def test_the_nucleus_is_the_smallest_set_that_has_the_probability() -> None:
    logits = torch.tensor([[0.5, 0.2, 0.2, 0.1]]).log()

    def kept(top_p: float) -> list[bool]:
        return sampling_logits(logits, 1.0, top_p).isfinite()[0].tolist()

    assert kept(0.4) == [True, False, False, False]
    assert kept(0.6) == [True, True, False, False]
    assert kept(0.95) == [True, True, True, True]


def test_a_prompt_that_leaves_no_room_is_refused_in_words() -> None:
    with pytest.raises(
        ValueError, match=r"60 tokens and 12 to come exceed the model's context of 64.*lower max_tokens"
    ):
        sample(prompts=[[1] * 60])


def test_progress_is_told_and_may_stop_the_rollouts() -> None:
    told: list[tuple[int, int]] = []

    class Stop(Exception):
        pass

    def between(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == 2:
            raise Stop

    with pytest.raises(Stop):
        sample(ends=set(), between=between)
    assert told == [(0, 9 * 12), (9 * 8, 9 * 12)]


def test_little_work_is_done_by_one_thread_which_gives_the_others_back() -> None:
    seen: set[int] = set()
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    generate(
        tiny(),
        [[1, 2]],
        Sampling(max_tokens=4),
        ends=(),
        padding=0,
        seed=0,
        between=lambda done, total: seen.add(torch.get_num_threads()),
    )

    assert (seen, torch.get_num_threads()) == ({1}, 2)
    torch.set_num_threads(before)
