"""The public list of recognitions: by name who may be named, of families only how many.

A family is named only as long as one of its owners agrees to it, application by application.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from carbonaccount.accounts.models import District
from carbonaccount.audit import Actor
from carbonaccount.errors import Invalid
from carbonaccount.institutions.models import Institution, InstitutionKind, InstitutionStatus
from carbonaccount.institutions.recognition import own_case
from carbonaccount.institutions.recognition_models import CaseStatus, RecognitionCase
from carbonaccount.institutions.trail import note as note_act

# Fewer families of a district than this are not told at all.
LEAST_FAMILIES = 10


class Recognised(NamedTuple):
    """A recognition with who has it, or had it."""

    case: RecognitionCase
    institution: Institution
    district: District | None

    @property
    def is_named(self) -> bool:
        """Return whether everybody may read who it is."""
        return self.institution.kind != InstitutionKind.FAMILY or self.case.named_by is not None


class Unnamed(NamedTuple):
    """How many families of a district hold a recognition and are not named."""

    scheme: str
    district: District | None
    families: int


@dataclass(frozen=True)
class PublicList:
    """Recognitions in force by name, families by number, and what was revoked, with its reason."""

    named: list[Recognised]
    unnamed: list[Unnamed]
    revoked: list[Recognised]


def public_list(session: Session, *, on: date, scheme: str = "", district: str = "") -> PublicList:
    """Return what everybody may know of the recognitions of a day, by scheme and name.

    Of two that overlap the one that holds longer is told. What was revoked stays until the day it
    would have ended on; families that lost one are never named.
    """
    rows = list(_rows(session, on, scheme, district))
    revoked = [row for row in rows if row.case.status == CaseStatus.REVOKED]
    granted = [row for row in rows if row.case.status == CaseStatus.GRANTED]
    in_force = list({(row.case.scheme, row.institution.id): row for row in granted}.values())
    return PublicList(
        named=[row for row in in_force if row.is_named],
        unnamed=_counted(row for row in in_force if not row.is_named),
        revoked=[row for row in revoked if row.institution.kind != InstitutionKind.FAMILY],
    )


def _rows(session: Session, on: date, scheme: str, district: str) -> Iterable[Recognised]:
    wanted = (
        sa.select(RecognitionCase, Institution, District)
        .join(Institution, col(Institution.id) == col(RecognitionCase.institution_id))
        .outerjoin(District, col(District.code) == col(Institution.district_code))
        .where(
            col(RecognitionCase.status).in_((CaseStatus.GRANTED, CaseStatus.REVOKED)),
            col(RecognitionCase.valid_from) <= on,
            col(RecognitionCase.valid_until) >= on,
            col(Institution.status) == InstitutionStatus.ACTIVE,
        )
        .order_by(
            col(RecognitionCase.scheme),
            col(Institution.name_zh),
            col(RecognitionCase.valid_until),
            col(RecognitionCase.id),
        )
    )
    if scheme:
        wanted = wanted.where(col(RecognitionCase.scheme) == scheme)
    if district:
        wanted = wanted.where(col(Institution.district_code) == district)
    return (Recognised(*row) for row in session.execute(wanted))


def _counted(rows: Iterable[Recognised]) -> list[Unnamed]:
    """Return families by recognition and district, those of a few left out."""
    places: dict[str, District | None] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        code = row.institution.district_code or ""
        places[code] = row.district
        counts[row.case.scheme, code] += 1
    return [
        Unnamed(scheme, places[code], count)
        for (scheme, code), count in sorted(counts.items())
        if count >= LEAST_FAMILIES
    ]


def name_publicly(
    session: Session,
    *,
    institution: Institution,
    case_id: str,
    agreed: bool,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Let the public list say a family's name for this recognition, or not any more.

    Raises NotFound, Invalid (naming_families_only): whoever is no family is named in any case.
    """
    case = own_case(session, institution, case_id)
    if institution.kind != InstitutionKind.FAMILY:
        raise Invalid("naming_families_only")
    if agreed == (case.named_by is not None):
        return
    case.named_by, case.named_at = (acting_user.id, now) if agreed else (None, None)
    session.flush()
    action = "recognition.name" if agreed else "recognition.unname"
    note_act(session, institution, action, acting_user=acting_user, now=now, case=case.public_id)
