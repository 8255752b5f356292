"""What is asked: a rubric of five levels under a ticket and the reply to it."""

LEVELS = [
    {"score": score, "label": label, "description": f"{label}: what that means, in some ten or twelve words"}
    for score, label in enumerate(("No", "Barely", "Partly", "Mostly", "Fully"), 1)
]
TICKET = "Where is my lamp? " * 12
REPLY = "I am sorry that your lamp is late. I have asked for an express re-send of the order. " * 6
CRITERIA = "Does the reply solve the customer's problem?"
QUESTION = {
    "kind": "rubric",
    "criteria": CRITERIA,
    "context": {"ticket": TICKET},
    "output": REPLY,
    "levels": LEVELS,
    "require_feedback": 3.0,
}
