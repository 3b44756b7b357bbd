"""An institution's own challenges: begun, called off, and what they came to."""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.institutions import once
from carbonaccount.institutions.applications import locked
from carbonaccount.institutions.campaign_models import Campaign
from carbonaccount.institutions.campaign_rules import CampaignResult, result
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.month_parts import Part, part_of, parts_before, whole_parts
from carbonaccount.institutions.team_acts import Question, behavior_choices, team_acts, told_on
from carbonaccount.institutions.trail import note

LONGEST_NAME, LONGEST_NAME_EN = 60, 90
SHORTEST_DAYS, LONGEST_DAYS = 7, 92
MOST_AT_ONCE = 5
MOST_ACTS = 100_000_000
# A challenge can be announced so many parts of months ahead: about a year.
PARTS_AHEAD = 48


@dataclass(frozen=True)
class CampaignContent:
    """What a person writes about a challenge; days of the city, both included."""

    name_zh: str
    name_en: str
    behavior: str
    first_day: date | None
    last_day: date | None
    goal_acts: int


def begin(
    session: Session,
    *,
    institution: Institution,
    content: CampaignContent,
    acting_user: Actor,
    now: datetime,
    request_key: str = "",
) -> Campaign:
    """Announce a challenge, from today or later, of whole parts of months.

    Raises Invalid (campaign_name, campaign_behavior, campaign_first_day, campaign_first_part,
    campaign_last_part, campaign_days, campaign_goal), Conflict (too_many_campaigns).
    """
    locked(session, public_id=institution.public_id)
    first, last = _checked(session, content, business_day(now))
    public_id = once.public_id_of(request_key, owner=institution.public_id)
    earlier = session.exec(select(Campaign).where(col(Campaign.public_id) == public_id)).first()
    if earlier is not None:
        name = content.name_zh.strip()
        return once.the_same(earlier, name_zh=name, behavior=content.behavior, first_day=first)
    if _standing(session, institution, business_day(now)) >= MOST_AT_ONCE:
        raise Conflict("too_many_campaigns", limit=MOST_AT_ONCE)
    campaign = Campaign(
        public_id=public_id,
        institution_id=institution.stored_id,
        name_zh=content.name_zh.strip(),
        name_en=content.name_en.strip(),
        behavior=content.behavior,
        first_day=first,
        last_day=last,
        goal_acts=content.goal_acts,
        created_by=acting_user.id or 0,
        created_at=now,
    )
    session.add(campaign)
    session.flush()
    note(
        session,
        institution,
        "campaign.begin",
        acting_user=acting_user,
        now=now,
        campaign=campaign.public_id,
    )
    return campaign


def _checked(session: Session, content: CampaignContent, today: date) -> tuple[date, date]:
    if not 1 <= len(content.name_zh.strip()) <= LONGEST_NAME:
        raise Invalid("campaign_name", field="name_zh", limit=LONGEST_NAME)
    if len(content.name_en.strip()) > LONGEST_NAME_EN:
        raise Invalid("campaign_name", field="name_en", limit=LONGEST_NAME_EN)
    if content.behavior not in {choice.code for choice in behavior_choices(session)}:
        raise Invalid("campaign_behavior", field="behavior")
    if content.first_day is None or content.first_day < today:
        raise Invalid("campaign_first_day", field="first_day")
    if content.first_day != part_of(content.first_day).first:
        raise Invalid("campaign_first_part", field="first_day")
    days = (content.last_day - content.first_day).days + 1 if content.last_day else 0
    if content.last_day is None or not SHORTEST_DAYS <= days <= LONGEST_DAYS:
        raise Invalid(
            "campaign_days", field="last_day", minimum=SHORTEST_DAYS, maximum=LONGEST_DAYS
        )
    if content.last_day != part_of(content.last_day).last:
        raise Invalid("campaign_last_part", field="last_day")
    if not 1 <= content.goal_acts <= MOST_ACTS:
        raise Invalid("campaign_goal", field="goal_acts", limit=MOST_ACTS)
    return content.first_day, content.last_day


