"""Work behind the pages: the daily jobs and their runs, imports and previews; running a job now."""

from datetime import date, datetime, timedelta
from typing import Any

from flask import Response, current_app, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlmodel import Session, col

from admin import work_reads
from admin.acts import summary_text
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.views import blueprint
from admin.views.common import attempted
from carbonaccount import audit, lease, scheduler
from carbonaccount.audit import Actor
from carbonaccount.clock import CITY_ZONE, business_day, utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import DomainError, Invalid
from carbonaccount.job_models import JobAttempt
from carbonaccount.job_process import LEADER
from carbonaccount.leadership import ProcessLock
from carbonaccount.lease import Standing
from carbonaccount.scheduler import CATCH_UP_DAYS
from carbonaccount.tasks import TaskRunner
from carbonaccount.web.database import current_session, engine
from carbonaccount.web.error_pages import explain
from carbonaccount.web.filters import chosen
from carbonaccount.web.identity import current_actor, go_to

WORK_STATES = {
    "waiting": (_l("排队中"), "wait"),
    "running": (_l("进行中"), "wait"),
    "stopping": (_l("正在停止"), "wait"),
    "done": (_l("已完成"), "good"),
    "stopped": (_l("已停止"), "plain"),
    "cancelled": (_l("已取消"), "plain"),
    "failed": (_l("未完成"), "bad"),
    "interrupted": (_l("中断了"), "bad"),
    "fenced": (_l("被接手，未保留"), "bad"),
}
# What the jobs of this release do; a job without words here is shown with its own description.
JOB_WORDS: dict[str, LazyString] = {
    "activate-rules": _l("让到期的规则版本生效"),
    "cleanup": _l("删除过期的验证码、计数和登录"),
    "city-totals": _l("重算有变动的日子的全市合计"),
    "control-totals": _l("按来源核对前一天的条数、减排量和积分"),
    "credit-expiry": _l("让到期年份的积分失效，并提醒接下来要到期的"),
    "draws": _l("给到点的抽签开奖并发券"),
    "end-shares": _l("结束已离开单位的人给出的份额"),
    "event-reminders": _l("提醒机构给活动算账，并在一年内抵消"),
    "forget-coupon-digits": _l("删除已结束的券的号码"),
    "forget-signing-traces": _l("删除过期的随机数和绑定码"),
    "forget-uploads": _l("删除未导入的文件和旧的拒收清单"),
    "fund-check": _l("把奖励资金的预算情况告诉运营人员"),
    "member-figures": _l("公布各单位成员在结束满一周的各段里做了多少"),
    "merchant-settlements": _l("每月 1 日起草上个月的商户结算"),
    "queue-offers": _l("把排队的奖励给下一位"),
    "release-late-records": _l("计入暂停结束后仍被保留的记录"),
    "reward-expiry": _l("让没用的到期券失效，并提醒快到期的"),
    "reward-favourites": _l("提醒居民收藏的奖励一周内结束"),
    "statement-reminders": _l("提醒有计划的单位公布上一年的碳中和声明"),
    "verify-books": _l("检查账目和记录必须成立的每一条"),
    "settle-debts": _l("用新得到的减排量和积分补上重算的欠额"),
}
WORK_KINDS = {"upload": _l("数据导入"), "preview": _l("规则预览")}


ATTEMPT_STATES = (
    scheduler.WAITING,
    scheduler.RUNNING,
    scheduler.DONE,
    scheduler.FAILED,
    scheduler.FENCED,
)
WAYS = {"real": _l("正式执行"), "dry": _l("试运行")}


def columns() -> list[SortedColumn[JobAttempt]]:
    """Return the columns of what was tried, on the page and in its files."""
    return [
        SortedColumn(
            "started", _("开始"), lambda row: _moment(row.started_at), col(JobAttempt.started_at)
        ),
        SortedColumn("job", _("任务"), lambda row: row.job, col(JobAttempt.job)),
        SortedColumn(
            "period", _("所属日期"), lambda row: row.period.isoformat(), col(JobAttempt.period)
        ),
        SortedColumn("how", _("方式"), lambda row: str(way_of(row))),
        SortedColumn("state", _("状态"), lambda row: str(state_of(row)[0]), col(JobAttempt.state)),
        SortedColumn("attempts", _("次数"), lambda row: row.attempts, col(JobAttempt.attempts)),
        SortedColumn("finished", _("结束"), lambda row: _moment(row.finished_at)),
        SortedColumn("asked_by", _("谁"), lambda row: row.asked_by or _("按时执行")),
        SortedColumn("epoch", _("届"), lambda row: row.epoch or ""),
        SortedColumn("fenced", _("被接手次数"), lambda row: row.fenced, col(JobAttempt.fenced)),
        SortedColumn("summary", _("结果"), lambda row: row.error or summary_text(row.summary)),
    ]


def runner() -> TaskRunner:
    """Return what runs the jobs that staff ask this process for."""
    found: TaskRunner = current_app.extensions["carbonaccount.job_runs"]
    return found


def way_of(row: JobAttempt) -> LazyString:
    """Return whether a row is of a run or of a dry run, in words."""
    return WAYS["dry" if row.dry_run else "real"]


def state_of(row: JobAttempt) -> tuple[LazyString, str]:
    """Return the words and the tone of how a job stands for a period."""
    return WORK_STATES["interrupted" if _is_interrupted(row) else row.state]


