"""Pools on the pages: staff of two, a resident who takes part, sees where it went, and leaves."""

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Account, AccountKind, Consent
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import business_day, utc_now
from carbonaccount.institutions import lots, pool_gathering
from carbonaccount.institutions.offset_models import Purpose
from carbonaccount.institutions.pool_models import Pool, PoolShare
from carbonaccount.institutions.retiring import retire
from tests.admin.desk import staff
from tests.behaviors.intake.arranging import bring, item
from tests.behaviors.totals.arranging import know
from tests.carbonaccount.institutions.offsets.arranging import school
from tests.carbonaccount.institutions.pools.arranging import (
    APRIL,
    NOW,
    closed,
    join,
    officers,
    opened,
    riders,
)
from tests.people import Browser, writing

FORM = {
    "title_zh": "三月骑行减排池",
    "title_en": "Rides of March",
    "purpose_zh": "抵消城市马拉松的排放",
    "purpose_en": "To make the city marathon good",
    "first_day": "2026-03-01",
    "last_day": "2026-03-31",
    "buyer": "",
    "buyer_zh": "某公司",
    "buyer_en": "",
    "price": "60.5",
    "proceeds_zh": "用于修自行车道",
    "proceeds_en": "For cycle lanes",
}


def pool_of(app: Flask) -> Pool:
    with writing(app) as session:
        return session.exec(select(Pool)).one()


def test_staff_of_two_and_a_resident(app: Flask) -> None:
    olga = staff(app, Role.INSTITUTION_OFFICER, login="olga")
    otis = staff(app, Role.INSTITUTION_OFFICER, login="otis")
    assert "没有减排池" in olga.get("/admin/pools").text
    form = {**FORM, "joins_until": business_day(utc_now()).isoformat()}
    wrong = olga.post("/admin/pools/new", {**form, "price": "a lot", "title_en": ""})
    assert wrong.status_code == 422
    assert wrong.text.count('role="alert"') >= 2
    no_use = olga.post("/admin/pools/new", {**form, "proceeds_zh": ""})
    assert "收入用途" in no_use.text
    assert olga.post("/admin/pools/new", form).status_code == 303
    pool = pool_of(app)
    assert pool.price_fen_per_t == 6050
    address = f"/admin/pools/{pool.public_id}"
    assert "60.50" in olga.get(f"{address}/edit").text
    alice = Browser(app)
    alice.sign_in()
    assert "现在没有减排池" in alice.get("/me/pools").text  # a draft is the staff's
    own = olga.post(f"{address}/open", {}, page=address)
    assert own.status_code == 409
    assert "另一位工作人员" in own.text
    assert otis.post(f"{address}/open", {}, page=address).status_code == 303
    assert "可以参加了" in alice.get("/messages").text
    assert "看方法" not in alice.get("/messages").text
    shown = alice.get("/me/pools").text
    assert "每吨 60.50 元" in shown
    assert "某公司" in shown
    assert "checked" not in shown
    unticked = alice.post(f"/me/pools/{pool.public_id}/join", {}, page="/me/pools")
    assert unticked.status_code == 422
    assert "请先勾选同意" in unticked.text
    ticked = alice.post(f"/me/pools/{pool.public_id}/join", {"agree": "y"}, page="/me/pools")
    assert ticked.status_code == 303
    assert "退出，立即生效" in alice.get("/me/pools").text
    assert "三月骑行减排池" in alice.get("/me").text
    few = otis.post(f"{address}/close", {}, page=address)
    assert few.status_code == 409
    assert "至少要有 10 位" in few.text
    left = alice.post(f"/me/pools/{pool.public_id}/leave", {}, page="/me/pools")
    assert left.status_code == 303
    with writing(app) as session:
        assert session.exec(select(PoolShare.status)).all() == ["left"]
        consent = session.exec(select(Consent).where(col(Consent.purpose).startswith("pool:")))
        assert consent.one().withdrawn_at is not None
    assert otis.post(f"{address}/call-off", {"reason": "x"}, page=address).status_code == 422
    off = otis.post(f"{address}/call-off", {"reason": "买方退出"}, page=address)
    assert off.status_code == 303
    assert "买方退出" in olga.get(address).text
    assert "共 1 条" in olga.get("/admin/pools?status=called_off&q=骑行").text
    assert "没有减排池" in olga.get("/admin/pools?status=sold").text
    lines = olga.get("/admin/pools.csv").data.decode("utf-8-sig").splitlines()
    assert len(lines) == 2


