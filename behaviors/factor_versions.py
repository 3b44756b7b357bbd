"""Tells the other rooms which emission factors are in force; importing the module registers it."""

from decimal import Decimal

from sqlmodel import Session, col, select

from behaviors.models import EmissionFactor
from carbonaccount import factors


@factors.register
def library(session: Session) -> list[factors.FactorVersion]:
    """Return every version in force of every factor, by code and version."""
    rows = session.exec(
        select(EmissionFactor)
        .where(col(EmissionFactor.status) == "active")
        .order_by(col(EmissionFactor.code), col(EmissionFactor.version))
    )
    return [
        factors.FactorVersion(
            code=row.code,
            version=row.version,
            name_zh=row.name_zh,
            name_en=row.name_en,
            value=Decimal(row.value),
            unit=row.unit,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            data_year=row.data_year,
            grade=row.grade,
            source=row.source or row.source_zh,
            source_zh=row.source_zh or row.source,
        )
        for row in rows
    ]
