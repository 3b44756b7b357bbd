"""What a statement says, worked out from the locked account and the chosen lots, as plain data.

The same things give the same text, byte by byte: keys in order, grams and kilowatt-hours as whole
numbers or exact decimal texts, dates as ISO texts.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from carbonaccount.crypto import Vault
from carbonaccount.factors import FactorBook, FactorVersion
from carbonaccount.institutions import (
    neutrality,
    offset_rules,
    statement_completeness,
    statement_uncertainty,
)
from carbonaccount.institutions.inventory_entries import USUAL_GRID, energy_name
from carbonaccount.institutions.inventory_grids import other_grids
from carbonaccount.institutions.inventory_results import AccountLine, YearAccount
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality import Balance
from carbonaccount.institutions.neutrality_models import NeutralityStatement, PlanMeasure
from carbonaccount.institutions.offset_models import LotKind, OffsetLot
from carbonaccount.institutions.offset_rules import ORDER_OF_USE
from carbonaccount.institutions.retiring import in_order
from carbonaccount.institutions.statement_completeness import Explained
from carbonaccount.institutions.statement_uncertainty import Stated

# 2: with `uncertainty_stated`; `uncertainty` is a note since, and all there was before.
# 3: with `completeness`, `other_grids`, and of certificates the month that they were `produced` in.
VERSION = 3
METHOD = "JS/T 303-2026"
SEAL_PURPOSE = "neutrality-statement"


def content_of(
    session: Session,
    *,
    statement: NeutralityStatement,
    institution: Institution,
    account: YearAccount,
    lots: Sequence[OffsetLot],
    measures: Sequence[PlanMeasure],
    stated: Mapping[str, Stated],
    explained: Mapping[str, Explained],
) -> dict[str, Any]:
    """Return what a statement says before anybody has reviewed it."""
    certificates = [lot for lot in lots if lot.kind == LotKind.GREEN_CERTIFICATE]
    offsets = in_order([lot for lot in lots if lot.kind != LotKind.GREEN_CERTIFICATE])
    balance = balance_of(account, lots)
    book = FactorBook.load(session)
    unsure = statement_uncertainty.combine(account, balance, stated)
    return {
        "v": VERSION,
        "number": statement.public_id,
        "year": statement.year,
        "revision": statement.revision,
        "institution": _institution(institution),
        "method": METHOD,
        "inventory": {"version": account.version},
        "account": _account(account),
        "factors": _factors(book, account.lines),
        "lines": [_line(line) for line in account.lines],
        "completeness": statement_completeness.content_of(account, explained),
        "evidence_g": neutrality.grade_shares(account),
        "uncertainty": statement.uncertainty,
        "uncertainty_stated": statement_uncertainty.content_of(unsure, stated),
        "other_grids": grids_of(account, book),
        "note": statement.note,
        "measures": [_measure(row) for row in measures],
        "certificates": [_lot(lot) for lot in certificates],
        "offsets": [_lot(lot) for lot in offsets],
        "balance": _balance(balance),
    }


def balance_of(account: YearAccount, lots: Sequence[OffsetLot]) -> Balance:
    """Return how a year stands with lots of both sorts."""
    return neutrality.balance(
        account,
        certificates_kwh=sum(lot.amount_kwh for lot in lots),
        offsets_g=sum(lot.amount_g for lot in lots),
    )


def _institution(row: Institution) -> dict[str, Any]:
    return {
        "number": row.public_id,
        "name_zh": row.name_zh,
        "name_en": row.name_en,
        "kind": row.kind,
        "credit_code": row.credit_code,
        "district": row.district_code or "",
    }


def _account(account: YearAccount) -> dict[str, int]:
    return {
        "direct_g": neutrality.grams_of(account.direct_kg),
        "power_g": neutrality.grams_of(account.power_kg),
        "heat_g": neutrality.grams_of(account.heat_kg),
        "total_g": neutrality.grams_of(account.total_kg),
        "optional_g": neutrality.grams_of(account.optional_kg),
    }


def _factors(book: FactorBook, lines: Iterable[AccountLine]) -> list[dict[str, Any]]:
    """Return each factor version that the account uses, with its grade and source."""
    used = {(line.factor_code, line.factor_version): line for line in lines}
    return [_factor(line, book.version(*key)) for key, line in sorted(used.items())]


def _factor(line: AccountLine, known: FactorVersion | None) -> dict[str, Any]:
    return {
        "code": line.factor_code,
        "version": line.factor_version,
        "name_zh": known.name_zh if known else line.factor_code,
        "name_en": known.name_en if known else line.factor_code,
        "value": f"{line.factor_value:f}",
        "unit": line.factor_unit,
        "grade": known.grade if known else "",
        "source": known.source if known else "",
        "source_zh": known.source_zh or known.source if known else "",
    }


def grids_of(account: YearAccount, book: FactorBook) -> list[dict[str, Any]]:
    """Return the electricity of other factors than the city's own, and what that would give."""
    return [
        {
            "factor": _energy(book, item.factor_code),
            "counted": _plain(item.counted),
            "unit": item.unit,
            "emission_g": neutrality.grams_of(item.emission_kg),
            "usual": _energy(book, USUAL_GRID),
            "usual_g": neutrality.grams_of(item.usual_kg),
        }
        for item in other_grids(account.lines, year=account.year, book=book)
    ]


