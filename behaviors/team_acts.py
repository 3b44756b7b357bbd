"""What members of an institution's teams did, for challenges: one statement for all teams."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import ActivityRecord, Behavior, RecordStatus
from carbonaccount.institutions.models import InstitutionMember
from carbonaccount.institutions.team_acts import (
    BehaviorChoice,
    Question,
    TeamActs,
    register_team_acts,
)


def team_acts(session: Session, question: Question) -> list[TeamActs]:
    """Return what each team did; see `carbonaccount.institutions.team_acts`."""
    start = question.first - timedelta(days=question.days)
    end = question.first + timedelta(days=question.days)
    during = col(ActivityRecord.business_day) >= question.first
    members = (
        sa.select(col(InstitutionMember.team), col(InstitutionMember.account_id))
        .where(
            col(InstitutionMember.institution_id) == question.institution_id,
            col(InstitutionMember.first_day) <= question.members_on,
            sa.or_(
                col(InstitutionMember.last_day).is_(None),
                col(InstitutionMember.last_day) >= question.members_on,
            ),
        )
        .subquery()
    )
    # By person first, so that how many acted and how often comes out of one reading.
    people = (
        sa.select(
            members.c.team,
            members.c.account_id,
            sa.func.count(col(ActivityRecord.id)).label("acts"),
            sa.func.count(sa.case((during, col(ActivityRecord.id)))).label("acts_during"),
        )
        .select_from(members)
        .outerjoin(
            ActivityRecord,
            sa.and_(
                col(ActivityRecord.account_id) == members.c.account_id,
                col(ActivityRecord.business_day) >= start,
                col(ActivityRecord.business_day) < end,
                col(ActivityRecord.status) == RecordStatus.COUNTED,
                col(ActivityRecord.outcome) != "overlap",
                col(ActivityRecord.behavior_id)
                == select(col(Behavior.id))
                .where(col(Behavior.code) == question.behavior)
                .scalar_subquery(),
            ),
        )
        .group_by(members.c.team, members.c.account_id)
        .subquery()
    )
    rows = session.execute(
        sa.select(
            people.c.team,
            sa.func.count(),
            sa.func.count(sa.case((people.c.acts > 0, 1))),
            sa.func.count(sa.case((people.c.acts_during > 0, 1))),
            sa.func.sum(people.c.acts - people.c.acts_during),
            sa.func.sum(people.c.acts_during),
        )
        .group_by(people.c.team)
        .order_by(people.c.team)
    )
    return [TeamActs(team, *(int(number) for number in numbers)) for team, *numbers in rows]


def behavior_choices(session: Session) -> list[BehaviorChoice]:
    """Return the behaviours that are in use, in their usual order."""
    rows = session.exec(
        select(Behavior)
        .where(col(Behavior.enabled), col(Behavior.stopped_at).is_(None))
        .order_by(col(Behavior.sort), col(Behavior.id))
    )
    return [BehaviorChoice(row.code, _names(row)) for row in rows]


def _names(row: Behavior) -> dict[str, str]:
    texts: Any = row.texts
    return {language: str(texts[language]["name"]) for language in ("zh", "en")}


register_team_acts(team_acts, behavior_choices)
