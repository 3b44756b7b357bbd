"""The receipt of a record: the arithmetic from the measured amounts to the grams and credits.

Pure: it works out again, from the rule version of the record, what the books should say, and
holds both next to each other, so that a page or a program can show whether they agree.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from behaviors import explain, habits
from behaviors.formula import parse
from behaviors.models import ActivityRecord, Channel, RecordStatus, Source
from behaviors.queries import AdjustmentRow, TransferRow
from behaviors.rulebook import BehaviorInfo, PublishedRule
from behaviors.scoring import FieldSpec, Rule, credits_for, grams_for
from carbonaccount.ledger.models import LedgerKind, TransferKind, Unit

_SHOWN_DECIMALS = 12


@dataclass(frozen=True)
class Arithmetic:
    """Every step of the calculation of one act, as numbers; nothing in it is looked up.

    quantity_milli, counted_milli: thousandths of the quantity's unit.  exact_g: grams before the
    last rounding, `computed_g` after it, `reduction_g` after the evidence rule.  habit_ended: the
    act came after the last day on which the habit earns, so it has no credits.
    """

    rule: Rule
    evidence: str
    amounts: Mapping[str, Decimal]
    quantity_milli: int
    counted_milli: int
    habit_ended: bool = False

    @property
    def fields(self) -> list[tuple[FieldSpec, Decimal]]:
        """Each measured amount with what it is."""
        return [(item, self.amounts[item.name]) for item in self.rule.fields]

    @property
    def quantity(self) -> str:
        """The quantity in its unit, 3 decimals."""
        return explain.milli(self.quantity_milli)

    @property
    def quantity_with_numbers(self) -> str:
        """The quantity expression with amounts and parameters put in."""
        return self.rule.quantity.render(self._values())

    @property
    def quantity_is_field(self) -> bool:
        """Whether the quantity is a measured amount as it stands."""
        return self.rule.quantity_expression in self.rule.field_names

    @property
    def unit_factor(self) -> str:
        """Kilograms a unit, 9 decimals."""
        return explain.unit_factor(self.rule)

    @property
    def factor_with_numbers(self) -> str:
        """The factor expression with the parameters' values put in."""
        if not self.rule.factor_expression:
            return ""
        names = self.rule.constants.keys()
        return parse(self.rule.factor_expression, names=names).render(self._values())

    @property
    def counted(self) -> str:
        """What counted of the quantity, 3 decimals."""
        return explain.milli(self.counted_milli)

    @property
    def exact_g(self) -> str:
        """Grams before they are rounded down."""
        return explain.plain(Decimal(self.counted_milli * self.rule.unit_factor_nano).scaleb(-9))

    @property
    def computed_g(self) -> int:
        """Grams of what counted, before the evidence rule."""
        return grams_for(self.rule, self.counted_milli)

    @property
    def records_grams(self) -> bool:
        """Whether this grade of evidence records grams."""
        return self.evidence in self.rule.grams_for

    @property
    def reduction_g(self) -> int:
        """Grams that are recorded."""
        return self.computed_g if self.records_grams else 0

    @property
    def multiplier(self) -> str:
        """The share of credits that this grade of evidence gives."""
        return explain.plain(self.rule.multipliers[self.evidence])

    @property
    def credits_per_gram(self) -> str:
        """Credits of a gram."""
        return explain.plain(self.rule.credits_per_gram)

    @property
    def exact_credits(self) -> str:
        """Credits of the grams before they are rounded down."""
        share = Fraction(self.rule.credits_per_gram) * Fraction(
            self.rule.multipliers[self.evidence]
        )
        return _decimal_text(self.computed_g * share)

    @property
    def credits_of_grams(self) -> int:
        """Credits of the grams, rounded down."""
        return self._credits_by_rule - self.credits_of_act

    @property
    def credits_of_act(self) -> int:
        """Credits that are given for the act itself."""
        acts = self.counted_milli // 1000 if self.rule.counts_acts else int(self.counted_milli > 0)
        return self.rule.credits_per_act * acts

    @property
    def credits(self) -> int:
        """All credits of the act; none after the end of a habit."""
        return 0 if self.habit_ended else self._credits_by_rule

    @property
    def _credits_by_rule(self) -> int:
        return credits_for(self.rule, self.computed_g, self.evidence, self.counted_milli)

    @property
    def is_capped(self) -> bool:
        """Whether less counted than was measured."""
        return self.counted_milli < self.quantity_milli

    @property
    def cap(self) -> str | None:
        """What counts at most a person and day, or None."""
        return None if self.rule.cap_milli is None else explain.milli(self.rule.cap_milli)

    def _values(self) -> dict[str, str]:
        shown = {item.name: explain.plain(item.value) for item in self.rule.parameters}
        return shown | {name: explain.plain(amount) for name, amount in self.amounts.items()}


