"""The table of concepts, in the order in which a text shows them: content, then the close, then style."""

from __future__ import annotations

import re

from optimization.rehearsal.concepts import Concept, wording
from optimization.rehearsal.showings import (
    PARAGRAPH,
    Bullets,
    FinalQuestion,
    Greeting,
    Headline,
    Phrase,
    Picked,
    Short,
    Signature,
    Stated,
    Tone,
    Without,
)


def _sign(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


REPLY_CONTENT = (
    Concept(
        "name",
        "the customer's name",
        wording(
            r"(greet|address|call|welcom|salut)\w* (?!.*\b(formal|stiff)).*\bname",
            r"(customer|client|person|reader)'?s? (first )?name",
            r"(by|use|her|his|their|the first|with the) name\b|who (he|she|they) (is|are)\b",
            r"(personal|impersonal) (greeting|salutation)|greets? \w+ by|greeting (is|was) impersonal",
            r"names? (?-i:(?!HB-)[A-Z])\w",
        ),
        "Greet the customer by name.",
        ("It should greet the customer by name.", "The greeting is impersonal; use the customer's name."),
        Greeting(),
        importance=10,
    ),
    Concept(
        "apology",
        "an apology",
        wording(r"apolog|say(ing|s)? sorry|be sorry|sorry for|no sorry|regret"),
        "Apologise for the trouble.",
        ("It should apologise for the trouble.", "Nobody says sorry here; apologise."),
        Phrase("We are sorry for the trouble this has caused.", _sign(r"\b(sorry|apologi[sz]e|apologies)\b")),
        importance=8,
    ),
    Concept(
        "feeling",
        "empathy",
        wording(
            r"empath|compassion|sympath",
            r"acknowledg\w* .{0,30}(feel|frustrat|annoy|disappoint|upset|anger)",
            r"(customer'?s?|their|her|his) (feeling|frustration|annoyance|disappointment)",
            r"how (annoying|frustrating|disappointing|upsetting)|show\w* understanding",
            r"how (the customer|he|she|they) feels?",
        ),
        "Acknowledge the customer's frustration.",
        ("It should show some empathy.", "It passes over the customer's frustration; acknowledge it."),
        Phrase(
            "I understand how frustrating this must be.",
            _sign(r"\b(frustrat|disappoint|annoy|upset|understand how)"),
        ),
        importance=3,
        basic=False,
    ),
    Concept(
        "order",
        "the order number",
        wording(
            r"order (number|no\b|reference|id)|number of the order",
            r"(which|what|the|their|her|his) order\b(?! (arriv|will))",
            r"(name|mention|cite|quote|give|state)s? (the |their )?order|order HB-\d+|HB-\d+",
        ),
        "Name the order number.",
        ("It should name the order number.", "I cannot tell which order this is about; give its number."),
        Stated(("order",), "This is about your order {}", share=1.0),
        importance=9,
    ),
    Concept(
        "happened",
        "what happened",
        wording(
            r"what (has |had )?(happened|went wrong|gone wrong)|(cause|reason)s?\b",
            r"why (it|this|that|the|did|does|has|is|was)\b",
        ),
        "Say what happened.",
        ("It should explain what happened.", "The customer never learns what went wrong; say what happened."),
        Stated(("happened",), "Here is what happened: {}"),
        importance=7,
    ),
    Concept(
        "done",
        "what has been done",
        wording(
            r"what (we|you|was|has been|have) (have |has )?(already )?(been )?done",
            r"what (we|you|have you|did you|has been) (already )?(did|done|do)\b",
            r"how (we|you) (fixed|solved|handled)|already (been )?(done|taken)",
            r"action(s)? (we|you)?\s?(have )?taken|steps? (already )?taken|what (is|was) being done",
            r"what (you|we) (are|have been) doing|(our|the|your) (fix|remedy|solution)\b",
        ),
        "Say what we have already done about it.",
        ("It should say what has been done about it.", "It does not say what we have already done."),
        Stated(("done",), "We have {}"),
        importance=8,
    ),
    Concept(
        "next_step",
        "a next step",
        wording(
            r"(next|concrete|clear|specific|following) (concrete |clear )?(steps?|action|thing|instruction)",
            r"what (happens|comes|to do|to expect)",
            r"what (the customer|he|she|they|i) (should|has to|have to|must|can) do",
            r"what (should|must|can) (the customer|he|she|they|i) do",
            r"(tell|say)\w* .*\bwhat to do|what (is|happens) next|how (it|this|things?) (goes|go) on",
            r"way forward",
        ),
        "Offer one concrete next step.",
        ("It should offer one concrete next step.", "The customer is left without a clear next step."),
        Stated(("next step", "next"), "The next step: {}"),
        importance=8,
    ),
    Concept(
        "date",
        "a date",
        wording(
            r"(a|the|exact|concrete|specific|any|which|by) ((delivery|arrival|exact|concrete|specific) )*(date|day|deadline)\b",
            r"when (?=.*\b(arriv|com(e|ing)\b|deliver|gets?\b|ship|settle|expect|ready|resolv|refund|paid|there|back))",
            r"how long (it|this|will|does)|(give|name|add|mention)s? dates?|time ?(line|frame|limit)",
            r"by when|dates?\.$|(arriv\w+|deliver\w+) (time|date|day)",
            r"(arrives?|expected|due) (by|on)\b",
        ),
        "Give the date by which it will be settled.",
        ("It should give a date.", "It does not say when this will be settled."),
        Stated(("date",), "You can expect this by {}", share=1.0),
        importance=8,
    ),
    Concept(
        "policy",
        "the policy",
        wording(
            r"polic(y|ies)|guarantee|warranty|conditions that apply|terms",
            r"(her|his|their|the customer'?s?) rights?\b",
        ),
        "Name the refund or replacement policy that applies.",
        ("It should name the policy that applies.", "The customer is not told which policy covers this."),
        Stated(("policy",), "Our policy: {}"),
        importance=6,
    ),
    Concept(
        "contact",
        "a phone number",
        wording(
            r"(phone|telephone) ?(number|line)?|how to (reach|contact|call)",
            r"contact (details|data|information|number)|reach us|call us",
        ),
        "Say how to reach us by phone.",
        ("It should say how to reach us.", "A phone number is missing."),
        Stated(("phone",), "You can reach us on {}", share=1.0),
        importance=4,
        basic=False,
    ),
)

TEXT_CONTENT = (
    Concept(
        "headline",
        "a headline",
        wording(r"headline|title\b|heading"),
        "Begin with a headline.",
        ("It should begin with a headline.", "A headline is missing."),
        Headline(),
        importance=5,
    ),
    Concept(
        "material",
        "the material",
        wording(r"material|(what|which) (it|they|this|is|are) (is|are|it|they|this) made (of|from)"),
        "Say what it is made of.",
        ("It should say what it is made of.", "The material is not named."),
        Picked(
            _sign(
                r"\b(aluminium|ash|beech|brass|ceramic|concrete|copper|cork|cotton|glass|linen|oak|paper|porcelain)\b"
                r"|\b(rattan|silicone|silk|steel|walnut|wool)\b"
            )
        ),
        importance=6,
    ),
    Concept(
        "size",
        "the size",
        wording(r"size|dimension|measurement|figures|how (big|large|tall|high|wide|heavy)|numbers\b"),
        "Give the size in figures.",
        ("It should give the size in figures.", "I cannot tell how big it is; give the figures."),
        Picked(_sign(r"\d+ ?(cm|mm|m|kg|g|centimet|met)\w*\b")),
        importance=6,
    ),
    Concept(
        "audience",
        "who it is for",
        wording(
            r"who (it|this|they|is|are) (is|are|it|this|they) (made |meant )?for|for whom|audience",
            r"target group|whom it (suits|is for)|who (will|would) (like|want|use)",
        ),
        "Say who it is for.",
        ("It should say who it is for.", "It speaks to nobody in particular; say who it is for."),
        Picked(_sign(r"\b(made for|meant for|ideal for|suits|people who|anyone who|those who)\b")),
        importance=7,
    ),
    Concept(
        "care",
        "how to care for it",
        wording(
            r"care (instruction|for it|advice|tip)",
            r"(how to|how do i|to) (clean|care|look after|maintain)|caring for|maintenance|cleaning",
        ),
        "Say how to care for it.",
        ("It should say how to care for it.", "Nothing is said about cleaning."),
        Picked(_sign(r"\b(wipe|clean|wash|dust|polish)\w*\b")),
        importance=4,
    ),
    Concept(
        "price",
        "the price",
        wording(r"price|how much (it|this|they|does it|do they) costs?|(what|the) (it )?costs?\b"),
        "Give the price.",
        ("It should give the price.", "The price is missing."),
        Picked(_sign(r"[€£$] ?\d|\b\d+ (euros?|pounds?|dollars?)\b")),
        importance=8,
    ),
    Concept(
        "invitation",
        "an invitation",
        wording(
            r"call to action|invit(e|es|ing|ation)",
            r"(tell|ask)\w* (the )?(reader|customer)s? to (act|buy|order|visit|come)",
        ),
        "Invite the reader to act.",
        ("It should invite the reader to act.", "A call to action is missing at the end."),
        Phrase(
            "Come and see it in our showroom.",
            _sign(r"\b(come and see|visit us|order (it|yours)|try it|find out more|get in touch)\b"),
            tickets=False,
        ),
        importance=4,
    ),
)

CLOSE = (
    Concept(
        "question",
        "a closing question",
        wording(
            r"(end|clos|finish|conclud)\w* (it )?(with|by|on|in) .*\b(question|asking)",
            r"(closing|final|last|follow-up) question|ask\w* (whether|if) |question at the end",
        ),
        "Close with a question.",
        ("It should close with a question.", "It ends abruptly; a closing question would help."),
        FinalQuestion(),
        importance=3,
        basic=False,
    ),
    Concept(
        "signature",
        "a signature",
        wording(
            r"signed\b|sign(s|ing)?(-| )?(off|it|with|by|the)\b|signature",
            r"who (writes|wrote|is writing|answers)|(your|the agent'?s?|writer'?s?|our) (own )?name\b",
        ),
        "Sign with the agent's name.",
        (
            "It should be signed with the agent's name.",
            "I cannot see who wrote this; a signature is missing.",
        ),
        Signature(),
        importance=5,
    ),
)

STYLE = (
    Concept(
        "filler",
        "freedom from stock phrases",
        wording(
            r"filler|empty (phrase|word|talk)|clich|boilerplate|stock phrase|canned|platitude",
            r"get to the point|waffl|fluff|robotic|template|to the point\b",
        ),
        "Leave out empty phrases.",
        ("It is full of empty phrases.", "Stock phrases make it sound canned; get to the point."),
        Without(
            _sign(
                r"top priority|value your (business|custom)|thank you for contacting us|as soon as possible"
                r"|fast-moving world|do not hesitate|appreciate your (patience|understanding)|great choice"
            )
        ),
        importance=6,
        refusable=False,
    ),
    Concept(
        "blame",
        "respect for the customer",
        wording(
            r"blam|accus|reproach|(customer'?s?|their|her|his|your) fault|lectur(e|ing)\b|rude",
            r"patroni[sz]",
        ),
        "Do not blame the customer.",
        ("It sounds as if the customer were to blame.", "Stop lecturing the customer."),
        Without(
            _sign(r"customers? (must|should)|you should have|you failed|your (own )?(fault|mistake)|had you"),
            tickets_only=True,
        ),
        importance=7,
        refusable=False,
    ),
    Concept(
        "jargon",
        "plain words",
        wording(
            r"jargon|plain (words|language|english)|internal (terms|words|language)",
            r"technical (terms|words|language)|abbreviation|acronym|what is an? (?-i:[A-Z]{2,})\b",
            r"simple(r)? (words|language)",
        ),
        "Use plain words, no jargon.",
        ("It uses internal jargon.", "Say it in plain words that a customer understands."),
        Without(
            _sign(r"escalated to the fulfilment desk under our SLA|\b(SLA|RMA|SKU)\b"),
            "passed on to a colleague",
            tickets_only=True,
        ),
        importance=5,
        refusable=False,
    ),
    Concept(
        "formal",
        "a formal tone",
        wording(r"(more |be |very |keep it )?formal(ly)?\b|formality|too (casual|informal|chummy)"),
        "Be formal.",
        ("It is too casual.", "A more formal address would fit."),
        Tone("Dear", "Dear customer,", "Yours sincerely,", whole_name=True),
        importance=1,
        basic=False,
    ),
    Concept(
        "friendly",
        "a warm tone",
        wording(r"(more |be |too un)?friend(ly|lier)|warm(er|th|ly)?\b|too (cold|stiff|formal)|informal"),
        "Be warm and friendly.",
        ("It sounds cold; a warmer tone would help.",),
        Tone("Hi", "Hi there,", "Warm regards,"),
        importance=1,
        basic=False,
    ),
    Concept(
        "bullets",
        "a list",
        wording(r"bullet|as a list|(in|into|it) (a )?(short |bulleted )?lists?\b|list form|point form"),
        "Write it as bullet points.",
        ("A bullet list would be easier to read.",),
        Bullets(),
        importance=1,
        basic=False,
    ),
    Concept(
        "short",
        "brevity",
        wording(
            r"(under|below|at most|max\w*|no more than|fewer than|less than|within|up to|only) \d+ words",
            r"\d+ words or|too (long|wordy|verbose)",
            r"(be |more |keep it |very )(short|brief|concise|succinct)",
            r"(be )?(shorter|briefer|concise|brief)\b|brevity|concise",
        ),
        f"Keep it under {PARAGRAPH} words.",
        ("It is too long.", "It should be shorter."),
        Short(),
        importance=2,
        basic=False,
    ),
)

CONCEPTS: tuple[Concept, ...] = (*REPLY_CONTENT, *TEXT_CONTENT, *CLOSE, *STYLE)
