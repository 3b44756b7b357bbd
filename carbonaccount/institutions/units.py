"""Units that belong to another: a child's owner asks, the parent's owner confirms.

A parent sees the totals of the children that belong to it, nothing else of them. Either side ends
it at once.
"""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.database import is_sqlite
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions.models import (
    BelongingStatus,
    Institution,
    InstitutionBelonging,
    InstitutionStatus,
)
from carbonaccount.institutions.trail import note

# One lock for all family trees: answering is rare, and circles can span any number of units.
_TREE_LOCK = 0x756E697473


class Wish(NamedTuple):
    """A belonging and the unit on its other side."""

    belonging: InstitutionBelonging
    other: Institution


def find_unit(session: Session, *, written: str) -> Institution:
    """Return an active institution by its unit number or credit code.

    Raises Invalid (unknown_parent) at the field parent.
    """
    key = "".join(written.split())
    if not key:
        raise Invalid("unknown_parent", field="parent")
    found = session.exec(
        select(Institution).where(
            col(Institution.status) == InstitutionStatus.ACTIVE,
            sa.or_(col(Institution.public_id) == key, col(Institution.credit_code) == key.upper()),
        )
    ).first()
    if found is None:
        raise Invalid("unknown_parent", field="parent")
    return found


def remember_wish(
    session: Session, *, child: Institution, parent: Institution, now: datetime
) -> InstitutionBelonging:
    """Write down that a unit wishes to belong to another; shown once the child is active."""
    wish = InstitutionBelonging(child_id=child.stored_id, parent_id=parent.stored_id, asked_at=now)
    try:
        with session.begin_nested():
            session.add(wish)
            session.flush()  # A second open wish shows itself here, inside the savepoint.
    except IntegrityError:
        raise Conflict("belonging_open", field="parent") from None
    return wish


def ask(
    session: Session, *, child: Institution, written: str, acting_user: Actor, now: datetime
) -> InstitutionBelonging:
    """Ask to belong to the unit whose number or code was written.

    Raises Invalid (unknown_parent, own_parent), Conflict (belonging_open, belonging_circle).
    """
    parent = find_unit(session, written=written)
    if parent.id == child.id:
        raise Invalid("own_parent", field="parent")
    _refuse_circle(session, child=child, parent=parent)
    wish = remember_wish(session, child=child, parent=parent, now=now)
    note(
        session,
        child,
        "institution.ask_parent",
        acting_user=acting_user,
        now=now,
        parent=parent.public_id,
    )
    return wish


def answer(
    session: Session,
    *,
    parent: Institution,
    belonging_id: int,
    agreed: bool,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Confirm or refuse a wish.

    Raises NotFound (unknown_belonging), Conflict (belonging_answered, belonging_circle).
    """
    _lock_trees(session)
    wish = _locked(session, belonging_id)
    if wish.parent_id != parent.id:
        raise NotFound("unknown_belonging")
    if wish.status != BelongingStatus.ASKED:
        raise Conflict("belonging_answered")
    child = session.get_one(Institution, wish.child_id, populate_existing=True)
    wish.status = BelongingStatus.AGREED if agreed else BelongingStatus.REFUSED
    wish.answered_at = now
    if agreed:
        _refuse_circle(session, child=child, parent=parent)
        child.parent_id = parent.stored_id
    session.flush()
    action = "institution.agree_child" if agreed else "institution.refuse_child"
    note(session, parent, action, acting_user=acting_user, now=now, child=child.public_id)


def end(
    session: Session,
    *,
    institution: Institution,
    belonging_id: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    """End a belonging, or take a wish back, from either side; the totals are shown no more.

    Raises NotFound for a belonging of others, Conflict (belonging_answered) for one that ended.
    """
    _lock_trees(session)
    wish = _locked(session, belonging_id)
    if institution.id not in (wish.parent_id, wish.child_id):
        raise NotFound("unknown_belonging")
    if wish.status not in (BelongingStatus.ASKED, BelongingStatus.AGREED):
        raise Conflict("belonging_answered")
    _end(session, wish, now)
    note(
        session,
        institution,
        "institution.end_belonging",
        acting_user=acting_user,
        now=now,
        belonging=belonging_id,
    )


def end_all(session: Session, *, institution: Institution, now: datetime) -> None:
    """End all belongings of a unit that closes, upwards and downwards."""
    _lock_trees(session)
    rows = session.exec(
        select(InstitutionBelonging).where(
            sa.or_(
                col(InstitutionBelonging.child_id) == institution.id,
                col(InstitutionBelonging.parent_id) == institution.id,
            ),
            col(InstitutionBelonging.status).in_((BelongingStatus.ASKED, BelongingStatus.AGREED)),
        )
    ).all()
    for row in rows:
        _end(session, row, now)


def _end(session: Session, wish: InstitutionBelonging, now: datetime) -> None:
    if wish.status == BelongingStatus.AGREED:
        child = session.get_one(Institution, wish.child_id, populate_existing=True)
        child.parent_id = None
    wish.status, wish.ended_at = BelongingStatus.ENDED, now
    session.flush()


def _locked(session: Session, belonging_id: int) -> InstitutionBelonging:
    found = session.exec(
        select(InstitutionBelonging)
        .where(col(InstitutionBelonging.id) == belonging_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise NotFound("unknown_belonging")
    return found


def _lock_trees(session: Session) -> None:
    if not is_sqlite(session):
        session.connection().execute(sa.select(sa.func.pg_advisory_xact_lock(_TREE_LOCK)))


def _refuse_circle(session: Session, *, child: Institution, parent: Institution) -> None:
    """Raise Conflict (belonging_circle) when the child stands above the parent already."""
    above: int | None = parent.id
    while above is not None:
        if above == child.id:
            raise Conflict("belonging_circle", field="parent")
        above = session.exec(
            select(col(Institution.parent_id)).where(col(Institution.id) == above)
        ).one()


def wish_of(session: Session, *, institution_id: int) -> Wish | None:
    """Return the parent a unit belongs to or has asked, None when there is neither."""
    found = session.exec(
        select(InstitutionBelonging, Institution)
        .join(Institution, col(Institution.id) == col(InstitutionBelonging.parent_id))
        .where(
            col(InstitutionBelonging.child_id) == institution_id,
            col(InstitutionBelonging.status).in_((BelongingStatus.ASKED, BelongingStatus.AGREED)),
        )
    ).first()
    return None if found is None else Wish(*found)


def wishes_to(session: Session, *, institution_id: int, status: BelongingStatus) -> list[Wish]:
    """Return the active units that asked to belong to an institution, or that do; by name."""
    rows = session.exec(
        select(InstitutionBelonging, Institution)
        .join(Institution, col(Institution.id) == col(InstitutionBelonging.child_id))
        .where(
            col(InstitutionBelonging.parent_id) == institution_id,
            col(InstitutionBelonging.status) == status,
            col(Institution.status) == InstitutionStatus.ACTIVE,
        )
        .order_by(col(Institution.name_zh), col(Institution.id))
    )
    return [Wish(*row) for row in rows]
