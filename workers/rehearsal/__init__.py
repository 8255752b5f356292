"""`manage.py rehearsal`: a run played to its end without a screen, by rehearsal colleagues over HTTP.

scratch   the stack of `manage.py up`, on free ports and over a data folder of its own
play      launches the shipped run over REST and follows it
policy    the run that trains the shipped policy, and what it came to
report    what it came to: the curve, the prompts' word diff, what it used
"""
