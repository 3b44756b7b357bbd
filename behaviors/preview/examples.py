"""Ten records of a history, worked out before and after, for people with a pocket calculator."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

import numpy as np
import polars as pl
from sqlmodel import Session

from behaviors import explain
from behaviors.activity import ActivityError
from behaviors.preview.reading import Int64s
from behaviors.preview.worth import Outlook, Scored, score_rows
from behaviors.rulebook import RuleBook
from behaviors.scoring import GRADES, Rule, Score, grams_for
from carbonaccount import bulk

EXAMPLES = 10


@dataclass
class Picks:
    """Positions of telling records: the largest loss and gain, a capped one, each evidence."""

    outlook: Outlook
    _differences: dict[str, tuple[int, int]] = field(default_factory=dict)
    _firsts: dict[str, int] = field(default_factory=dict)

    def consider(self, scored: Scored) -> None:
        """Look at a slice for records that are worth showing."""
        history, part = self.outlook.history, scored.part
        difference = scored.credits - history.credits[part]
        for name, sign in (("loss", -1), ("gain", 1)):
            place = int(np.argmax(difference * sign))
            most = int(difference[place]) * sign
            if most > max(0, self._differences.get(name, (0, 0))[0]):
                self._differences[name] = most, part.start + place
        marks = {grade: history.evidence[part] == ord(grade) for grade in GRADES}
        marks["cut"] = scored.counted < self.outlook.quantity[part]
        marks["was cut"] = history.capped[part]
        for name, rows in marks.items():
            if name not in self._firsts and rows.any():
                self._firsts[name] = part.start + int(np.argmax(rows))

    def positions(self) -> list[int]:
        """Return up to ten positions, filled up with records spread over the history."""
        chosen = [place for _, place in self._differences.values()]
        chosen += list(self._firsts.values())
        records = self.outlook.history.records
        spread = (number * records // EXAMPLES for number in range(EXAMPLES))
        return sorted(list(dict.fromkeys([*chosen, *spread]))[:EXAMPLES]) if records else []


def worked_examples(
    session: Session, outlook: Outlook, positions: list[int], book: RuleBook
) -> list[dict[str, object]]:
    """Return the examples as JSON values; see RulePreview.result."""
    history = outlook.history
    stored = _stored(session, history.ids[positions])
    after = _after(outlook, positions)
    rows = []
    for place, position in enumerate(positions):
        activity, version, counted = stored[int(history.ids[position])]
        evidence = chr(int(history.evidence[position]))
        before_rule = book.rule_by_id(version)
        g_after, credits_after = int(after.grams[place]), int(after.credits[place])
        counted_after = int(after.counted[place])
        rows.append(
            {
                "record_id": int(history.ids[position]),
                "day": history.day(position).isoformat(),
                "activity": activity,
                "quantity": explain.milli(int(outlook.quantity[position])),
                "evidence": evidence,
                "counted_before": explain.milli(counted),
                "counted_after": explain.milli(counted_after),
                "g_before": int(history.grams[position]),
                "g_after": g_after,
                "credits_before": int(history.credits[position]),
                "credits_after": credits_after,
                "formula_before": worked(before_rule, activity, counted, evidence),
                "formula_after": worked(outlook.draft.rule, activity, counted_after, evidence),
            }
        )
    return rows


def _stored(session: Session, ids: Int64s) -> dict[int, tuple[dict[str, str], int, int]]:
    """Return measured fields, rule version and counted thousandths of records."""
    found = bulk.select_matching(
        session,
        select=(
            "SELECT r.id, r.activity, r.rule_version_id, r.counted_milli "
            "FROM {keys} JOIN activity_record r ON r.id = k.id"
        ),
        keys={"id": ("bigint", pl.Series(ids))},
        schema={"id": pl.Int64, "activity": pl.String, "version": pl.Int64, "counted": pl.Int64},
    )
    return {
        number: (json.loads(activity), version, counted)
        for number, activity, version, counted in found.iter_rows()
    }


def _after(outlook: Outlook, positions: list[int]) -> Scored:
    """Score single records of the history."""
    history, places = outlook.history, np.array(positions, dtype=np.int64)
    counted = outlook.quantity[places].copy()
    cut = np.searchsorted(outlook.capped.positions, places)
    for row, at in enumerate(cut.tolist()):
        if at < outlook.capped.positions.size and outlook.capped.positions[at] == places[row]:
            counted[row] = outlook.capped.counted[at]
    return score_rows(
        outlook.draft,
        slice(0, places.size),
        counted=counted,
        evidence=history.evidence[places],
        days=history.unix_days(places),
    )


def worked(rule: Rule, activity: Mapping[str, str], counted: int, evidence: str) -> str:
    """Return every step from the measured fields to the credits as one line of arithmetic."""
    computed = grams_for(rule, counted)
    score = Score(counted, counted, computed, computed, computed, 0, capped=False)
    steps = [_formula(rule, activity)]
    if rule.factor_expression.strip():
        share = rule.multipliers[evidence]
        earned = floor(computed * Fraction(rule.credits_per_gram) * Fraction(share))
        factors = f"{computed} * {explain.plain(rule.credits_per_gram)} * {explain.plain(share)}"
        steps += [explain.calculation(rule, score), f"floor({factors}) = {earned}"]
    if rule.credits_per_act:
        acts = counted // 1000 if rule.counts_acts else int(counted > 0)
        steps.append(f"{acts} * {rule.credits_per_act} = {acts * rule.credits_per_act}")
    return "; ".join(steps)


def _formula(rule: Rule, activity: Mapping[str, str]) -> str:
    """Return the formula with numbers; without them where the rule would refuse the act."""
    try:
        return explain.formula_with_numbers(rule, activity)
    except ActivityError as refused:
        return f"{explain.formula(rule)}; {refused.code}"
