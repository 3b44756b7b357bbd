"""A resident's certificate from asking to checking: page, PDF, QR code, one changed digit."""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Flask
from sqlmodel import col, select

from carbonaccount.accounts.models import Consent
from carbonaccount.clock import business_day, utc_now
from rewards.certificates import HOLDER_PURPOSE
from rewards.giving_models import Certificate
from tests.people import BOB, Browser, field_errors, says, writing
from tests.rewards.certificates.pages import (
    alice_with_rides,
    drawn_qr,
    fonts_of_pdf,
    picture_of_pdf,
    read_qr,
    text_of_pdf,
)
from tests.rewards.giving.arranging import broken

NAME = "爱丽丝"
_VERDICT = re.compile(r'data-verdict="([a-z]+)"')


def verdict(browser: Browser, address: str) -> str:
    """Return what the check page says of an address."""
    page = browser.get(address)
    found = _VERDICT.search(page.text)
    return found[1] if found else ""


def stored(app: Flask) -> list[Certificate]:
    """Return all certificates, the oldest first."""
    with writing(app) as session:
        return list(session.exec(select(Certificate).order_by(col(Certificate.id))))


def test_a_year_from_asking_to_checking(app: Flask, tmp_path: Path) -> None:
    # Two rides measured, one on a photo: 438 g, of which 292 g can be certified.
    alice, account_id = alice_with_rides(app, "AAC")
    today = business_day(utc_now())
    ask = f"/certificates/new/year/{today.year}"

    assert "438" in alice.get(ask).text
    silent = alice.post(ask, {"holder_name": NAME})
    assert (silent.status_code, field_errors(silent)) == (422, ["请先勾选同意。"])
    assert alice.post(ask, {"holder_name": "x" * 41, "agree": "y"}).status_code == 422
    done = alice.post(ask, {"holder_name": f" {NAME} ", "agree": "y"})
    assert done.status_code == 303
    (row,) = stored(app)
    assert alice.post(ask, {"holder_name": NAME, "agree": "y"}).location == done.location
    assert len(stored(app)) == 1
    assert NAME.encode() not in (row.holder_sealed or b"")
    assert NAME not in row.payload

    page = alice.get(done.location).text
    printed = "-".join(re.findall("....", row.number))
    address = urlsplit(read_qr(drawn_qr(page)))
    assert (address.path, address.query) == (
        f"/check/{row.number}",
        f"total=438&date={today.isoformat()}",
    )
    assert NAME not in address.query

    pdf = alice.get(f"/certificates/{row.number}.pdf")
    assert pdf.mimetype == "application/pdf"
    text = text_of_pdf(pdf.data, tmp_path)
    # How wide the gaps of a random number are is the reader's guess.
    assert "".join(printed.split()) in "".join(text.split())
    for said in (today.isoformat(), NAME, "438 g", "292 g", "个人年度减排证书"):
        assert said in text
    table = [" ".join(line.split()) for line in text.splitlines()]
    assert "共享单车骑行 A · 可核证 2 292" in table
    assert "共享单车骑行 C 1 146" in table
    fonts = fonts_of_pdf(pdf.data, tmp_path).splitlines()[2:]
    assert fonts
    for font in fonts:
        assert "Noto-Sans-CJK-SC" in font
        assert font.split()[-5:-2] == ["yes", "yes", "yes"]
    assert urlsplit(read_qr(picture_of_pdf(pdf.data, tmp_path))).path == address.path

    stranger = Browser(app)
    whole = f"{address.path}?{address.query}"
    genuine = stranger.get(whole)
    assert _VERDICT.search(genuine.text)[1] == "genuine"  # type: ignore[index]
    assert NAME in genuine.text
    assert genuine.headers["X-Robots-Tag"] == "noindex"
    # With the number alone nothing personal is told: no name, no grams.
    alone = stranger.get(f"/check?number={printed.lower()}")
    assert _VERDICT.search(alone.text)[1] == "exists"  # type: ignore[index]
    assert NAME not in alone.text
    assert not says(alone.text, "438")

    other_day = (today - timedelta(days=1)).isoformat()
    last = row.number[-1]
    other_number = row.number[:-1] + ("2" if last == "1" else "1")
    assert verdict(stranger, f"{address.path}?total=439&date={today}") == "differs"
    assert verdict(stranger, f"{address.path}?total=438&date={other_day}") == "differs"
    assert verdict(stranger, f"/check?number={other_number}&total=438&date={today}") == "unknown"
    differing = stranger.get(f"{address.path}?total=448&date={today}").text
    assert NAME not in differing
    assert not says(differing, "438")
    unread = stranger.get(f"{address.path}?total=4x8&date=gestern").text
    assert not _VERDICT.search(unread)
    # As it stands on the paper, with its unit; and what is missing is said.
    for total in ("438 g", "438g CO2e", " 438 克"):
        assert verdict(stranger, f"{address.path}?total={total}&date={today}") == "genuine"
    empty = stranger.get("/check?number=&total=438&date=").text
    assert "请填写证书编号" in empty
    assert "请填写证书编号" not in stranger.get("/check").text

    # Somebody else finds neither the page nor the PDF.
    bob = Browser(app, address="127.0.0.2")
    bob.sign_in(BOB)
    assert bob.get(done.location).status_code == 404
    assert bob.get(f"/certificates/{row.number}.pdf").status_code == 404

    # A digit changed in the database is told too.
    with writing(app) as session:
        session.execute(
            sa.update(Certificate).values(payload=row.payload.replace('"total":438', '"total":439'))
        )
        session.commit()
    assert verdict(stranger, f"{address.path}?total=439&date={today}") == "altered"
    with writing(app) as session:
        session.execute(sa.update(Certificate).values(payload=row.payload))
        forged = app.extensions["carbonaccount.vault"].seal("伪造者", purpose=HOLDER_PURPOSE)
        session.execute(sa.update(Certificate).values(holder_sealed=forged))
        session.commit()
    assert verdict(stranger, whole) == "altered"
    with writing(app) as session:
        session.execute(sa.update(Certificate).values(holder_sealed=row.holder_sealed))
        session.commit()

    # Without a name it is another certificate, which takes the place of the first.
    anonymous = alice.post(ask, {})
    assert verdict(stranger, whole) == "replaced"
    second = stored(app)[1]
    assert (second.revision, second.holder_sealed) == (1, None)
    assert stored(app)[0].holder_sealed is None
    assert NAME not in stranger.get(whole).text
    back = alice.post(f"{anonymous.location}/take-back", {}, page=anonymous.location)
    assert back.status_code == 303
    newer = f"/check/{second.number}?total=438&date={today}"
    assert verdict(stranger, newer) == "withdrawn"
    void = text_of_pdf(alice.get(f"/certificates/{second.number}.pdf").data, tmp_path)
    assert "持有人已收回 ·" in void
    assert "这张证书不再有效" in void
    with writing(app) as session:
        purposes = session.exec(
            select(Consent).where(col(Consent.purpose) == f"certificate:{row.number}")
        ).all()
        assert [consent.withdrawn_at is not None for consent in purposes] == [True]
        assert account_id == purposes[0].account_id
        assert broken(session) == {}
