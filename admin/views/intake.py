"""Uploads: the list, one of them while it is imported and afterwards, and its files."""

from dataclasses import dataclass
from typing import Any

from flask import current_app, flash, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin import queries
from admin.forms import mapping_title
from admin.queries import STATUS_GROUPS, UploadFilter, UploadRow
from admin.views import blueprint
from behaviors import queries as behavior_queries
from behaviors.intake import uploads as services
from behaviors.intake.background import UploadRunner
from behaviors.intake.mapping import ready_mappings
from behaviors.models import Source
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.errors import NotFound
from carbonaccount.web import messages
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_actor, go_to
from carbonaccount.web.reasons import REASONS
from carbonaccount.web.tables import Cell, table_file
from carbonaccount.web.templating import language

INTERRUPTED = "interrupted"
STATES = {
    "waiting": (_l("排队中"), "wait"),
    "running": (_l("导入中"), "wait"),
    "stopping": (_l("正在停止"), "wait"),
    INTERRUPTED: (_l("已中断"), "bad"),
    "done": (_l("已完成"), "good"),
    "stopped": (_l("已停止"), "plain"),
    "failed": (_l("未完成"), "bad"),
}
GROUPS = {
    "unfinished": _l("进行中"),
    "done": _l("已完成"),
    "stopped": _l("已停止"),
    "failed": _l("未完成"),
}
OUTCOMES = {
    "accepted": _l("收下"),
    "duplicate": _l("重复"),
    "rejected": _l("拒收"),
    "conflict": _l("冲突"),
    "held": _l("待处理"),
}
_ACTIVE = frozenset(status.value for status in services.UNFINISHED)


@dataclass(frozen=True)
class UploadItem:
    """An upload as pages show it; `state` is its status, or interrupted when nobody is at work."""

    row: UploadRow
    state: str
    has_data: bool
    has_rejected: bool

    @property
    def is_active(self) -> bool:
        """Whether it will come further by itself."""
        return self.state in _ACTIVE

    @property
    def may_stop(self) -> bool:
        """Whether asking it to stop does something."""
        return self.state in ("waiting", "running", INTERRUPTED)

    @property
    def may_resume(self) -> bool:
        """Whether it can be taken up again."""
        return self.state in (INTERRUPTED, "stopped", "failed") and self.has_data

    @property
    def name(self) -> object:
        """Its state in words."""
        return STATES[self.state][0]

    @property
    def tone(self) -> str:
        """How its state looks."""
        return STATES[self.state][1]

    @property
    def percent(self) -> int:
        """How much of the file is read."""
        upload = self.row.upload
        return 100 * upload.lines_done // upload.lines_total if upload.lines_total else 0


def runner() -> UploadRunner:
    """Return what imports this process's uploads."""
    found: UploadRunner = current_app.extensions["carbonaccount.uploads"]
    return found


def as_item(row: UploadRow) -> UploadItem:
    """Add to an upload what only locks and files tell."""
    upload_id, state = row.upload.public_id, row.upload.status
    if state in _ACTIVE and not runner().is_at_work(upload_id):
        state = INTERRUPTED
    files = runner().files
    return UploadItem(
        row,
        state,
        has_data=files.data(upload_id) is not None,
        has_rejected=files.rejected(upload_id).is_file(),
    )


def item_or_404(upload_id: str) -> UploadItem:
    """Return an upload. Raises NotFound (unknown_upload)."""
    row = queries.upload_row(current_session(), upload_id=upload_id)
    if row is None:
        raise NotFound("unknown_upload")
    item = as_item(row)
    if item.state != INTERRUPTED:
        return item
    # It may have ended between reading the row and looking at the lock: the lock goes last.
    current_session().rollback()
    row = queries.upload_row(current_session(), upload_id=upload_id)
    assert row is not None, "uploads are never deleted"
    return as_item(row)


