"""The riders of the sample trips as members of the demonstration's school (示例), in two classes.

Their trips are samples (`demo_samples`), so what the school is told of its members is one too.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from behaviors.demo_samples import DAYS, sample_source
from behaviors.models import SourceSubject
from carbonaccount import signals
from carbonaccount.accounts.models import Account
from carbonaccount.accounts.services import resident_actor
from carbonaccount.clock import business_day
from carbonaccount.institutions import demo, joining
from carbonaccount.institutions.models import Institution

TEAMS = demo.TEAMS[:2]


def load_members(session: Session, *, now: datetime) -> int:
    """Let the riders be counted with the school since their first trip; returns how many are new.

    Does nothing when the school has members, or without the samples.
    """
    school = session.exec(
        select(Institution).where(col(Institution.name_zh) == demo.NAME_ZH)
    ).first()
    source = sample_source(session)
    if school is None or source is None:
        return 0
    code = joining.code_of(session, institution_id=school.stored_id)
    if code is None or joining.member_count(session, institution_id=school.stored_id):
        return 0
    riders = session.exec(
        select(Account)
        .join(SourceSubject, col(SourceSubject.account_id) == col(Account.id))
        .where(col(SourceSubject.source_id) == source.stored_id)
        .order_by(col(Account.id))
    ).all()
    since = now - timedelta(days=DAYS)
    for number, account in enumerate(riders):
        joining.join(
            session,
            code=code,
            team=TEAMS[number % len(TEAMS)],
            agreed=True,
            notice_text=demo.NAME_ZH,
            acting_user=resident_actor(account),
            now=since,
        )
        signals.membership_changed(
            session,
            account_id=account.stored_id,
            first_day=business_day(since),
            last_day=business_day(now),
        )
    return len(riders)
