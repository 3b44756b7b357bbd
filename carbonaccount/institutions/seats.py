"""Who may do what for an institution: the one question every page of an institution asks first.

An institution one has no seat at does not exist for the asker: the answer is the same for a
foreign id as for one that was never given, so that ids cannot be tried.
"""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from carbonaccount.errors import NotFound, Refused
from carbonaccount.institutions.models import (
    Institution,
    InstitutionPerson,
    InstitutionStatus,
    Seat,
)

READERS = frozenset(Seat)
CLERKS = frozenset({Seat.OWNER, Seat.CLERK})
OWNERS = frozenset({Seat.OWNER})


@dataclass(frozen=True)
class Seated:
    """A person at an institution."""

    institution: Institution
    account_id: int
    seat: Seat

    @property
    def institution_id(self) -> int:
        """Return the institution's row id."""
        return self.institution.stored_id

    def may(self, seats: frozenset[Seat]) -> bool:
        """Return whether the person holds one of the seats."""
        return self.seat in seats


def seated(
    session: Session, *, public_id: str, account_id: int, seats: frozenset[Seat] = READERS
) -> Seated:
    """Return a person's seat at an active institution.

    Raises NotFound (unknown_institution) for everybody without a seat there, Refused
    (seat_too_low) for a seat that may not do this.
    """
    found = session.exec(
        select(Institution, InstitutionPerson)
        .join(InstitutionPerson, col(InstitutionPerson.institution_id) == col(Institution.id))
        .where(
            col(Institution.public_id) == public_id,
            col(Institution.status) == InstitutionStatus.ACTIVE,
            col(InstitutionPerson.account_id) == account_id,
            col(InstitutionPerson.active),
        )
    ).first()
    if found is None:
        raise NotFound("unknown_institution")
    institution, person = found
    place = Seated(institution, account_id, Seat(person.seat))
    if not place.may(seats):
        raise Refused("seat_too_low", seat=place.seat)
    return place


def seats_of(session: Session, *, account_id: int) -> list[Seated]:
    """Return all seats of a person at active institutions, by name."""
    rows = session.exec(
        select(Institution, InstitutionPerson)
        .join(InstitutionPerson, col(InstitutionPerson.institution_id) == col(Institution.id))
        .where(
            col(Institution.status) == InstitutionStatus.ACTIVE,
            col(InstitutionPerson.account_id) == account_id,
            col(InstitutionPerson.active),
        )
        .order_by(col(Institution.name_zh), col(Institution.id))
    )
    return [Seated(row, account_id, Seat(person.seat)) for row, person in rows]
