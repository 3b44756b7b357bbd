"""Members: residents who agree to be counted with an institution, and leave when they like.

The institution sees how many they are and what at least ten of them did together, never who. The
consent is kept like every other one; withdrawing it anywhere ends the membership.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from carbonaccount import audit, signals
from carbonaccount.accounts.models import Consent
from carbonaccount.accounts.services import give_consent, withdraw_consent
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions import attribution_ends
from carbonaccount.institutions.access_codes import cleaned, new_code
from carbonaccount.institutions.models import (
    Institution,
    InstitutionJoinCode,
    InstitutionMember,
    InstitutionStatus,
    InstitutionTeam,
)
from carbonaccount.institutions.trail import note

CODE_LENGTH = 12
NOTICE_VERSION = "2026-11-22"
LONGEST_TEAM = 40
MOST_TEAMS = 200
WEB_CHANNEL = "web"
_CONSENT = "institution:"


class Membership(NamedTuple):
    """A resident's membership and the institution it is of."""

    member: InstitutionMember
    institution: Institution


class TeamSize(NamedTuple):
    """A team and how many members chose it."""

    team: InstitutionTeam
    members: int


def consent_purpose(institution: Institution) -> str:
    """Return under which purpose a member's consent is kept."""
    return f"{_CONSENT}{institution.public_id}"


def institutions_named(purposes: Collection[str]) -> set[str]:
    """Return the public ids of the institutions that purposes of consents are about."""
    return {purpose.removeprefix(_CONSENT) for purpose in purposes if purpose.startswith(_CONSENT)}


def renew_code(
    session: Session, *, institution: Institution, acting_user: Actor, now: datetime
) -> InstitutionJoinCode:
    """Give an institution a code for its members; the old one ends at once."""
    row = session.get(InstitutionJoinCode, institution.stored_id)
    if row is None:
        row = InstitutionJoinCode(
            institution_id=institution.stored_id, code=new_code(CODE_LENGTH), created_at=now
        )
    row.code, row.created_at = new_code(CODE_LENGTH), now
    session.add(row)
    session.flush()
    note(session, institution, "institution.join_code", acting_user=acting_user, now=now)
    return row


def code_of(session: Session, *, institution_id: int) -> str | None:
    """Return the code that an institution shows to its members, None before the first."""
    row = session.get(InstitutionJoinCode, institution_id)
    return None if row is None else row.code


def find_by_code(session: Session, *, code: str) -> Institution:
    """Return the active institution of a code. Raises NotFound (join_code_unknown)."""
    found = session.exec(
        select(Institution)
        .join(InstitutionJoinCode, col(InstitutionJoinCode.institution_id) == col(Institution.id))
        .where(
            col(InstitutionJoinCode.code) == cleaned(code),
            col(Institution.status) == InstitutionStatus.ACTIVE,
        )
    ).first()
    if found is None:
        raise NotFound("join_code_unknown")
    return found


def membership(
    session: Session, *, institution_id: int, account_id: int
) -> InstitutionMember | None:
    """Return a resident's membership that is in force, None when there is none."""
    return session.exec(
        select(InstitutionMember).where(
            col(InstitutionMember.institution_id) == institution_id,
            col(InstitutionMember.account_id) == account_id,
            col(InstitutionMember.last_day).is_(None),
        )
    ).first()


def join(
    session: Session,
    *,
    code: str,
    team: str,
    agreed: bool,
    notice_text: str,
    acting_user: Actor,
    now: datetime,
) -> Institution:
    """Count a resident with the institution of a code, from today on.

    notice_text: what the page said, of which the consent keeps the hash. Raises NotFound
    (join_code_unknown), Invalid (member_consent_needed, unknown_team), Conflict (already_member).
    """
    institution = find_by_code(session, code=code)
    if not agreed:
        raise Invalid("member_consent_needed", field="agree")
    _check_team(session, institution, team)
    account_id = acting_user.id or 0
    _add_once(
        session,
        InstitutionMember(
            institution_id=institution.stored_id,
            account_id=account_id,
            team=team,
            first_day=business_day(now),
            consented_at=now,
            notice_version=NOTICE_VERSION,
        ),
    )
    give_consent(
        session,
        account_id=account_id,
        purpose=consent_purpose(institution),
        version=NOTICE_VERSION,
        text=notice_text,
        channel=WEB_CHANNEL,
        acting_user=acting_user,
        now=now,
    )
    _count_anew(session, account_id, now)
    return institution


