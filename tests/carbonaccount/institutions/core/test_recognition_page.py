"""A recognition: a checklist with evidence, sent in, partly sent back, mended, granted, public."""

import io
from datetime import timedelta

import pytest
from flask import Flask
from PIL import Image
from werkzeug.test import TestResponse

from carbonaccount.accounts.roles import Role
from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions.recognition_schemes import all_schemes, current_schemes, find_scheme
from tests.carbonaccount.institutions.places import Place, arranged
from tests.people import Browser, add_dana, csrf_token

PHONES = ("13800000031", "13800000032", "13800000033")
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
# Any page with a form, for posts from pages that have none any more.
SEAT = "/institutions/seat"
CRITERIA = ("teaching", "management", "campus", "culture", "research")


def picture(kind: str = "PNG") -> bytes:
    """Return a small picture."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "green").save(file, kind)
    return file.getvalue()


def send(browser: Browser, page: str, criterion: str, data: bytes, name: str) -> TestResponse:
    """Send a file as evidence of a criterion."""
    form = {"csrf_token": csrf_token(browser.get(page)), "file": (io.BytesIO(data), name)}
    return browser.client.post(f"{page}/{criterion}/files", data=form)


def started(place: Place) -> str:
    """Begin an application and return the address of its page."""
    listed = f"{place.address}/recognition"
    begun = place.clerk.post(f"{listed}/start", {"scheme": "green_school"}, page=listed)
    assert begun.status_code == 303
    return begun.headers["Location"]


def filled(place: Place, page: str, criterion: str) -> None:
    """Write how a criterion is met, with a file."""
    said = place.clerk.post(f"{page}/{criterion}/answer", {"note": "做到了"}, page=page)
    assert said.status_code == 303
    cut = send(place.clerk, page, criterion, PDF[:20], "证据.pdf")
    assert cut.status_code == 422
    whole = PDF.replace(b"<<>>", f"<</C/{criterion}>>".encode(), 1)
    assert send(place.clerk, page, criterion, whole, "证据.pdf").status_code == 303


@pytest.mark.parametrize("scheme", all_schemes(), ids=lambda s: f"{s.code}-{s.version}")
def test_a_checklist_is_whole_in_both_languages(scheme: object) -> None:
    found = find_scheme(scheme.code, scheme.version)  # type: ignore[attr-defined]
    texts = [found.names, found.source.issuer]
    texts += [text for c in found.criteria for text in (c.texts, c.evidence)]
    assert all(text["zh"].strip() and text["en"].strip() for text in texts)
    assert found.source.title
    assert found.source.grade in "ABC"
    codes = [criterion.code for criterion in found.criteria]
    assert len(codes) == len(set(codes)) >= 4


def test_the_six_recognitions_of_the_plans_are_there() -> None:
    names = {scheme.names["zh"] for scheme in current_schemes()}
    assert names == {"节约型机关", "绿色学校", "绿色社区", "绿色家庭", "绿色出行", "绿色商场"}
    school = {scheme.code for scheme in current_schemes("school")}
    assert school == {"green_school", "green_travel"}


def test_from_the_checklist_to_the_public_list(app: Flask) -> None:
    school = arranged(app, "otto", PHONES)
    ines = Browser(app)
    totp = add_dana(app, Role.INSTITUTION_OFFICER, login="ines")
    assert ines.sign_in_staff(totp.now(), login="ines").status_code == 303
    listed = f"{school.address}/recognition"
    refused = school.clerk.post(f"{listed}/start", {"scheme": "green_market"}, page=listed)
    assert (refused.status_code, "不面向" in refused.text) == (422, True)
    page = started(school)
    again = school.clerk.post(f"{listed}/start", {"scheme": "green_school"}, page=page)
    assert again.status_code == 409

    # --- files are what they say; the same one is there once ---
    for data, name in ((b"MZ program", "a.pdf"), (picture("GIF"), "a.png"), (b"", "a.pdf")):
        assert send(school.clerk, page, "teaching", data, name).status_code == 422
    assert send(school.clerk, page, "teaching", picture(), "../../课表.png").status_code == 303
    assert send(school.clerk, page, "teaching", picture(), "b.png").status_code == 409
    shown = school.reader.get(page).text
    assert "课表.png" in shown
    file = next(
        "/institutions" + part.split('"')[0]
        for part in shown.split('href="/institutions')[1:]
        if "/files/" in part
    )
    sent = school.reader.get(file)
    assert sent.data == picture()
    assert sent.headers["Content-Disposition"].startswith("attachment")
    removed = school.clerk.post(f"{file}/remove", {}, page=page)
    assert (removed.status_code, school.reader.get(file).status_code) == (303, 404)

    # --- only a whole one can be sent in, by an owner ---
    early = school.owner.post(f"{page}/submit", {}, page=page)
    assert (early.status_code, "还有 5 条" in early.text) == (422, True)
    for criterion in CRITERIA:
        filled(school, page, criterion)
    assert school.owner.post(f"{page}/submit", {}, page=page).status_code == 303
    late = school.clerk.post(
        f"{page}/culture/answer", {"note": "改一下"}, page="/institutions/seat"
    )
    assert late.status_code == 409

    # --- the officer: one is sent back, the others accepted; nothing is granted before ---
    number = page.rsplit("/", 1)[1]
    desk = f"/admin/recognitions/{number}"
    assert "示例学校" in ines.get("/admin/recognitions").text
    until = (business_day(utc_now()) + timedelta(days=700)).isoformat()
    unread = ines.post(f"{desk}/grant", {"valid_until": until}, page=desk)
    assert (unread.status_code, "还有 5 条没有审" in unread.text) == (409, True)
    silent = ines.post(f"{desk}/culture/judge", {"accepted": "0", "reason": ""}, page=desk)
    assert silent.status_code == 422
    back = {"accepted": "0", "reason": "照片看不清"}
    assert ines.post(f"{desk}/culture/judge", back, page=desk).status_code == 303
    for criterion in CRITERIA:
        if criterion != "culture":
            done = ines.post(f"{desk}/{criterion}/judge", {"accepted": "1"}, page=desk)
            assert done.status_code == 303
    assert ines.post(f"{desk}/grant", {"valid_until": until}, page=desk).status_code == 409
    assert ines.post(f"{desk}/return", {}, page=desk).status_code == 303
    assert "有条目退回" in school.owner.get("/messages").text
    assert "照片看不清" in school.reader.get(page).text

    # --- only what was sent back is mended; then it is granted until a day ---
    fixed = school.clerk.post(f"{page}/teaching/answer", {"note": "改"}, page=page)
    assert fixed.status_code == 409
    unmended = school.owner.post(f"{page}/submit", {}, page=page)
    assert (unmended.status_code, "还有 1 条" in unmended.text) == (422, True)
    assert send(school.clerk, page, "culture", picture("JPEG"), "新照片.jpg").status_code == 303
    assert school.owner.post(f"{page}/submit", {}, page=page).status_code == 303
    assert ines.post(f"{desk}/culture/judge", {"accepted": "1"}, page=desk).status_code == 303
    today = business_day(utc_now())
    for day in ("", today.isoformat(), (today + timedelta(days=3660)).isoformat()):
        assert ines.post(f"{desk}/grant", {"valid_until": day}, page=desk).status_code == 422
    assert "示例学校" not in Browser(app).get("/recognised").text
    assert ines.post(f"{desk}/grant", {"valid_until": until}, page=desk).status_code == 303
    public = Browser(app).get("/recognised?scheme=green_school&district=370811").text
    assert "示例学校" in public
    assert "示例学校" not in Browser(app).get("/recognised?scheme=green_travel").text
    file = Browser(app).get("/recognised.csv").data.decode("utf-8-sig").splitlines()
    assert file[1] == f"绿色学校,示例学校,学校,任城区,{today},{until}"
    assert "已认定" in school.reader.get(listed).text
    assert ines.post(f"{desk}/refuse", {"reason": "晚了"}, page=desk).status_code == 409


def test_a_refused_one_tells_why_and_may_be_begun_anew(app: Flask) -> None:
    school = arranged(app, "otto", PHONES)
    ines = Browser(app)
    totp = add_dana(app, Role.INSTITUTION_OFFICER, login="ines")
    assert ines.sign_in_staff(totp.now(), login="ines").status_code == 303
    page = started(school)
    for criterion in CRITERIA:
        filled(school, page, criterion)
    assert school.owner.post(f"{page}/submit", {}, page=page).status_code == 303
    desk = f"/admin/recognitions/{page.rsplit('/', 1)[1]}"
    no = {"reason": "材料与学校不符"}
    assert ines.post(f"{desk}/refuse", no, page=desk).status_code == 303
    assert "材料与学校不符" in school.reader.get(page).text
    assert "没有通过" in school.owner.get("/messages").text
    assert started(school) != page
