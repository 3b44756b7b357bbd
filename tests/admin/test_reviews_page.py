"""The queue of photos, one photo with what it claims, and the two decisions; for reviewers only."""

import csv
import io
import re
from datetime import timedelta

import openpyxl
import pytest
from flask import Flask
from sqlmodel import select

from behaviors.models import ActivityRecord
from behaviors.rule_models import EvidenceReview
from carbonaccount.accounts.roles import Role
from carbonaccount.clock import utc_now
from tests.admin.desk import folder, photo_report, staff
from tests.people import Browser, csrf_token, writing
from tests.queries import counting


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def decide(browser: Browser, record_id: int, verb: str, **data: str) -> str:
    """Send a decision; returns where it leads."""
    page = f"/admin/reviews/{record_id}"
    response = browser.post(f"{page}/{verb}", data, page=page)
    assert response.status_code == 303, text_of(response.text)
    return response.headers["Location"]


def record(app: Flask, record_id: int) -> ActivityRecord:
    with writing(app) as session:
        return session.get_one(ActivityRecord, record_id)


@pytest.fixture
def rita(app: Flask) -> Browser:
    return staff(app, Role.REVIEWER)


def test_the_queue_is_empty(rita: Browser) -> None:
    page = rita.get("/admin/reviews")
    assert page.status_code == 200
    assert "没有待审核的照片" in page.text
    assert rita.get("/admin/reviews/next").headers["Location"] == "/admin/reviews"


def test_the_oldest_waits_first(app: Flask, rita: Browser) -> None:
    now = utc_now()
    late = photo_report(app, 1, at=now - timedelta(hours=1))
    early = photo_report(app, 2, at=now - timedelta(hours=5))
    page = rita.get("/admin/reviews").text
    assert page.index(f"/admin/reviews/{early}") < page.index(f"/admin/reviews/{late}")
    assert rita.get("/admin/reviews/next").headers["Location"] == f"/admin/reviews/{early}"
    assert "待审核 <strong>2</strong>" in page


def test_a_photo_says_what_is_claimed_and_what_it_would_earn(app: Flask, rita: Browser) -> None:
    record_id = photo_report(app, 1, km="12.5")
    text = text_of(rita.get(f"/admin/reviews/{record_id}").text)
    # 12.5 km x 52 g = 650 g; a photo earns half the credits.
    assert "公交出行 · 12.5 人公里" in text
    assert "650 g · 325 积分" in text
    assert "没有与它相似的" in text


def test_accepting_counts_and_opens_the_next(app: Flask, rita: Browser) -> None:
    now = utc_now()
    first = photo_report(app, 1, at=now - timedelta(hours=5))
    second = photo_report(app, 2, at=now - timedelta(hours=4))
    assert decide(rita, first, "accept") == f"/admin/reviews/{second}"
    assert (record(app, first).status, record(app, first).credits) == ("c", 260)
    assert decide(rita, second, "accept") == "/admin/reviews"
    assert "已通过并计入" in rita.get("/admin/reviews").text


def test_declining_with_a_reason(app: Flask, rita: Browser) -> None:
    record_id = photo_report(app, 1)
    decide(rita, record_id, "decline", reason="amount_differs", note="票上是 3 公里")
    assert record(app, record_id).status == "d"
    text = text_of(rita.get(f"/admin/reviews/{record_id}").text)
    assert "数量与照片不符 票上是 3 公里" in text


def test_declining_without_a_reason_says_what_is_missing(app: Flask, rita: Browser) -> None:
    record_id = photo_report(app, 1)
    page = f"/admin/reviews/{record_id}"
    response = rita.post(f"{page}/decline", {"note": "只写了说明"}, page=page)
    assert response.status_code == 422
    assert "请选择不通过的原因" in response.text
    assert "只写了说明" in response.text
    assert record(app, record_id).status == "h"


def test_somebody_was_quicker(app: Flask, rita: Browser) -> None:
    record_id = photo_report(app, 1)
    page = f"/admin/reviews/{record_id}"
    token = csrf_token(rita.get(page))
    decide(rita, record_id, "accept")
    response = rita.post_with(token, f"{page}/decline", {"reason": "unreadable"})
    assert response.status_code == 404
    assert "可能有人刚刚处理过" in response.text
    assert record(app, record_id).status == "c"


