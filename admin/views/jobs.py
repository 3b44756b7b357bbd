"""Work behind the pages: the daily jobs and their runs, imports and previews; running a job now."""

from datetime import date, datetime, timedelta
from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlmodel import Session, col

from admin import work_reads
from admin.database_lists import SortedColumn, database_file, database_listing
from admin.views import blueprint
from admin.views.common import attempted
from carbonaccount import audit, scheduler
from carbonaccount.audit import Actor
from carbonaccount.clock import CITY_ZONE, business_day, utc_now
from carbonaccount.errors import DomainError, Invalid
from carbonaccount.scheduler import CATCH_UP_DAYS, JobRun
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, go_to

WORK_STATES = {
    "waiting": (_l("排队中"), "wait"),
    "running": (_l("进行中"), "wait"),
    "stopping": (_l("正在停止"), "wait"),
    "done": (_l("已完成"), "good"),
    "stopped": (_l("已停止"), "plain"),
    "cancelled": (_l("已取消"), "plain"),
    "failed": (_l("未完成"), "bad"),
}
# What the jobs of this release do; a job without words here is shown with its own description.
JOB_WORDS: dict[str, LazyString] = {
    "activate-rules": _l("让到期的规则版本生效"),
    "cleanup": _l("删除过期的验证码、计数和登录"),
    "forget-signing-traces": _l("删除过期的随机数和绑定码"),
    "forget-uploads": _l("删除未导入的文件和旧的拒收清单"),
    "release-late-records": _l("计入暂停结束后仍被保留的记录"),
}
WORK_KINDS = {"upload": _l("数据导入"), "preview": _l("规则预览")}


def columns() -> list[SortedColumn[JobRun]]:
    """Return the columns of the runs, on the page and in their files."""
    return [
        SortedColumn(
            "started", _("开始"), lambda run: _moment(run.started_at), col(JobRun.started_at)
        ),
        SortedColumn("job", _("任务"), lambda run: run.job, col(JobRun.job)),
        SortedColumn(
            "period", _("所属日期"), lambda run: run.period.isoformat(), col(JobRun.period)
        ),
        SortedColumn("finished", _("结束"), lambda run: _moment(run.finished_at)),
        SortedColumn("summary", _("结果"), lambda run: run.summary or ""),
    ]


def _moment(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds")


def _job_name() -> str:
    name = request.args.get("job", "")
    return name if name in {job.name for job in scheduler.jobs()} else ""


def _list_needs() -> dict[str, Any]:
    return {
        "wanted": work_reads.run_rows(_job_name()),
        "columns": columns(),
        "as_row": lambda run: run,
        "tie": col(JobRun.id),
        "default": "-started",
    }


@blueprint.get("/jobs")
def jobs() -> ResponseReturnValue:
    """Show the jobs with what they owe, their runs, and the work that people asked for."""
    return _jobs_page()


def _jobs_page(error: DomainError | None = None, status: int = 200) -> ResponseReturnValue:
    session, now = current_session(), utc_now()
    page = render_template(
        "admin/jobs.html",
        lines=work_reads.job_lines(session, now=now),
        list=database_listing(
            session, **_list_needs(), filters={"job": _job_name()} if _job_name() else {}
        ),
        chosen=_job_name(),
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
    """Run a job for a day, unless that day is done."""
    error, status = attempted(
        run_now,
        name=name,
        period=request.form.get("period", ""),
        acting_user=current_actor(),
        now=utc_now(),
    )
    if error is not None:
        return _jobs_page(error, status)
    flash(_("任务 %(name)s 已执行，结果见下表。", name=name), "success")
    return go_to(url_for("admin.jobs", job=name))


def run_now(session: Session, *, name: str, period: str, acting_user: Actor, now: datetime) -> str:
    """Run a job for a day in ISO form and write down who asked.

    Raises NotFound (unknown_job), Conflict (job_done_elsewhere), Invalid (bad_job_day) for a
    day to come or one too long ago.
    """
    today = business_day(now)
    try:
        day = date.fromisoformat(period)
    except ValueError:
        raise Invalid("bad_job_day", field="period", days=CATCH_UP_DAYS) from None
    if not today - timedelta(days=CATCH_UP_DAYS) < day <= today:
        raise Invalid("bad_job_day", field="period", days=CATCH_UP_DAYS)
    summary = scheduler.run_once(session, name=name, period=day, now=now)
    audit.record(
        session,
        acting_user=acting_user,
        action="job.run",
        subject=f"job:{name}",
        now=now,
        period=period,
    )
    return summary
