"""Whose act it is: shares of what a source reports for an account, and taking them into lots.

A share begins the day after it was agreed and ends with the day on which it is ended; the sum of
the shares in force is kept in one row of the account and source, guarded by the statements that
change it. When an institution makes a lot of a period, its share of the certified grams leaves the
account in the books, so that no act is the resident's reduction and the institution's as well.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from carbonaccount import audit, bulk, signals
from carbonaccount.accounts.services import (
    WEB_CHANNEL,
    give_consent,
    new_public_id,
    withdraw_consent,
)
from carbonaccount.audit import Actor
from carbonaccount.certified import SourceName, source_names, sources_of, tells_committed
from carbonaccount.clock import business_day
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions.models import (
    Institution,
    InstitutionMember,
    InstitutionPerson,
    InstitutionStatus,
)
from carbonaccount.institutions.offset_models import Attribution, AttributionTake, SharedSource

WHOLE = 1000
FLEET, STAFF = "fleet", "staff"
ROLES = (FLEET, STAFF)
# What a fleet's lot is made of: kilometres of new-energy vehicles, or what they were charged with.
FLEET_BEHAVIORS = frozenset({"nev_driving", "ev_charging"})
CONSENT_VERSION = "attribution-2"
_PURPOSE = "attribution:"


@dataclass(frozen=True)
class Share:
    """A share with the names of its source and institution."""

    attribution: Attribution
    source: SourceName
    institution: Institution
    taken_g: int

    @property
    def never_began(self) -> bool:
        """Whether it was ended on the day it was agreed, the day before it would have begun."""
        last_day = self.attribution.last_day
        return last_day is not None and last_day < self.attribution.first_day


def consent_purpose(public_id: str) -> str:
    """Return the purpose of the consent that a share stands on."""
    return f"{_PURPOSE}{public_id}"


def places_of(session: Session, *, account_id: int) -> list[Institution]:
    """Return the institutions that a person may give a share to: as a member or with a seat."""
    member = sa.select(col(InstitutionMember.institution_id)).where(
        col(InstitutionMember.account_id) == account_id, col(InstitutionMember.last_day).is_(None)
    )
    seat = sa.select(col(InstitutionPerson.institution_id)).where(
        col(InstitutionPerson.account_id) == account_id, col(InstitutionPerson.active)
    )
    return list(
        session.exec(
            select(Institution)
            .where(
                col(Institution.status) == InstitutionStatus.ACTIVE,
                sa.or_(col(Institution.id).in_(member), col(Institution.id).in_(seat)),
            )
            .order_by(col(Institution.name_zh), col(Institution.id))
        )
    )


def begin(
    session: Session,
    *,
    account_id: int,
    institution_id: int,
    source_id: int,
    role: str,
    permille: int,
    statement: str,
    acting_user: Actor,
    now: datetime,
) -> Attribution:
    """Give an institution a share of what a source reports for a person, from tomorrow on.

    `statement` is the text that the person agreed to. Raises Invalid (share_permille, share_role,
    share_source, consent_needed), NotFound (unknown_institution), Conflict (share_exists,
    shares_above_whole with `left`).
    """
    # Whoever ends what ties a person to an institution, or closes it, locks it against this.
    session.exec(
        select(col(Institution.id))
        .where(col(Institution.id) == institution_id)
        .with_for_update(read=True)
    ).first()
    if institution_id not in {row.id for row in places_of(session, account_id=account_id)}:
        raise NotFound("unknown_institution")
    if not statement.strip():
        raise Invalid("consent_needed", field="agree")
    share = _begun(session, account_id, institution_id, source_id, role, permille, now)
    share.consent_id = give_consent(
        session,
        account_id=account_id,
        purpose=consent_purpose(share.public_id),
        version=CONSENT_VERSION,
        text=statement,
        channel=WEB_CHANNEL,
        acting_user=acting_user,
        now=now,
    ).id
    session.flush()
    _audit(session, "begin", share, acting_user, now)
    return share


def begin_own(
    session: Session, *, institution: Institution, source_id: int, acting_user: Actor, now: datetime
) -> Attribution:
    """Let an institution own what a source reports for its own account, all of it: its fleet.

    Raises Invalid (share_source), Conflict (share_exists).
    """
    share = _begun(
        session, institution.account_id, institution.stored_id, source_id, FLEET, WHOLE, now
    )
    _audit(session, "begin", share, acting_user, now)
    return share


def _begun(
    session: Session,
    account_id: int,
    institution_id: int,
    source_id: int,
    role: str,
    permille: int,
    now: datetime,
) -> Attribution:
    if not 1 <= permille <= WHOLE:
        raise Invalid("share_permille", field="percent")
    if role not in ROLES:
        raise Invalid("share_role", field="role")
    if source_id not in {item.source_id for item in sources_of(session, account_id=account_id)}:
        raise Invalid("share_source", field="source")
    if _in_force(session, account_id, source_id, institution_id) is not None:
        raise Conflict("share_exists", field="source")
    _add_to_sum(session, account_id, source_id, permille)
    share = Attribution(
        public_id=new_public_id(),
        account_id=account_id,
        source_id=source_id,
        institution_id=institution_id,
        role=role,
        permille=permille,
        first_day=business_day(now) + timedelta(days=1),
        begun_at=now,
    )
    session.add(share)
    session.flush()
    return share


def _add_to_sum(session: Session, account_id: int, source_id: int, permille: int) -> None:
    """Add a share to the sum in force; raises Conflict (shares_above_whole) beyond the whole.

    The statement that adds is the one that guards, so that two at the same time cannot both fit.
    """
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.connection().execute(
        insert(SharedSource.__table__)  # type: ignore[attr-defined]
        .values(account_id=account_id, source_id=source_id, permille=0)
        .on_conflict_do_nothing()
    )
    mine = (col(SharedSource.account_id) == account_id, col(SharedSource.source_id) == source_id)
    added = session.connection().execute(
        sa.update(SharedSource)
        .where(*mine, col(SharedSource.permille) + permille <= WHOLE)
        .values(permille=col(SharedSource.permille) + permille)
    )
    if added.rowcount != 1:
        used = session.execute(sa.select(col(SharedSource.permille)).where(*mine)).scalar_one()
        raise Conflict("shares_above_whole", field="percent", left=f"{(WHOLE - used) / 10:g}")


def _in_force(
    session: Session, account_id: int, source_id: int, institution_id: int
) -> Attribution | None:
    return session.exec(
        select(Attribution).where(
            col(Attribution.account_id) == account_id,
            col(Attribution.source_id) == source_id,
            col(Attribution.institution_id) == institution_id,
            col(Attribution.last_day).is_(None),
        )
    ).first()


def end(
    session: Session, *, public_id: str, account_id: int, acting_user: Actor, now: datetime
) -> Attribution:
    """End a share with today; what was taken into lots stays, today's still counts.

    Raises NotFound (unknown_share), Conflict (share_ended).
    """
    share = _locked(session, public_id)
    if share is None or share.account_id != account_id:
        raise NotFound("unknown_share")
    _end(session, share, acting_user=acting_user, now=now)
    withdraw_consent(
        session,
        account_id=account_id,
        purpose=consent_purpose(public_id),
        acting_user=acting_user,
        now=now,
    )
    return share


def end_by_institution(
    session: Session, *, public_id: str, institution_id: int, acting_user: Actor, now: datetime
) -> Attribution:
    """Let an institution give a share back, from tomorrow on. Raises what `end` raises."""
    share = _locked(session, public_id)
    if share is None or share.institution_id != institution_id:
        raise NotFound("unknown_share")
    _end(session, share, acting_user=acting_user, now=now)
    if share.consent_id is not None:
        withdraw_consent(
            session,
            account_id=share.account_id,
            purpose=consent_purpose(public_id),
            acting_user=acting_user,
            now=now,
        )
    return share


def _locked(session: Session, public_id: str) -> Attribution | None:
    return session.exec(
        select(Attribution)
        .where(col(Attribution.public_id) == public_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()


def _end(session: Session, share: Attribution, *, acting_user: Actor, now: datetime) -> None:
    if share.last_day is not None:
        raise Conflict("share_ended")
    end_locked(session, share, last_day=business_day(now), acting_user=acting_user, now=now)


def end_locked(
    session: Session, share: Attribution, *, last_day: date, acting_user: Actor, now: datetime
) -> None:
    """End a share in force that the caller has locked; its part of the sum is free again."""
    share.last_day = last_day
    session.flush()
    session.connection().execute(
        sa.update(SharedSource)
        .where(
            col(SharedSource.account_id) == share.account_id,
            col(SharedSource.source_id) == share.source_id,
        )
        .values(permille=col(SharedSource.permille) - share.permille)
    )
    _audit(session, "end", share, acting_user, now)


@signals.on_consent_withdrawn
def end_without_consent(
    session: Session, *, account_id: int, purposes: list[str], now: datetime
) -> None:
    """End the shares whose consent has ended, by whatever way."""
    ended = {item.removeprefix(_PURPOSE) for item in purposes if item.startswith(_PURPOSE)}
    for public_id in sorted(ended):
        share = _locked(session, public_id)
        if share is not None and share.account_id == account_id and share.last_day is None:
            _end(session, share, acting_user=audit.SYSTEM, now=now)


def shares_of(session: Session, *, account_id: int) -> list[Share]:
    """Return the shares of a person, those in force first."""
    return _shares(session, col(Attribution.account_id) == account_id)


def shares_at(session: Session, *, institution_id: int) -> list[Share]:
    """Return the shares that an institution has or had, those in force first; by no name."""
    return _shares(session, col(Attribution.institution_id) == institution_id)


def _shares(session: Session, whose: sa.ColumnElement[bool]) -> list[Share]:
    taken = (
        sa.select(
            col(AttributionTake.attribution_id),
            sa.func.sum(col(AttributionTake.amount_g)).label("g"),
        )
        .group_by(col(AttributionTake.attribution_id))
        .subquery()
    )
    rows = session.execute(
        sa.select(Attribution, Institution, sa.func.coalesce(taken.c.g, 0))
        .join(Institution, col(Institution.id) == col(Attribution.institution_id))
        .outerjoin(taken, taken.c.attribution_id == col(Attribution.id))
        .where(whose)
        .order_by(col(Attribution.last_day).is_not(None), col(Attribution.id))
    ).all()
    names = source_names(session, source_ids={row.source_id for row, _, _ in rows})
    return [
        Share(row, names[row.source_id], institution, int(grams))
        for row, institution, grams in rows
    ]


@tells_committed
def attributed_g(session: Session, account_ids: Collection[int]) -> Mapping[int, int]:
    """Return the certified grams of accounts that institutions took into lots."""
    rows = bulk.select_matching(
        session,
        select=(
            "SELECT a.account_id, t.amount_g FROM {keys} JOIN attribution a "
            "ON a.account_id = k.account_id JOIN attribution_take t ON t.attribution_id = a.id"
        ),
        keys={"account_id": ("bigint", pl.Series(sorted(account_ids), dtype=pl.Int64))},
        schema={"account_id": pl.Int64, "grams": pl.Int64},
    )
    return dict(rows.group_by("account_id").agg(pl.col("grams").sum()).iter_rows())


def _audit(
    session: Session, step: str, share: Attribution, acting_user: Actor, now: datetime
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=f"attribution.{step}",
        subject=f"attribution:{share.public_id}",
        now=now,
        source=share.source_id,
        institution=share.institution_id,
        permille=share.permille,
    )
