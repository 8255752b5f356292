"""The rehearsal: a deterministic endpoint, data and colleagues with which a whole run can be played.

None of it is a language model, and it says so wherever it shows. One table of concepts (`catalogue`) holds what a
good text has: how a prompt asks for it, how a reply shows it, what a judge says when it is missing and what an
optimizer then writes into the prompt. Writer, judge, updater and colleagues all read that table, so that a better
prompt truly gives a better answer, and a remark truly leads to a better prompt.
"""

from pathlib import Path

MODEL = "rehearsal"
NOTICE = "rehearsal, not a language model"
DATA = Path(__file__).parent / "data"
