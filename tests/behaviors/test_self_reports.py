"""Residents' own reports: a batch of one through the same door."""

import secrets
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlmodel import Session, col, select

from behaviors.intake.door import ItemResult
from behaviors.models import ActivityRecord, EvidencePhoto, SourceSubject
from behaviors.services import report_act
from carbonaccount.audit import SYSTEM
from carbonaccount.errors import Conflict, DomainError, Invalid, NotFound
from carbonaccount.ledger.models import Unit
from tests.behaviors.intake.arranging import NOW, balance, broken, open_person, rows_of

MORNING = datetime(2026, 3, 2, tzinfo=UTC)


class Reporter:
    """A resident who reports by form."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder
        self.account_id = open_person(session)

    def report(self, km: object = "3", **changes: Any) -> ItemResult:
        usual: dict[str, Any] = {
            "account_id": self.account_id,
            "behavior": "bike_ride",
            "activity": {"distance_km": km},
            "occurred_at": MORNING,
            "photo": None,
            "photo_folder": self.folder,
            "form_token": secrets.token_urlsafe(16),
            "acting_user": SYSTEM,
            "now": NOW,
        }
        return report_act(self.session, **{**usual, **changes})

    def refusal(self, error: type[DomainError], **changes: Any) -> tuple[str, object]:
        with pytest.raises(error) as refused:
            self.report(**changes)
        return refused.value.code, refused.value.params.get("field")


@pytest.fixture
def reporter(session: Session, tmp_path: Path) -> Reporter:
    return Reporter(session, tmp_path / "photos")


def picture() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 48), (10, 200, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def test_what_is_told_without_evidence_earns_a_quarter_and_no_grams(
    session: Session, reporter: Reporter
) -> None:
    result = reporter.report("10")
    # 487 g, a quarter of which is 121.75 credits.
    assert (result.status, result.code, result.reduction_g, result.credits) == (
        *("accepted", "ok"),
        *(0, 121),
    )
    assert balance(session, reporter.account_id, Unit.CREDIT) == 121
    assert balance(session, reporter.account_id, Unit.G) == 0
    assert broken(session) == {}


def test_the_button_pressed_twice_books_once(session: Session, reporter: Reporter) -> None:
    first = reporter.report(form_token="form-1")
    second = reporter.report(form_token="form-1")
    assert (first.status, second.status) == ("accepted", "duplicate")
    assert first.record_id == second.record_id
    assert reporter.refusal(Conflict, form_token="form-1", km="4") == ("form_sent_before", None)
    assert rows_of(session, ActivityRecord) == 1
    assert rows_of(session, SourceSubject) == 1


def test_a_photo_is_kept_with_the_held_record_and_sent_again_kept_once(
    session: Session, reporter: Reporter
) -> None:
    for status in ("held", "duplicate"):
        assert reporter.report(form_token="form-1", photo=picture()).status == status
    photo = session.exec(select(EvidencePhoto)).one()
    record = session.exec(select(ActivityRecord)).one()
    assert (photo.record_id, record.status, record.evidence) == (record.id, "h", "C")
    assert [path.name for path in reporter.folder.rglob("*") if path.is_file()] == [
        Path(photo.file_name).name
    ]
    assert balance(session, reporter.account_id, Unit.CREDIT) == 0
    assert broken(session) == {}


def test_refusals_name_the_field(session: Session, reporter: Reporter) -> None:
    assert reporter.refusal(Invalid, km="ten") == ("not_a_number", "distance_km")
    assert reporter.refusal(Invalid, km="-1") == ("out_of_range", "distance_km")
    assert reporter.refusal(Invalid, km="0")[0] == "amount_zero"
    assert reporter.refusal(Invalid, activity={})[0] == "missing_field"
    assert reporter.refusal(Invalid, activity={"speed": 3}) == ("unknown_field", "speed")
    assert reporter.refusal(Invalid, behavior="flying")[0] == "unknown_behavior"
    pv = {"behavior": "rooftop_pv", "activity": {"energy_kwh": 1}}
    assert reporter.refusal(Invalid, **pv)[0] == "behavior_not_allowed"
    tomorrow = NOW + timedelta(days=1)
    assert reporter.refusal(Invalid, occurred_at=tomorrow)[0] == "in_future"
    assert reporter.refusal(Invalid, form_token="骑")[0] == "bad_event_id"
    assert reporter.refusal(Invalid, photo=b"no picture")[0] == "photo_format"
    assert reporter.refusal(NotFound, account_id=10**9)[0] == "unknown_account"
    assert rows_of(session, ActivityRecord) == 0


def test_reports_of_a_day_stop_at_the_cap(session: Session, reporter: Reporter) -> None:
    results = [
        reporter.report("8", occurred_at=MORNING + timedelta(hours=hour)) for hour in range(4)
    ]
    assert [result.code for result in results] == ["ok", "ok", "capped", "capped"]
    counted = session.exec(
        select(col(ActivityRecord.counted_milli)).order_by(col(ActivityRecord.id))
    ).all()
    assert counted == [8000, 8000, 4000, 0]
    # A quarter of 389, 389 and 194 g.
    assert [result.credits for result in results] == [97, 97, 48, 0]