def leader() -> Standing | None:
    """Return who leads the scheduler now, or led it last; asked once a request."""
    if "jobs_leader" not in g:
        settings: Settings = current_app.extensions["carbonaccount.settings"]
        folder = settings.instance_path / "locks"
        g.jobs_leader = lease.standing(engine(), name=LEADER, folder=folder)
    found: Standing | None = g.jobs_leader
    return found


def _is_interrupted(row: JobAttempt) -> bool:
    """Return whether nobody is at work on what its row says is waiting or running."""
    if row.state not in (scheduler.WAITING, scheduler.RUNNING):
        return False
    if runner().is_at_work(_key(row.job, row.period, row.dry_run)):
        return False
    leads = leader()
    return not (leads and leads.is_alive and row.epoch == leads.epoch)


def _key(name: str, period: date, dry_run: bool) -> str:
    return f"{name}-{period.isoformat()}" + ("-dry" if dry_run else "")


def _moment(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds")


def _filters() -> dict[str, str]:
    """Return the filters of the address; a word that is no choice is told."""
    return {
        "job": chosen("job", {item.name for item in scheduler.jobs()}, _("任务")),
        "state": chosen("state", ATTEMPT_STATES, _("状态")),
        "how": chosen("how", WAYS, _("方式")),
    }


def _list_needs() -> dict[str, Any]:
    return {
        "wanted": work_reads.attempt_rows(**_filters()),
        "columns": columns(),
        "as_row": lambda row: row,
        "tie": col(JobAttempt.id),
        "default": "-started",
    }


@blueprint.get("/jobs")
def jobs() -> ResponseReturnValue:
    """Show the jobs, what was tried, and the imports and previews of staff."""
    return _jobs_page()


def _jobs_page(error: DomainError | None = None, status: int = 200) -> ResponseReturnValue:
    session, now, filters = current_session(), utc_now(), _filters()
    found = database_listing(session, **_list_needs(), filters=filters)
    at_work = [row for row in work_reads.at_work(session) if not _is_interrupted(row)]
    page = render_template(
        "admin/jobs.html",
        lines=work_reads.job_lines(session, now=now),
        list=found,
        leader=leader(),
        at_work=at_work,
        is_active=bool(at_work)
        or any(row.state == scheduler.WAITING and not _is_interrupted(row) for row in found.rows),
        filters=filters,
        state_of=state_of,
        way_of=way_of,
        ways=WAYS,
        states={name: WORK_STATES[name][0] for name in ATTEMPT_STATES},
        work=work_reads.latest_work(session),
        work_states=WORK_STATES,
        work_kinds=WORK_KINDS,
        job_words=JOB_WORDS,
        today=business_day(now),
        error=explain(error) if error else "",
    )
    return page, status


@blueprint.get("/jobs.<any(csv, xlsx):kind>")
def jobs_export(kind: str) -> Response:
    """Send the runs as a file."""
    return database_file(current_session(), **_list_needs(), name="job-runs", kind=kind)


@blueprint.post("/jobs/<name>/run")
def run_job(name: str) -> ResponseReturnValue:
    """Have a job run for a day beside the requests, unless that day is done; or try it out."""
    asked: list[bool] = []
    dry_run = request.form.get("dry_run") == "1"

    def ask(session: Session, **needs: Any) -> None:
        asked.append(_asked(session, name=name, dry_run=dry_run, **needs))

    error, status = attempted(
        ask,
        period=request.form.get("period", ""),
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is not None:
        return _jobs_page(error, status)
    flash(*_said(name, dry_run=dry_run, begun=asked[0]))
    return go_to(url_for("admin.jobs", job=name))


def _said(name: str, *, dry_run: bool, begun: bool) -> tuple[str, str]:
    if not begun:
        return _("任务 %(name)s 在这一天已经完成，不会再做一遍。", name=name), "info"
    if dry_run:
        return _("任务 %(name)s 已开始试运行，做完全部撤回，结果见下表。", name=name), "success"
    return _("任务 %(name)s 已开始，结果见下表。", name=name), "success"


def _asked(
    session: Session, *, name: str, period: str, dry_run: bool, acting_user: Actor, now: datetime
) -> bool:
    """Hand a job to the thread that runs them and write down who asked; False when it is done.

    Raises NotFound (unknown_job), Invalid (bad_job_day) for a day to come or one too long ago,
    Conflict (task_at_work).
    """
    day = _day_of(period, business_day(now))
    by = acting_user.ref
    note = scheduler.ask(session, name=name, period=day, asked_by=by, now=now, dry_run=dry_run)
    audit.record(
        session,
        acting_user=acting_user,
        action="job.dry_run" if dry_run else "job.run",
        subject=f"job:{name}",
        now=now,
        period=period,
    )
    if note is None:
        return False
    at, work = engine(), scheduler.try_out if dry_run else scheduler.attempt

    def run(_lock: ProcessLock) -> object:
        return work(at, name=name, period=day, now=now)

    with runner().starting(_key(name, day, dry_run), run):
        session.commit()
    return True


def _day_of(period: str, today: date) -> date:
    try:
        day = date.fromisoformat(period)
    except ValueError:
        raise Invalid("bad_job_day", field="period", days=CATCH_UP_DAYS) from None
    if not today - timedelta(days=CATCH_UP_DAYS) < day <= today:
        raise Invalid("bad_job_day", field="period", days=CATCH_UP_DAYS)
    return day
