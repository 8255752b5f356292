"""How good answers are: agreement, gold items, position bias, time on task, drift. For operators, never for annotators.

`statistics` loads scipy: import it where it is needed, not with a page or a route.
"""
