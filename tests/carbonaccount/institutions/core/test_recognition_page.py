"""A recognition: a checklist with evidence, sent in, partly sent back, mended, granted, public.

And revoked; and of a family, which is named to nobody unless it agrees.
"""

import io
import re
from datetime import timedelta

import pytest
from flask import Flask
from PIL import Image
from sqlmodel import select
from werkzeug.test import TestResponse

from carbonaccount.accounts.models import AccountKind, Staff
from carbonaccount.accounts.roles import Role
from carbonaccount.accounts.services import open_account
from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.recognition_models import RecognitionCase
from carbonaccount.institutions.recognition_schemes import all_schemes, current_schemes, find_scheme
from tests.carbonaccount.institutions.places import Place, arranged
from tests.people import Browser, add_dana, csrf_token, writing

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


def send(
    browser: Browser, page: str, criterion: str, data: bytes, name: str, **fields: str
) -> TestResponse:
    """Send a file as evidence of a criterion, with whatever else stands in the page's form."""
    token = csrf_token(browser.get(page))
    form = {"csrf_token": token, f"file-{criterion}": (io.BytesIO(data), name), **fields}
    return browser.client.post(page, data=form)


def started(place: Place, scheme: str = "green_school") -> str:
    """Begin an application and return the address of its page."""
    listed = f"{place.address}/recognition"
    begun = place.clerk.post(f"{listed}/start", {"scheme": scheme}, page=listed)
    assert begun.status_code == 303
    return begun.headers["Location"]


def filled(place: Place, page: str, criterion: str) -> None:
    """Write how a criterion is met, with a file; what is wrong takes nothing else along."""
    note = {f"note-{criterion}": f"{criterion} 做到了"}
    cut = send(place.clerk, page, criterion, PDF[:20], "证据.pdf", **note)
    assert cut.status_code == 422
    assert f">{note[f'note-{criterion}']}</textarea>" in place.clerk.get(page).text
    whole = PDF.replace(b"<<>>", f"<</C/{criterion}>>".encode(), 1)
    assert send(place.clerk, page, criterion, whole, "证据.pdf").status_code == 303


def shown_marks(page: str) -> dict[str, str]:
    """Return by criterion the hidden mark of what stood in its field."""
    return dict(re.findall(r'name="was-(\w+)" value="(\w+)"', page))


def nothing_typed_is_lost(place: Place, page: str) -> None:
    """Every button sends everything; two people do not write over each other."""
    marks = {f"was-{code}": mark for code, mark in shown_marks(place.clerk.get(page).text).items()}
    # A file that is refused, another that is kept, and two sentences, one of them too long.
    typed = {**marks, "note-teaching": "x" * 1001, "note-culture": " 每周一课\r\n全校参加 "}
    form = {
        **typed,
        "csrf_token": csrf_token(place.clerk.get(page)),
        "file-teaching": (io.BytesIO(b"MZ program"), "a.pdf"),
        "file-campus": (io.BytesIO(picture()), "校园.png"),
    }
    sent = place.clerk.client.post(page, data=form)
    assert (sent.status_code, "有没保存的，其他的都已保存" in sent.text) == (422, True)
    assert f">{'x' * 1001}</textarea>" in sent.text
    assert "佐证材料须为 PDF、JPEG 或 PNG。" in sent.text
    kept = place.reader.get(page).text
    assert "每周一课\n全校参加" in kept
    assert "校园.png" in kept
    # The owner's page is older: what it did not touch stays as the clerk wrote it.
    older = {**marks, "note-teaching": "", "note-culture": "", "note-research": "课题两项"}
    assert place.owner.post(page, older, page=page).status_code == 303
    assert "每周一课" in place.reader.get(page).text
    # What both wrote is not written over; it stays in the field beside what is there.
    both = {**marks, "note-research": "课题三项"}
    refused = place.clerk.post(page, both, page=page)
    assert (refused.status_code, "别人刚刚改过这一条" in refused.text) == (409, True)
    assert "现在保存的内容：课题两项" in refused.text
    assert ">课题三项</textarea>" in refused.text
    again = {"was-research": shown_marks(refused.text)["research"], "note-research": "课题三项"}
    # Removing a file keeps what was typed, too.
    (file,) = re.findall(r"/files/(\d+)/remove", place.clerk.get(page).text)
    assert place.clerk.post(f"{page}/files/{file}/remove", again, page=page).status_code == 303
    shown = place.reader.get(page).text
    assert ("课题三项" in shown, "校园.png" in shown) == (True, False)


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

    nothing_typed_is_lost(school, page)

    # --- files are what they say; the same one is there once ---
    for data, name in ((picture("GIF"), "a.png"), (b"", "a.pdf")):
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
    late = school.clerk.post(page, {"note-culture": "改一下"}, page=SEAT)
    assert late.status_code == 409

    # --- the officer: one is sent back, the others accepted; nothing is granted before ---
    number = page.rsplit("/", 1)[1]
    desk = f"/admin/recognitions/{number}"
    assert "示例学校" in ines.get("/admin/recognitions").text
    until = (business_day(utc_now()) + timedelta(days=700)).isoformat()
    # Its own trail in words, nothing else of the institution's.
    trail = ines.get(desk).text.split('<ol class="trail">')[1]
    told = re.findall("<strong>(.+?)</strong>", trail)
    assert (told[0], told[-1]) == ("提交申请", "开始申请")
    assert set(told) <= {"提交申请", "填写一条标准", "上传佐证", "删除佐证", "开始申请"}
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
    fixed = school.clerk.post(page, {"note-teaching": "改"}, page=page)
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
    assert file[1:] == [f"绿色学校,示例学校,学校,任城区,{today},{until},1,已认定,,"]
    assert "已认定" in school.reader.get(listed).text
    assert ines.post(f"{desk}/refuse", {"reason": "晚了"}, page=desk).status_code == 409

    # --- its last day is corrected, then it is revoked: both with a reason, both told ---
    corrected = (today + timedelta(days=365)).isoformat()
    for day, reason in ((today.isoformat(), "录错"), (corrected, ""), ("", "录错")):
        wrong = ines.post(f"{desk}/correct", {"valid_until": day, "reason": reason}, page=desk)
        assert wrong.status_code == 422
    right = {"valid_until": corrected, "reason": "录错一年"}
    assert ines.post(f"{desk}/correct", right, page=desk).status_code == 303
    assert corrected in Browser(app).get("/recognised.csv").text
    assert f"有效期更正为至 {corrected}" in school.owner.get("/messages").text
    assert ines.post(f"{desk}/revoke", {"reason": " "}, page=desk).status_code == 422
    assert ines.post(f"{desk}/revoke", {"reason": "材料系复印"}, page=desk).status_code == 303
    assert "认定已被撤销" in school.owner.get("/messages").text
    assert "材料系复印" in school.reader.get(page).text
    public = Browser(app).get("/recognised").text
    assert "已撤销的认定" in public.split("材料系复印")[0]
    file = Browser(app).get("/recognised.csv").data.decode("utf-8-sig").splitlines()
    assert file[1:] == [
        f"绿色学校,示例学校,学校,任城区,{today},{corrected},1,认定已撤销,{today},材料系复印"
    ]
    for act in ("revoke", "correct", "grant"):
        assert ines.post(f"{desk}/{act}", right, page=desk).status_code == 409
    assert "材料系复印" in ines.get(desk).text


