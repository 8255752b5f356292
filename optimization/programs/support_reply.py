"""The shipped program: answers a customer of a lamp shop in two steps, a draft and its refinement.

Its first prompts are as thin as first prompts are; what people say of the answers makes them better.
"""

from __future__ import annotations

from typing import Any

from optimization.core import LLMInference, Module, Parameter, Template
from optimization.programs.registry import register_program

CASE = """\
<customer>
{customer}
</customer>

<ticket>
{ticket}
</ticket>

<facts>
{facts}
</facts>
"""


@register_program(
    "support_reply",
    title="Support reply",
    description="Answers a customer's ticket for a lamp shop: drafts a reply, then refines it.",
)
class SupportReply(Module):
    """`ticket` is the customer's message, `customer` their name, `facts` what the shop's system and policy know."""

    def __init__(self) -> None:
        self.draft_prompt = Template(f"{CASE}\nWrite the reply to the customer.")
        self.draft = LLMInference(
            "default",
            Parameter(
                "You answer customers of a lamp shop. Be friendly.",
                "How the first draft of a reply to a customer's ticket is written, from the ticket and the facts.",
            ),
            max_tokens=500,
        )
        self.refine_prompt = Template(
            f"{CASE}\n<draft>\n{{draft}}\n</draft>\n\nWrite the final reply to the customer, and nothing else."
        )
        self.refine = LLMInference(
            "default",
            Parameter(
                "You improve drafts of replies to customers. Correct mistakes.",
                "How the draft is turned into the final reply that the customer reads.",
            ),
            max_tokens=500,
        )

    def forward(self, ticket: Any, customer: Any, facts: Any) -> Any:
        draft = self.draft(self.draft_prompt(ticket=ticket, customer=customer, facts=facts))
        return self.refine(self.refine_prompt(ticket=ticket, customer=customer, facts=facts, draft=draft))
