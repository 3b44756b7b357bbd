"""`flask institutions list`."""

from flask import Flask
from sqlmodel import Session

from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account, resident_actor
from carbonaccount.clock import utc_now
from carbonaccount.institutions import applications
from tests.carbonaccount.institutions.places import CODE_X, add_officer, admitted, content


def test_institutions_are_listed_by_state_and_kind(app: Flask, session: Session) -> None:
    account = open_account(session, kind=AccountKind.PERSON, district_code=None, now=utc_now())
    person = resident_actor(account)
    school = admitted(session, applicant=person, officer=add_officer(app, session))
    family = applications.apply(
        session,
        content=content(kind="family", name_zh="示例家庭", credit_code=""),
        acting_user=person,
        now=utc_now(),
    )
    session.commit()
    run = app.test_cli_runner().invoke
    assert run(args=["institutions", "list"]).output.splitlines() == [
        f"{school.public_id}\tactive\tschool\t{CODE_X}\t1\t0\t示例学校",
        f"{family.public_id}\tapplied\tfamily\t-\t0\t0\t示例家庭",
        "institutions=2",
    ]
    waiting = run(args=["institutions", "list", "--status", "applied"]).output.splitlines()
    assert waiting[-1] == "institutions=1"
    assert run(args=["institutions", "list", "--kind", "market"]).output == "institutions=0\n"
    assert run(args=["institutions", "list", "--kind", "castle"]).exit_code == 2