def test_a_refused_one_tells_why_and_may_be_begun_anew(app: Flask) -> None:
    family = arranged(app, "otto", PHONES, kind="family", name_zh="王家", credit_code="")
    ines = Browser(app)
    totp = add_dana(app, Role.INSTITUTION_OFFICER, login="ines")
    assert ines.sign_in_staff(totp.now(), login="ines").status_code == 303
    page = started(family, "green_family")
    for criterion in ("saving", "waste", "consumption", "travel"):
        filled(family, page, criterion)
    assert family.owner.post(f"{page}/submit", {}, page=page).status_code == 303
    desk = f"/admin/recognitions/{page.rsplit('/', 1)[1]}"
    no = {"reason": "材料与家庭不符"}
    assert ines.post(f"{desk}/refuse", no, page=desk).status_code == 303
    assert "材料与家庭不符" in family.reader.get(page).text
    assert "没有通过" in family.owner.get("/messages").text
    again = started(family, "green_family")
    assert again != page
    _named_only_when_it_agrees(app, family, again)


def _named_only_when_it_agrees(app: Flask, family: Place, page: str) -> None:
    """Nine other families of the district, and this one: named, or one of ten, or not told."""
    today, stranger = business_day(utc_now()), Browser(app)
    with writing(app) as session:
        (case,) = session.exec(select(RecognitionCase).where(RecognitionCase.status == "draft"))
        mine = session.get_one(Institution, family.row_id)
        granted = {"status": "granted", "valid_from": today, "valid_until": today}
        for number in range(9):
            books = open_account(
                session, kind=AccountKind.INSTITUTION, district_code=None, now=utc_now()
            )
            row = Institution(
                **mine.model_dump(exclude={"id", "public_id", "account_id", "name_zh"}),
                account_id=books.stored_id,
                public_id=f"FAMILY{number}",
                name_zh=f"别家{number}",
            )
            session.add(row)
            session.flush()
            other = case.model_dump(exclude={"id", "public_id", "institution_id"}) | granted
            session.add(
                RecognitionCase(**other, public_id=f"C{number}", institution_id=row.stored_id)
            )
        case.sqlmodel_update(granted)
        session.commit()

    def told() -> tuple[bool, list[str]]:
        text = stranger.get("/recognised").text
        lines = stranger.get("/recognised.csv").data.decode("utf-8-sig").splitlines()[1:]
        assert "别家" not in text + "".join(lines)
        assert ("王家" in text) == ("王家" in "".join(lines))
        assert ('<td class="right">10</td>' in text) == (len(lines) == 1 and "王家" not in text)
        return "王家" in text, lines

    ten = "绿色家庭,家庭（不公开名称）,家庭,任城区,,,10,已认定,,"
    assert told() == (False, [ten])
    assert "任何人都能在名单和它的下载文件里看到" in family.owner.get(page).text
    assert family.clerk.post(f"{page}/naming", {"agreed": "1"}, page=SEAT).status_code == 403
    assert family.owner.post(f"{page}/naming", {"agreed": "1"}, page=page).status_code == 303
    # Nine are left without a name: too few to tell how many.
    line = f"绿色家庭,王家,家庭,任城区,{today},{today},1,已认定,,"
    assert told() == (True, [line])
    assert family.owner.post(f"{page}/naming", {"agreed": "0"}, page=page).status_code == 303
    assert told() == (False, [ten])
    with writing(app) as session:
        case = session.exec(
            select(RecognitionCase)
            .where(RecognitionCase.institution_id == family.row_id)
            .where(RecognitionCase.status == "granted")
        ).one()
        assert (case.named_by, case.named_at) == (None, None)
        staff = session.exec(select(Staff)).first()
        assert staff is not None
        revoked = {"revoked_by": staff.id, "revoked_at": utc_now(), "revoked_reason": "不符"}
        case.sqlmodel_update({"status": "revoked", **revoked})
        session.commit()
    # A family that lost it is on no list.
    assert told() == (False, [])
