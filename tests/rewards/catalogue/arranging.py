"""Staff of the catalogue, a fund that pays, and the content of a reward."""

from datetime import UTC, date, datetime
from typing import Any

from sqlmodel import Session

from carbonaccount.accounts.models import Staff, StaffRole
from carbonaccount.accounts.roles import Role
from carbonaccount.audit import Actor
from rewards.models import Reward
from rewards.reward_content import RewardContent
from tests.rewards.fund import arranged

# Noon in the city.
NOW = datetime(2026, 6, 15, 4, tzinfo=UTC)
TODAY = date(2026, 6, 15)


def member(session: Session, login: str, *roles: Role) -> Actor:
    """Add a member of staff who cannot sign in, and return who acts."""
    staff = Staff(
        login=login, display_name=login, password_hash="-", totp_sealed=b"-", created_at=NOW
    )
    session.add(staff)
    session.flush()
    for role in roles:
        session.add(StaffRole(staff_id=staff.stored_id, role=role, granted_at=NOW))
    session.flush()
    return Actor("staff", login, staff.stored_id)


def content(programme_id: int, **changes: Any) -> RewardContent:
    """Return a swim for 300 credits and 5 yuan, all of 2026."""
    values = {
        "reward_class": "culture_sport",
        "texts": {
            "zh": {"title": "游泳一次", "text": "市游泳馆两小时。", "terms": ""},
            "en": {"title": "One swim", "text": "Two hours at the city pool.", "terms": ""},
        },
        "price_credits": 300,
        "value_fen": 500,
        "programme_id": programme_id,
        "offered_from": date(2026, 1, 1),
        "offered_until": date(2026, 12, 31),
        **changes,
    }
    return RewardContent(**values)


def on_shelf(session: Session, title: str, **values: Any) -> Reward:
    """Put a reward of a fund of its own on the shelf, from long ago until far ahead."""
    programme = arranged.programme(session)
    for year in range(2026, 2037):
        arranged.budget(session, programme, 1_000_000, year)
    texts = {
        "zh": {"title": title, "text": f"{title}的介绍", "terms": ""},
        "en": {"title": f"{title} in English", "text": f"About {title}", "terms": ""},
    }
    days = {"offered_from": date(2026, 1, 1), "offered_until": date(2036, 12, 31)}
    return arranged.reward(session, programme, **{"texts": texts, **days, **values})