def test_the_same_photo_of_somebody_else_stands_side_by_side(app: Flask, rita: Browser) -> None:
    now = utc_now()
    first = photo_report(app, 7, at=now - timedelta(hours=5))
    second = photo_report(app, 7, at=now - timedelta(hours=4))
    page = rita.get(f"/admin/reviews/{second}").text
    assert "1 张已提交的照片与这张几乎一样" in page
    assert f'src="/admin/reviews/{first}/photo"' in page
    assert "另一账户" in page
    assert "同一个文件" in page
    photo_report(app, 8)
    only = rita.get("/admin/reviews?similar=1").text
    assert len(re.findall(r'<th scope="row"', only)) == 2


def test_a_photo_is_not_kept_on_the_way(app: Flask, rita: Browser) -> None:
    record_id = photo_report(app, 1)
    response = rita.get(f"/admin/reviews/{record_id}/photo")
    assert response.status_code == 200
    assert response.mimetype == "image/webp"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.data[8:12] == b"WEBP"
    assert b"Exif" not in response.data


def test_a_photo_whose_file_is_gone(app: Flask, rita: Browser) -> None:
    record_id = photo_report(app, 1)
    for file in folder(app).iterdir():
        file.unlink()
    assert rita.get(f"/admin/reviews/{record_id}/photo").status_code == 404
    assert rita.get(f"/admin/reviews/{record_id}").status_code == 200


def test_the_files_hold_what_the_page_counts(app: Flask, rita: Browser) -> None:
    now = utc_now()
    ids = [photo_report(app, seed, at=now - timedelta(hours=seed)) for seed in range(1, 4)]
    decide(rita, ids[0], "decline", reason="other", note="=1+1")
    waiting = rita.get("/admin/reviews.csv")
    assert waiting.status_code == 200
    rows = list(csv.reader(io.StringIO(waiting.data.decode("utf-8-sig"))))
    assert [row[1] for row in rows[1:]] == [str(ids[2]), str(ids[1])]
    assert "共 2 条" in rita.get("/admin/reviews").text
    declined = rita.get("/admin/reviews.xlsx?state=declined")
    sheet = openpyxl.load_workbook(io.BytesIO(declined.data)).active
    assert sheet is not None
    cells = [cell for row in sheet.iter_rows(min_row=2) for cell in row]
    noted = [cell for cell in cells if "=1+1" in str(cell.value)]
    assert [cell.data_type for cell in noted] == ["s"]


def test_sorting_and_filtering(app: Flask, rita: Browser) -> None:
    now = utc_now()
    short = photo_report(app, 1, km="1", at=now - timedelta(hours=2))
    long = photo_report(app, 2, km="30", at=now - timedelta(hours=3))
    page = rita.get("/admin/reviews?sort=quantity").text
    assert page.index(f"/admin/reviews/{short}") < page.index(f"/admin/reviews/{long}")
    page = rita.get("/admin/reviews?sort=-quantity").text
    assert page.index(f"/admin/reviews/{short}") > page.index(f"/admin/reviews/{long}")
    assert "没有符合条件的照片" in rita.get("/admin/reviews?behavior=metro_trip").text
    assert "没有符合条件的照片" in rita.get("/admin/reviews?state=accepted").text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SYSTEM_ADMIN, Role.AUDITOR])
def test_others_do_not_see_photos(app: Flask, role: Role) -> None:
    record_id = photo_report(app, 1)
    other = staff(app, role, login="otto")
    for path in ("", f"/{record_id}", f"/{record_id}/photo", ".csv", "/next"):
        assert other.get(f"/admin/reviews{path}").status_code == 403
    token = csrf_token(other.get("/admin/"))
    response = other.post_with(token, f"/admin/reviews/{record_id}/accept", {})
    assert response.status_code == 403
    with writing(app) as session:
        assert session.exec(select(EvidenceReview)).all() == []


def test_residents_and_strangers_do_not_see_photos(app: Flask) -> None:
    record_id = photo_report(app, 1)
    stranger, resident = Browser(app), Browser(app)
    resident.sign_in()
    for browser in (stranger, resident):
        response = browser.get(f"/admin/reviews/{record_id}/photo")
        assert response.status_code == 303
        assert response.headers["Location"].startswith("/staff/sign-in")


def test_no_query_a_row(app: Flask, rita: Browser) -> None:
    now = utc_now()
    for seed in range(1, 4):
        photo_report(app, seed, at=now - timedelta(hours=seed))
    with counting(app) as few:
        rita.get("/admin/reviews")
    for seed in range(4, 10):
        photo_report(app, seed, at=now - timedelta(hours=seed))
    with counting(app) as many:
        rita.get("/admin/reviews")
    assert len(many) == len(few)


def test_an_unknown_record(rita: Browser) -> None:
    assert rita.get("/admin/reviews/999999").status_code == 404
    assert rita.get("/admin/reviews/999999/photo").status_code == 404