def _decimal_text(number: Fraction) -> str:
    """Return a fraction as a decimal; one that never ends is cut and says so."""
    scaled = number * 10**_SHOWN_DECIMALS
    text = explain.plain(Decimal(int(scaled)).scaleb(-_SHOWN_DECIMALS))
    return text if scaled.denominator == 1 else f"{text}…"


@dataclass(frozen=True)
class Receipt:
    """A record with all that explains it: who told of it, the arithmetic, and the bookings.

    `if_counted` is the arithmetic of the whole quantity, for records that wait for a person.
    """

    record: ActivityRecord
    source: Source
    channel: str
    behavior: BehaviorInfo
    published: PublishedRule
    sums: Arithmetic
    if_counted: Arithmetic
    used_before_milli: int
    transfers: Sequence[TransferRow]
    has_photo: bool
    adjustments: Sequence[AdjustmentRow] = ()

    @property
    def rule(self) -> Rule:
        """The rule version by which the record was scored."""
        return self.published.rule

    @property
    def is_self_report(self) -> bool:
        """Whether the resident filled it in."""
        return self.channel == Channel.SELF

    @property
    def is_certified(self) -> bool:
        """Whether its grams count as certified."""
        return self.record.reduction_g > 0 and explain.is_certified(self.rule, self.record.evidence)

    @property
    def used_before(self) -> str:
        """What earlier records of the day had used of the cap."""
        return explain.milli(self.used_before_milli)

    @property
    def booked_g(self) -> int:
        """Grams that the transfers leave in the resident's account."""
        return self._booked(Unit.G)

    @property
    def booked_credits(self) -> int:
        """Credits that the transfers leave in the resident's account."""
        return self._booked(Unit.CREDIT)

    @property
    def agrees(self) -> bool:
        """Whether the arithmetic, the record and the books say the same."""
        record = self.record
        wanted = (
            (self.sums.reduction_g, self.sums.credits)
            if record.status == RecordStatus.COUNTED
            else (0, 0)
        )
        booked = (self.booked_g, self.booked_credits)
        return wanted == (record.reduction_g, record.credits) == booked

    def _booked(self, unit: Unit) -> int:
        moves = [row for row in self.transfers if row.transfer.unit == unit]
        received = sum(
            row.transfer.amount for row in moves if row.credit_kind == LedgerKind.RESIDENT
        )
        given = sum(row.transfer.amount for row in moves if row.debit_kind == LedgerKind.RESIDENT)
        return received - given


def arithmetic_of(record: ActivityRecord, rule: Rule, counted_milli: int) -> Arithmetic:
    """Return the calculation of a record, had `counted_milli` of its quantity counted."""
    return Arithmetic(
        rule=rule,
        evidence=record.evidence,
        amounts={name: Decimal(text) for name, text in json.loads(record.activity).items()},
        quantity_milli=record.quantity_milli,
        counted_milli=counted_milli,
        habit_ended=record.outcome == habits.OUTCOME,
    )


def make_receipt(
    *,
    record: ActivityRecord,
    source: Source,
    channel: str,
    behavior: BehaviorInfo,
    published: PublishedRule,
    used_before_milli: int,
    transfers: Sequence[TransferRow],
    has_photo: bool,
    adjustments: Sequence[AdjustmentRow] = (),
) -> Receipt:
    """Work a record out again and put everything that explains it together."""
    return Receipt(
        record=record,
        source=source,
        channel=channel,
        behavior=behavior,
        published=published,
        sums=arithmetic_of(record, published.rule, record.counted_milli),
        if_counted=arithmetic_of(record, published.rule, record.quantity_milli),
        used_before_milli=used_before_milli,
        transfers=transfers,
        has_photo=has_photo,
        adjustments=adjustments,
    )


