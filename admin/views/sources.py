"""Sources: the list, one with its keys and daily totals, admitting one and changing one."""

from datetime import timedelta
from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from admin import source_reads
from admin.listing import Column, listing
from admin.source_reads import DayTotals, SourceLine
from admin.views import blueprint
from admin.views.common import attempted
from admin.views.intake import OUTCOMES, reason_sentence, source_label
from behaviors import quotas, source_keys
from behaviors import sources as source_services
from behaviors.models import Source
from behaviors.services import SELF_SOURCE
from behaviors.source_settings import edit_source as change_source
from behaviors.source_settings import require_quota_range
from behaviors.views.common import behavior_name, rule_book
from carbonaccount.clock import CITY_ZONE, business_day, day_start, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, go_to
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import Cell, table_file

LATELY_DAYS = 30
EXPORTED_DAYS = 366
_QUOTA_DIGITS = 10
_FILTERS = ("state", "behavior", "q")


def columns() -> list[Column[SourceLine]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        Column("code", _("代码"), lambda line: line.source.code),
        Column("name", _("名称"), lambda line: source_label(line.source)),
        Column("behaviors", _("可上报的行为"), lambda line: behaviors_of(line.source)),
        Column("evidence", _("最高证据等级"), lambda line: line.source.best_evidence),
        Column("keys", _("有效密钥"), lambda line: line.live_keys),
        Column("quota", _("每日配额"), lambda line: line.source.daily_quota or ""),
        Column("last", _("最近一批"), lambda line: _moment(line.last_batch_at)),
        Column("items", _("30 天条数"), lambda line: line.items),
        Column("failed", _("出错（‰）"), lambda line: line.failed_permille),
        Column("state", _("状态"), lambda line: _("启用") if line.source.active else _("停用")),
    ]


