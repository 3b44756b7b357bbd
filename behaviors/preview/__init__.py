"""Drafted rules run over the city's own history, in columns; nothing but the run's own row changes.

`reading` brings the columns, `measuring`, `capping` and `replay` find what would have counted
(`outlooks`), `worth` what it would have been worth, `tallies`, `examples` and `result` what
people are shown, `services` and `runner` do it in the background.
"""
