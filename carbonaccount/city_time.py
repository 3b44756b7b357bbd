"""The city's day of a stored moment, worked out by the database."""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from carbonaccount.clock import CITY_ZONE
from carbonaccount.database import is_sqlite


def city_day(session: Session, moment: sa.SQLColumnExpression[Any]) -> sa.ColumnElement[date]:
    """Return an expression for the Asia/Shanghai date of a column of moments.

    SQLite keeps moments as UTC text and knows no zones; China's clocks have not been changed
    since 1991, so eight hours are right for every record.
    """
    if is_sqlite(session):
        return sa.func.date(moment, "+8 hours", type_=sa.Date())
    return sa.cast(sa.func.timezone(str(CITY_ZONE), moment), sa.Date)
