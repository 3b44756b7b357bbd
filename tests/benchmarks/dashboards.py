"""The city's page and an institution's over ten million records, against a bare page.

The limit is a Flask page with one indexed SELECT and as many bytes, served by the same server
with the same settings, asked by the same clients in the same run.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import Session, col, select

from behaviors import totals
from behaviors.telling import close_due
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.app import create_app
from carbonaccount.database import open_session
from carbonaccount.institutions.models import Institution, InstitutionPerson, Seat
from tests.benchmarks.aggregation import NOW, make_city
from tests.benchmarks.intake import SERVER_SETTINGS, _postgres_url
from tests.benchmarks.reward_pages import Asked, ask, serving
from tests.conftest import make_settings
from tests.people import COOKIE, Browser
from tests.postgres import running_postgres

# With the ten old days ten million, and three more.
RECORDS_A_DAY = 1_000_000
BARE = {"BARE_TABLE": "institution", "BARE_COLUMNS": "id, kind, name_zh, status"}


def run(quick: bool) -> Iterator[dict[str, object]]:
    """Yield one line a page, on SQLite and on PostgreSQL."""
    records, seconds = (2_000, 1.5) if quick else (RECORDS_A_DAY, 4.0)
    with TemporaryDirectory(prefix="carbonaccount-bench-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'city.sqlite3'}"
        all_records = fill(url, records)
        yield from measure("sqlite", url, folder, records=all_records, seconds=seconds)
        with running_postgres(SERVER_SETTINGS) as server:
            url = _postgres_url(server, "city")
            all_records = fill(url, records)
            yield from measure("postgresql", url, folder, records=all_records, seconds=seconds)


def fill(url: str, records_a_day: int) -> int:
    """Fill a city and add all of it up; returns how many records it has."""
    city = make_city(url, new_records=records_a_day)
    with open_session(city.engine) as session:
        totals.mark_days(session, city.new_days)
        totals.add_up(session, now=NOW)
        # A month on, what members did is told.
        close_due(session, now=NOW + timedelta(days=45))
        session.commit()
    city.engine.dispose()
    return city.records * len(city.new_days) + city.old_records


def measure(
    kind: str, url: str, folder: Path, *, records: int, seconds: float
) -> Iterator[dict[str, object]]:
    """Yield what the pages of a filled city do beside the bare page."""
    cookie, institution = _sign_in(url, folder)
    pages = {"city": ("/city", ""), "institution": (f"/institutions/{institution}", cookie)}
    with (
        serving("wsgi:app", url, folder) as port,
        serving("tests.benchmarks.bare_page:app", url, folder, **BARE) as bare_port,
    ):
        for page, (path, sent) in pages.items():
            ours, size = ask(Asked(port, [path], sent), seconds)
            limit, _ = ask(Asked(bare_port, [f"/{institution}?size={size}"]), seconds)
            yield {
                "benchmark": "dashboards",
                "database": kind,
                "page": page,
                "records": records,
                "bytes": size,
                "requests_per_s": round(ours),
                "limit_requests_per_s": round(limit),
                "ratio": round(ours / limit, 2),
            }


def _sign_in(url: str, folder: Path) -> tuple[str, str]:
    """Give a resident a seat at the first institution; returns their cookie and its id."""
    app = create_app(make_settings(url, folder))
    browser = Browser(app)
    browser.sign_in()
    with open_session(app.extensions["carbonaccount.engine"]) as session:
        public_id = _seat(session)
        session.commit()
    app.extensions["carbonaccount.engine"].dispose()
    return f"{COOKIE}={browser.cookie}", public_id


def _seat(session: Session) -> str:
    person = select(col(Account.id)).where(col(Account.kind) == AccountKind.PERSON)
    institution = session.exec(select(Institution).order_by(col(Institution.id))).first()
    assert institution is not None
    session.add(
        InstitutionPerson(
            institution_id=institution.stored_id,
            account_id=session.exec(person).one() or 0,
            seat=Seat.OWNER,
            joined_at=NOW,
        )
    )
    return institution.public_id
