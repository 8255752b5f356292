"""The queue between a run and the people who judge for it: questions, claims, answers.

A question has `wanted` places. A claim or an answer takes one, and the count stands on the question's row with a
CHECK, so that no race seats one person too many. A claim that runs out lapses: it gives its place back, and its owner
may still answer while a place is free. Everything that takes or frees a place first locks the question's row.
"""