def as_json(receipt: Receipt) -> dict[str, Any]:
    """Return the receipt for programs: the same numbers as the page, decimals as text."""
    record, rule, sums = receipt.record, receipt.rule, receipt.sums
    return {
        "record_id": record.id,
        "status": RecordStatus(record.status).name.lower(),
        "outcome": record.outcome,
        "behavior": {
            "code": receipt.behavior.code,
            "name": {language: texts["name"] for language, texts in receipt.behavior.texts.items()},
        },
        "source": {
            "code": receipt.source.code,
            "name": {"zh": receipt.source.name_zh, "en": receipt.source.name_en},
            "channel": receipt.channel,
            "event_id": record.event_id,
        },
        "occurred_at": record.occurred_at.isoformat(),
        "ended_at": record.ended_at.isoformat() if record.ended_at else None,
        "business_day": record.business_day.isoformat(),
        "recorded_at": record.recorded_at.isoformat(),
        "activity": {name: explain.plain(amount) for name, amount in sums.amounts.items()},
        "evidence": {
            "grade": record.evidence,
            "records_grams": sums.records_grams,
            "multiplier": sums.multiplier,
            "certified": receipt.is_certified,
        },
        "rule": {
            "version": rule.version,
            "valid_from": receipt.published.valid_from.isoformat(),
            "valid_to": receipt.published.valid_to and receipt.published.valid_to.isoformat(),
            "grade": receipt.published.grade,
            "citation": receipt.published.citation,
            "formula": explain.formula(rule),
            "formula_with_numbers": explain.formula_with_numbers(
                rule, {name: explain.plain(amount) for name, amount in sums.amounts.items()}
            ),
            "parameters": [_parameter_json(item) for item in rule.parameters],
        },
        "quantity": sums.quantity,
        "quantity_unit": rule.quantity_unit,
        "unit_factor": sums.unit_factor,
        "unit_factor_unit": explain.factor_unit(rule),
        "daily_cap": sums.cap,
        "used_before": receipt.used_before,
        "overlapped_by": record.overlapped_by,
        "counted_quantity": sums.counted,
        "exact_g": sums.exact_g,
        "computed_g": sums.computed_g,
        "reduction_g": record.reduction_g,
        "credits_per_gram": sums.credits_per_gram,
        "credits_per_act": rule.credits_per_act,
        "credits": record.credits,
        "transfers": [_transfer_json(row) for row in receipt.transfers],
        "adjustments": [_adjustment_json(row) for row in receipt.adjustments],
        "agrees": receipt.agrees,
    }


def _parameter_json(item: Any) -> dict[str, object]:
    return {
        "name": item.name,
        "value": explain.plain(item.value),
        "unit": item.unit,
        "grade": item.grade,
        "source": item.source,
        "factor": item.factor,
    }


def _adjustment_json(row: AdjustmentRow) -> dict[str, object]:
    """What a re-scoring changed; it is booked with that of the person's other records."""
    changed, booked_at = row.adjustment, row.rescore.booked_at
    return {
        "rescore": row.rescore.public_id,
        "rule_version": row.version,
        "counted_quantity": explain.milli(changed.counted_milli),
        "g_before": changed.g_before,
        "g_after": changed.g_before + changed.difference_g,
        "credits_before": changed.credits_before,
        "credits_after": changed.credits_before + changed.difference_credits,
        "booked_at": booked_at.isoformat() if booked_at else None,
    }


def _transfer_json(row: TransferRow) -> dict[str, object]:
    transfer = row.transfer
    return {
        "id": transfer.id,
        "kind": TransferKind(transfer.kind).name.lower(),
        "unit": Unit(transfer.unit).name.lower(),
        "amount": transfer.amount,
        "debit": LedgerKind(row.debit_kind).name.lower(),
        "credit": LedgerKind(row.credit_kind).name.lower(),
        "reverses_id": transfer.reverses_id,
        "business_day": transfer.business_day.isoformat(),
        "booked_at": transfer.booked_at.isoformat(),
    }
