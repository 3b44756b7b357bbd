"""What this room's messages and announcements say: a kind and its numbers become a sentence.

The one place where this room's kinds get their words; whoever sends a new kind adds it here.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any

from flask import url_for
from flask_babel import LazyString, gettext
from flask_babel import lazy_gettext as _l

from behaviors import announcements, appeals, rescoring
from carbonaccount.messages import texts
from carbonaccount.messages.models import Announcement, Message
from carbonaccount.web.templating import day_text, grams_text, language, whole_text

Params = Mapping[str, Any]

REVIEW_REASONS: dict[str, LazyString] = {
    "not_the_act": _l("照片里不是这种行为"),
    "unreadable": _l("看不清"),
    "amount_differs": _l("数量与照片不符"),
    "seen_before": _l("这张照片用过"),
    "too_old": _l("不是那一天的"),
    "other": _l("其他"),
}
APPEAL_STATES: dict[str, LazyString] = {
    appeals.OPEN: _l("待答复"),
    appeals.UPHELD: _l("支持"),
    appeals.REFUSED: _l("不支持"),
}


def _(text: str, **values: object) -> str:
    """Return a sentence in the page's language."""
    return str(gettext(text, **values))


def name_of(params: Params) -> str:
    """Return the behaviour a message is about."""
    return str(params[f"name_{language()}"])


def _day(params: Params) -> str:
    return day_text(date.fromisoformat(params["day"]))


def _earned(params: Params) -> dict[str, str]:
    return {
        "name": name_of(params),
        "day": _day(params),
        "grams": grams_text(int(params["reduction_g"])),
        "credits": whole_text(int(params["credits"])),
    }


def _accepted(params: Params) -> str:
    return _(
        "%(day)s 的%(name)s照片已通过审核，计入减排 %(grams)s、%(credits)s 积分。",
        **_earned(params),
    )


def _declined(params: Params) -> str:
    return _(
        "%(day)s 的%(name)s照片没有通过审核：%(reason)s。如有异议，可在收据上提出申诉。",
        name=name_of(params),
        day=_day(params),
        reason=REVIEW_REASONS[params["reason"]],
    )


def _upheld(params: Params) -> str:
    if not (params["reduction_g"] or params["credits"]):
        return _(
            "您对 %(day)s 的%(name)s提出的申诉得到支持，记录此前已全部计入。",
            name=name_of(params),
            day=_day(params),
        )
    return _(
        "您对 %(day)s 的%(name)s提出的申诉得到支持，增加减排 %(grams)s、%(credits)s 积分。",
        **_earned(params),
    )


def _refused(params: Params) -> str:
    return _(
        "您对 %(day)s 的%(name)s提出的申诉没有得到支持，答复见“我的申诉”。",
        name=name_of(params),
        day=_day(params),
    )


def _scored_again(params: Params) -> str:
    told = _(
        "%(name)s在 %(first)s 至 %(last)s 的记录（%(records)s 条）按更正后的规则重算："
        "减排 %(g_before)s → %(g_after)s，积分 %(credits_before)s → %(credits_after)s。",
        name=name_of(params),
        first=day_text(date.fromisoformat(params["first_day"])),
        last=day_text(date.fromisoformat(params["last_day"])),
        records=whole_text(int(params["records"])),
        g_before=grams_text(int(params["g_before"])),
        g_after=grams_text(int(params["g_after"])),
        credits_before=whole_text(int(params["credits_before"])),
        credits_after=whole_text(int(params["credits_after"])),
    )
    return told if not (params["debt_g"] or params["debt_credits"]) else told + _owed(params)


def _owed(params: Params) -> str:
    return _(
        "其中减排 %(grams)s、%(credits)s 积分您已用掉，以后得到的会先用来补上；余额不会低于零。",
        grams=grams_text(int(params["debt_g"])),
        credits=whole_text(int(params["debt_credits"])),
    )


def _to_record(params: Params) -> str:
    return url_for("behaviors.record", record_id=params["record_id"])


def _to_records(_params: Params) -> str:
    return url_for("behaviors.records")


def _to_appeals(_params: Params) -> str:
    return url_for("behaviors.my_appeals")


_MESSAGES: dict[str, tuple[Callable[[Params], str], Callable[[Params], str]]] = {
    "review_accepted": (_accepted, _to_record),
    "review_declined": (_declined, _to_record),
    "appeal_upheld": (_upheld, _to_appeals),
    "appeal_refused": (_refused, _to_appeals),
    rescoring.MESSAGE_KIND: (_scored_again, _to_records),
}
MESSAGE_KINDS = frozenset(_MESSAGES)
# Announcements whose link leads to a method; other rooms' lead to pages of theirs.
METHOD_KINDS = frozenset(announcements.KINDS)


def of_message(message: Message) -> texts.Shown:
    """Return what a message says; KeyError for a kind without words."""
    return texts.message_text(message.kind, message.params)


def of_announcement(announcement: Announcement) -> texts.Shown:
    """Return what an announcement says; KeyError for a kind without words."""
    return texts.announcement_text(announcement.kind, announcement.params)


def _register() -> None:
    """Give the words of this room to the pages that show messages of all rooms."""
    for kind, (words, link) in _MESSAGES.items():
        texts.register_message(kind, partial(_shown, words, link))
    for kind in announcements.KINDS:
        texts.register_announcement(kind, partial(_announced, kind))


def _shown(
    words: Callable[[Params], str], link: Callable[[Params], str], params: Params
) -> texts.Shown:
    return texts.Shown(words(params), link(params))


def _announced(kind: str, params: Params) -> texts.Shown:
    text = announcements.sentence(kind, params, language())
    return texts.Shown(text, url_for("behaviors.method", code=params["behavior"]))


_register()
