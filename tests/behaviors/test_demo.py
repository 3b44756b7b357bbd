"""`flask demo`: true records, whoever can sign in is told, and a second run changes nothing."""

import csv
import re
import shutil
import stat
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from sqlmodel import Session, col, func, select

from behaviors import demo, demo_samples, sources
from behaviors.models import ActivityRecord, Source, SourceSubject
from behaviors.told_models import PartClosed, ToldTotal
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.accounts.services import give_consent, open_account
from carbonaccount.accounts.staff import sign_in_staff
from carbonaccount.app import create_app
from carbonaccount.audit import Actor
from carbonaccount.config import Profile, Settings
from carbonaccount.errors import Conflict
from carbonaccount.institutions.month_parts import parsed
from tests.behaviors.api.conftest import row_counts
from tests.copies import keep_copy, put_back

DATA = resources.files("behaviors") / "demo_data"
RESIDENT = Actor("resident", "somebody")


def rows(name: str, separator: str) -> list[dict[str, str]]:
    text = (DATA / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), delimiter=separator))


def run_demo(app: Flask) -> str:
    result = app.test_cli_runner().invoke(args=["demo"])
    assert result.exit_code == 0, result.output
    return result.stdout


@dataclass(frozen=True)
class FirstRun:
    """What the first run printed and left: a database and the folder of the instance."""

    told: str
    instance: Path
    database: str


@pytest.fixture(scope="session")
def first_runs() -> dict[str, FirstRun]:
    """The first run on each kind of database; every test gets a copy of what it left."""
    return {}


