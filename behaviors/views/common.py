"""What the pages of this room share: the rule book of the request and words for codes."""

from datetime import date
from itertools import groupby

from flask import g

from behaviors import explain, labels
from behaviors.rulebook import BehaviorInfo, PublishedRule, RuleBook
from behaviors.scoring import Rule
from behaviors.views import blueprint
from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.templating import language

ONE_MILLI = 1000


def rule_book() -> RuleBook:
    """Return the rule book, read once a request."""
    if "rule_book" not in g:
        g.rule_book = RuleBook.load(current_session())
    book: RuleBook = g.rule_book
    return book


def today() -> date:
    """Return the city's date."""
    return business_day(utc_now())


def behavior_or_404(code: str) -> BehaviorInfo:
    """Return a behaviour; raises NotFound."""
    info = rule_book().behaviors.get(code)
    if info is None:
        raise NotFound("unknown_behavior", behavior=code[:64])
    return info


def by_family(
    book: RuleBook, day: date
) -> list[tuple[str, list[tuple[BehaviorInfo, PublishedRule | None]]]]:
    """Return the behaviours by family in their usual order, each with the rule of a day."""
    infos = sorted(book.behaviors.values(), key=lambda info: (_family_rank(info), info.sort))
    return [
        (family, [(info, book.entry_on(info.code, day)) for info in members])
        for family, members in groupby(infos, key=lambda info: info.family)
    ]


def _family_rank(info: BehaviorInfo) -> int:
    names = list(labels.FAMILIES)
    return names.index(info.family) if info.family in names else len(names)


def behavior_text(info: BehaviorInfo, part: str) -> str:
    """Return a part of a behaviour's texts in the page's language, Chinese where it lacks one."""
    return info.texts.get(language(), {}).get(part) or info.texts["zh"].get(part, "")


def behavior_name(info: BehaviorInfo) -> str:
    """Return a behaviour's name in the page's language."""
    return behavior_text(info, "name")


def localized(zh: str, en: str) -> str:
    """Return one of two texts, by the page's language."""
    return en if language() == "en" else zh


def source_name(source: object) -> str:
    """Return a source's name in the page's language."""
    return localized(getattr(source, "name_zh", ""), getattr(source, "name_en", ""))


def cap_text(rule: Rule) -> str:
    """Return the daily cap with its unit, or nothing."""
    if rule.cap_milli is None:
        return ""
    name = labels.unit_one if rule.cap_milli == ONE_MILLI else labels.unit_name
    return f"{amount_text(rule.cap_milli)} {name(rule.quantity_unit)}"


def amount_text(thousandths: int) -> str:
    """Return thousandths of a unit as people write them."""
    text = explain.milli(thousandths)
    return text.rstrip("0").rstrip(".")


@blueprint.context_processor
def words() -> dict[str, object]:
    """Give this room's templates the words for its codes."""
    return {
        "amount_text": amount_text,
        "behavior_name": behavior_name,
        "behavior_text": behavior_text,
        "cap_text": cap_text,
        "explain": explain,
        "labels": labels,
        "localized": localized,
        "source_name": source_name,
    }
