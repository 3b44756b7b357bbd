"""A school of the demonstration (示例): its people, its members' code, and one of each thing.

The demonstration shows the sign-in code on the page, so these numbers receive nothing. What the
other subjects of this room show is loaded by modules of their own, named in `_PARTS`.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module

from sqlmodel import Session, col, select

from carbonaccount.accounts import notices, queries, sessions
from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import (
    SignIn,
    new_public_id,
    open_account,
    phone_index,
    resident_actor,
    sign_in_resident,
)
from carbonaccount.accounts.sessions import Owner
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day, day_start
from carbonaccount.crypto import Vault
from carbonaccount.institutions import campaigns, joining, recognition
from carbonaccount.institutions.campaigns import CampaignContent
from carbonaccount.institutions.models import (
    Institution,
    InstitutionKind,
    InstitutionPerson,
    InstitutionStatus,
    Seat,
)
from carbonaccount.institutions.month_parts import part_of, parts_before
from carbonaccount.institutions.trail import note

OWNER_PHONE, CLERK_PHONE = "13800000031", "13800000032"
NAME_ZH, NAME_EN = "示例实验学校", "Example Experimental School"
# A code with a correct check character that no institution has: 999999 is no division.
CREDIT_CODE = "12999999000000000M"
DISTRICT = "370811"
FLOOR_AREA_DM2 = 1_250_000
HEAD_COUNT = 860
TEAMS = ("一年级", "二年级", "三年级", "教职工")
# Modules demo_<area> of this room; each has
# load(session, *, institution, owner, clerk, vault, now), which again changes nothing.
_PARTS: tuple[str, ...] = ("inventory", "events", "offsets", "pools")


@dataclass(frozen=True)
class DemoSchool:
    """The school and the two people who act for it."""

    institution: Institution
    owner: Actor
    clerk: Actor
    now: datetime


def load(session: Session, *, now: datetime, vault: Vault) -> Institution:
    """Load the school and its parts; again changes nothing. The caller commits."""
    owner = _resident(session, OWNER_PHONE, vault, now)
    clerk = _resident(session, CLERK_PHONE, vault, now)
    found = session.exec(select(Institution).where(col(Institution.name_zh) == NAME_ZH)).first()
    institution = found or _school(session, owner, now)
    school = DemoSchool(institution, owner, clerk, now)
    if found is None:
        _furnish(session, school)
    for name in _PARTS:
        part = import_module(f"carbonaccount.institutions.demo_{name}")
        part.load(session, institution=institution, owner=owner, clerk=clerk, vault=vault, now=now)
    return institution


def _school(session: Session, owner: Actor, now: datetime) -> Institution:
    account = open_account(session, kind=AccountKind.INSTITUTION, district_code=DISTRICT, now=now)
    institution = Institution(
        public_id=new_public_id(),
        account_id=account.stored_id,
        kind=InstitutionKind.SCHOOL,
        name_zh=NAME_ZH,
        name_en=NAME_EN,
        credit_code=CREDIT_CODE,
        district_code=DISTRICT,
        floor_area_dm2=FLOOR_AREA_DM2,
        head_count=HEAD_COUNT,
        status=InstitutionStatus.ACTIVE,
        applied_by=owner.id or 0,
        applied_at=now,
        decided_at=now,
    )
    session.add(institution)
    session.flush()
    note(session, institution, "institution.demo", acting_user=owner, now=now)
    return institution


def _furnish(session: Session, school: DemoSchool) -> None:
    for actor, seat in ((school.owner, Seat.OWNER), (school.clerk, Seat.CLERK)):
        session.add(
            InstitutionPerson(
                institution_id=school.institution.stored_id,
                account_id=actor.id or 0,
                seat=seat,
                joined_at=school.now,
            )
        )
    session.flush()
    joining.renew_code(
        session, institution=school.institution, acting_user=school.owner, now=school.now
    )
    for name in TEAMS:
        joining.add_team(
            session,
            institution=school.institution,
            name=name,
            acting_user=school.clerk,
            now=school.now,
        )
    _challenge(session, school)
    _checklist(session, school)


def _challenge(session: Session, school: DemoSchool) -> None:
    # Six parts of months, four of which are over: the first ones have results.
    now_running = part_of(business_day(school.now))
    first = parts_before(now_running, 4)[0].first
    campaigns.begin(
        session,
        institution=school.institution,
        content=CampaignContent(
            name_zh="示例：公交上学",
            name_en="Example: to school by bus",
            behavior="bus_trip",
            first_day=first,
            last_day=now_running.after().last,
            goal_acts=1000,
        ),
        acting_user=school.owner,
        now=day_start(first),
    )


def _checklist(session: Session, school: DemoSchool) -> None:
    case = recognition.start(
        session,
        institution=school.institution,
        scheme="green_school",
        acting_user=school.clerk,
        now=school.now,
    )
    recognition.answer(
        session,
        institution=school.institution,
        case_id=case.public_id,
        criterion="teaching",
        text="示例：一至三年级每两周一节生态课，四月有植树实践。",
        acting_user=school.clerk,
        now=school.now,
    )


def _resident(session: Session, phone: str, vault: Vault, now: datetime) -> Actor:
    """Register a person as the sign-in does, and sign them out again; known ones stay known."""
    known = queries.account_of_phone(session, phone_index(vault, phone))
    if known is not None:
        return resident_actor(known)
    notice = notices.privacy_notice(language="zh", city="", operator="", contact="")
    proven = SignIn(
        phone=phone,
        district_code=DISTRICT,
        locale="zh",
        notice_version=notice.version,
        notice_text=notice.text,
    )
    account, _token = sign_in_resident(session, sign_in=proven, vault=vault, now=now)
    actor = resident_actor(account)
    owner = Owner(account_id=account.stored_id)
    sessions.revoke_all(session, owner=owner, acting_user=actor, now=now)
    return actor
