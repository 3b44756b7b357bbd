"""The work behind the pages: jobs with what they owe, their runs, and running one now."""

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlmodel import col, select
from werkzeug.test import TestResponse

from admin.views.jobs import JOB_WORDS
from carbonaccount import scheduler
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import AuditEntry
from carbonaccount.clock import business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.job_models import JobAttempt, JobRun
from carbonaccount.job_process import LEADER
from carbonaccount.lease import Lease
from carbonaccount.scheduler import attempt
from carbonaccount.tasks import TaskRunner
from tests.admin.desk import staff
from tests.people import Browser, writing

JOB = "forget-signing-traces"


@pytest.fixture
def sys(app: Flask) -> Browser:
    return staff(app, Role.SYSTEM_ADMIN, login="sys")


def run(browser: Browser, days_ago: int = 0, name: str = JOB, **more: str) -> TestResponse:
    """Ask for a job and wait until what runs it is done."""
    period = (business_day(utc_now()) - timedelta(days=days_ago)).isoformat()
    form = {"period": period, **more}
    response = browser.post(f"/admin/jobs/{name}/run", form, page="/admin/jobs")
    runner: TaskRunner = browser.client.application.extensions["carbonaccount.job_runs"]
    runner.join()
    return response


def test_run_now_once(app: Flask, sys: Browser) -> None:
    assert "从未执行" in sys.get("/admin/jobs").text
    assert run(sys).status_code == 303
    assert run(sys).status_code == 303
    with writing(app) as session:
        runs = session.exec(select(JobRun)).all()
        asked = session.exec(select(AuditEntry).where(col(AuditEntry.action) == "job.run")).all()
    assert [(row.job, row.period) for row in runs] == [(JOB, business_day(utc_now()))]
    assert runs[0].summary == "nonces=0 codes=0"
    assert {entry.actor for entry in asked} == {"staff:sys"}
    page = sys.get(f"/admin/jobs?job={JOB}").text
    assert "删除随机数 0 · 删除验证码或绑定码 0" in page
    assert "不会再做一遍" in page  # what the second answer said
    assert "hx-trigger" not in page


def test_a_failed_run_is_seen_with_its_class_and_its_tries(
    app: Flask, sys: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an exception says may name people; its class does not."""

    def broken(_session: object, **_needs: object) -> str:
        raise RuntimeError("13800001111 is in the way")

    job = scheduler.find_job(JOB)
    monkeypatch.setitem(scheduler._JOBS, JOB, replace(job, function=broken))
    today = business_day(utc_now())
    for _ in range(2):
        assert attempt(engine_of(app), name=JOB, period=today, now=utc_now()).state == "failed"
    assert run(sys).status_code == 303
    page = sys.get("/admin/jobs?state=failed").text
    assert "试了 3 次" in page
    assert "RuntimeError" in page
    assert "13800001111" not in page
    assert "共 1 条" in page
    monkeypatch.setitem(scheduler._JOBS, JOB, job)
    assert run(sys).status_code == 303
    with writing(app) as session:
        (row,) = session.exec(select(JobAttempt)).all()
    assert (row.state, row.attempts, row.error) == ("done", 4, "")
    assert row.asked_by == "sys"


def test_one_that_nobody_is_at_work_on_shows_as_interrupted(app: Flask, sys: Browser) -> None:
    with writing(app) as session:
        scheduler.ask(
            session, name=JOB, period=business_day(utc_now()), asked_by="sys", now=utc_now()
        )
        session.commit()
    page = sys.get("/admin/jobs").text
    assert "中断了" in page
    assert "hx-trigger" not in page
    assert run(sys).status_code == 303
    assert "中断了" not in sys.get("/admin/jobs").text


def test_a_dry_run_says_so_and_keeps_nothing(app: Flask, sys: Browser) -> None:
    response = run(sys, dry_run="1")
    assert response.status_code == 303
    page = sys.get(f"/admin/jobs?job={JOB}&how=dry").text
    assert "已开始试运行，做完全部撤回" in page
    assert "删除随机数 0 · 删除验证码或绑定码 0" in page
    assert "共 1 条" in page
    assert "共 0 条" not in page
    assert "还没有执行过" in sys.get("/admin/jobs?how=real").text
    with writing(app) as session:
        assert session.exec(select(JobRun)).all() == []
        asked = session.exec(select(AuditEntry).where(col(AuditEntry.action) == "job.dry_run"))
        assert [entry.actor for entry in asked] == ["staff:sys"]


def test_who_leads_is_shown(app: Flask, sys: Browser) -> None:
    assert "任务进程还没有运行过" in sys.get("/admin/jobs").text
    settings: Settings = app.extensions["carbonaccount.settings"]
    lease = Lease(engine_of(app), name=LEADER, folder=settings.instance_path / "locks", lease_s=600)
    fence = lease.hold()
    assert fence is not None
    now = utc_now()
    with writing(app) as session:
        session.add(
            JobAttempt(
                job=JOB, period=business_day(now), state="running", epoch=fence.epoch,
                attempts=1, started_at=now,
            )
        )  # fmt: skip
        session.commit()
    page = sys.get("/admin/jobs").text
    assert lease.holder in page
    assert "在执行" in page
    assert f"{JOB} · " in page
    assert "hx-trigger" in page  # the page follows what goes on
    lease.give_up()
    page = sys.get("/admin/jobs").text
    assert "已停止" in page
    assert "没有回应" not in page
    assert "没有在做的任务" in page
    assert "中断了" in page


def engine_of(app: Flask) -> Engine:
    found: Engine = app.extensions["carbonaccount.engine"]
    return found


def test_every_job_is_told_in_words(sys: Browser) -> None:
    page = sys.get("/admin/jobs").text
    names = {job.name for job in scheduler.jobs()}
    assert names - JOB_WORDS.keys() == set()
    assert JOB_WORDS.keys() - names == set()
    for name in names:
        assert str(JOB_WORDS[name]) in page


def test_what_is_owed(app: Flask, sys: Browser) -> None:
    assert run(sys, days_ago=5).status_code == 303
    found = re.search(r"欠 (\d) 天", sys.get("/admin/jobs").text)
    # Today's run is owed only after its hour.
    assert found
    assert found[1] in ("4", "5")


BAD_DAYS: list[int] = [-1, 400, 4000]


def test_no_day_to_come_nor_long_ago(app: Flask, sys: Browser) -> None:
    for days_ago in BAD_DAYS:
        response = run(sys, days_ago=days_ago)
        assert response.status_code == 422
        assert "之前 400 天" in response.text
        with writing(app) as session:
            assert session.exec(select(JobRun)).all() == []


def test_no_date_and_no_such_job(sys: Browser) -> None:
    response = sys.post(f"/admin/jobs/{JOB}/run", {"period": "soon"}, page="/admin/jobs")
    assert response.status_code == 422
    assert run(sys, name="no-such-job").status_code == 404


def test_the_runs_as_a_file(sys: Browser) -> None:
    for days in range(3):
        run(sys, days_ago=days)
    rows = list(csv.reader(io.StringIO(sys.get("/admin/jobs.csv").data.decode("utf-8-sig"))))
    assert len(rows) == 4
    assert "共 3 条" in sys.get("/admin/jobs").text
    assert sys.get("/admin/jobs.xlsx?sort=period").data[:2] == b"PK"


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_others_only_look(app: Flask, role: Role) -> None:
    other = staff(app, role, login="otto")
    assert other.get("/admin/jobs").status_code == 200
    response = other.post(f"/admin/jobs/{JOB}/run", {"period": "2026-11-20"}, page="/admin/")
    assert response.status_code == 403
