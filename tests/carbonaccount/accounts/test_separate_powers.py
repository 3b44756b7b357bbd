"""三员分立: who runs the system, who grants access and who audits are three people."""

from itertools import combinations

import pytest
from flask import Flask
from sqlmodel import Session, select

from carbonaccount.accounts.models import StaffRole
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import find_staff, set_roles
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from carbonaccount.errors import Invalid
from tests.people import add_dana

POWERS = (Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR)


@pytest.mark.parametrize("pair", list(combinations(POWERS, 2)), ids=str)
def test_no_member_of_staff_begins_with_two_powers(app: Flask, pair: tuple[Role, Role]) -> None:
    with pytest.raises(Invalid) as refused:
        add_dana(app, Role.OPERATOR, *pair)
    assert refused.value.code == "roles_clash"
    assert refused.value.params["roles"] == ", ".join(sorted(pair))


def test_a_second_power_is_refused_and_the_first_stays(app: Flask, session: Session) -> None:
    session.rollback()  # Dana is added by another connection, which waits for this one on SQLite.
    add_dana(app, Role.AUDITOR)
    dana = find_staff(session, login="dana")
    with pytest.raises(Invalid, match="roles_clash"):
        set_roles(
            session,
            staff=dana,
            roles=frozenset({Role.AUDITOR, Role.SYSTEM_ADMIN}),
            acting_user=SYSTEM,
            now=utc_now(),
        )
    assert session.exec(select(StaffRole.role)).all() == ["auditor"]


def test_one_power_goes_with_everyday_roles(app: Flask, session: Session) -> None:
    session.rollback()
    add_dana(app, Role.SYSTEM_ADMIN, Role.OPERATOR, Role.RULE_EDITOR)
    held = set(session.exec(select(StaffRole.role)).all())
    assert held == {"system_admin", "operator", "rule_editor"}


def test_no_role_at_all_is_refused(app: Flask, session: Session) -> None:
    session.rollback()
    add_dana(app, Role.AUDITOR)
    with pytest.raises(Invalid, match="role_needed"):
        set_roles(
            session,
            staff=find_staff(session, login="dana"),
            roles=frozenset(),
            acting_user=SYSTEM,
            now=utc_now(),
        )