def _energy(book: FactorBook, code: str) -> dict[str, str]:
    """Return what people call the electricity of a factor, in both languages."""
    named = {item.code: item for item in book.versions}.get(code)
    names = [energy_name(named, spoken) if named else code for spoken in ("zh", "en")]
    return {"code": code, "name_zh": names[0], "name_en": names[1]}


def _line(line: AccountLine) -> dict[str, Any]:
    return {
        "block": str(line.block),
        "factor": line.factor_code,
        "version": line.factor_version,
        "month": line.month,
        "place": line.place,
        "counted": _plain(line.counted),
        "unit": line.activity_unit,
        "emission_g": neutrality.grams_of(line.emission_kg),
        "grade": line.grade,
    }


def _measure(row: PlanMeasure) -> dict[str, Any]:
    return {
        "area": row.area,
        "title": row.title,
        "expected_g": row.expected_g,
        "achieved_g": row.achieved_g,
        "basis": row.basis,
    }


def _lot(lot: OffsetLot) -> dict[str, Any]:
    is_certificate = lot.kind == LotKind.GREEN_CERTIFICATE
    return {
        "lot": lot.public_id,
        "kind": lot.kind,
        "registry": lot.registry_code,
        "first": lot.first_number,
        "last": lot.last_number,
        "serials": lot.serials,
        "amount_g": lot.amount_g,
        "amount_kwh": lot.amount_kwh,
        "vintage": lot.vintage,
        "produced": offset_rules.certificate_month(lot.valid_until) if is_certificate else "",
        "title": lot.title,
        "rank": 0 if is_certificate else ORDER_OF_USE[LotKind(lot.kind)].rank,
        "evidence_sha256": lot.evidence_sha256,
    }


def _balance(balance: Balance) -> dict[str, Any]:
    return {
        "emissions_g": balance.emissions_g,
        "certificates_kwh": balance.certificates_kwh,
        "covered_kwh": _plain(balance.covered_kwh),
        "power_reduction_g": balance.power_reduction_g,
        "after_power_g": balance.after_power_g,
        "offsets_g": balance.offsets_g,
        "remaining_g": balance.remaining_g,
        "neutral": balance.is_neutral,
    }


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def read(text: str) -> dict[str, Any]:
    """Return what a statement says from its text."""
    content: dict[str, Any] = json.loads(text)
    return content


def digest_of(text: str) -> str:
    """Return the SHA-256 of a statement's text: anybody can work it out again."""
    return hashlib.sha256(text.encode()).hexdigest()


def seal_of(text: str, vault: Vault) -> str:
    """Return the keyed hash over a statement's text, which only this installation can make."""
    return vault.index(text, purpose=SEAL_PURPOSE)
