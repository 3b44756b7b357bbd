"""What a draft makes of the measured fields, where it measures otherwise than before."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from behaviors.intake.candidates import FIELD_PREFIX
from behaviors.intake.scoring_columns import measure
from behaviors.preview.reading import Int64s
from behaviors.rulebook import PublishedRule, RuleBook
from behaviors.scoring import Rule


class Measured(NamedTuple):
    """Quantities in thousandths, 0 where the draft would refuse the act."""

    quantity: Int64s
    refused: NDArray[np.bool_]


@dataclass(frozen=True)
class Draft:
    """A rule version to be tried; `other_versions` of the behaviour measure otherwise than it."""

    id: int
    behavior_id: int
    rule: Rule
    habit_ends_on: date | None
    other_versions: frozenset[int] = frozenset()

    @property
    def measures_anew(self) -> bool:
        """Whether the measured fields have to be read again."""
        return bool(self.other_versions)

    @property
    def entry(self) -> PublishedRule:
        """The draft as the rule book would hold it, in force on every day."""
        return PublishedRule(
            id=self.id,
            behavior_id=self.behavior_id,
            status="active",
            valid_from=date.min,
            valid_to=None,
            withdrawn_from=None,
            grade="",
            citation="",
            rule=self.rule,
        )


def versions_measured_otherwise(rule: Rule, published: Iterable[PublishedRule]) -> frozenset[int]:
    """Return the versions whose records have to be measured again for a rule."""
    return frozenset(entry.id for entry in published if not _measures_alike(rule, entry.rule))


def _measures_alike(rule: Rule, former: Rule) -> bool:
    """Whether every act that the former rule took has the same quantity under this one."""
    limits = {item.name: (item.minimum, item.maximum) for item in rule.fields}
    taken = {item.name: (item.minimum, item.maximum) for item in former.fields}
    return (
        rule.quantity_expression == former.quantity_expression
        and limits.keys() == taken.keys()
        and all(
            limits[name][0] <= low and high <= limits[name][1]
            for name, (low, high) in taken.items()
        )
        and (rule.quantity_expression in rule.field_names or rule.constants == former.constants)
    )


def measured(
    draft: Draft, ids: Int64s, quantity: Int64s, activity: pl.DataFrame | None
) -> Measured:
    """Return what the draft measures of the records of one block.

    quantity: as measured before, kept for records that `activity` (id, activity) leaves out.
    """
    quantity, refused = quantity.copy(), np.zeros(ids.size, dtype=np.bool_)
    if activity is None or activity.is_empty():
        return Measured(quantity, refused)
    activity = activity.sort("id")
    texts = activity["id"].to_numpy()
    places = np.minimum(np.searchsorted(texts, ids), texts.size - 1)
    rows = np.flatnonzero(texts[places] == ids)
    quantity[rows], refused[rows] = measure_texts(draft, activity["activity"][places[rows]])
    return Measured(quantity, refused)


def measure_texts(draft: Draft, activity: pl.Series) -> Measured:
    """Measure acts from their canonical JSON texts, as intake would measure them."""
    names = draft.rule.field_names
    fields = activity.str.json_decode(pl.Struct(dict.fromkeys(names, pl.String)))
    frame = pl.DataFrame(
        [fields.struct.field(name).alias(FIELD_PREFIX + name) for name in names]
    ).with_columns(
        code=pl.lit(None, pl.String),
        detail=pl.lit(None, pl.String),
        rule_version_id=pl.lit(draft.id, pl.Int64),
    )
    frame = measure(frame, RuleBook([], [draft.entry]))
    refused = frame["code"].is_not_null().to_numpy()
    return Measured(np.where(refused, 0, frame["quantity_milli"].to_numpy()), refused)
