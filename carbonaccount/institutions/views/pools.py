"""A resident's pools: what one can take part in, what became of one's grams, and leaving."""

from collections.abc import Collection

from flask import Response, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlmodel import Session

from carbonaccount.accounts.purposes import Purpose, tells_purposes
from carbonaccount.clock import CITY_ZONE, business_day, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.institutions import pool_joining, pool_labels, pool_queries
from carbonaccount.institutions.pool_forms import JoinForm
from carbonaccount.institutions.pool_models import Pool, PoolStatus
from carbonaccount.institutions.pool_queries import Part
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.offset_common import done
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.home_cards import Reader, register_card
from carbonaccount.web.identity import current_account_id, go_to, resident_required
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import Cell, table_file


@blueprint.get("/me/pools")
@resident_required
def my_pools() -> ResponseReturnValue:
    """Show the pools that are open, and where one's own grams went."""
    return _page()


def _page(
    *, form: JoinForm | None = None, about: str = "", error: DomainError | None = None
) -> ResponseReturnValue:
    session, account_id = current_session(), current_account_id() or 0
    rows = pool_queries.open_to(session, account_id=account_id, today=business_day(utc_now()))
    could_give = {
        row.pool.public_id: pool_queries.could_give_g(session, account_id=account_id, pool=row.pool)
        for row in rows
    }
    page = render_template(
        "institutions/my_pools.html",
        open_pools=rows,
        could_give=could_give,
        parts=pool_queries.parts_of(session, account_id=account_id),
        form=form,
        about=about,
        error=explain(error) if error else "",
    )
    return page, 422 if form is not None else 200 if error is None else status_of(error)


@blueprint.get("/me/pools.<any(csv, xlsx):kind>")
@resident_required
def my_pools_file(kind: str) -> Response:
    """Send one's own parts as a file."""
    header = (
        *(_("减排池"), _("起"), _("止"), _("状态"), _("减排量（克）"), _("交给"), _("用途")),
        *(
            _("价格（元/吨）"),
            _("合计（元）"),
            _("交付时间"),
            _("首个编号"),
            _("末个编号"),
            _("已使用（克）"),
        ),
    )
    parts = pool_queries.parts_of(current_session(), account_id=current_account_id() or 0)
    return table_file(kind, name="pools", header=header, rows=[_cells(part) for part in parts])


def _cells(part: Part) -> tuple[Cell, ...]:
    pool, share = part.pool, part.share
    ended = pool.ended_at if share.status == "sold" else None
    return (
        pool_labels.text_of(pool, "title"),
        pool.first_day.isoformat(),
        pool.last_day.isoformat(),
        str(pool_labels.SHARE_STATES[share.status][0]),
        share.amount_g,
        pool_labels.buyer_name(pool, part.buyer),
        pool_labels.text_of(pool, "purpose"),
        pool_labels.yuan(pool.price_fen_per_t),
        pool_labels.yuan(part.value_fen),
        ended.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds") if ended else "",
        pool.serial(share.serial_first) if share.serial_first else "",
        pool.serial(share.serial_last) if share.serial_last else "",
        part.used_g,
    )


@blueprint.post("/me/pools/<pool_id>/join")
@resident_required
def join_pool(pool_id: str) -> ResponseReturnValue:
    """Take part in a pool."""
    form = JoinForm()
    if not form.validate_on_submit():
        return _page(form=form, about=pool_id)
    row = pool_queries.find(current_session(), pool_id)
    error = done(
        pool_joining.join,
        account_id=current_account_id() or 0,
        public_id=pool_id,
        statement=pool_labels.statement(row.pool, row.buyer),
    )
    if error is not None:
        return _page(error=error)
    flash(_joined_words(row.pool), "success")
    return go_to(url_for("institutions.my_pools"))


def _joined_words(pool: Pool) -> str:
    """Return what joining comes to, which for who was in already is what has become of it."""
    if pool.status == PoolStatus.CLOSED:
        return str(_("您已参加，减排池已归集；交付前可以随时退出。"))
    if pool.status == PoolStatus.SOLD:
        return str(_("您已参加，减排池已交付，不能再退出。"))
    return str(_("已参加，归集前不会动您的减排量；交付前可以随时退出。"))


@blueprint.post("/me/pools/<pool_id>/leave")
@resident_required
def leave_pool(pool_id: str) -> ResponseReturnValue:
    """Leave a pool at once."""
    error = done(pool_joining.leave, account_id=current_account_id() or 0, public_id=pool_id)
    if error is not None:
        return _page(error=error)
    flash(_("已退出，冻结的减排量已退回。"), "success")
    return go_to(url_for("institutions.my_pools"))


def pools_card(session: Session, reader: Reader) -> Markup | None:
    """Say on the first page what is no longer among the reductions, because pools have it."""
    grams = pool_queries.pooled_g(session, account_id=reader.account_id)
    if not grams:
        return None
    page = render_template("institutions/_pools_card.html", grams=grams)
    return Markup(page)  # noqa: S704 - a template of ours, escaped as every page


register_card("pools", pools_card)


@tells_purposes
def pool_purposes(session: Session, purposes: Collection[str]) -> dict[str, Purpose]:
    """Say which pool a consent is for."""
    wanted = {
        purpose.partition(":")[2]: purpose
        for purpose in purposes
        if purpose.startswith(pool_joining.consent_purpose(""))
    }
    return {
        wanted[pool.public_id]: Purpose(
            pool_labels.text_of(pool, "title"),
            _("把核证的减排量放进减排池"),
            url_for("institutions.my_pools"),
        )
        for pool in pool_queries.purposes_of(session, list(wanted))
    }


@blueprint.context_processor
def pool_words() -> dict[str, object]:
    """Give the pages about pools their words."""
    return {"pool_labels": pool_labels}
