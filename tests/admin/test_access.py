"""The table of who may open what, held to every page of the panel, by walking all of them."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import AnyConverter
from werkzeug.routing import Rule as Route

from admin.access import ACCESS
from behaviors import rule_queries
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.staff import find_staff, set_roles
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import utc_now
from tests.admin.desk import newest_person, photo_report, staff
from tests.people import ALICE, Browser, writing

# Ids that exist for somebody: what one may not open is refused whether it exists or not.
REAL = {
    "code": "bus_trip",
    "rule_version_id": "1",
    "factor_id": "1",
    "login": "walker-auditor",
    "year": "2026",
}
NOBODYS: dict[str, str] = {}
# Who is let in is decided before a page asks the database anything.
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def routes(app: Flask) -> list[Route]:
    """Return every address of the panel."""
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("admin.")]


def address(app: Flask, route: Route, ids: dict[str, str]) -> str:
    """Return an address with ids put in; a name that is not listed gets 999999.

    Of the words that an address offers to choose from it gets the first.
    """
    offered = {
        name: min(converter.items)
        for name, converter in route._converters.items()
        if isinstance(converter, AnyConverter)
    }
    values = {name: offered.get(name) or ids.get(name, "999999") for name in route.arguments}
    with app.test_request_context():
        built = route.build(values, append_unknown=False)
    assert built is not None, route
    return built[1]


def methods(route: Route) -> list[str]:
    """Return the methods of an address that a browser sends."""
    return sorted((route.methods or set()) & {"GET", "POST"})


@pytest.fixture
def open_app(app: Flask) -> Flask:
    """The application without the check against forged forms, which would refuse first."""
    app.config["WTF_CSRF_ENABLED"] = False
    return app


def test_every_page_has_its_line_and_every_line_its_page(app: Flask) -> None:
    pages = {route.endpoint for route in routes(app)}
    assert pages - ACCESS.keys() == set()
    assert ACCESS.keys() - pages == set()
    assert all(ACCESS.values()), "a page that nobody may open is no page"


def test_the_auditor_changes_nothing(app: Flask) -> None:
    changing = {route.endpoint for route in routes(app) if "POST" in methods(route)}
    assert {name for name in changing if Role.AUDITOR in ACCESS[name]} == set()


def answers(
    app: Flask, client: FlaskClient, ids: dict[str, str]
) -> Iterator[tuple[str, str, int, str]]:
    """Ask for every address with every method; yield endpoint, method, status, location."""
    for route in routes(app):
        for method in methods(route):
            response = client.open(address(app, route, ids), method=method)
            yield route.endpoint, method, response.status_code, response.location or ""


@ONE_DATABASE
def test_nobody_but_staff_comes_in(open_app: Flask) -> None:
    anonymous, resident = Browser(open_app), Browser(open_app)
    open_app.config["WTF_CSRF_ENABLED"] = True
    resident.sign_in(ALICE)
    open_app.config["WTF_CSRF_ENABLED"] = False
    ids = {**REAL, **somebodys(open_app)}
    let_in = [
        (endpoint, method, status)
        for browser in (anonymous, resident)
        for endpoint, method, status, location in answers(open_app, browser.client, ids)
        if status != 303 or "/staff/sign-in" not in location
    ]
    assert let_in == []


@ONE_DATABASE
@pytest.mark.slow
def test_every_page_with_every_role(open_app: Flask) -> None:
    """Who lacks the role is refused, whatever the id; who has it is not."""
    ids = {**REAL, **somebodys(open_app)}
    found = []
    for role in Role:
        client = signed_in(open_app, role)
        for route in routes(open_app):
            may = role in ACCESS[route.endpoint]
            for method in methods(route):
                # What may be done with ids that exist would be done, so nobody's stand in.
                tried = (
                    (NOBODYS,) if may and method == "POST" else (ids, NOBODYS) if may else (ids,)
                )
                for asked in tried:
                    status = client.open(address(open_app, route, asked), method=method).status_code
                    if (status == 403) is may or status >= 500:
                        found.append((role, route.endpoint, method, status))
    assert found == []


def signed_in(app: Flask, role: Role) -> FlaskClient:
    """Return the browser of somebody with one role."""
    app.config["WTF_CSRF_ENABLED"] = True
    client = staff(app, role, login=f"walker-{role.value.replace('_', '-')}").client
    app.config["WTF_CSRF_ENABLED"] = False
    return client


def somebodys(app: Flask) -> dict[str, str]:
    """Return the ids of a resident and of a record with a photo that waits for review."""
    record_id = photo_report(app, 1)
    with writing(app) as session:
        account = newest_person(session)
    return {"public_id": account.public_id, "record_id": str(record_id)}


def test_two_roles_open_the_pages_of_both(open_app: Flask) -> None:
    open_app.config["WTF_CSRF_ENABLED"] = True
    both = staff(open_app, Role.RULE_EDITOR, Role.REVIEWER, login="both")
    assert both.get("/admin/behaviors/new").status_code == 200
    assert both.get("/admin/reviews").status_code == 200
    assert both.get("/admin/audit").status_code == 403


def test_a_role_that_was_taken_away_closes_the_page_at_once(app: Flask) -> None:
    browser = staff(app, Role.RULE_EDITOR, login="erin")
    assert browser.get("/admin/behaviors/new").status_code == 200
    with writing(app) as session:
        set_roles(
            session,
            staff=find_staff(session, login="erin"),
            roles=frozenset({Role.REVIEWER}),
            acting_user=SYSTEM,
            now=utc_now(),
        )
        session.commit()
    assert browser.get("/admin/behaviors/new").status_code == 403


def test_the_walk_uses_ids_that_exist(app: Flask) -> None:
    with writing(app) as session:
        assert rule_queries.find_behavior(session, REAL["code"])
        assert rule_queries.find_version(session, int(REAL["rule_version_id"]))
        assert rule_queries.find_factor(session, int(REAL["factor_id"]))
