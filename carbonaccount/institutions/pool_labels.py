"""Words for pools: states, money, who buys, and what a person agrees to."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.pool_models import Pool
from carbonaccount.web.templating import date_text, language

# (words, tone) by state.
STATES = {
    "draft": (_l("草稿"), "plain"),
    "open": (_l("可以参加"), "wait"),
    "closed": (_l("已归集"), "wait"),
    "sold": (_l("已交付"), "good"),
    "called_off": (_l("已取消"), "bad"),
}
SHARE_STATES = {
    "joined": (_l("已参加"), "wait"),
    "gathered": (_l("已冻结"), "wait"),
    "nothing": (_l("没有可归集的"), "plain"),
    "sold": (_l("已交付"), "good"),
    "left": (_l("已退出"), "plain"),
    "returned": (_l("已退回"), "plain"),
}


def text_of(pool: Pool, part: str) -> str:
    """Return a text of a pool (title, purpose, proceeds) in the page's language."""
    return str(getattr(pool, f"{part}_{language()}") or getattr(pool, f"{part}_zh"))


def buyer_name(pool: Pool, buyer: Institution | None) -> str:
    """Return who gets the grams, in the page's language."""
    source: object = buyer if buyer is not None else pool
    stem = "name" if buyer is not None else "buyer"
    zh, en = (str(getattr(source, f"{stem}_{code}")) for code in ("zh", "en"))
    return en if en and language() == "en" else zh


def yuan(fen: int) -> str:
    """Return fen as yuan with two decimals."""
    return f"{fen // 100:,}.{fen % 100:02d}"


def price_text(pool: Pool) -> str:
    """Return the price of a tonne, or that it is a gift."""
    if not pool.price_fen_per_t:
        return str(_("无偿赠予"))
    return str(_("每吨 %(yuan)s 元", yuan=yuan(pool.price_fen_per_t)))


def statement(pool: Pool, buyer: Institution | None) -> str:
    """Return what a person who takes part agrees to."""
    money = (
        _("价格为%(price)s，收入%(proceeds)s。", price=price_text(pool),
          proceeds=text_of(pool, "proceeds"))
        if pool.price_fen_per_t
        else _("无偿赠予，没有收入。")
    )  # fmt: skip
    return str(
        _(
            "我同意把 %(first)s 至 %(last)s 期间已核证（证据 A、B 级）、仍归我的减排量放进"
            "“%(title)s”，交给%(buyer)s，用于：%(purpose)s。%(money)s"
            "归集时这些减排量先从我的账户冻结，交付时才转出，每克一个编号，只使用一次；"
            "我的积分不变。交付前我可以随时退出，立即退回；交付后不能收回。"
            "买方只得到总克数和编号，不知道我是谁。",
            first=date_text(pool.first_day).striptags(),
            last=date_text(pool.last_day).striptags(),
            title=text_of(pool, "title"),
            buyer=buyer_name(pool, buyer),
            purpose=text_of(pool, "purpose"),
            money=money,
        )
    )