@blueprint.get("/intake")
def uploads() -> ResponseReturnValue:
    """List uploads, newest first, by source and state."""
    session, chosen = current_session(), chosen_filter()
    total = queries.count_uploads(session, chosen=chosen)
    pages = max(1, -(-total // queries.PAGE_ROWS))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    rows = queries.uploads(session, chosen=chosen, offset=(page - 1) * queries.PAGE_ROWS)
    return render_template(
        "admin/intake/list.html",
        items=[as_item(row) for row in rows],
        total=total,
        page=page,
        pages=pages,
        page_url=lambda number: url_for("admin.uploads", **_kept(), page=number),
        file_url=lambda kind: url_for("admin.uploads_export", kind=kind, **_kept()),
        is_filtered=chosen != UploadFilter(),
        sources=[row.source for row in queries.sources(session)],
        groups=GROUPS,
    )


@blueprint.get("/intake.<any(csv, xlsx):kind>")
def uploads_export(kind: str) -> ResponseReturnValue:
    """Send the filtered list as a file."""
    rows = queries.uploads(current_session(), chosen=chosen_filter(), limit=None)
    header = [
        _("编号"),
        _("上传时间"),
        _("结束时间"),
        _("来源"),
        _("文件"),
        _("上传人"),
        _("状态"),
        _("行数"),
        *map(str, OUTCOMES.values()),
    ]
    return table_file(kind, name="uploads", header=header, rows=map(_export_row, rows))


def _export_row(row: UploadRow) -> list[Cell]:
    upload, moments = row.upload, (row.upload.uploaded_at, row.upload.finished_at)
    times = [
        moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds") if moment else ""
        for moment in moments
    ]
    return [
        upload.public_id,
        *times,
        row.source.code,
        upload.file_name,
        row.staff.login,
        str(as_item(row).name),
        upload.lines_done,
        *(upload.counts.get(status, 0) for status in OUTCOMES),
    ]


def chosen_filter() -> UploadFilter:
    """Read the filter from the address; what it does not know lets everything through."""
    code, group = request.args.get("source", ""), request.args.get("status", "")
    source = behavior_queries.source_by_code(current_session(), code=code) if code else None
    return UploadFilter(
        source_id=source.id if source else None, group=group if group in STATUS_GROUPS else ""
    )


def _kept() -> dict[str, Any]:
    return {name: request.args[name] for name in ("source", "status") if request.args.get(name)}


@blueprint.get("/intake/<upload_id>")
def upload(upload_id: str) -> ResponseReturnValue:
    """Show how far an import has come, what became of the lines, and why."""
    return render_template("admin/intake/upload.html", **upload_context(upload_id))


@blueprint.get("/intake/<upload_id>/progress")
def upload_progress(upload_id: str) -> ResponseReturnValue:
    """Send the part of the page that changes, which the page asks for again and again."""
    return render_template("admin/intake/_progress.html", **upload_context(upload_id))


def upload_context(upload_id: str) -> dict[str, Any]:
    """Return what the page of an upload shows."""
    item = item_or_404(upload_id)
    upload = item.row.upload
    return {
        "item": item,
        "upload": upload,
        "source": item.row.source,
        "staff": item.row.staff,
        "mapping": mapping_name(upload.mapping),
        "reasons": reason_rows(upload.reasons),
        "problem": problem_of(upload.error, upload.file_name),
        "has_lines": item.has_rejected and bool(upload.reasons.keys() - {"duplicate"}),
    }


def mapping_name(choice: str) -> str:
    """Return how an upload's columns are read, in words."""
    kind, _sign, name = choice.partition(":")
    if kind == services.OWN:
        return str(_("自己的映射"))
    title = str(_("列名与接口相同")) if name == services.CANONICAL else name
    if name in ready_mappings():
        title = mapping_title(ready_mappings()[name])
    if kind == services.AUTOMATIC:
        return " · ".join(filter(None, (_("自动识别"), title)))
    return title


def reason_rows(reasons: dict[str, int]) -> list[tuple[str, str, int]]:
    """Return each reason's code, sentence and count, the most frequent first."""
    rows = [(code, reason_sentence(code), count) for code, count in reasons.items()]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def reason_sentence(code: str) -> str:
    """Return what a reason means for lines in general."""
    if code not in REASONS:
        return messages.sentence(code, {}, language())
    return REASONS[code][1 if language() == messages.ENGLISH else 0]


def problem_of(error: dict[str, Any] | None, file_name: str) -> str:
    """Return why an import failed; the file goes by the name its sender knows."""
    if error is None:
        return ""
    params = {**error.get("params", {})}
    if "name" in params:
        params["name"] = file_name
    return messages.sentence(str(error["code"]), params, language())


@blueprint.get("/intake/<upload_id>/lines.csv")
def upload_lines(upload_id: str) -> ResponseReturnValue:
    """Send the lines that were not simply taken, with their reasons."""
    item = item_or_404(upload_id)
    if not item.has_rejected:
        raise NotFound("upload_lines_gone")
    return send_file(
        runner().files.rejected(item.row.upload.public_id).resolve(),
        mimetype="text/csv",
        as_attachment=True,
        download_name="lines-with-reasons.csv",
        max_age=0,
    )


@blueprint.post("/intake/<upload_id>/stop")
def stop_upload(upload_id: str) -> ResponseReturnValue:
    """Stop an import after its present batch."""
    services.ask_to_stop(
        current_session(),
        upload_id=upload_id,
        is_at_work=runner().is_at_work(upload_id),
        acting_user=current_actor(),
        now=utc_now(),
    )
    current_session().commit()
    return go_to(url_for("admin.upload", upload_id=upload_id))


@blueprint.post("/intake/<upload_id>/resume")
def resume_upload(upload_id: str) -> ResponseReturnValue:
    """Take an import up again that was interrupted, stopped or failed."""
    item = item_or_404(upload_id)
    if not item.has_data and item.state != "done":
        raise NotFound("upload_file_gone")
    with runner().starting(upload_id):
        services.take_up_again(
            current_session(), upload_id=upload_id, acting_user=current_actor(), now=utc_now()
        )
        current_session().commit()
    flash(_("重新导入：以前收下的行会显示为重复。"), "success")
    return go_to(url_for("admin.upload", upload_id=upload_id))


@blueprint.context_processor
def words() -> dict[str, object]:
    """Give the pages of uploads their words."""
    return {"outcomes": OUTCOMES, "source_label": source_label}


def source_label(source: Source) -> str:
    """Return a source's name in the page's language."""
    return source.name_en if language() == "en" else source.name_zh
