"""What a history is worth under a draft, a slice of its columns at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from behaviors import habits, scoring
from behaviors.preview.capping import Capped
from behaviors.preview.history import History, blocks_of
from behaviors.preview.measuring import Draft
from behaviors.preview.reading import Int64s

# Small enough for the temporary columns to stay in the processor's cache for the most part.
_SLICE = 1 << 17


class Elsewhere(NamedTuple):
    """What changes of records beside those that were asked for: of other behaviours and days."""

    records: int = 0
    g_before: int = 0
    g_after: int = 0
    credits_before: int = 0
    credits_after: int = 0


NOTHING = Elsewhere()


@dataclass(frozen=True)
class Outlook:
    """A draft with what would have counted under it.

    history: the records that would stand under the draft.  quantity: as the draft measures
    them, 0 where it does not count.  capped: those of which less counts.  refused: how many
    would not count any more because the draft does not take them or they would overlap.
    """

    draft: Draft
    history: History
    quantity: Int64s
    capped: Capped
    refused: int = 0
    elsewhere: Elsewhere = NOTHING


class Scored(NamedTuple):
    """A slice of the records: where it lies, and what each comes to under the draft."""

    part: slice
    counted: Int64s
    grams: Int64s
    credits: Int64s


def scored_slices(outlook: Outlook) -> Iterator[Scored]:
    """Score every record of an outlook, in the order of the history."""
    history = outlook.history
    for part in blocks_of(history.records, _SLICE):
        counted = _counted(outlook, part)
        yield score_rows(
            outlook.draft,
            part,
            counted=counted,
            evidence=history.evidence[part],
            days=history.unix_days(part),
        )


def _counted(outlook: Outlook, part: slice) -> Int64s:
    """Return what counts of each record of a slice, in thousandths."""
    positions = outlook.capped.positions
    first, last = np.searchsorted(positions, (part.start, part.stop))
    if first == last:
        return outlook.quantity[part]
    counted = outlook.quantity[part].copy()
    counted[positions[first:last] - part.start] = outlook.capped.counted[first:last]
    return counted


def score_rows(
    draft: Draft,
    part: slice,
    *,
    counted: Int64s,
    evidence: NDArray[np.uint8],
    days: NDArray[np.int32],
) -> Scored:
    """Score records by the draft; days since 1970-01-01, all of shape (records,)."""
    rule = draft.rule
    computed = scoring.grams_columns(rule, counted)
    credited = scoring.credits_columns(rule, computed, evidence, counted)
    ended = habits.ended_rows(rule, draft.habit_ends_on, days)
    if ended.any():
        credited = np.where(ended, 0, credited)
    return Scored(part, counted, _recorded(draft, computed, evidence), credited)


def _recorded(draft: Draft, computed: Int64s, evidence: NDArray[np.uint8]) -> Int64s:
    """Return the grams that are recorded: those of the grades of evidence that record grams."""
    records = np.zeros(256, dtype=np.int64)
    records[[ord(grade) for grade in draft.rule.grams_for]] = 1
    grams: Int64s = computed * records[evidence]
    return grams
