"""One of everything that an institution can have and the demonstration's school has not."""

from datetime import date

from sqlmodel import Session, select

from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import open_account
from carbonaccount.clock import utc_now
from carbonaccount.institutions.inventory_models import (
    Inventory,
    InventoryEvidence,
    InventoryLine,
)
from carbonaccount.institutions.models import Institution, InstitutionBelonging
from carbonaccount.institutions.neutrality_models import NeutralityStatement, PlanMeasure
from carbonaccount.institutions.offset_models import Attribution, Plantation, SurvivalCheck
from carbonaccount.institutions.recognition_models import RecognitionCase, RecognitionFile

DAY = date(2026, 3, 1)


def give_everything(session: Session, school: Institution, parents_code: str) -> None:
    """Give the school a parent, evidence, an inventory, a statement, trees and a share."""
    _parent(session, school, parents_code)
    _recognition(session, school)
    _inventory(session, school)
    _neutrality(session, school)
    _trees(session, school)
    session.add(
        Attribution(
            public_id="their-share",
            account_id=school.applied_by,
            source_id=1,
            institution_id=school.stored_id,
            role="staff",
            permille=1,
            first_day=DAY,
            begun_at=utc_now(),
        )
    )
    session.flush()


def _parent(session: Session, school: Institution, code: str) -> None:
    account = open_account(session, kind=AccountKind.INSTITUTION, district_code=None, now=utc_now())
    parent = Institution(
        public_id="their-parent",
        account_id=account.stored_id,
        kind="agency",
        name_zh="示例教育局",
        credit_code=code,
        status="active",
        applied_by=school.applied_by,
        applied_at=utc_now(),
    )
    session.add(parent)
    session.flush()
    session.add(
        InstitutionBelonging(
            child_id=school.stored_id, parent_id=parent.stored_id, asked_at=utc_now()
        )
    )


def _recognition(session: Session, school: Institution) -> None:
    case = session.exec(select(RecognitionCase)).one()
    session.add(
        RecognitionFile(
            case_id=case.stored_id,
            criterion="teaching",
            title="plan.pdf",
            file_name="plan.pdf",
            sha256="0" * 64,
            size_bytes=1,
            added_by=school.applied_by,
            added_at=utc_now(),
        )
    )


def _inventory(session: Session, school: Institution) -> None:
    year = Inventory(institution_id=school.stored_id, year=2019, created_at=utc_now())
    session.add(year)
    session.add(
        InventoryEvidence(
            public_id="their-bill",
            institution_id=school.stored_id,
            sha256="0" * 64,
            name="bill.pdf",
            kind="pdf",
            size_bytes=1,
            uploaded_by=school.applied_by,
            uploaded_at=utc_now(),
        )
    )
    session.flush()
    session.add(
        InventoryLine(
            inventory_id=year.stored_id,
            month=1,
            factor_code="grid.shandong",
            factor_version=1,
            factor_value="0.6191",
            factor_unit="kgCO2/kWh",
            entered_unit="kWh",
            entered_amount="1",
            amount="1",
            changed_at=utc_now(),
        )
    )


def _neutrality(session: Session, school: Institution) -> None:
    session.add(
        PlanMeasure(
            public_id="their-measure",
            institution_id=school.stored_id,
            year=2019,
            area="power",
            title="led",
            expected_g=1,
            changed_at=utc_now(),
        )
    )
    session.add(
        NeutralityStatement(
            public_id="their-statement",
            institution_id=school.stored_id,
            year=2019,
            inventory_id=1,
            inventory_version=1,
            drafted_by=school.applied_by,
            drafted_at=utc_now(),
        )
    )


def _trees(session: Session, school: Institution) -> None:
    wood = Plantation(
        public_id="their-wood",
        institution_id=school.stored_id,
        place="南四湖",
        species="国槐",
        area_m2=1,
        trees=1,
        planted_on=DAY,
        likeness="1" * 64,
        evidence_sha256="1" * 64,
        evidence_file="1.pdf",
        added_at=utc_now(),
    )
    session.add(wood)
    session.flush()
    session.add(
        SurvivalCheck(
            plantation_id=wood.id or 0,
            checked_on=DAY,
            living=1,
            evidence_sha256="2" * 64,
            evidence_file="2.pdf",
            added_at=utc_now(),
        )
    )
