"""Judge, aggregator and updater: remarks become instructions, and instructions better answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from optimization.rehearsal.player import play
from optimization.rehearsal.updater import updated
from optimization.rehearsal.wire import ChatRequest
from tests.rehearsal.conftest import TICKETS

TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
RUBRIC = {
    "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
    "justification": TEXT,
    "actionable_improvements": TEXTS,
}
PREFERENCE = dict.fromkeys(
    ["winner", "reason", "a_strengths", "a_weaknesses", "b_strengths", "b_weaknesses"], TEXT
)
RANKING = {
    "ranking": {"type": "array", "items": {"type": "integer"}},
    **dict.fromkeys(["best_qualities", "worst_issues", "comparison"], TEXT),
}
UPDATE = {"value": TEXT, "reason": TEXT}
SUMMARY = {"summary": TEXTS}

POOR = "Hello,\n\nWe are looking into it.\n\nCustomer Service"
FAIR = "Hello Mina,\n\nWe are sorry. This is about your order HB-20418.\n\nCustomer Service"
GOOD = (
    "Hello Mina,\n\nWe are sorry. Your order HB-20418 was dropped at the Leeds depot and the shade cracked inside its "
    "box. We have posted a new shade by express, it arrives by 14 March. Please put the broken glass aside in the box "
    "until the courier collects it. Anything that breaks on its way to a home is replaced free of charge.\n\n"
    "Kind regards,\nRosa"
)


def tagged(**blocks: str) -> str:
    return "\n\n".join(f"<{name}>\n{content}\n</{name}>" for name, content in blocks.items())


def of_each(*ids: str) -> dict[str, Any]:
    """As a group's judge asks: a verdict for each of these ids."""
    entry = {
        "id": {"type": "string", "enum": list(ids)},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "explanation": TEXT,
    }
    return {"verdicts": {"type": "array", "items": {"type": "object", "properties": entry}}}