def test_where_my_grams_went(app: Flask, session: Session) -> None:
    """One of eleven whose grams were handed over sees the numbers, the price, and what is used."""
    people_staff = officers(app, session)
    source, people = riders(session, 11)
    alice = Browser(app)
    session.commit()
    alice.sign_in()
    me = session.exec(
        select(Account).where(col(Account.kind) == AccountKind.PERSON).order_by(col(Account.id))
    ).all()[-1]
    know(session, source, "alice", me)
    rides = [item(n, occurred_at=f"2026-03-0{n}T09:00:00+08:00") for n in (1, 2, 3)]
    bring(session, source, *rides, now=APRIL)
    place = school(session)
    pool = opened(
        session,
        people_staff,
        buyer=place.public_id,
        buyer_name=("", ""),
        joins_until=date(2099, 1, 1),
    )
    session.commit()
    assert "438 g" in alice.get("/me/pools").text  # what she could give by now
    for account_id in (*people, me.stored_id):
        join(session, pool, account_id)
    step: dict[str, Any] = {
        "public_id": pool.public_id,
        "acting_user": people_staff[1],
        "now": NOW,
    }
    pool_gathering.close(session, **step)
    session.commit()
    frozen = alice.get("/me/pools").text
    assert "已冻结" in frozen
    assert "退出，立即生效" in frozen
    assert "您的 438 g 已归集" in alice.get("/messages").text
    assert "438 g 已放入减排池" in alice.get("/").text
    again = alice.post(f"/me/pools/{pool.public_id}/join", {"agree": "y"}, page="/me")
    assert again.status_code == 303
    assert "减排池已归集；交付前" in alice.get("/me/pools").text
    pool_gathering.sell(session, **step)
    session.commit()
    sold = alice.get("/me/pools").text
    # The ten others gave (1 + ... + 10) x 146 = 8030 g; 438 g at 60 yuan a tonne are 2.628 fen.
    assert f"<code>{pool.serial_prefix}8031</code>" in sold
    assert f"<code>{pool.serial_prefix}8468</code>" in sold
    assert "您的部分合 0.02 元" in sold
    assert "买方持有，还没有使用" in sold
    assert "任城第一小学" in sold
    assert "退出，立即生效" not in sold
    assert "438 g 已放入减排池" in alice.get("/").text
    standing = select(Consent).where(
        col(Consent.purpose).startswith("pool:"), col(Consent.withdrawn_at).is_(None)
    )
    assert session.exec(standing).all() == []  # nothing is left to withdraw
    session.commit()  # On SQLite the page waits for every writer.
    gone = alice.post(f"/me/pools/{pool.public_id}/leave", {}, page="/me")
    assert gone.status_code == 409
    # The school uses a part: the numbers up to 8200, 170 of them hers.
    assert pool.lot_id is not None
    first, _rest = lots.split(
        session, lot_id=pool.lot_id, serials=8200, acting_user=SYSTEM, now=NOW
    )
    retire(
        session,
        institution_id=place.stored_id,
        lot_ids=[first.stored_id],
        purpose=Purpose.EVENT,
        purpose_id=1,
        acting_user=SYSTEM,
        now=NOW,
    )
    session.commit()
    assert "170 g 已用于抵消" in alice.get("/me/pools").text
    lines = alice.get("/me/pools.csv").data.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(f"{pool.serial_prefix}8031,{pool.serial_prefix}8468,170")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_numbers_for_the_buyer_name_nobody(app: Flask, session: Session) -> None:
    people_staff = officers(app, session)
    _source, people = riders(session)
    pool = closed(session, people_staff, people)
    pool_gathering.sell(session, public_id=pool.public_id, acting_user=people_staff[1], now=NOW)
    session.commit()
    auditor = staff(app, Role.AUDITOR, login="otto")
    text = auditor.get(f"/admin/pools/{pool.public_id}/numbers.csv").data.decode("utf-8-sig")
    lines = text.splitlines()
    # (1 + ... + 10) rides of 146 g; what each of the ten gave is not the buyer's.
    prefix = f"CP2026-{pool.public_id}-"
    assert lines[1:] == [f"{prefix}0001,{prefix}8030,8030"]
    page = auditor.get(f"/admin/pools/{pool.public_id}").text
    assert "交付给买方" not in page
    assert f"<code>{prefix}0001</code>" in page
    assert auditor.get("/admin/pools/new").status_code == 403
