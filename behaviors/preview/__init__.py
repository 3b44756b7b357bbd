"""Drafted rules run over the city's own history, in columns; nothing but the run's own row changes.

`reading` brings the columns, `measuring`, `capping` and `replay` find what would have counted,
`scoring` what it would have been worth, `tallies` and `examples` what people are shown,
`runner` does it in the background.
"""
