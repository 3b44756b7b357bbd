"""What the pages of inventories share: the year asked for, names, and words for figures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

from babel.dates import get_month_names
from babel.lists import format_list
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlmodel import Session, col, select

from carbonaccount.accounts.models import Resident
from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.factors import FactorBook, FactorVersion
from carbonaccount.institutions import inventory as life
from carbonaccount.institutions.footprint import Block, Kind, block_of
from carbonaccount.institutions.inventory_completeness import comparable
from carbonaccount.institutions.inventory_entries import USUAL_GRID, energy_name, factor_day
from carbonaccount.institutions.inventory_models import Basis, Inventory, InventoryStatus
from carbonaccount.institutions.inventory_reading import COLUMNS
from carbonaccount.institutions.inventory_results import (
    YearAccount,
    account_of,
    lines_of,
    year_account,
)
from carbonaccount.institutions.inventory_warnings import MONTHS_IN_YEAR, Remark, warnings_of
from carbonaccount.institutions.seats import Seated
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import attempted, localized
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.templating import language, plain_decimal

BLOCKS: dict[Block, LazyString] = {
    Block.DIRECT: _l("直接排放（燃料）"),
    Block.POWER: _l("外购电力"),
    Block.HEAT: _l("外购热力"),
    Block.OPTIONAL: _l("可选项"),
}
KINDS: dict[Kind, LazyString] = {
    Kind.WATER: _l("水"),
    Kind.PAPER: _l("纸张"),
    Kind.TRAVEL: _l("差旅"),
    Kind.COMMUTING: _l("员工通勤"),
}
STATES: dict[str, tuple[LazyString, str]] = {
    InventoryStatus.OPEN: (_l("填报中"), "wait"),
    InventoryStatus.IN_REVIEW: (_l("待复核"), "wait"),
    InventoryStatus.LOCKED: (_l("已锁定"), "good"),
}
BASES: dict[str, LazyString] = {
    Basis.METERED: _l("计量或账单"),
    Basis.COMPUTED: _l("推算"),
    Basis.ESTIMATED: _l("估计"),
}
# What the columns of a table do not name.
_FIELDS = {
    **COLUMNS,
    "floor_area_m2": ("建筑面积", "Floor area"),
    "head_count": ("人数", "Head count"),
}
_GRAMS = 1000


@dataclass(frozen=True)
class YearPage:
    """A year's newest version and what its page says about it."""

    session: Session
    place: Seated
    inventory: Inventory
    versions: list[Inventory]

    @cached_property
    def account(self) -> YearAccount:
        """The account of this year."""
        found = year_account(
            self.session, institution_id=self.place.institution_id, year=self.inventory.year
        )
        return found or account_of(self.inventory, ())

    @cached_property
    def last(self) -> YearAccount | None:
        """The account of the year before, compared with nothing."""
        rows = life.versions(
            self.session, institution_id=self.place.institution_id, year=self.inventory.year - 1
        )
        if not rows:
            return None
        lines = lines_of(self.session, inventory_ids=[rows[0].stored_id])
        return account_of(rows[0], lines.get(rows[0].stored_id, ()))

    @cached_property
    def book(self) -> FactorBook:
        """The factor library."""
        return FactorBook.load(self.session)

    @cached_property
    def names(self) -> dict[str, str]:
        """The factors' names by code, in the page's language."""
        return factor_names(self.book)

    def usual_grid(self, code: str, month: int) -> FactorVersion | None:
        """Return the city's own factor of electricity, where `code` is that of another grid."""
        others = block_of(code) is Block.POWER and code != USUAL_GRID
        if not others or USUAL_GRID not in self.names:
            return None
        return self.book.on(USUAL_GRID, factor_day(self.inventory.year, month))

    @property
    def remarks(self) -> list[Remark]:
        """What somebody should look at."""
        return remarks_on(self.account, self.last, self.inventory, self.book)


def year_page(place: Seated, year: int) -> YearPage:
    """Return the page of a year. Raises NotFound (inventory_not_found)."""
    session = current_session()
    found = life.versions(session, institution_id=place.institution_id, year=year)
    if not found:
        raise NotFound("inventory_not_found", year=year)
    return YearPage(session, place, found[0], found)


def remarks_on(
    account: YearAccount, last: YearAccount | None, inventory: Inventory, book: FactorBook
) -> list[Remark]:
    """Return what to look at in an account, given that of the year before."""
    today = business_day(utc_now())
    over = MONTHS_IN_YEAR if inventory.year < today.year else today.month - 1
    return warnings_of(
        account,
        last,
        floor_area_dm2=inventory.floor_area_dm2,
        month_limit=over,
        book=book,
    )


def on_year(
    place: Seated,
    year: int,
    service: Callable[..., object],
    *,
    open_only: bool = False,
    **needs: object,
) -> DomainError | None:
    """Do something with a year's newest version, locked meanwhile; return what was refused."""

    def work(session: Session, **rest: object) -> None:
        find = life.at_work if open_only else life.locked_row
        row = find(session, institution_id=place.institution_id, year=year)
        service(session, inventory=row, **rest)

    return attempted(work, **needs)


def spoken(error: DomainError) -> str:
    """Return the sentence of a refusal, with the name that people know a field by."""
    field = str(error.params.get("field", ""))
    if field in _FIELDS:
        named = localized(*_FIELDS[field])
        error = type(error)(error.code, **{**error.params, "field": named})
    return explain(error)


def factor_names(book: FactorBook) -> dict[str, str]:
    """Return the newest name of each factor by code, in the page's language."""
    return {item.code: energy_name(item, language()) for item in book.versions}


