"""Shares end when what ties a person to the institution ends, whichever way it ended.

A share is given as somebody who is counted with an institution or has a seat there. When neither
holds any more, or the institution is closed, it ends, whatever its role; what was taken into lots
stays. Whoever gives a share and whoever ends a tie both lock the institution first, so that no
share is begun beside the end of the tie it stands on.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from carbonaccount.accounts.services import withdraw_consent
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.institutions import attribution
from carbonaccount.institutions.models import (
    Institution,
    InstitutionMember,
    InstitutionPerson,
    InstitutionStatus,
)
from carbonaccount.institutions.offset_models import Attribution
from carbonaccount.institutions.trail import tell_owners
from carbonaccount.messages.services import Outgoing, send_many

TOLD_GIVER, TOLD_OWNERS = "share_ended", "share_ended_here"


def end_untied(
    session: Session, *, institution: Institution, acting_user: Actor, now: datetime
) -> int:
    """End the shares in force at an institution whose giver is tied to it no more.

    The last day is the day before, as for members. The institution is locked by whoever calls.
    Returns how many ended; the givers and the owners are told of each.
    """
    session.flush()
    ended = session.exec(
        select(Attribution)
        .join(Institution, col(Institution.id) == col(Attribution.institution_id))
        .where(col(Attribution.institution_id) == institution.stored_id, *_untied())
        .order_by(col(Attribution.id))
        .with_for_update(of=Attribution)
        .execution_options(populate_existing=True)
    ).all()
    last_day = business_day(now) - timedelta(days=1)
    for share in ended:
        attribution.end_locked(session, share, last_day=last_day, acting_user=acting_user, now=now)
        if share.consent_id is not None:
            withdraw_consent(
                session,
                account_id=share.account_id,
                purpose=attribution.consent_purpose(share.public_id),
                acting_user=acting_user,
                now=now,
            )
    _tell(session, institution, ended, now)
    return len(ended)


def end_all_untied(session: Session, *, acting_user: Actor, now: datetime) -> int:
    """End such shares wherever they are; returns how many. Nothing is left to do as a rule."""
    places = session.exec(
        select(Institution)
        .where(
            col(Institution.id).in_(
                sa.select(col(Attribution.institution_id))
                .join(Institution, col(Institution.id) == col(Attribution.institution_id))
                .where(*_untied())
            )
        )
        .order_by(col(Institution.id))
        .with_for_update(key_share=True)
    ).all()
    return sum(
        end_untied(session, institution=place, acting_user=acting_user, now=now) for place in places
    )


def _untied() -> tuple[sa.ColumnElement[bool], ...]:
    """Select shares in force whose giver has no tie to their institution, or which is closed."""
    member = sa.exists().where(
        col(InstitutionMember.institution_id) == col(Attribution.institution_id),
        col(InstitutionMember.account_id) == col(Attribution.account_id),
        col(InstitutionMember.last_day).is_(None),
    )
    seat = sa.exists().where(
        col(InstitutionPerson.institution_id) == col(Attribution.institution_id),
        col(InstitutionPerson.account_id) == col(Attribution.account_id),
        col(InstitutionPerson.active),
    )
    own = col(Attribution.account_id) == col(Institution.account_id)
    return (
        col(Attribution.last_day).is_(None),
        sa.or_(
            col(Institution.status) != InstitutionStatus.ACTIVE,
            sa.not_(sa.or_(own, member, seat)),
        ),
    )


def _tell(
    session: Session, institution: Institution, ended: Sequence[Attribution], now: datetime
) -> None:
    """Tell each giver, and the owners by the numbers of the shares alone."""
    closed = institution.status != InstitutionStatus.ACTIVE
    outgoing = [
        Outgoing(
            share.account_id,
            f"attribution:{share.public_id}",
            {
                "share": share.public_id,
                "closed": closed,
                "name_zh": institution.name_zh,
                "name_en": institution.name_en,
            },
        )
        for share in ended
        if share.account_id != institution.account_id
    ]
    send_many(session, kind=TOLD_GIVER, outgoing=outgoing, now=now)
    for share in ended:
        tell_owners(
            session,
            institution,
            TOLD_OWNERS,
            cause=f"attribution:{share.public_id}",
            now=now,
            share=share.public_id,
            closed=closed,
        )
