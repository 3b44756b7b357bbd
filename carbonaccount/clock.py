"""The only place that reads the time, and the only place that knows the city's day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

CITY_ZONE = ZoneInfo("Asia/Shanghai")


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def business_day(moment: datetime) -> date:
    """Return the Asia/Shanghai date of an aware moment: the day an act belongs to."""
    return moment.astimezone(CITY_ZONE).date()


def day_start(day: date) -> datetime:
    """Return the first moment of a business day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=CITY_ZONE).astimezone(UTC)


def day_end(day: date) -> datetime:
    """Return the first moment after a business day, in UTC."""
    return day_start(day + timedelta(days=1))
