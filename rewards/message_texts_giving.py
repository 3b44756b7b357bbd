"""What people are told about their gifts, trees and certificates."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import url_for
from flask_babel import gettext

from carbonaccount.ledger.models import Unit
from carbonaccount.messages.texts import Shown, register_message
from carbonaccount.sealing import printed_number
from carbonaccount.web.templating import grams_text, language, whole_text
from rewards.plots import CREDITS_BACK, REPLANT

Params = Mapping[str, Any]


def _(text: str, **values: object) -> str:
    """Return a sentence in the page's language."""
    return str(gettext(text, **values))


def _given(params: Params) -> dict[str, str]:
    amount = int(params["amount"])
    is_grams = params["unit"] == Unit.G
    return {
        "name": str(params.get(f"name_{language()}") or params["name_zh"]),
        "amount": grams_text(amount) if is_grams else _("%(n)s 积分", n=whole_text(amount)),
    }


def gift_given(params: Params) -> str:
    """Say that credits were given."""
    return _("您捐给“%(name)s”的 %(amount)s 已到账，谢谢！", **_given(params))


def gift_pledged(params: Params) -> str:
    """Say that grams were pledged."""
    return _("您认捐给“%(name)s”的减排量 %(amount)s 已留出，使用前可以随时收回。", **_given(params))


def gift_used(params: Params) -> str:
    """Say that pledged grams were used."""
    return _(
        "您认捐给“%(name)s”的减排量 %(amount)s 已被使用，用途见“我的捐赠”，可以领取证书。",
        **_given(params),
    )


def gift_revoked(params: Params) -> str:
    """Say that pledged grams came back."""
    return _("您认捐给“%(name)s”的减排量 %(amount)s 已收回到您的账户。", **_given(params))


def tree_adopted(params: Params) -> str:
    """Say which tree was adopted."""
    return _("您认养了第 %(number)s 号树，照片和报告在“我的树”里。", number=params["number"])


def tree_survival(params: Params) -> str:
    """Say what a survival report found."""
    return _(
        "您认养的第 %(number)s 号树所在的林地有了 %(years)s 年成活报告："
        "%(planted)s 棵中成活 %(living)s 棵。",
        number=params["number"],
        years=params["years"],
        planted=whole_text(int(params["planted"])),
        living=whole_text(int(params["living"])),
    )


def tree_died(params: Params) -> str:
    """Say that a tree has died and what follows."""
    follows = {
        REPLANT: _("主办方会补种。"),
        CREDITS_BACK: _("积分会退回给您。"),
    }.get(str(params["rule"]), _("按认养时的约定，不补不退。"))
    return _("很遗憾，您认养的第 %(number)s 号树死了。", number=params["number"]) + follows


def tree_replanted(params: Params) -> str:
    """Say that a tree was planted again."""
    return _("您认养的第 %(number)s 号树已补种。", number=params["number"])


def tree_refunded(params: Params) -> str:
    """Say that the credits came back."""
    return _(
        "您认养的第 %(number)s 号树死了，%(n)s 积分已退回，按今年发放的积分计算有效期。",
        number=params["number"],
        n=whole_text(int(params["credits"])),
    )


def certificate_withdrawn(params: Params) -> str:
    """Say that staff withdrew a certificate."""
    return _(
        "您的证书 %(number)s 已被撤回，原因见证书页。", number=printed_number(params["number"])
    )


def _to_gifts(_params: Params) -> str:
    return url_for("rewards.my_gifts")


def _to_tree(params: Params) -> str:
    return url_for("rewards.tree", public_id=params["tree"])


def _to_certificate(params: Params) -> str:
    return url_for("rewards.certificate", number=params["number"])


def _shown(words: Callable[[Params], str], link: Callable[[Params], str], params: Params) -> Shown:
    return Shown(words(params), link(params))


for _words, _link in (
    (gift_given, _to_gifts),
    (gift_pledged, _to_gifts),
    (gift_used, _to_gifts),
    (gift_revoked, _to_gifts),
    (tree_adopted, _to_tree),
    (tree_survival, _to_tree),
    (tree_died, _to_tree),
    (tree_replanted, _to_tree),
    (tree_refunded, _to_tree),
    (certificate_withdrawn, _to_certificate),
):
    register_message(_words.__name__, partial(_shown, _words, _link))
