"""The people who keep an institution's figures: invited by a code, changed and removed by owners.

An institution always has an owner: whoever would leave none is refused, whatever two owners do at
the same moment.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, Resident
from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions import attribution_ends
from carbonaccount.institutions.access_codes import cleaned, new_code
from carbonaccount.institutions.applications import check_facts, locked
from carbonaccount.institutions.models import (
    Institution,
    InstitutionInvitation,
    InstitutionPerson,
    InstitutionStatus,
    Seat,
)
from carbonaccount.institutions.trail import note

INVITATION_LIFE = timedelta(days=1)
INVITATION_LENGTH = 12
_PURPOSE = "institution:invitation"
_RANK = {Seat.READER: 0, Seat.CLERK: 1, Seat.OWNER: 2}


class Person(NamedTuple):
    """A person of an institution as its owners see them."""

    account_id: int
    public_id: str
    phone_tail: str
    seat: str
    joined_at: datetime


def invite(
    session: Session,
    *,
    institution: Institution,
    seat: str,
    vault: Vault,
    acting_user: Actor,
    now: datetime,
) -> str:
    """Return a code with which one person takes a seat within a day; only its hash is stored.

    Raises Invalid (unknown_seat).
    """
    wanted = _seat(seat)
    code = new_code(INVITATION_LENGTH)
    session.add(
        InstitutionInvitation(
            code_hash=vault.index(code, purpose=_PURPOSE),
            institution_id=institution.stored_id,
            seat=wanted,
            created_at=now,
            expires_at=now + INVITATION_LIFE,
        )
    )
    note(session, institution, "institution.invite", acting_user=acting_user, now=now, seat=wanted)
    return code


def _seat(seat: str) -> Seat:
    if seat not in set(Seat):
        raise Invalid("unknown_seat", field="seat")
    return Seat(seat)


def take_seat(
    session: Session, *, code: str, vault: Vault, acting_user: Actor, now: datetime
) -> Institution:
    """Give the person who types an invitation its seat.

    Raises Invalid (seat_invitation_bad): unknown, used, ended, late, or of an institution that
    closed. The statement that marks the code as used is the guard: two people with one code, and
    one gets in. Whoever is the first ends all other codes, which were all for the first owner.
    """
    code_hash = vault.index(cleaned(code), purpose=_PURPOSE)
    institution = _inviting(session, code_hash)
    used = session.exec(
        sa.update(InstitutionInvitation)
        .where(
            col(InstitutionInvitation.code_hash) == code_hash,
            col(InstitutionInvitation.used_at).is_(None),
            col(InstitutionInvitation.expires_at) > now,
        )
        .values(used_at=now)
        .returning(col(InstitutionInvitation.institution_id), col(InstitutionInvitation.seat))
    ).first()
    if used is None or institution is None or institution.status != InstitutionStatus.ACTIVE:
        raise Invalid("seat_invitation_bad", field="code")
    if not people_of(session, institution_id=institution.stored_id):
        end_invitations(session, institution=institution, now=now)
    _seat_person(session, institution, acting_user.id or 0, Seat(used[1]), now)
    note(
        session,
        institution,
        "institution.take_seat",
        acting_user=acting_user,
        now=now,
        seat=used[1],
    )
    return institution


def _inviting(session: Session, code_hash: str) -> Institution | None:
    """Return whose code it is, locked: two codes for the first owner are used one by one."""
    public_id = session.exec(
        select(col(Institution.public_id))
        .join(
            InstitutionInvitation,
            col(InstitutionInvitation.institution_id) == col(Institution.id),
        )
        .where(col(InstitutionInvitation.code_hash) == code_hash)
    ).first()
    return None if public_id is None else locked(session, public_id=public_id)


def end_invitations(session: Session, *, institution: Institution, now: datetime) -> None:
    """End the codes of an institution that nobody has used yet."""
    session.exec(
        sa.update(InstitutionInvitation)
        .where(
            col(InstitutionInvitation.institution_id) == institution.stored_id,
            col(InstitutionInvitation.used_at).is_(None),
            col(InstitutionInvitation.expires_at) > now,
        )
        .values(expires_at=now)
    )


def _seat_person(
    session: Session, institution: Institution, account_id: int, seat: Seat, now: datetime
) -> None:
    """Write the seat; who sits higher already does not become less by a lower code."""
    person = session.get(InstitutionPerson, (institution.stored_id, account_id))
    if person is None:
        session.add(
            InstitutionPerson(
                institution_id=institution.stored_id,
                account_id=account_id,
                seat=seat,
                joined_at=now,
            )
        )
    elif not person.active:
        person.seat, person.active, person.joined_at = seat, True, now
    elif _RANK[seat] > _RANK[Seat(person.seat)]:
        person.seat = seat
    session.flush()


def change_seat(
    session: Session,
    *,
    institution: Institution,
    person_public_id: str,
    seat: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Give a person another seat.

    Raises NotFound (unknown_person), Invalid (unknown_seat), Conflict (last_institution_owner).
    """
    person = _person_to_change(session, institution, person_public_id)
    wanted = _seat(seat)
    if person.seat == Seat.OWNER and wanted is not Seat.OWNER:
        _refuse_last_owner(session, institution)
    before, person.seat = person.seat, wanted
    session.flush()
    note(
        session,
        institution,
        "institution.change_seat",
        acting_user=acting_user,
        now=now,
        account=person.account_id,
        before=before,
        after=wanted,
    )