def _moment(moment: Any) -> str:
    if moment is None:
        return ""
    return str(moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"))


def behaviors_of(source: Source) -> str:
    """Return the names of what a source may report."""
    if source.code == SELF_SOURCE:
        return str(_("居民可自报的行为"))
    known = rule_book().behaviors
    return "、".join(behavior_name(known[code]) for code in source.behaviors if code in known)


def _kept() -> dict[str, str]:
    return {name: request.args[name].strip() for name in _FILTERS if request.args.get(name)}


def _chosen() -> list[SourceLine]:
    kept, now = _kept(), utc_now()
    since = day_start(business_day(now) - timedelta(days=LATELY_DAYS - 1))
    return [
        line
        for line in source_reads.source_lines(current_session(), since=since, now=now)
        if kept.get("state") in (None, "active" if line.source.active else "inactive")
        and kept.get("behavior") in (None, *line.source.behaviors)
        and kept.get("q", "").lower() in _searched(line.source)
    ]


def _searched(source: Source) -> str:
    return f"{source.code} {source.name_zh} {source.name_en}".lower()


@blueprint.get("/sources")
def sources() -> ResponseReturnValue:
    """List the sources with what they may report, when they last did, and how much failed."""
    return render_template(
        "admin/sources/list.html",
        list=listing(_chosen(), columns(), filters=_kept()),
        kept=_kept(),
        behaviors_of=behaviors_of,
        behaviors=rule_book().behaviors.values(),
    )


@blueprint.get("/sources.<any(csv, xlsx):kind>")
def sources_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    shown = columns()
    return table_file(
        kind,
        name="sources",
        header=[column.label for column in shown],
        rows=([column.value(line) for column in shown] for line in _chosen()),
    )


@blueprint.get("/sources/<code>")
def source(code: str) -> ResponseReturnValue:
    """Show a source with its keys and what it sent day by day."""
    return _source_page(code)


def _source_page(code: str, error: DomainError | None = None) -> ResponseReturnValue:
    session, now = current_session(), utc_now()
    found = source_services.source_by_code(session, code)
    since = day_start(business_day(now) - timedelta(days=LATELY_DAYS - 1))
    page = render_template(
        "admin/sources/source.html",
        source=found,
        is_own=found.code == SELF_SOURCE,
        behaviors_of=behaviors_of,
        keys=[
            (key, source_reads.key_state(key, now)) for key in source_reads.keys_of(session, found)
        ],
        days=source_reads.day_totals(session, found, since=since),
        lately=LATELY_DAYS,
        used=quotas.used_today(session, source=found, now=now),
        reasons=source_reads.latest_reasons(session, found),
        reason_sentence=reason_sentence,
        latest_batches=source_reads.LATEST_BATCHES,
        overlap_days=source_keys.DEFAULT_OVERLAP_DAYS,
        most_overlap=source_keys.MAX_OVERLAP_DAYS,
        outcomes=OUTCOMES,
        error=explain(error) if error else "",
    )
    return page, status_of(error) if error else 200


@blueprint.get("/sources/<code>/totals.<any(csv, xlsx):kind>")
def source_totals_export(code: str, kind: str) -> Response:
    """Send a year of a source's daily control totals as a file."""
    session = current_session()
    found = source_services.source_by_code(session, code)
    since = day_start(business_day(utc_now()) - timedelta(days=EXPORTED_DAYS - 1))
    header = [_("日期"), _("批数"), _("条数"), *map(str, OUTCOMES.values())]
    totals = source_reads.day_totals(session, found, since=since)
    return table_file(kind, name=f"totals-{code}", header=header, rows=map(_totals_row, totals))


def _totals_row(line: DayTotals) -> list[Cell]:
    counts = [line.counts[status] for status in OUTCOMES]
    return [line.day.isoformat(), line.batches, sum(counts), *counts]


@blueprint.route("/sources/new", methods=["GET", "POST"])
def new_source() -> ResponseReturnValue:
    """Admit a partner; its first key is shown once."""
    if request.method == "GET":
        return _form_page(None, {"best_evidence": "A", "bindable": "1"})
    session, form = current_session(), request.form
    try:
        found = source_services.add_source(
            session,
            code=form.get("code", "").strip(),
            name_zh=form.get("name_zh", ""),
            name_en=form.get("name_en", ""),
            behaviors=form.getlist("behaviors"),
            best_evidence=form.get("best_evidence", ""),
            bindable="bindable" in form,
            acting_user=current_actor(),
            now=utc_now(),
        )
        found.daily_quota = _quota(form.get("daily_quota", ""))
        key = _new_key(found)
        session.commit()
    except DomainError as error:
        session.rollback()
        return _form_page(None, form, error)
    return _key_page(found, key)


def _new_key(found: Source) -> source_keys.NewKey:
    public_key = request.form.get("public_key", "").strip()
    return source_keys.add_key(
        current_session(), source=found, vault=vault(), **_algorithm(public_key), **_acting()
    )


def _algorithm(public_key: str) -> dict[str, Any]:
    """A partner that hands in a public key signs with it; for the others a secret is made."""
    if not public_key:
        return {"algorithm": source_keys.Algorithm.HMAC_SHA256}
    return {"algorithm": source_keys.Algorithm.ED25519, "public_key": public_key}


def _acting() -> dict[str, Any]:
    return {"acting_user": current_actor(), "now": utc_now()}


def _quota(text: str) -> int | None:
    """Read the quota of a form; nothing means no limit."""
    text = text.strip()
    if not text:
        return None
    # What is no number is out of the range as well.
    quota = int(text) if text.isascii() and text.isdigit() and len(text) <= _QUOTA_DIGITS else 0
    require_quota_range(quota)
    return quota


def _form_page(
    found: Source | None, typed: Any, error: DomainError | None = None
) -> ResponseReturnValue:
    chosen = typed.getlist("behaviors") if hasattr(typed, "getlist") else typed.get("behaviors", [])
    page = render_template(
        "admin/sources/form.html",
        source=found,
        typed=typed,
        chosen=chosen,
        behaviors=rule_book().behaviors.values(),
        grades=source_services.GRADES,
        error=explain(error) if error else "",
    )
    return page, status_of(error) if error else 200


@blueprint.route("/sources/<code>/edit", methods=["GET", "POST"])
def edit_source(code: str) -> ResponseReturnValue:
    """Change names, behaviours, evidence, quota, or switch a source off and on."""
    session, form = current_session(), request.form
    found = source_services.source_by_code(session, code)
    if request.method == "GET":
        return _form_page(found, _typed_of(found))
    try:
        change_source(
            session,
            code=code,
            name_zh=form.get("name_zh", ""),
            name_en=form.get("name_en", ""),
            behaviors=form.getlist("behaviors"),
            best_evidence=form.get("best_evidence", ""),
            bindable="bindable" in form,
            active="active" in form,
            daily_quota=_quota(form.get("daily_quota", "")),
            **_acting(),
        )
        session.commit()
    except DomainError as error:
        session.rollback()
        return _form_page(source_services.source_by_code(session, code), form, error)
    flash(_("已保存。"), "success")
    return go_to(url_for("admin.source", code=code))


def _typed_of(found: Source) -> dict[str, Any]:
    flags = {name: "1" for name in ("bindable", "active") if getattr(found, name)}
    return {
        "name_zh": found.name_zh,
        "name_en": found.name_en,
        "behaviors": found.behaviors,
        "best_evidence": found.best_evidence,
        "daily_quota": found.daily_quota or "",
        **flags,
    }


@blueprint.post("/sources/<code>/keys")
def add_source_key(code: str) -> ResponseReturnValue:
    """Give a source one more key, shown once."""
    return _key_action(code, lambda found: _new_key(found))


@blueprint.post("/sources/<code>/keys/rotate")
def rotate_source_key(code: str) -> ResponseReturnValue:
    """Give a source a new key; the ones before it end after the overlap."""
    return _key_action(code, _rotated)


def _rotated(found: Source) -> source_keys.NewKey:
    days = request.form.get("overlap_days", "")
    return source_keys.rotate_key(
        current_session(),
        vault=vault(),
        source=found,
        # What is no number is out of the range as well.
        overlap_days=int(days) if days.isascii() and days.isdigit() and len(days) < 4 else -1,
        **_algorithm(request.form.get("public_key", "").strip()),
        **_acting(),
    )


def _key_action(code: str, make: Any) -> ResponseReturnValue:
    session = current_session()
    try:
        found = source_services.source_by_code(session, code)
        key = make(found)
        session.commit()
    except DomainError as error:
        session.rollback()
        return _source_page(code, error)
    return _key_page(found, key)


def _key_page(found: Source, key: source_keys.NewKey) -> ResponseReturnValue:
    """Show a key's secret, this once; nothing on the way keeps the page."""
    return render_template("admin/sources/key.html", source=found, key=key)


@blueprint.post("/sources/<code>/keys/<key_id>/revoke")
def revoke_source_key(code: str, key_id: str) -> ResponseReturnValue:
    """Make a key useless at once."""
    error, _status = attempted(source_keys.revoke_key, key_id=key_id, **_acting())
    if error is not None:
        return _source_page(code, error)
    flash(_("密钥 %(key)s 已作废。", key=key_id), "success")
    return go_to(url_for("admin.source", code=code))
