"""Nobody reaches an institution by an id that is not theirs: every rule below it is walked.

The rules are found in the application, so that a page added later is walked as well; a parameter
that this file does not know fails, and so does a page that forgets to ask for the seat.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlmodel import Session, SQLModel, col, select
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import IntegerConverter, Rule

from carbonaccount.accounts.models import Account
from carbonaccount.accounts.roles import Role
from carbonaccount.clock import utc_now
from carbonaccount.institutions import demo
from carbonaccount.institutions.models import (
    Institution,
    InstitutionPerson,
    Seat,
)
from carbonaccount.institutions.seats import CLERKS, OWNERS, READERS
from carbonaccount.institutions.views import blueprint, common
from tests.admin.desk import staff
from tests.carbonaccount.institutions.core.everything import give_everything
from tests.carbonaccount.institutions.places import CODE_Y, actor_of, arranged, signed_in
from tests.people import Browser, writing

PREFIX = "/institutions/<public_id>"
X = ("13800000051", "13800000052", "13800000053")
Y = ("13800000061", "13800000062", "13800000063")
STRANGER = "13912345678"
# Parameters that are no ids: the same values mean something at every institution.
NATURAL = {
    "kind": "csv",
    "year": "2026",
    "version": "1",
    "criterion": "teaching",
    # A source of the city's; an institution's shares of it are asked for with the institution.
    "source_id": "1",
    "role": "staff",
    # A gift to the institution: looked up among those of its own account; the tests of offsets.
    "ref": "nobody-s",
    # Below a statement's own id.
    "factor_code": "grid.shandong",
    "suggestion": "before",
}
# Everybody may give up their own seat; done in the middle of a walk it would end the walk.
OWN_SEAT = "institutions.give_up_seat"
# Which parameters of addresses name a row of which table.
PARAMETERS = {
    "attribution": ("share_id",),
    "campaign": ("campaign_id",),
    "event_group": ("group_id",),
    "event_line": ("line_id",),
    "event_measure": ("measure_id",),
    "institution_belonging": ("belonging_id",),
    "institution_event": ("event_id",),
    "institution_team": ("team_id",),
    "inventory_evidence": ("file_id",),
    "inventory_line": ("line_id",),
    "neutrality_statement": ("statement_id",),
    "offset_lot": ("lot_id",),
    "plan_measure": ("measure_id",),
    "plantation": ("plantation_id",),
    "recognition_case": ("case_id",),
    "recognition_file": ("file_id",),
    "survival_check": ("check_id",),
}
# Tables of people lead to other people's rows.
PEOPLE = frozenset({"account", "resident", "staff", "institution_member"})
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


class Ask(NamedTuple):
    """An address and a method to ask it with."""

    rule: Rule
    method: str
    endpoint: str


def rules_below(app: Flask) -> list[Ask]:
    """Return every address below an institution with every method that it answers."""
    return [
        Ask(rule, method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"})
    ]


def address(app: Flask, rule: Rule, public_id: str, **ids: str) -> str:
    """Return the address of a rule at an institution; other ids are such as exist nowhere."""
    values = {name: _value(rule, name, ids) for name in rule.arguments if name != "public_id"}
    with app.test_request_context():
        built = rule.build({"public_id": public_id, **values}, append_unknown=False)
    assert built is not None, rule
    return built[1]


def _value(rule: Rule, name: str, ids: dict[str, str]) -> str:
    converter: Any = rule._converters[name]
    if name in ids:
        return ids[name]
    items = getattr(converter, "items", None)  # of any(csv, xlsx)
    if items:
        return str(sorted(items)[0])
    return NATURAL.get(name, "1" if isinstance(converter, IntegerConverter) else "nobody-s")


@pytest.fixture
def open_app(app: Flask) -> Flask:
    """The application without the check against forged forms, which would refuse first."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app


def statuses(
    app: Flask, browser: Browser, public_id: str, but: str = ""
) -> Iterator[tuple[Ask, int]]:
    """Ask for every address of an institution, but for one endpoint."""
    for ask in rules_below(app):
        if ask.endpoint == but:
            continue
        path = address(app, ask.rule, public_id)
        yield ask, browser.client.open(path, method=ask.method).status_code


def seats_of(app: Flask, ask: Ask) -> frozenset[str]:
    """Return the seats that a page was registered for, as its wrapper keeps them."""
    view = app.view_functions[ask.endpoint]
    return frozenset(common.seats_of_page(view))


@ONE_DATABASE
def test_foreign_ids_do_not_exist_for_anybody(open_app: Flask) -> None:
    here = arranged(open_app, "ines", X)
    there = arranged(open_app, "otto", Y, name_zh="另一所学校", credit_code=CODE_Y)
    stranger = signed_in(open_app, STRANGER)
    asked = rules_below(open_app)
    assert len(asked) > 40, "the walk finds the pages"
    wrong = [
        f"{who} {ask.method} {ask.rule.rule}: {status}"
        for who, browser in (("owner of X", here.owner), ("stranger", stranger))
        for ask, status in statuses(open_app, browser, there.public_id)
        if status != 404
    ]
    assert wrong == []
    nobody = Browser(open_app)
    turned = {status for _ask, status in statuses(open_app, nobody, there.public_id)}
    assert turned == {303}, "who is not signed in is sent to sign in, before anything is looked up"


