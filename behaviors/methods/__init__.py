"""The methodologies as data: behaviours, their formulas and texts, and the emission factors.

A methodology is changed by writing data, never code: one TOML file a family stands beside this
module, ``load_library`` reads and checks all of it, ``expand_rules`` makes the rule versions.
"""

from behaviors.methods.expansion import FIRST_DAY, expand_rules
from behaviors.methods.library import (
    Behavior,
    DoubleCountGroup,
    EmissionFactor,
    Library,
    LibraryError,
    ParameterSource,
    Texts,
)
from behaviors.methods.reader import load_library, sources_in_chinese

__all__ = [
    "FIRST_DAY",
    "Behavior",
    "DoubleCountGroup",
    "EmissionFactor",
    "Library",
    "LibraryError",
    "ParameterSource",
    "Texts",
    "expand_rules",
    "load_library",
    "sources_in_chinese",
]
