"""A booked re-scoring reaches the day of the act, in the city and in its months and years."""

from sqlmodel import Session, col, select

from behaviors import totals
from behaviors.total_models import CityTotal, DayTotal
from tests.behaviors.intake.arranging import broken
from tests.behaviors.rescoring.test_rescoring import NOW, Riders, booked, published, riders
from tests.behaviors.rules.drafts import Office, office

__all__ = ["office", "riders"]


def test_what_was_scored_again_moves_its_day(
    session: Session, office: Office, riders: Riders
) -> None:
    totals.add_up(session, now=NOW)
    session.commit()
    # Alice's 10 km are 520 g; under the rule of an electric fleet 269 g.
    assert figures(session) == (520, 520)
    rescore = booked(session, office, published(session, office))
    assert rescore.status == "booked"
    assert totals.add_up(session, now=NOW) == 1
    assert figures(session) == (269, 269)
    assert broken(session) == {}


def figures(session: Session) -> tuple[int, int]:
    """Return the grams of Monday's trips on evidence A, and of the year."""
    day = session.exec(select(DayTotal).where(col(DayTotal.evidence) == "A")).one()
    session.refresh(day)
    year = session.get_one(CityTotal, ("year", "2026"), populate_existing=True)
    return day.reduction_g, year.reduction_g