def ids_of(session: Session, institution: Institution) -> dict[str, set[str]]:
    """Return the ids of everything an institution has, by the name of the parameter.

    Found in the tables themselves: each that leads to the institution, at once or over another.
    """
    reached: dict[str, set[int]] = {"institution": {institution.stored_id}}
    found: dict[str, set[str]] = {}
    for _step in range(3):
        for table in SQLModel.metadata.sorted_tables:
            for key in table.foreign_keys:
                parents = reached.get(key.column.table.name)
                if parents and table.name not in PEOPLE and "id" in table.c:
                    _collect(session, table, key.parent, parents, reached, found)
    people = session.exec(
        select(col(Account.public_id))
        .join(InstitutionPerson, col(InstitutionPerson.account_id) == col(Account.id))
        .where(col(InstitutionPerson.institution_id) == institution.id)
    )
    return {**found, "person_id": set(people)}


def _collect(
    session: Session,
    table: sa.Table,
    key: sa.Column[Any],
    parents: set[int],
    reached: dict[str, set[int]],
    found: dict[str, set[str]],
) -> None:
    names = PARAMETERS.get(table.name, ())
    public = table.c.get("public_id", table.c.id)
    for row_id, shown in session.execute(sa.select(table.c.id, public).where(key.in_(parents))):
        reached.setdefault(table.name, set()).add(row_id)
        for name in names:
            found.setdefault(name, set()).update({str(row_id), str(shown)})


def fitting(rule: Rule, name: str, ids: dict[str, set[str]]) -> list[str]:
    """Return the ids that an address can hold at a place: only numbers where it wants one."""
    wants_number = isinstance(rule._converters[name], IntegerConverter)
    return sorted(value for value in ids[name] if value.isdigit() or not wants_number)


@ONE_DATABASE
def test_ones_own_institution_does_not_open_what_is_anothers(open_app: Flask) -> None:
    """The address names X, whose owner asks; the ids are those of all that Y has."""
    here = arranged(open_app, "ines", X)
    with writing(open_app) as session:
        vault = open_app.extensions["carbonaccount.vault"]
        there = demo.load(session, now=utc_now(), vault=vault)
        give_everything(session, there, CODE_Y)
        ids = ids_of(session, there)
        session.commit()
    owner = here.owner
    wrong, walked = [], set()
    for ask in rules_below(open_app):
        named = ask.rule.arguments - {"public_id", *NATURAL}
        for name in named:
            assert name in ids, f"{ask.rule.rule}: the demonstration has nothing for {name}"
            others = {other: fitting(ask.rule, other, ids)[0] for other in named}
            for value in fitting(ask.rule, name, ids):
                path = address(open_app, ask.rule, here.public_id, **{**others, name: value})
                status = owner.client.open(path, method=ask.method).status_code
                walked.add(name)
                if status != 404:
                    wrong.append(f"{ask.method} {ask.rule.rule} {name}={value}: {status}")
    assert wrong == []
    assert len(walked) > 8
    assert "去填排放清单" not in here.reader.get(here.address).text
    assert offered_beyond(open_app, here.reader, there.public_id) == []


def offered_beyond(app: Flask, reader: Browser, public_id: str) -> list[str]:
    """Walk all pages below an institution as a reader; returns what is offered and refused."""
    with writing(app) as session:
        institution = session.exec(
            select(Institution).where(col(Institution.public_id) == public_id)
        ).one()
        session.add(
            InstitutionPerson(
                institution_id=institution.stored_id,
                account_id=actor_of(app, session, X[2]).id or 0,
                seat="reader",
                joined_at=utc_now(),
            )
        )
        session.commit()
    known, waiting, found = set[tuple[str, str]](), [f"/institutions/{public_id}"], []
    addresses = app.url_map.bind("localhost")
    while waiting:
        page = waiting.pop()
        answer = reader.get(page)
        offers = re.findall(rf'(href|action)="(/institutions/{public_id}[^"#?]*)', answer.text)
        for kind, path in offers:
            method = "POST" if kind == "action" else "GET"
            if (method, path) in known or path == page:
                continue
            known.add((method, path))
            try:
                endpoint, _ = addresses.match(path, method=method)
            except MethodNotAllowed:
                continue  # a form that asks by GET: filters
            if Seat.READER not in common.seats_of_page(app.view_functions[endpoint]):
                found.append(f"{page}: {method} {path}")
            elif method == "GET" and "." not in path:
                waiting.append(path)
    assert len(known) > 20
    return found