def remove(
    session: Session,
    *,
    institution: Institution,
    person_public_id: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Take a person's seat away at once; also how a person gives up their own.

    Raises NotFound (unknown_person), Conflict (last_institution_owner).
    """
    person = _person_to_change(session, institution, person_public_id)
    if person.seat == Seat.OWNER:
        _refuse_last_owner(session, institution)
    person.active = False
    attribution_ends.end_untied(session, institution=institution, acting_user=acting_user, now=now)
    note(
        session,
        institution,
        "institution.remove_person",
        acting_user=acting_user,
        now=now,
        account=person.account_id,
    )


def _person_to_change(
    session: Session, institution: Institution, public_id: str
) -> InstitutionPerson:
    """Return a person's seat, with the institution locked against other changes of its people."""
    locked(session, public_id=institution.public_id)
    found = session.exec(
        select(InstitutionPerson)
        .join(Account, col(Account.id) == col(InstitutionPerson.account_id))
        .where(
            col(InstitutionPerson.institution_id) == institution.id,
            col(InstitutionPerson.active),
            col(Account.public_id) == public_id,
        )
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise NotFound("unknown_person")
    return found


def _refuse_last_owner(session: Session, institution: Institution) -> None:
    owners = session.exec(
        select(sa.func.count())
        .select_from(InstitutionPerson)
        .where(
            col(InstitutionPerson.institution_id) == institution.id,
            col(InstitutionPerson.seat) == Seat.OWNER,
            col(InstitutionPerson.active),
        )
    ).one()
    if owners == 1:
        raise Conflict("last_institution_owner")


def people_of(session: Session, *, institution_id: int) -> list[Person]:
    """Return who has a seat, in the order in which they came."""
    rows = session.exec(
        select(InstitutionPerson, col(Account.public_id), col(Resident.phone_tail))
        .join(Account, col(Account.id) == col(InstitutionPerson.account_id))
        .outerjoin(Resident, col(Resident.account_id) == col(Account.id))
        .where(
            col(InstitutionPerson.institution_id) == institution_id, col(InstitutionPerson.active)
        )
        .order_by(col(InstitutionPerson.joined_at), col(InstitutionPerson.account_id))
    )
    return [
        Person(seat.account_id, public_id, tail or "", seat.seat, seat.joined_at)
        for seat, public_id, tail in rows
    ]


def change_facts(
    session: Session,
    *,
    institution: Institution,
    name_en: str,
    district_code: str | None,
    floor_area_dm2: int,
    head_count: int,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Change what an owner may change; the Chinese name and the code only the city changes.

    Raises Invalid naming the field.
    """
    check_facts(
        session,
        name_en=name_en,
        district_code=district_code,
        floor_area_dm2=floor_area_dm2,
        head_count=head_count,
    )
    institution.name_en = name_en.strip()
    institution.district_code = district_code
    institution.floor_area_dm2, institution.head_count = floor_area_dm2, head_count
    session.flush()
    note(
        session,
        institution,
        "institution.facts",
        acting_user=acting_user,
        now=now,
        floor_area_dm2=floor_area_dm2,
        head_count=head_count,
        district=district_code,
    )
