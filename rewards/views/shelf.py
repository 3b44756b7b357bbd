"""The catalogue: what credits buy, what one can afford now, and one reward from near."""

import secrets
from collections.abc import Collection

from flask import (
    Response,
    current_app,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbonaccount.accounts import queries as account_queries
from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.filters import chosen as chosen_filter
from carbonaccount.web.identity import current_account_id, resident_required, safe_next
from carbonaccount.web.templating import YEAR_SECONDS, language
from rewards import favourites, labels, queries
from rewards.pictures import PICTURE_NAME, picture_folder
from rewards.shelf import FEW, LONGEST_SEARCH, Shelf, Wanted, chosen, page_of, rank
from rewards.views import blueprint as blueprint
from rewards.views.cards import drawn
from rewards.views.common import guardian_missing, my_credits, my_standing, today

_TOKEN_BYTES = 16
_SHOWN = ("favourites", "affordable")


def wanted_now(districts: Collection[str]) -> Wanted:
    """Return what the address asks for; what it cannot mean is left out and told."""
    given = request.args
    reward_class = given.get("class", "")
    shown = given.get("show", "") if current_account_id() is not None else ""
    district = given.get("district", "").strip()
    return Wanted(
        words=given.get("q", "").strip()[:LONGEST_SEARCH],
        reward_class=reward_class if reward_class in labels.CLASS_NAMES else "",
        district=district if district in districts else "",
        favourites=shown == "favourites",
        affordable=shown == "affordable",
    )


def tell_unknown(districts: Collection[str]) -> None:
    """Let the page tell which filters of the address mean nothing here."""
    chosen_filter("class", labels.CLASS_NAMES, _("类别"))
    chosen_filter("district", districts, _("区县"))
    chosen_filter("show", _SHOWN, _("显示"))


@blueprint.get("/rewards")
def shelf() -> ResponseReturnValue:
    """Show what residents may take now, first what this reader can afford."""
    session, held = current_session(), my_credits()
    districts = account_queries.districts(session)
    codes = [district.code for district in districts]
    wanted = wanted_now(codes)
    tell_unknown(codes)
    items = queries.shelf_items(
        session, account_id=current_account_id(), standing=my_standing(), day=today()
    )
    found = page_of(
        chosen(items, wanted, credits=held),
        page=request.args.get("page", 1, type=int),
        credits=held,
    )
    return render_template(
        "rewards/shelf.html",
        shelf=found,
        groups=groups(found, held),
        card=drawn,
        wanted=wanted,
        is_filtered=any(wanted),
        has_any=bool(items),
        classes=[code for code in labels.CLASS_NAMES if any(i.reward_class == code for i in items)],
        credits=held,
        guardian_missing=guardian_missing(),
        districts=districts,
        address=shelf_address,
        page_address=page_address,
    )


def groups(found: Shelf, credits: int) -> list[tuple[int, list[object]]]:
    """Return the items of a page under the heads they stand below, in their order."""
    ranked: dict[int, list[object]] = {}
    for item in found.items:
        ranked.setdefault(rank(item, credits), []).append(item)
    return sorted(ranked.items())


def shelf_address(**changes: object) -> str:
    """Return the address of this shelf with some of its choices changed, from its first page."""
    given = {name: request.args.get(name, "") for name in ("q", "class", "district", "show")}
    kept = {name: value for name, value in {**given, **changes}.items() if value}
    return url_for("rewards.shelf", **kept)  # type: ignore[arg-type]


def page_address(page: int) -> str:
    """Return the address of another page of the same choice."""
    return shelf_address(page=page)


@blueprint.get("/rewards/<public_id>")
def reward(public_id: str) -> ResponseReturnValue:
    """Show one reward: what it is, what is left, what it cost, and the way to take it."""
    session, account_id = current_session(), current_account_id()
    row, item = queries.shelf_item(
        session, public_id=public_id, account_id=account_id, standing=my_standing(), day=today()
    )
    assert row.id is not None
    programme, sponsor = queries.payer_of(session, programme_id=row.programme_id)
    return render_template(
        "rewards/reward.html",
        reward=row,
        item=item,
        credits=my_credits(),
        prices=queries.prices_of(session, reward_id=row.id),
        merchants=queries.merchants_of(session, reward_id=row.id),
        districts={d.code: d for d in account_queries.districts(session)} if row.districts else {},
        programme=programme,
        sponsor=sponsor,
        form_token=secrets.token_hex(_TOKEN_BYTES),
        language=language(),
        few=FEW,
        today=today(),
    )


@blueprint.post("/rewards/<public_id>/favourite")
@resident_required
def favourite(public_id: str) -> ResponseReturnValue:
    """Keep an eye on a reward, or no longer."""
    session, account_id = current_session(), current_account_id() or 0
    row, item = queries.shelf_item(
        session, public_id=public_id, account_id=account_id, standing=my_standing(), day=today()
    )
    assert row.id is not None
    keeps = request.form.get("keep") == "1"
    if keeps:
        favourites.add_favourite(session, account_id=account_id, reward_id=row.id, now=utc_now())
    else:
        favourites.remove_favourite(session, account_id=account_id, reward_id=row.id)
    session.commit()
    if request.headers.get("HX-Request") == "true":
        return render_template("rewards/_heart.html", item=item, keeps=keeps, language=language())
    back = safe_next(request.form.get("next"))
    return redirect(back or url_for("rewards.reward", public_id=public_id), 303)


@blueprint.get("/rewards/pictures/<name>")
def picture(name: str) -> Response:
    """Send a reward's picture; its name changes with it, so that it may be kept."""
    if not PICTURE_NAME.fullmatch(name):
        raise NotFound("not_found")
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    folder = picture_folder(settings.instance_path.resolve())
    if not (folder / name).is_file():
        raise NotFound("not_found")
    response = send_from_directory(folder, name, mimetype="image/webp")
    response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response
