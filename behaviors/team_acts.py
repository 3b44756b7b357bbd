"""What was told of an institution's teams, for challenges."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from behaviors.models import Behavior
from behaviors.told import ALL
from behaviors.told_models import PartClosed, ToldTeam, ToldTotal
from carbonaccount.institutions.month_parts import parsed
from carbonaccount.institutions.team_acts import (
    BehaviorChoice,
    PartActs,
    Question,
    TeamActs,
    register_team_acts,
)


def team_acts(session: Session, question: Question) -> list[PartActs]:
    """Return what was told of each part; see `carbonaccount.institutions.team_acts`."""
    codes = [part.code for part in question.parts]
    behavior = (
        select(col(Behavior.id)).where(col(Behavior.code) == question.behavior).scalar_subquery()
    )
    # A row a closed part, with what all members did if it was told.
    totals = session.execute(
        sa.select(col(PartClosed.part), col(ToldTotal.records))
        .outerjoin(
            ToldTotal,
            sa.and_(
                col(ToldTotal.period) == col(PartClosed.part),
                col(ToldTotal.institution_id) == question.institution_id,
                col(ToldTotal.behavior_id) == behavior,
            ),
        )
        .where(col(PartClosed.part).in_(codes))
        .order_by(col(PartClosed.part))
    ).all()
    sizes: dict[str, dict[str, int]] = defaultdict(dict)
    acts: dict[tuple[str, str], int] = {}
    for row in session.exec(
        select(ToldTeam).where(
            col(ToldTeam.institution_id) == question.institution_id,
            col(ToldTeam.part).in_(codes),
            sa.or_(col(ToldTeam.behavior_id) == ALL, col(ToldTeam.behavior_id) == behavior),
        )
    ):
        if row.behavior_id == ALL:
            sizes[row.part][row.team] = row.people
        else:
            acts[row.part, row.team] = row.records
    return [
        PartActs(parsed(code), records, _teams(code, sizes[code], acts)) for code, records in totals
    ]


def _teams(
    code: str, sizes: Mapping[str, int], acts: Mapping[tuple[str, str], int]
) -> dict[str, TeamActs]:
    return {
        team: TeamActs(members, acts.get((code, team))) for team, members in sorted(sizes.items())
    }


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