def ask(user: str, properties: dict[str, Any], name: str = "verdict", system: str = "") -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    wanted = {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
    request = {"model": "rehearsal", "messages": messages, "response_format": wanted}
    return json.loads(play(ChatRequest.model_validate(request)))


def write(prompt: str, user: str) -> str:
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": user}]
    return play(ChatRequest.model_validate({"model": "rehearsal", "messages": messages}))


def judge(row: dict[str, Any], output: str) -> dict[str, Any]:
    case = tagged(criteria="Would you send this?", **row["inputs"], target=row["target"], output=output)
    return ask(case, RUBRIC)


class TestJudge:
    def test_the_score_follows_what_the_answer_shows(self) -> None:
        scores = [judge(TICKETS[0], output)["score"] for output in (POOR, FAIR, GOOD)]
        assert scores == sorted(set(scores))
        assert scores[-1] == 5

    def test_the_improvements_are_what_is_missing_the_most_important_first(self) -> None:
        assert (
            judge(TICKETS[0], POOR)["actionable_improvements"][0] == "It should greet the customer by name."
        )
        assert judge(TICKETS[0], GOOD)["actionable_improvements"] == []

    def test_the_better_of_two_wins_on_either_side(self) -> None:
        case = {**TICKETS[0]["inputs"], "target": TICKETS[0]["target"]}
        first = ask(tagged(**case, output_a=GOOD, output_b=POOR), PREFERENCE)
        second = ask(tagged(**case, output_a=POOR, output_b=GOOD), PREFERENCE)
        assert (first["winner"], second["winner"]) == ("A", "B")
        assert "greet the customer by name" in first["b_weaknesses"]
        assert ask(tagged(**case, output_a=FAIR, output_b=FAIR), PREFERENCE)["winner"] == "tie"

    def test_a_ranking_has_the_best_first_counted_from_one(self) -> None:
        case = {**TICKETS[0]["inputs"], "target": TICKETS[0]["target"]}
        verdict = ask(tagged(**case, output_1=POOR, output_2=GOOD, output_3=FAIR), RANKING)
        assert verdict["ranking"] == [2, 3, 1]

    def test_outputs_that_are_scored_together_each_have_a_verdict_by_their_id(self) -> None:
        case = {**TICKETS[0]["inputs"], "target": TICKETS[0]["target"]}
        asked = tagged(**case, output_1=POOR, output_2=GOOD, output_3=FAIR)
        verdicts = ask(asked, of_each("output_1", "output_2", "output_3"))["verdicts"]
        assert [one["id"] for one in verdicts] == ["output_1", "output_2", "output_3"]
        poor, good, fair = (one["score"] for one in verdicts)
        assert 0 <= poor < fair < good <= 1

    def test_verdicts_of_another_kind_are_an_object_of_their_schema(self) -> None:
        assert ask(tagged(output=GOOD), {"verdicts": {"type": "array", "items": TEXT}})["verdicts"]

    def test_a_feedback_list_has_the_improvements_alone(self) -> None:
        case = tagged(**TICKETS[0]["inputs"], output=FAIR)
        listed = ask(case, {"actionable_improvements": TEXTS})["actionable_improvements"]
        assert listed
        assert all("name" not in remark for remark in listed)


class TestAggregator:
    def test_a_place_in_a_ranking_is_no_remark(self) -> None:
        assert (
            ask(tagged(feedback="- Ranked #1/3.\n- ranked #2.5/3"), SUMMARY, "feedback_summary")["summary"]
            == []
        )

    def test_remarks_that_ask_for_the_same_are_counted_together(self) -> None:
        feedback = "- use her name\n- the customer's name is missing\n- Mention our cat.\n- give a date"
        summary = ask(tagged(feedback=feedback), SUMMARY, "feedback_summary")["summary"]
        assert summary[0] == "It should greet the customer by name. (2 remarks)"
        assert "Mention our cat. (1 remark)" in summary
        assert len(summary) == 3


class TestUpdater:
    def test_it_adds_the_two_most_frequent_remarks_as_instructions(self) -> None:
        feedback = "- give a date\n" * 3 + "- use her name\n" * 2 + "- say sorry\n"
        value, reason = updated("You answer customers.", feedback)
        assert value == (
            "You answer customers.\nGive the date by which it will be settled.\nGreet the customer by name."
        )
        assert "3 remarks" in reason

    def test_counts_of_a_summary_count(self) -> None:
        value, _ = updated(
            "Answer.", "- say sorry (1 remark)\n- give a date (9 remarks)\n- use her name (4 remarks)"
        )
        assert "date" in value
        assert "Apologise" not in value

    def test_what_a_person_said_in_words_of_their_own_is_taken_over_as_it_is(self) -> None:
        value, _ = updated("Answer.", "- Mention that our shop has a cat")
        assert value == "Answer.\nMention that our shop has a cat."

    def test_nothing_is_asked_for_twice_here_or_upstream(self) -> None:
        assert updated("Greet the customer by name.", "- use her name")[0] == "Greet the customer by name."
        value, _ = updated(
            "Polish.", "- use her name\n- give a date", upstream="now says: Greet the customer by name."
        )
        assert value == "Polish.\nGive the date by which it will be settled."

    def test_the_more_conservative_the_fewer_instructions(self) -> None:
        feedback = "- use her name\n- give a date\n- say sorry\n- say what happened\n- give the next step"

        def added(conservatism: float) -> int:
            blocks = tagged(
                current_value="Answer.", feedback=feedback, conservatism=f"{conservatism}: in words"
            )
            return len(ask(blocks, UPDATE)["value"].splitlines()) - 1

        assert (added(1.0), added(0.7), added(0.0)) == (1, 2, 4)

    def test_alternatives_differ(self) -> None:
        feedback = "- use her name\n- give a date\n- say sorry\n- say what happened"
        values = {
            ask(tagged(current_value="Answer.", feedback=feedback, alternative=f"{number} of 3."), UPDATE)[
                "value"
            ]
            for number in (1, 2, 3)
        }
        assert len(values) == 3

    def test_remarks_that_ask_for_nothing_change_nothing(self) -> None:
        assert updated("Answer.", "- Nothing to improve.\n- ok\n- none")[0] == "Answer."

    def test_constraints_hold(self) -> None:
        assert updated("Answer.", "- use her name", constraints="- at most 12 characters")[0] == "Answer."

    def test_as_checker_it_counts_what_can_be_counted(self) -> None:
        check = {"kept": {"type": "boolean"}, "problem": TEXT}
        kept = ask(tagged(value="Answer.", constraints="- At most 3 words."), check, "constraint_check")
        broken = ask(
            tagged(value="Answer every one.", constraints="- At most 2 words."), check, "constraint_check"
        )
        assert kept == {"kept": True, "problem": ""}
        assert broken == {"kept": False, "problem": "It has 3 words, more than 2."}

    def test_placeholders_stay_and_no_new_one_comes_in(self) -> None:
        value, _ = updated("Answer {customer}.", "- Mention {weather} and {customer}")
        assert value == "Answer {customer}.\nMention weather and {customer}."

    def test_a_word_limit_that_people_name_is_the_one_asked_for(self) -> None:
        assert updated("Answer.", "- At most 70 words")[0] == "Answer.\nKeep it under 70 words."


@pytest.mark.parametrize("splits", [("train", "test")])
def test_the_loop_of_judge_updater_and_writer_improves_the_held_out_score_step_by_step(splits) -> None:
    train, held_out = ([row for row in TICKETS if row["split"] == split] for split in splits)

    def answer(row: dict[str, Any], prompts: dict[str, str]) -> str:
        case = tagged(**row["inputs"])
        draft = write(prompts["draft"], case)
        return write(prompts["refine"], f"{case}\n\n{tagged(draft=draft)}")

    def score(prompts: dict[str, str]) -> float:
        return sum(judge(row, answer(row, prompts))["score"] for row in held_out) / len(held_out)

    prompts = {"draft": "You answer the customers of a lamp shop.", "refine": "Improve the draft."}
    curve = [score(prompts)]
    for step in range(4):
        batch = [train[(8 * step + at) % len(train)] for at in range(8)]
        verdicts = [judge(row, answer(row, prompts)) for row in batch]
        feedback = "\n".join(f"- {said}" for one in verdicts for said in one["actionable_improvements"])
        upstream = ""
        for node in ("draft", "refine"):
            asked = tagged(current_value=prompts[node], feedback=feedback, upstream=upstream)
            prompts[node] = upstream = ask(asked, UPDATE, "parameter_update")["value"]
        curve.append(score(prompts))
    assert curve == sorted(set(curve)), curve
    assert curve[0] < 2
    assert curve[-1] > 4