def people_named(session: Session, accounts: Iterable[int | None]) -> dict[int, str]:
    """Return the end of the phone number of people by account, as their colleagues know them."""
    wanted = {account for account in accounts if account is not None}
    if not wanted:
        return {}
    rows = session.exec(
        select(Resident.account_id, Resident.phone_tail).where(col(Resident.account_id).in_(wanted))
    )
    return {account: _("手机尾号 %(tail)s", tail=tail) for account, tail in rows if tail}


def kg_text(amount: Decimal | None) -> str:
    """Return kilograms with three decimals and thousands set apart; a dash for none."""
    return "—" if amount is None else f"{amount:,.3f}"


def grams_of(amount: Decimal) -> int:
    """Return kilograms as whole grams, for the filters that show amounts."""
    return int(amount * _GRAMS)


def month_name(month: int) -> str:
    """Return what a month of a line is called; 0 is the whole year."""
    if not month:
        return str(_("全年"))
    return str(get_month_names("abbreviated", locale=language())[month])


def change_text(now: Decimal, before: Decimal | None) -> str:
    """Return a change in percent with one decimal and its sign; empty without a comparison."""
    if not before:
        return ""
    percent = ((now - before) * 100 / before).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    return f"{'+' if percent > 0 else ''}{percent}%".replace("-", "−")


def difference_text(kg: Decimal) -> str:
    """Return a change in kilograms with its sign."""
    return f"{kg:+,.3f}".replace("-", "−")


def remark_text(remark: Remark, names: dict[str, str]) -> str:
    """Return a remark as a sentence that names figures and threshold."""
    params = {key: _shown(value) for key, value in remark.params.items()}
    code = str(remark.params.get("factor", ""))
    params["factor"] = names.get(code, code)
    params["usual"] = names.get(params.get("usual", ""), params.get("usual", ""))
    named = [names.get(each, each) for each in _codes(remark)]
    params["factors"] = format_list(named, locale=language()) if named else ""
    params["place"] = f" · {params['place']}" if params.get("place") else ""
    month = remark.params.get("month")
    params["month"] = month_name(month) if isinstance(month, int) else ""
    return str(_SENTENCES[remark.code](params))


def _codes(remark: Remark) -> list[str]:
    found = remark.params.get("factors")
    return [str(code) for code in found] if isinstance(found, list) else []


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return plain_decimal(value, grouped=True).replace("-", "−")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


_SENTENCES: dict[str, Callable[[dict[str, str]], str]] = {
    "deductions_exceed": lambda p: _(
        "%(factor)s，%(month)s：绿电和转供合计 %(now)s %(unit)s，超过外购的 %(before)s %(unit)s，"
        "这一行按 0 计，多出的部分不抵减别处。",
        **p,
    ),
    "year_and_months": lambda p: _(
        "%(factor)s%(place)s 既有全年数又有分月数，同一笔能耗可能算了两次。", **p
    ),
    "other_grid": lambda p: _(
        "%(now)s %(unit)s 外购电力按“%(factor)s”计算，是 %(kg)s kg；本市通常用“%(usual)s”，"
        "会是 %(would)s kg。没有特别的理由请改用本市的因子，否则碳中和声明上会注明。",
        **p,
    ),
    "several_grids": lambda p: _(
        "这一年的外购电力用了几种电力因子：%(factors)s。同一处用电一般只用一种。", **p
    ),
    "months_missing": lambda p: _("%(factor)s%(place)s 缺少这些月份：%(months)s。", **p),
    "month_not_over": lambda p: _("%(month)s还没有过完，数据可能不全。", **p),
    "unit_improbable": lambda p: _(
        "%(factor)s，%(month)s：%(now)s %(unit)s，与通常的 %(before)s %(unit)s "
        "相差 %(threshold)s 倍以上，单位可能写错了。",
        **p,
    ),
    "intensity_improbable": lambda p: _(
        "%(factor)s：全年 %(now)s %(unit)s，高于 %(threshold)s，请检查单位和建筑面积。", **p
    ),
    "jump_last_year": lambda p: _(
        "%(factor)s，%(month)s：%(now)s %(unit)s，比上年同月的 %(before)s 变化 %(percent)s%%，"
        "超过 %(threshold)s%%。",
        **p,
    ),
    "jump_last_month": lambda p: _(
        "%(factor)s，%(month)s：%(now)s %(unit)s，比上月的 %(before)s 变化 %(percent)s%%，"
        "超过 %(threshold)s%%。",
        **p,
    ),
    "jump_year": lambda p: _(
        "%(factor)s：全年 %(now)s %(unit)s，比上年的 %(before)s 变化 %(percent)s%%，"
        "超过 %(threshold)s%%。",
        **p,
    ),
    "kind_missing": lambda p: _("%(factor)s：上年有 %(before)s %(unit)s，今年一行都没有。", **p),
    "without_evidence": lambda p: _("%(of)s 行中有 %(lines)s 行没有佐证文件。", **p),
}


@blueprint.app_template_filter("kg")
def kg_filter(amount: Decimal | None) -> str:
    """Show kilograms."""
    return kg_text(amount)


@blueprint.context_processor
def words() -> dict[str, object]:
    """Give the templates of inventories what they share."""
    return {
        "block_names": BLOCKS,
        "Block": Block,
        "kind_names": KINDS,
        "Kind": Kind,
        "USUAL_GRID": USUAL_GRID,
        "inventory_states": STATES,
        "basis_names": BASES,
        "grams_of": grams_of,
        "month_name": month_name,
        "change_text": change_text,
        "comparable": comparable,
        "difference_text": difference_text,
        "remark_text": remark_text,
    }