@ONE_DATABASE
def test_lower_seats_are_refused_what_is_not_theirs(open_app: Flask) -> None:
    place = arranged(open_app, "ines", X)
    wrong = []
    for name, browser, seats in (
        ("reader", place.reader, {"reader"}),
        ("clerk", place.clerk, {"clerk", "reader"}),
    ):
        for ask, status in statuses(open_app, browser, place.public_id, but=OWN_SEAT):
            allowed = bool(seats & seats_of(open_app, ask) & {name})
            if (status == 403) is allowed:
                wrong.append(f"{name} {ask.method} {ask.rule.rule}: {status}")
    assert wrong == []


@ONE_DATABASE
def test_what_changes_something_is_never_open_to_readers(app: Flask) -> None:
    open_to_readers = {
        ask.endpoint
        for ask in rules_below(app)
        if ask.method != "GET" and seats_of(app, ask) == READERS
    }
    assert open_to_readers == {OWN_SEAT}
    assert {seats_of(app, ask) for ask in rules_below(app)} <= {READERS, CLERKS, OWNERS}


@ONE_DATABASE
def test_every_rule_of_the_room_is_known(app: Flask) -> None:
    """A rule that carries an id and stands elsewhere has to say here why that is right."""
    elsewhere = {
        rule.endpoint.removeprefix("institutions."): rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(f"{blueprint.name}.")
        and rule.arguments - {"kind"}
        and not rule.rule.startswith(PREFIX)
    }
    assert elsewhere.keys() <= ELSEWHERE.keys(), elsewhere.keys() - ELSEWHERE.keys()


# Addresses with ids outside an institution's pages, and why they are open to whom.
ELSEWHERE = {
    "withdraw_application": "the applicant's own; test_applying_page",
    "join": "public: what is counted and who sees it; test_members_page",
    "leave": "the member's own; test_members_page",
    "change_team": "the member's own; test_members_page",
    # An event that is open says so to everybody; the organiser's pages stand below its institution.
    "public_event": "public: what an event is and how it was made good",
    "event_certificate": "public: a certificate is shown to be checked",
    "event_certificate_pdf": "public: the same as a file",
    "check_event": "public: the check itself",
    "event_scan": "public: taking part needs no account",
    "event_say": "public: taking part needs no account",
    "event_unsay": "whoever said it, by the cookie of their browser",
    "public_statement": "public: a published statement is there to be checked",
    "public_statement_pdf": "public: the same as a file",
    "public_statement_xlsx": "public: the same as a workbook",
    "public_statement_json": "public: the same for programs",
    "join_pool": "the resident's own consent; the tests of pools",
    "leave_pool": "the resident's own consent; the tests of pools",
    "my_share_end": "the resident's own share; the tests of attributions",
}


@ONE_DATABASE
def test_the_walk_finds_a_page_that_forgets_to_ask(app: Flask) -> None:
    """Break it once: a page registered past `at_institution` is found by the walk."""

    def forgotten(public_id: str) -> str:
        return public_id

    app.add_url_rule("/institutions/<public_id>/forgotten", view_func=forgotten)
    there = arranged(app, "otto", Y)
    stranger = signed_in(app, STRANGER)
    found = [
        ask.rule.rule
        for ask, status in statuses(app, stranger, there.public_id)
        if ask.method == "GET" and status != 404
    ]
    assert found == ["/institutions/<public_id>/forgotten"]


# What each list can be narrowed to, by what the filter is called on the page; below a place's own
# address, in the panel, and for everybody.
FILTERS = {
    "/offsets": {"kind_of": "种类", "status": "状态"},
    "/campaigns": {"state": "状态"},
    "/events": {"state": "状态", "year": "年份"},
    "/admin/institutions": {"about": "类型", "district": "区县", "status": "状态"},
    "/admin/recognitions": {"scheme": "绿色创建", "status": "状态"},
    "/admin/statements": {"status": "状态", "year": "年份"},
    "/admin/survival-checks": {"status": "状态"},
    "/admin/offset-lots": {"kind_of": "种类", "status": "状态"},
    "/admin/pools": {"status": "状态"},
    "/statements": {"district": "区县", "about": "类型"},
    "/recognised": {"scheme": "绿色创建", "district": "区县"},
}


@ONE_DATABASE
def test_a_filter_that_is_not_known_is_told(app: Flask) -> None:
    place = arranged(app, "ines", X)
    officer = staff(app, Role.INSTITUTION_OFFICER, login="olga")
    for path, filters in FILTERS.items():
        browser = officer if path.startswith("/admin") else place.reader
        path = f"{place.address}{path}" if path in ("/offsets", "/campaigns", "/events") else path
        for name, label in filters.items():
            page = browser.get(f"{path}?{name}=zz")
            said = f"没有看懂筛选条件“{label}”的值“zz”"
            assert (page.status_code, page.text.count(said)) == (200, 1), (path, name)
            # A file has no place to say that it holds more than was asked for.
            assert browser.get(f"{path}.csv?{name}=zz").status_code == 422, (path, name)
            assert "没有看懂" not in browser.get(f"{path}?{name}=").text
