"""Pools in the panel: drafted by one officer; opened, gathered and handed over by another."""

from collections.abc import Callable
from typing import Any

from flask import Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import col

from admin.database_lists import SortedColumn, database_file, database_listing
from admin.pools.forms import PoolForm
from admin.views import blueprint
from admin.views.common import attempted, put_error
from carbonaccount.accounts.models import Staff
from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.institutions import pool_gathering, pool_labels, pool_queries, pools
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.pool_models import Pool, PoolStatus
from carbonaccount.institutions.pool_queries import PoolRow
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.filters import chosen
from carbonaccount.web.identity import current_actor, current_staff, go_to
from carbonaccount.web.tables import table_file


def columns() -> list[SortedColumn[PoolRow]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        SortedColumn(
            "title", _("减排池"), lambda row: pool_labels.text_of(row.pool, "title"),
            col(Pool.title_zh),
        ),
        SortedColumn(
            "days", _("哪段时间"), lambda row: f"{row.pool.first_day} – {row.pool.last_day}",
            col(Pool.first_day),
        ),
        SortedColumn(
            "buyer", _("交给"), lambda row: pool_labels.buyer_name(row.pool, row.buyer),
            col(Institution.name_zh),
        ),
        SortedColumn(
            "price", _("价格（元/吨）"), lambda row: pool_labels.yuan(row.pool.price_fen_per_t),
            col(Pool.price_fen_per_t),
        ),
        SortedColumn("people", _("参加人数"), lambda row: row.people, pool_queries.people_of()),
        SortedColumn(
            "grams", _("减排量（克）"), lambda row: row.pool.amount_g, col(Pool.amount_g)
        ),
        SortedColumn(
            "until", _("参加截止"), lambda row: row.pool.joins_until.isoformat(),
            col(Pool.joins_until),
        ),
        SortedColumn(
            "status", _("状态"), lambda row: str(pool_labels.STATES[row.pool.status][0]),
            col(Pool.status),
        ),
    ]  # fmt: skip


def _filters() -> dict[str, str]:
    """Return the filters of the address; a word that is no choice is told."""
    return {
        "status": chosen("status", pool_labels.STATES, _("状态")),
        "q": request.args.get("q", "").strip()[:60],
    }


def _needs() -> dict[str, Any]:
    filters = _filters()
    return {
        "wanted": pool_queries.pool_rows(status=filters["status"], words=filters["q"]),
        "columns": columns(),
        "as_row": PoolRow,
        "tie": col(Pool.id),
        "default": "-until",
    }


@blueprint.get("/pools")
def pools_list() -> ResponseReturnValue:
    """List the pools."""
    return render_template(
        "admin/institutions/pools.html",
        list=database_listing(current_session(), **_needs(), filters=_filters()),
        filters=_filters(),
    )


@blueprint.get("/pools.<any(csv, xlsx):kind>")
def pools_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    return database_file(current_session(), **_needs(), name="pools", kind=kind)


@blueprint.get("/pools/<public_id>")
def pool(public_id: str) -> ResponseReturnValue:
    """Show a pool, its steps, and what was done."""
    return _page(public_id)


def _page(
    public_id: str, error: DomainError | None = None, status: int = 200
) -> ResponseReturnValue:
    session, staff = current_session(), current_staff()
    row = pool_queries.find(session, public_id)
    page = render_template(
        "admin/institutions/pool.html",
        row=row,
        pool=row.pool,
        drafted_by=session.get_one(Staff, row.pool.drafted_by).login,
        is_own=staff is not None and staff.id == row.pool.drafted_by,
        period_runs=row.pool.last_day >= business_day(utc_now()),
        least=pool_gathering.LEAST_PEOPLE,
        trail=pool_queries.trail_of(session, row.pool),
        reason=request.form.get("reason", ""),
        error=explain(error) if error else "",
    )
    return page, status


@blueprint.get("/pools/<public_id>/numbers.<any(csv, xlsx):kind>")
def pool_numbers(public_id: str, kind: str) -> Response:
    """Send the numbers of a pool that was handed over and its total, which is all a buyer gets.

    What each person gave is on their own page only, as their consent says.
    """
    found = pool_queries.find(current_session(), public_id).pool
    is_sold = found.status == PoolStatus.SOLD
    return table_file(
        kind,
        name=f"pool-{public_id}",
        header=(_("首个编号"), _("末个编号"), _("减排量（克）")),
        rows=[(found.serial(1), found.serial(found.amount_g), found.amount_g)] if is_sold else [],
    )


@blueprint.route("/pools/new", methods=["GET", "POST"])
def new_pool() -> ResponseReturnValue:
    """Draft a pool."""
    form = PoolForm()
    return _form_page(form, None, pools.draft, request_key=form.key())


@blueprint.route("/pools/<public_id>/edit", methods=["GET", "POST"])
def edit_pool(public_id: str) -> ResponseReturnValue:
    """Write a draft anew."""
    row, form = pool_queries.find(current_session(), public_id), PoolForm()
    if request.method == "GET":
        form.fill(row.pool, row.buyer)
    return _form_page(form, row.pool, pools.edit, public_id=public_id)


def _form_page(
    form: PoolForm, row: Pool | None, service: Callable[..., Pool], **needs: object
) -> ResponseReturnValue:
    form.offer(pool_queries.buyers(current_session()))
    status = 200 if request.method == "GET" else 422
    if form.validate_on_submit():
        made: list[Pool] = []

        def write(session: Any, **more: Any) -> None:
            made.append(service(session, content=form.content(), **more))

        error, status = attempted(write, acting_user=current_actor(), now=utc_now(), **needs)
        if error is None:
            flash(_("草稿已保存，请另一位工作人员查看后开放。"), "success")
            return go_to(url_for("admin.pool", public_id=made[0].public_id))
        put_error(form, error)
    return render_template("admin/institutions/pool_form.html", form=form, pool=row), status


def _step(
    public_id: str, service: Callable[..., object], done: str, **needs: object
) -> ResponseReturnValue:
    error, status = attempted(
        service, public_id=public_id, acting_user=current_actor(), now=utc_now(), **needs
    )
    if error is not None:
        return _page(public_id, error, status)
    flash(done, "success")
    return go_to(url_for("admin.pool", public_id=public_id))


@blueprint.post("/pools/<public_id>/open")
def open_pool(public_id: str) -> ResponseReturnValue:
    """Let residents take part."""
    return _step(public_id, pools.open_pool, _("已开放，居民现在可以参加。"))


@blueprint.post("/pools/<public_id>/close")
def close_pool(public_id: str) -> ResponseReturnValue:
    """Gather what those who take part have."""
    return _step(public_id, pool_gathering.close, _("已归集，参加的人已收到消息。"))


@blueprint.post("/pools/<public_id>/sell")
def sell_pool(public_id: str) -> ResponseReturnValue:
    """Hand the pool over to its buyer."""
    return _step(public_id, pool_gathering.sell, _("已交付，参加的人已收到消息。"))


@blueprint.post("/pools/<public_id>/call-off")
def call_off_pool(public_id: str) -> ResponseReturnValue:
    """Give the pool up with a reason."""
    reason = request.form.get("reason", "")
    return _step(
        public_id, pool_gathering.call_off, _("已取消，冻结的减排量已退回。"), reason=reason
    )


@blueprint.context_processor
def pool_words() -> dict[str, object]:
    """Give the pages about pools their words."""
    return {"pool_labels": pool_labels}
