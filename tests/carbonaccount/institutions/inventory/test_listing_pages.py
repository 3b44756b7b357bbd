"""A published list in the panel: looked at first, imported once, and its first owner invited."""

import csv
import io
import re
from datetime import timedelta

import openpyxl
from flask import Flask
from sqlmodel import col, select

from carbonaccount.accounts.roles import Role
from carbonaccount.clock import utc_now
from carbonaccount.institutions.inventory_models import Inventory
from carbonaccount.institutions.models import Institution, InstitutionInvitation
from tests.carbonaccount.institutions.inventory.test_inventory_pages import send
from tests.people import ALICE, BOB, Browser, add_dana, writing

LIST = """OSEBuildingID,PropertyName,PrimaryPropertyType,PropertyGFATotal,SteamUse(kBtu),\
Electricity(kWh),NaturalGas(therms),ComplianceStatus
7,Harbour School,K-12 School,"1,000",0,"1,000.5",0,Compliant
8,=HYPERLINK(1),Hospital,"2,000",1000,0,0,Missing Data
9,,Other,1,0,1,0,Compliant
"""
PAGE = "/admin/institution-lists"
RESULT = "accepted=1 flagged=1 rejected=1"


def workbook(text: str) -> bytes:
    """Return a table as a workbook."""
    file, book = io.BytesIO(), openpyxl.Workbook()
    for row in csv.reader(io.StringIO(text)):
        cells = [cell.replace(",", "") for cell in row]
        book.active.append([float(c) if re.fullmatch(r"[0-9.]+", c) else c for c in cells])
    # A text that looks like a formula stays one.
    book.active["B3"].data_type = "s"
    book.save(file)
    return file.getvalue()


def left_in_force(app: Flask) -> None:
    """Have codes stand beside each other, as before a newer one ended the older."""
    with writing(app) as session:
        for row in session.exec(select(InstitutionInvitation)):
            row.expires_at = utc_now() + timedelta(days=1)
        session.commit()


def test_a_list_is_looked_at_imported_and_its_owner_invited(app: Flask) -> None:
    officer = Browser(app)
    officer.sign_in_staff(add_dana(app, Role.INSTITUTION_OFFICER).now())
    file = (LIST.encode(), "list.csv")
    assert send(officer, PAGE, PAGE, {"year": "2016"}).status_code == 422
    assert send(officer, PAGE, PAGE, {"year": "x"}, file=file).status_code == 422
    other = (b"a,b\n1,2\n", "list.csv")
    assert "a, b" in send(officer, PAGE, PAGE, {"year": "2016"}, file=other).text
    wrong = {"year": "2016", "mapping": "toml", "toml": "[institution]"}
    assert "映射不正确" in send(officer, PAGE, PAGE, wrong, file=file).text

    looked = send(officer, PAGE, PAGE, {"year": "2016", "write": "0"}, file=file)
    assert f'data-result="{RESULT}"' in looked.text
    assert "没有写入" in looked.text
    with writing(app) as session:
        assert session.exec(select(Institution)).all() == []
    # The same as a workbook, with figures as numbers.
    sheet = (workbook(LIST), "list.xlsx")
    done = send(officer, PAGE, PAGE, {"year": "2016", "write": "1"}, file=sheet)
    assert f'data-result="{RESULT}"' in done.text
    found = re.search(rf"{PAGE}/[0-9a-f]+\.csv", done.text)
    assert found is not None
    report = officer.get(found[0]).data.decode("utf-8-sig").splitlines()
    assert report[1] == "2,7,Harbour School,accepted,new,"
    assert report[2].startswith("3,8,'=HYPERLINK(1),flagged,new,名录标注：Missing Data。")
    assert report[3].startswith("4,9,,rejected,,")
    assert officer.get(f"{PAGE}/{'0' * 16}.csv").status_code == 404
    with writing(app) as session:
        school = session.exec(
            select(Institution).where(col(Institution.name_zh) == "Harbour School")
        ).one()
        assert len(session.exec(select(Inventory)).all()) == 2
        public_id = school.public_id

    # Nobody is there yet: the officer invites the first owner, and only the first. A newer code
    # ends the one before, and an owner ends those that an older edition left in force.
    page = f"/admin/institutions/{public_id}"
    invite = ["institutions", "invite", public_id]
    older = [app.test_cli_runner().invoke(args=invite).output.split()[-1] for _ in range(2)]
    invited = officer.post(f"{page}/first-owner", {}, page=page)
    code = re.search(r"data-invitation[^>]*>([^<]+)<", invited.text)
    assert code is not None
    owner = Browser(app)
    owner.sign_in(BOB)
    assert owner.post("/institutions/seat", {"code": older[0]}).status_code == 422
    assert owner.post("/institutions/seat", {"code": older[1]}).status_code == 422
    left_in_force(app)
    assert owner.post("/institutions/seat", {"code": code[1]}).status_code == 303
    second = Browser(app)
    second.sign_in(ALICE)
    assert second.post("/institutions/seat", {"code": older[1]}).status_code == 422
    year = owner.get(f"/institutions/{public_id}/inventory/2016")
    assert year.status_code == 200
    assert "1000.5 kWh" in year.text
    assert "邀请第一位负责人" not in officer.get(page).text
    late = app.test_cli_runner().invoke(args=invite)
    assert (late.exit_code, "owner invites others" in late.output) == (1, True)
