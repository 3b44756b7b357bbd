"""What staff do with a preview: ask for it, stop it, run it once more."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors import rule_queries
from behaviors.models import RuleVersion
from behaviors.rule_models import RulePreview, WorkStatus
from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound

MAX_VERSIONS = 5
UNFINISHED = (WorkStatus.WAITING, WorkStatus.RUNNING)


def start_preview(
    session: Session,
    *,
    behavior: str,
    rule_version_ids: Sequence[int],
    first_day: date,
    last_day: date,
    acting_user: Actor,
    staff_id: int,
    now: datetime,
) -> RulePreview:
    """Ask for versions of a behaviour to be run over the records of a period, both days included.

    The row waits until a `PreviewRunner` takes it on. Raises NotFound (unknown_behavior,
    unknown_rule_version), Invalid (preview_versions, preview_days).
    """
    behavior_id = rule_queries.find_behavior(session, behavior).id or 0
    chosen = list(dict.fromkeys(rule_version_ids))
    if not 1 <= len(chosen) <= MAX_VERSIONS:
        raise Invalid("preview_versions", field="drafts", limit=MAX_VERSIONS)
    if last_day < first_day:
        raise Invalid("preview_days", field="last_day")
    _check_versions(session, behavior_id, chosen)
    preview = RulePreview(
        public_id=secrets.token_urlsafe(12),
        behavior_id=behavior_id,
        rule_version_ids=chosen,
        first_day=first_day,
        last_day=last_day,
        status=WorkStatus.WAITING,
        staff_id=staff_id,
        asked_at=now,
    )
    session.add(preview)
    _audit(session, "rule.preview", preview.public_id, acting_user, now, versions=chosen)
    return preview


def _check_versions(session: Session, behavior_id: int, rule_version_ids: list[int]) -> None:
    known = set(
        session.exec(
            select(col(RuleVersion.id)).where(col(RuleVersion.behavior_id) == behavior_id)
        ).all()
    )
    for number in rule_version_ids:
        if number not in known:
            raise NotFound("unknown_rule_version", id=number)


def find_preview(session: Session, *, public_id: str) -> RulePreview:
    """Return a preview. Raises NotFound (unknown_preview)."""
    found = session.exec(
        select(RulePreview).where(col(RulePreview.public_id) == public_id[:64])
    ).first()
    if found is None:
        raise NotFound("unknown_preview")
    return found


def cancel_preview(
    session: Session, *, public_id: str, is_at_work: bool, acting_user: Actor, now: datetime
) -> None:
    """Stop a preview: after the present block, or at once when nobody is at work on it.

    Raises Conflict (preview_is_over).
    """
    waits = sa.or_(
        col(RulePreview.status) == WorkStatus.WAITING.value, sa.literal(value=not is_at_work)
    )
    found = session.execute(
        sa.update(RulePreview)
        .where(col(RulePreview.public_id) == public_id, col(RulePreview.status).in_(UNFINISHED))
        .values(
            cancel_asked=True,
            status=sa.case((waits, WorkStatus.CANCELLED.value), else_=col(RulePreview.status)),
            finished_at=sa.case((waits, now), else_=None),
        )
    )
    if _rows(found) != 1:
        raise Conflict("preview_is_over")
    _audit(session, "rule.preview_cancel", public_id, acting_user, now)


def run_again(session: Session, *, public_id: str, acting_user: Actor, now: datetime) -> None:
    """Let a preview wait once more that was interrupted, cancelled or failed.

    The caller has the preview's lock (see `PreviewRunner.starting`). Raises Conflict
    (preview_is_over) for one that is done.
    """
    found = session.execute(
        sa.update(RulePreview)
        .where(
            col(RulePreview.public_id) == public_id,
            col(RulePreview.status) != WorkStatus.DONE.value,
        )
        .values(
            status=WorkStatus.WAITING.value,
            records_done=0,
            records_total=None,
            cancel_asked=False,
            error=None,
            # What it looks at are the words of now.
            asked_at=now,
            started_at=None,
            finished_at=None,
        )
    )
    if _rows(found) != 1:
        raise Conflict("preview_is_over")
    _audit(session, "rule.preview_again", public_id, acting_user, now)


def begin(session: Session, *, public_id: str, now: datetime) -> bool:
    """Turn a waiting preview into a running one; False when it was cancelled meanwhile."""
    found = session.execute(
        sa.update(RulePreview)
        .where(
            col(RulePreview.public_id) == public_id,
            col(RulePreview.status) == WorkStatus.WAITING.value,
        )
        .values(status=WorkStatus.RUNNING.value, started_at=now)
    )
    return _rows(found) == 1


def note_progress(session: Session, *, public_id: str, done: int, total: int) -> bool:
    """Write down how far a preview has come; return whether somebody asked to stop it."""
    asked = session.execute(
        sa.update(RulePreview)
        .where(col(RulePreview.public_id) == public_id)
        .values(records_done=done, records_total=total)
        .returning(col(RulePreview.cancel_asked))
    ).scalar_one()
    return bool(asked)


def end(
    session: Session,
    *,
    public_id: str,
    status: WorkStatus,
    now: datetime,
    result: dict[str, object] | None = None,
    error: str | None = None,
) -> None:
    """Write down how a preview ended; `error` is a code."""
    preview = find_preview(session, public_id=public_id)
    preview.status, preview.finished_at = status, now
    preview.result, preview.error = result, error
    session.add(preview)


def _rows(result: object) -> int:
    return int(getattr(result, "rowcount", 0))


def _audit(
    session: Session,
    action: str,
    public_id: str,
    acting_user: Actor,
    now: datetime,
    versions: list[int] | None = None,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=action,
        subject=f"preview:{public_id}",
        now=now,
        versions=versions,
    )