def _check_team(session: Session, institution: Institution, team: str) -> None:
    teams = [row.team.name for row in teams_of(session, institution_id=institution.stored_id)]
    if (team or teams) and team not in teams:
        raise Invalid("unknown_team", field="team")


def _add_once(session: Session, member: InstitutionMember) -> None:
    try:
        with session.begin_nested():
            session.add(member)
            session.flush()  # A membership in force shows itself here, inside the savepoint.
    except IntegrityError:
        raise Conflict("already_member") from None


def change_team(
    session: Session, *, public_id: str, team: str, acting_user: Actor, now: datetime
) -> None:
    """Let a member choose another class or department. Raises NotFound, Invalid (unknown_team)."""
    institution, member = _own(session, public_id, acting_user)
    _check_team(session, institution, team)
    member.team = team
    session.flush()
    _note_member(session, "member.team", institution, acting_user, now)


def leave(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> None:
    """End a membership at once. Raises NotFound (not_a_member)."""
    institution, _member = _own(session, public_id, acting_user)
    ended = withdraw_consent(
        session,
        account_id=acting_user.id or 0,
        purpose=consent_purpose(institution),
        acting_user=acting_user,
        now=now,
    )
    if not ended:
        raise NotFound("not_a_member")


def _own(
    session: Session, public_id: str, acting_user: Actor
) -> tuple[Institution, InstitutionMember]:
    found = session.exec(
        select(Institution, InstitutionMember)
        .join(InstitutionMember, col(InstitutionMember.institution_id) == col(Institution.id))
        .where(
            col(Institution.public_id) == public_id,
            col(InstitutionMember.account_id) == (acting_user.id or 0),
            col(InstitutionMember.last_day).is_(None),
        )
    ).first()
    if found is None:
        raise NotFound("not_a_member")
    return found


@signals.on_consent_withdrawn
def end_memberships(
    session: Session, *, account_id: int, purposes: list[str], now: datetime
) -> None:
    """End the memberships whose consent has ended, by whatever way.

    The last day is the day before, so that nothing of today is counted; whoever joined today and
    leaves again was never counted at all.
    """
    wanted = institutions_named(purposes)
    if not wanted:
        return
    # Locked, so that no share is begun on the strength of the membership meanwhile.
    left = session.exec(
        select(Institution)
        .where(col(Institution.public_id).in_(wanted))
        .order_by(col(Institution.id))
        .with_for_update(key_share=True)
    ).all()
    _end(
        session,
        now,
        col(InstitutionMember.account_id) == account_id,
        col(InstitutionMember.institution_id).in_([row.stored_id for row in left]),
    )
    for institution in left:
        attribution_ends.end_untied(
            session, institution=institution, acting_user=audit.SYSTEM, now=now
        )


def _count_anew(session: Session, account_id: int, now: datetime) -> None:
    """Say that what a person did today counts with other institutions than it did."""
    today = business_day(now)
    signals.membership_changed(session, account_id=account_id, first_day=today, last_day=today)


def _end(session: Session, now: datetime, *whose: sa.ColumnElement[bool]) -> None:
    today = business_day(now)
    standing = (*whose, col(InstitutionMember.last_day).is_(None))
    members = session.exec(select(col(InstitutionMember.account_id)).where(*standing)).all()
    session.exec(
        sa.delete(InstitutionMember).where(*standing, col(InstitutionMember.first_day) >= today)
    )
    session.exec(
        sa.update(InstitutionMember).where(*standing).values(last_day=today - timedelta(days=1))
    )
    for account_id in members:
        _count_anew(session, account_id, now)


def end_all(session: Session, *, institution: Institution, now: datetime) -> None:
    """End all memberships and their consents when an institution closes."""
    _end(session, now, col(InstitutionMember.institution_id) == institution.id)
    session.exec(
        sa.update(Consent)
        .where(
            col(Consent.purpose) == consent_purpose(institution),
            col(Consent.withdrawn_at).is_(None),
        )
        .values(withdrawn_at=now)
    )


def memberships_of(session: Session, *, account_id: int) -> list[Membership]:
    """Return the institutions with which a resident is counted now, by name."""
    rows = session.exec(
        select(InstitutionMember, Institution)
        .join(Institution, col(Institution.id) == col(InstitutionMember.institution_id))
        .where(
            col(InstitutionMember.account_id) == account_id,
            col(InstitutionMember.last_day).is_(None),
        )
        .order_by(col(Institution.name_zh), col(Institution.id))
    )
    return [Membership(*row) for row in rows]


def member_count(session: Session, *, institution_id: int) -> int:
    """Return how many residents are counted with an institution now."""
    return session.exec(
        select(sa.func.count())
        .select_from(InstitutionMember)
        .where(
            col(InstitutionMember.institution_id) == institution_id,
            col(InstitutionMember.last_day).is_(None),
        )
    ).one()


def teams_of(session: Session, *, institution_id: int) -> list[TeamSize]:
    """Return the teams that can be chosen, by name, with their members."""
    rows = session.exec(
        select(InstitutionTeam, sa.func.count(col(InstitutionMember.id)))
        .outerjoin(
            InstitutionMember,
            sa.and_(
                col(InstitutionMember.institution_id) == col(InstitutionTeam.institution_id),
                col(InstitutionMember.team) == col(InstitutionTeam.name),
                col(InstitutionMember.last_day).is_(None),
            ),
        )
        .where(col(InstitutionTeam.institution_id) == institution_id, col(InstitutionTeam.active))
        .group_by(*InstitutionTeam.__table__.c)  # type: ignore[attr-defined]
        .order_by(col(InstitutionTeam.name))
    )
    return [TeamSize(*row) for row in rows]


def add_team(
    session: Session, *, institution: Institution, name: str, acting_user: Actor, now: datetime
) -> None:
    """Add a class or department.

    Raises Invalid (team_name, too_many_teams), Conflict (team_exists).
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_TEAM:
        raise Invalid("team_name", field="team", limit=LONGEST_TEAM)
    known = {
        row.name: row
        for row in session.exec(
            select(InstitutionTeam).where(col(InstitutionTeam.institution_id) == institution.id)
        )
    }
    if name in known and known[name].active:
        raise Conflict("team_exists", field="team")
    if sum(row.active for row in known.values()) >= MOST_TEAMS:
        raise Invalid("too_many_teams", field="team", limit=MOST_TEAMS)
    row = known.get(name) or InstitutionTeam(institution_id=institution.stored_id, name=name)
    row.active = True
    session.add(row)
    session.flush()
    note(session, institution, "institution.team", acting_user=acting_user, now=now, team=row.id)


def end_team(
    session: Session, *, institution: Institution, team_id: int, acting_user: Actor, now: datetime
) -> None:
    """Take a team off the choice; its members stay members, without a team of the list.

    Raises NotFound (unknown_team).
    """
    row = session.get(InstitutionTeam, team_id)
    if row is None or row.institution_id != institution.id or not row.active:
        raise NotFound("unknown_team")
    row.active = False
    session.flush()
    note(
        session, institution, "institution.end_team", acting_user=acting_user, now=now, team=row.id
    )


def _note_member(
    session: Session, action: str, institution: Institution, acting_user: Actor, now: datetime
) -> None:
    # The subject is the resident: the trail of an institution must not list its members.
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=str(acting_user),
        now=now,
        institution=institution.public_id,
    )