@pytest.fixture
def told(
    app: Flask,
    settings: Settings,
    database_kind: str,
    first_runs: dict[str, FirstRun],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """What the first run printed; the application stands where it left off."""
    if database_kind not in first_runs:
        printed = run_demo(app)
        app.extensions["carbonaccount.engine"].dispose()
        kept = tmp_path_factory.mktemp("first-run")
        shutil.copytree(settings.instance_path, kept / "instance")
        copy = keep_copy(settings.resolved_database_url, kept)
        printed_of = printed.replace(str(settings.instance_path), "{instance}")
        first_runs[database_kind] = FirstRun(printed_of, kept / "instance", copy)
        return printed
    first = first_runs[database_kind]
    shutil.copytree(first.instance, settings.instance_path, dirs_exist_ok=True)
    put_back(first.database, settings.resolved_database_url)
    return first.told.replace("{instance}", str(settings.instance_path))


@pytest.mark.usefixtures("told")
def test_every_gram_comes_from_the_published_lines(session: Session) -> None:
    # Worked out over the file itself: at most 20 km a rider and day, 48.7 g a km, the trip that
    # meets the cap and every trip rounded down to metres and grams.
    used: dict[str, int] = {}
    expected = 0
    trips = sorted(rows("bike_trips.tsv", "\t"), key=lambda row: int(row["start_ts"]))
    for row in trips:
        metres = int(float(row["trip_dist"]))
        counted = min(metres, 20_000 - used.get(row["bike_id"], 0))
        used[row["bike_id"]] = used.get(row["bike_id"], 0) + counted
        expected += counted * 487 // 10_000
    booked = session.exec(
        select(func.sum(ActivityRecord.reduction_g))
        .join(Source, col(Source.id) == col(ActivityRecord.source_id))
        .where(col(Source.code) == "demo-bike")
    ).one()
    overlapping = session.exec(
        select(func.count()).where(col(ActivityRecord.outcome) == "overlap")
    ).one()
    assert overlapping == 0
    assert booked == expected


def test_sample_trips_say_that_they_are_samples(app: Flask, told: str, session: Session) -> None:
    """Riders are known people of the demonstration, what they earn follows from the kilometres."""
    summary = app.test_client().get("/api/v1/public/summary").get_json()
    assert summary["sample_sources"] == ["demo-bus"]
    assert "demo-bus (演示公交（示例数据）): " in told
    assert "made-up sample records of 48 pseudonymous residents" in told
    source = sources.source_by_code(session, "demo-bus")
    assert not source.bindable
    records = session.exec(
        select(ActivityRecord).where(col(ActivityRecord.source_id) == source.stored_id)
    ).all()
    known = set(
        session.exec(
            select(col(SourceSubject.account_id))
            .join(Source, col(Source.id) == col(SourceSubject.source_id))
            .where(col(Source.code) == "demo-bike")
        )
    )
    assert {record.account_id for record in records} <= known
    # At most 40 km a person and day, 52 g a km when metered, nothing when declared.
    for record in records:
        counted = min(record.quantity_milli, 40_000)
        assert record.reduction_g == (counted * 52 // 1000 if record.evidence == "A" else 0)
    assert {record.evidence for record in records} == {"A", "D"}
    assert max(record.quantity_milli for record in records) > 40_000
    # The riders are members of the example school, of which its challenge tells a whole part.
    part = parsed(session.exec(select(func.max(PartClosed.part))).one())
    days = [record.business_day for record in records if record.status == "c"]
    school = session.exec(select(ToldTotal.records).where(col(ToldTotal.period) == part.code)).one()
    assert school == sum(part.first <= day <= part.last for day in days)


def test_sample_trips_are_the_same_for_everybody() -> None:
    """The second rider's first three, worked out with sha256sum over "1:1", "1:2" and so on.

    1:4 begins 49 2a: 73 is below 90, 2.0 km + 42 tenths; 1:7 begins 3d 5f; 1:8 begins 54 62.
    """
    now = datetime(2026, 11, 21, 4, tzinfo=UTC)
    trips = list(demo_samples.sample_trips(1, now))
    assert trips == list(demo_samples.sample_trips(1, now))
    assert [(t["event_id"], t["activity"]["distance_km"]) for t in trips[:3]] == [
        ("sample-1-4", "6.2"),
        ("sample-1-7", "11.5"),
        ("sample-1-8", "11.8"),
    ]


@pytest.mark.usefixtures("told")
def test_odd_lines_are_left_out_with_their_reason(app: Flask, session: Session) -> None:
    settings: Settings = app.extensions["carbonaccount.settings"]
    zero = [row for row in rows("bike_trips.tsv", "\t") if float(row["trip_dist"]) < 0.001]
    file = settings.instance_path / "rejected" / "bike_trips.tsv.csv"
    with file.open(encoding="utf-8-sig", newline="") as opened:
        refused = [row for row in csv.DictReader(opened) if row["status"] == "rejected"]
    assert {row["trip_id"] for row in refused} == {row["trip_id"] for row in zero}
    assert {row["reason"] for row in refused} == {"amount_zero"}


@pytest.mark.usefixtures("told")
def test_residents_are_pseudonyms_without_an_invented_district(session: Session) -> None:
    accounts = session.exec(select(Account)).all()
    kinds = Counter(account.kind for account in accounts)
    # The two who own the example merchants, and the owner and the clerk of the example school.
    assert kinds[AccountKind.PERSON] == 4
    assert kinds[AccountKind.PSEUDONYM] > 300
    strangers = [item for item in accounts if item.kind == AccountKind.PSEUDONYM]
    assert {account.district_code for account in strangers} == {None}


def test_again_changes_nothing(app: Flask, told: str, session: Session) -> None:
    before = row_counts(session)
    assert run_demo(app) == told
    assert row_counts(session) == before


def test_the_member_of_staff_can_sign_in(app: Flask, told: str, session: Session) -> None:
    settings: Settings = app.extensions["carbonaccount.settings"]
    file = settings.instance_path / demo.STAFF_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password, secret = (
        re.search(rf"{name}: (\S+)", told)[1]  # type: ignore[index]
        for name in ("password", "TOTP secret")
    )
    now = datetime.now(UTC)
    staff, token = sign_in_staff(
        session,
        login="demo",
        password=password,
        totp=pyotp.TOTP(secret).at(now),
        vault=app.extensions["carbonaccount.vault"],
        now=now,
    )
    assert staff.login == "demo"
    assert token
    # Whoever drafts a rule, a reward or a pool needs a second person for the next step.
    for role in ("rule_editor", "rule_approver", "institution_officer"):
        held = [line for line in told.splitlines() if "login: " in line and role in line]
        assert len(held) == (2 if role == "institution_officer" else 1), role


def test_other_profiles_get_no_member_of_staff(settings: Settings, session: Session) -> None:
    app = create_app(settings.model_copy(update={"profile": Profile.DEVELOPMENT}))
    assert "password" not in run_demo(app)
    assert not (settings.instance_path / demo.STAFF_FILE).exists()
    app.extensions["carbonaccount.engine"].dispose()


def test_production_has_no_demonstration(app: Flask, settings: Settings, session: Session) -> None:
    before = row_counts(session)
    app.extensions["carbonaccount.settings"] = settings.model_copy(
        update={"profile": Profile.PRODUCTION}
    )
    result = app.test_cli_runner().invoke(args=["demo"])
    assert result.exit_code == 1
    assert row_counts(session) == before


def confirm(session: Session, source_code: str, account: Account) -> demo.Confirmation:
    """Bind as the page does it: consent, code, and the operator app's answer."""
    source, now = sources.source_by_code(session, source_code), datetime.now(UTC)
    give_consent(
        session,
        account_id=account.stored_id,
        purpose=sources.consent_purpose(source),
        version="1",
        text="text",
        channel="web",
        acting_user=RESIDENT,
        now=now,
    )
    code = sources.start_binding(
        session, account_id=account.stored_id, source=source, acting_user=RESIDENT, now=now
    )
    done = demo.confirm_in_operator_app(
        session, source=source, account_id=account.stored_id, code=code, now=now
    )
    session.commit()
    return done


def person(session: Session) -> Account:
    account = open_account(
        session, kind=AccountKind.PERSON, district_code=None, now=datetime.now(UTC)
    )
    session.commit()
    return account


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("code", "file", "separator", "column"),
    [
        ("demo-bike", "bike_trips_claimable.tsv", "\t", "bike_id"),
        ("demo-charging", "charging_sessions_claimable.csv", ",", "userId"),
    ],
)
def test_whoever_binds_gets_the_records_of_one_kept_back(
    session: Session, code: str, file: str, separator: str, column: str
) -> None:
    alice, bob = person(session), person(session)
    first, second = confirm(session, code, alice), confirm(session, code, bob)
    assert first.subject != second.subject
    lines = [row for row in rows(file, separator) if row[column] == first.subject]
    assert sum(first.batch.counts.values()) == len(lines) >= 4
    owned = session.exec(
        select(func.count()).where(col(ActivityRecord.account_id) == alice.id)
    ).one()
    assert owned == first.batch.accepted > 0


@pytest.mark.usefixtures("told")
def test_binding_again_gives_the_same_subject_and_counts_nothing_twice(session: Session) -> None:
    alice = person(session)
    first = confirm(session, "demo-bike", alice)
    sources.unbind(
        session,
        account_id=alice.stored_id,
        source=sources.source_by_code(session, "demo-bike"),
        acting_user=RESIDENT,
        now=datetime.now(UTC),
    )
    session.commit()
    again = confirm(session, "demo-bike", alice)
    assert again.subject == first.subject
    assert (again.batch.accepted, again.batch.duplicate) == (0, first.batch.accepted)


@pytest.mark.usefixtures("told")
def test_when_all_are_taken_it_says_so(session: Session) -> None:
    for _ in range(3):
        confirm(session, "demo-charging", person(session))
    with pytest.raises(Conflict, match="demo_subjects_taken"):
        confirm(session, "demo-charging", person(session))


def test_the_excerpt_is_small_and_names_its_sources() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for name in ("Singapore Open Data Licence", "1909.03679", "Scientific Data 2021"):
        assert name in readme
    for entry in DATA.iterdir():
        assert Path(str(entry)).stat().st_size < 160_000


@pytest.mark.usefixtures("told")
def test_kept_back_subjects_are_not_in_the_books_yet(session: Session) -> None:
    known = set(session.exec(select(col(SourceSubject.subject))))
    assert not known & {row["bike_id"] for row in rows("bike_trips_claimable.tsv", "\t")}
    assert not known & {row["userId"] for row in rows("charging_sessions_claimable.csv", ",")}
