"""A preview from end to end: read once, try each draft, put the results together."""

from collections.abc import Callable, Sequence
from datetime import date

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from behaviors.models import Behavior, RuleVersion
from behaviors.preview.history import History, Progress, read_history
from behaviors.preview.measuring import Draft, versions_measured_otherwise
from behaviors.preview.outlooks import outlook_of
from behaviors.preview.reading import Selection, snapshot
from behaviors.preview.result import current_policy, period_of, version_result
from behaviors.rulebook import RuleBook
from behaviors.scoring import Rule
from carbonaccount.errors import NotFound


def preview(
    engine: Engine,
    *,
    behavior_id: int,
    rule_version_ids: Sequence[int],
    first_day: date,
    last_day: date,
    today: date,
    progress: Progress = lambda _done, _total: None,
    pause: Callable[[], None] = lambda: None,
) -> dict[str, object]:
    """Return what versions would have made of the records of a period; changes nothing.

    `progress` is told after each block, `pause` is called between two versions; either may
    raise to end the run. Raises NotFound (unknown_rule_version) for a version of another
    behaviour.
    """
    with snapshot(engine) as sessions:
        session, book = sessions[0], RuleBook.load(sessions[0])
        drafts = load_drafts(session, book, behavior_id, rule_version_ids)
        history = read_history(
            sessions, selection_of(drafts, first_day, last_day), drafts, progress=progress
        )
        policy = current_policy(session, today)
        versions: dict[str, object] = {}
        for draft in drafts:
            pause()
            outlook = outlook_of(session, history, draft, book)
            versions[str(draft.id)] = version_result(session, outlook, book=book, policy=policy)
        return {"period": period_of(history), "versions": versions}


def load_drafts(
    session: Session, book: RuleBook, behavior_id: int, rule_version_ids: Sequence[int]
) -> list[Draft]:
    """Return versions of a behaviour, whatever their state. Raises NotFound."""
    behavior = session.get(Behavior, behavior_id)
    rows = session.exec(
        select(RuleVersion).where(
            col(RuleVersion.id).in_(rule_version_ids), col(RuleVersion.behavior_id) == behavior_id
        )
    ).all()
    found = {row.id: row for row in rows}
    missing = [number for number in rule_version_ids if number not in found]
    if missing or behavior is None:
        raise NotFound("unknown_rule_version", id=missing[0] if missing else behavior_id)
    published = book.entries(behavior.code)
    drafts = []
    for number in rule_version_ids:
        rule = Rule.from_definition(found[number].definition)
        drafts.append(
            Draft(
                number,
                behavior_id,
                rule,
                behavior.habit_ends_on,
                versions_measured_otherwise(rule, published),
            )
        )
    return drafts


def selection_of(drafts: Sequence[Draft], first_day: date, last_day: date) -> Selection:
    """Return which records to read for drafts of one behaviour."""
    anew = {version for draft in drafts for version in draft.other_versions}
    return Selection(drafts[0].behavior_id, first_day, last_day, tuple(sorted(anew)))


__all__ = ["History", "load_drafts", "preview", "selection_of"]
