"""The order of updates over random programs: what is upstream comes first, and its nearest changes are told."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from optimization.core import Module
from optimization.core.trace import trace
from optimization.optimizers.levels import UpdateOrder, Upstream
from tests.optimizers.models import Chain, Step
from tests.pace import operations

Parents = dict[str, tuple[str, ...]]


@st.composite
def programs(draw: st.DrawFn) -> Parents:
    """The parents of each node of a random DAG."""
    size = draw(st.integers(1, 9))
    return {str(i): tuple(str(j) for j in range(i) if draw(st.booleans())) for i in range(size)}


class Wired(Module):
    """A program whose steps read the outputs of their parents, or the input where they have none."""

    def __init__(self, parents: Parents) -> None:
        self.parents = parents
        for name in parents:
            self.add_module(name, Step(name))

    def forward(self, text: Any) -> Any:
        made: dict[str, Any] = {}
        for name, before in self.parents.items():
            made[name] = self.named_children()[name](*[made[parent] for parent in before] or [text])
        return made


def ordered(parents: Parents) -> UpdateOrder:
    program = Wired(parents)
    names = {id(parameter): name.removesuffix(".prompt") for name, parameter in program.named_parameters()}
    return UpdateOrder([trace(program, ("hello",), {})], names)


def ancestors(parents: Parents, name: str) -> set[str]:
    return set(parents[name]).union(*(ancestors(parents, parent) for parent in parents[name]))


@given(programs())
def test_every_parameter_is_in_one_level_after_all_that_are_upstream_of_it(parents: Parents) -> None:
    levels = ordered(parents).levels
    place = {name: i for i, level in enumerate(levels) for name in level}
    assert sorted(name for level in levels for name in level) == sorted(parents)
    assert all(place[before] < place[name] for name in parents for before in ancestors(parents, name))


@given(programs(), st.data())
def test_the_changes_told_are_the_nearest_on_every_path(parents: Parents, data: st.DataObject) -> None:
    order = ordered(parents)
    changed = data.draw(st.sets(st.sampled_from(sorted(parents))))
    upstream = Upstream(order)

    def nearest(name: str) -> set[str]:
        return {
            found
            for parent in parents[name]
            for found in ({parent} if parent in changed else nearest(parent))
        }

    for level in order.levels:
        for name in level:
            assert upstream.of(name) == nearest(name)
        upstream.settle(level, changed & set(level))


def test_parameters_that_no_pass_read_come_in_the_first_level() -> None:
    assert UpdateOrder([], {1: "a", 2: "b"}).levels == [["a", "b"]]


def test_thousands_of_parameters_in_a_chain_are_ordered_in_work_that_grows_with_their_number() -> None:
    def work(length: int) -> float:
        chain = Chain(length)
        graph = trace(chain, ("hello",), {})
        names = {id(parameter): name for name, parameter in chain.named_parameters()}
        counted = operations(lambda: UpdateOrder([graph], names))
        order = UpdateOrder([graph], names)
        assert len(order.levels) == length
        assert (
            sum(map(len, order.upstream.values())) == length - 1
        )  # the nearest alone, not all that came before
        return counted / length

    assert work(3_000) < work(300) * 1.05


def test_a_fan_of_a_thousand_is_one_level_and_what_joins_it_the_next() -> None:
    fan: Parents = {str(i): () for i in range(1_000)}
    assert [len(level) for level in ordered(fan | {"join": tuple(fan)}).levels] == [1_000, 1]
