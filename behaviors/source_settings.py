"""Changing a source after it was admitted: names, behaviours, evidence, quota, on and off."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from behaviors.models import Source
from behaviors.services import SELF_SOURCE
from behaviors.sources import consent_texts, known_behaviors, require_grade, require_name
from carbonaccount import audit
from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound

MOST_QUOTA = 1_000_000_000
_SHOWN = ("name_zh", "name_en", "behaviors", "best_evidence", "bindable", "active", "daily_quota")


def edit_source(
    session: Session,
    *,
    code: str,
    name_zh: str,
    name_en: str,
    behaviors: Sequence[str],
    best_evidence: str,
    bindable: bool,
    active: bool,
    daily_quota: int | None,
    acting_user: Actor,
    now: datetime,
) -> Source:
    """Change a source; one that is switched off is refused at its next request.

    What residents agree to names the source, so a new name is a new text for consents to come.
    Raises NotFound, Conflict (source_is_own) for residents' own reports, Invalid as `add_source`
    does and bad_quota.
    """
    source = _locked(session, code)
    if source.code == SELF_SOURCE:
        raise Conflict("source_is_own")
    for name in (name_zh, name_en):
        require_name(name)
    require_grade(best_evidence)
    require_quota_range(daily_quota)
    before = {name: getattr(source, name) for name in _SHOWN}
    if (source.name_zh, source.name_en) != (name_zh.strip(), name_en.strip()):
        source.consent_texts = consent_texts(name_zh.strip(), name_en.strip())
    source.name_zh, source.name_en = name_zh.strip(), name_en.strip()
    source.behaviors = known_behaviors(session, behaviors)
    source.best_evidence, source.bindable = best_evidence, bindable
    source.active, source.daily_quota = active, daily_quota
    session.add(source)
    changed = {name for name in _SHOWN if before[name] != getattr(source, name)}
    audit.record(
        session,
        acting_user=acting_user,
        action="source.edit",
        subject=f"source:{code}",
        now=now,
        before={name: before[name] for name in sorted(changed)},
        after={name: getattr(source, name) for name in sorted(changed)},
    )
    return source


def require_quota_range(daily_quota: int | None) -> None:
    """Raise Invalid (bad_quota) unless the number can be a quota; None is no limit."""
    if daily_quota is not None and not 1 <= daily_quota <= MOST_QUOTA:
        raise Invalid("bad_quota", field="daily_quota", limit=MOST_QUOTA)


def _locked(session: Session, code: str) -> Source:
    source = session.exec(
        select(Source)
        .where(col(Source.code) == code)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if source is None:
        raise NotFound("unknown_source", source=code[:64])
    return source
