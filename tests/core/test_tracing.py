from __future__ import annotations

from typing import Any

import pytest

from optimization.core import Module, Parameter, TraceError, Value, unwrap
from optimization.core.graph import ParameterRef, Ref
from optimization.core.trace import Proxy, trace
from tests.core.programs import Note, Reply


class Composite(Module):
    """Runs a function of (self, inputs) as its forward."""

    def __init__(self, body: Any) -> None:
        self.a, self.b = Note("a"), Note("b")
        self.body = body

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.body(self, *inputs, **named)


def test_the_graph_has_a_node_for_each_call_of_a_leaf_in_order() -> None:
    graph = trace(Reply(), ("My lamp",), {})

    assert graph.topological_order() == ["draft", "both", "refine"]
    assert graph.inputs == {"input:ticket": "My lamp"}
    assert graph.nodes["both"].kwargs == {"ticket": Ref("input:ticket"), "draft": Ref("draft")}
    assert graph.nodes["refine"].parents == ("both",)
    assert graph.output_ids == ["refine"]


def test_a_leaf_alone_is_a_graph_of_one_node_named_after_its_class() -> None:
    graph = trace(Note(), ("x",), {})

    assert list(graph.nodes) == ["Note"]
    assert graph.nodes["Note"].path == ""


def test_a_module_called_again_gets_a_node_of_its_own() -> None:
    graph = trace(Composite(lambda self, x: self.a(self.a(self.a(x)))), ("x",), {})

    assert list(graph.nodes) == ["a", "a#2", "a#3"]
    assert graph.nodes["a#3"].parents == ("a#2",)


def test_the_calls_of_children_return_proxies() -> None:
    seen: list[Any] = []
    trace(Composite(lambda self, x: seen.append(self.a(x))), ("x",), {})

    assert isinstance(seen[0], Proxy)
    assert repr(seen[0]) == "<the output of 'a', not known yet>"


@pytest.mark.parametrize(
    "misuse",
    [
        lambda proxy: f"{proxy}",
        str,
        bool,
        len,
        list,
        lambda proxy: proxy + "x",
        lambda proxy: "x" + proxy,
        lambda proxy: proxy == "x",
        lambda proxy: "x" in proxy,
        lambda proxy: proxy.upper(),
        lambda proxy: proxy < 3,
    ],
)
def test_a_proxy_refuses_what_only_a_leaf_can_do(misuse: Any) -> None:
    with pytest.raises(TraceError, match="'a' is not known while forward is traced"):
        trace(Composite(lambda self, x: misuse(self.a(x))), ("x",), {})


async def test_a_composite_may_read_its_inputs() -> None:
    def body(self: Any, ticket: Any) -> Any:
        return self.a(f"urgent: {ticket}") if "now" in ticket else self.b(ticket)

    assert unwrap(await Composite(body)("do it now")) == "a(urgent: do it now)"
    assert unwrap(await Composite(body)("later")) == "b(later)"


async def test_a_part_of_an_output_can_be_handed_on() -> None:
    class Parts(Module):
        def forward(self, text: str) -> dict[str, Any]:
            return {"names": [text, text * 2]}

    class Whole(Module):
        def __init__(self) -> None:
            self.parts, self.note = Parts(), Note()

        def forward(self, text: Any) -> Any:
            return self.note(self.parts(text)["names"][1])

    assert unwrap(await Whole()("ab")) == "n(abab)"
    assert trace(Whole(), ("ab",), {}).nodes["note"].parents == ("parts",)


async def test_a_part_that_is_not_there_is_an_error_that_names_it() -> None:
    module = Composite(lambda self, x: self.b(self.a(x)["name"]))

    with pytest.raises(LookupError, match="node 'a' has nothing at 'name'"):
        await module("x")


def test_references_are_found_in_nested_arguments() -> None:
    graph = trace(Composite(lambda self, x: self.b([{"deep": (self.a(x), 1)}], more=x)), ("x",), {})

    assert graph.nodes["b"].args == ([{"deep": (Ref("a"), 1)}],)
    assert graph.nodes["b"].parents == ("a",)
    assert graph.nodes["b"].arguments() == {"0": [{"deep": (Ref("a"), 1)}], "more": Ref("input:0")}


def test_a_parameter_may_be_an_argument() -> None:
    style = Parameter("brief", "the style")
    graph = trace(Composite(lambda self, x: self.a(style, x)), ("x",), {})

    assert graph.nodes["a"].args == (ParameterRef(style), Ref("input:0"))
    assert style in graph.nodes["a"].parameters()


async def test_an_output_may_be_any_structure() -> None:
    output = await Composite(lambda self, x: {"a": self.a(x), "rest": [x, "constant", self.b(x)]})("x")

    assert isinstance(output["a"], Value)
    assert unwrap(output) == {"a": "a(x)", "rest": ["x", "constant", "b(x)"]}
    assert (output["a"].ref, output["rest"][2].ref) == ("a", "b")


def test_ancestors_are_all_nodes_whose_output_arrives() -> None:
    graph = trace(Composite(lambda self, x: self.b(self.a(self.b(x)), self.a(x))), ("x",), {})

    assert list(graph.nodes) == ["b", "a", "a#2", "b#2"]
    assert graph.ancestors("b#2") == {"b", "a", "a#2"}
    assert graph.ancestors("a") == {"b"}