def _standing(session: Session, institution: Institution, today: date) -> int:
    return session.exec(
        select(sa.func.count())
        .select_from(Campaign)
        .where(
            col(Campaign.institution_id) == institution.id,
            col(Campaign.last_day) >= today,
            col(Campaign.called_off_at).is_(None),
        )
    ).one()


def call_off(
    session: Session,
    *,
    institution: Institution,
    campaign_id: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """End a challenge before its time. Raises NotFound, Conflict (campaign_over)."""
    locked(session, public_id=institution.public_id)
    campaign = find(session, institution_id=institution.stored_id, public_id=campaign_id)
    session.refresh(campaign)
    if campaign.called_off_at is not None or campaign.last_day < business_day(now):
        raise Conflict("campaign_over")
    campaign.called_off_at = now
    session.flush()
    note(
        session,
        institution,
        "campaign.call_off",
        acting_user=acting_user,
        now=now,
        campaign=campaign.public_id,
    )


def find(session: Session, *, institution_id: int, public_id: str) -> Campaign:
    """Return an institution's challenge. Raises NotFound (unknown_campaign), also for others'."""
    found = session.exec(
        select(Campaign).where(
            col(Campaign.public_id) == public_id, col(Campaign.institution_id) == institution_id
        )
    ).first()
    if found is None:
        raise NotFound("unknown_campaign")
    return found


def campaigns_of(session: Session, *, institution_id: int) -> list[Campaign]:
    """Return an institution's challenges, the latest first."""
    rows = session.exec(
        select(Campaign)
        .where(col(Campaign.institution_id) == institution_id)
        .order_by(col(Campaign.first_day).desc(), col(Campaign.id).desc())
    )
    return list(rows)


def running(session: Session, *, institution_ids: list[int], today: date) -> list[Campaign]:
    """Return the challenges of institutions that run today, the first to end first."""
    rows = session.exec(
        select(Campaign)
        .where(
            col(Campaign.institution_id).in_(institution_ids),
            col(Campaign.first_day) <= today,
            col(Campaign.last_day) >= today,
            col(Campaign.called_off_at).is_(None),
        )
        .order_by(col(Campaign.last_day), col(Campaign.id))
    )
    return list(rows)


def parts_to_come(today: date) -> list[Part]:
    """Return the parts of months of which a challenge can be made, from today on."""
    part = part_of(today)
    if part.first < today:
        part = part.after()
    found = [part]
    while len(found) < PARTS_AHEAD:
        found.append(found[-1].after())
    return found


def parts_of(campaign: Campaign) -> list[Part]:
    """Return the parts of months that count: those wholly over when it was called off, or all."""
    last = campaign.last_day
    if campaign.called_off_at is not None:
        last = min(last, business_day(campaign.called_off_at) - date.resolution)
    return whole_parts(campaign.first_day, last)


def next_told(campaign: Campaign, result: CampaignResult) -> date | None:
    """Return the day on which the next part is told, None when all are."""
    left = parts_of(campaign)[result.told_parts :]
    return told_on(left[0]) if left else None


def result_of(session: Session, *, campaign: Campaign, ranked: bool) -> CampaignResult:
    """Return what a challenge has come to: what is told of its parts, and of as many before.

    What is told of a part never changes. A challenge that was called off counts the parts that
    were over by then.
    """
    parts = parts_of(campaign)
    earlier = parts_before(parts[0], len(parts)) if parts else []
    told = team_acts(
        session,
        Question(
            institution_id=campaign.institution_id,
            behavior=campaign.behavior,
            parts=(*earlier, *parts),
        ),
    )
    return result(
        [part for part in told if part.part in parts],
        [part for part in told if part.part in earlier],
        parts=len(parts),
        goal_acts=campaign.goal_acts,
        ranked=ranked,
    )
