"""The account of an event: amounts that the organiser enters, and closing it.

While it is open the account is worked out anew from what is known; once closed it stands as it
was, and the participants' answers are cut off from their browsers.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from carbonaccount.audit import Actor
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.factors import FactorBook
from carbonaccount.institutions import event_account, event_answers, event_gaps
from carbonaccount.institutions.event_account import Amount, EventTotals, Setting
from carbonaccount.institutions.event_factors import Mode, UsedFactor, catalogue, used_factor
from carbonaccount.institutions.event_models import Event, EventAccount, EventLine, EventState
from carbonaccount.institutions.events import forget_tokens, locked, trail
from carbonaccount.typed import half_width

_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?", re.ASCII)
LONGEST_EVIDENCE = 200
# The account of these stands as it was closed.
CLOSED_STATES = (EventState.OFFSET, EventState.PUBLISHED)


def read_amount(text: str, field: str) -> Decimal:
    """Return an amount as people write it, thousands set apart or not, up to 3 decimals.

    Raises Invalid (event_amount) for anything else.
    """
    kept = re.sub(r"[\s,]", "", half_width(text))
    if not _AMOUNT.fullmatch(kept):
        raise Invalid("event_amount", field=field)
    return Decimal(kept)


def add_line(
    session: Session,
    *,
    event: Event,
    item: str,
    amount: str,
    green: str,
    evidence: str,
    acting_user: Actor,
    now: datetime,
) -> EventLine:
    """Enter an amount in the item's unit; `green` only where the item knows green power.

    Raises Invalid naming the field (event_item, event_amount, event_green, event_evidence),
    Conflict (event_state).
    """
    event = locked(session, event, EventState.RUNNING, EventState.ACCOUNTING)
    known = catalogue().item(item)
    value = read_amount(amount, "amount")
    covered = read_amount(green, "green") if green.strip() else Decimal(0)
    if value == 0:
        raise Invalid("event_amount", field="amount")
    if covered and not known.green:
        raise Invalid("event_green", field="green")
    if len(evidence.strip()) > LONGEST_EVIDENCE:
        raise Invalid("event_evidence", field="evidence", limit=LONGEST_EVIDENCE)
    line = EventLine(
        event_id=event.stored_id,
        item=item,
        amount=str(value),
        green=str(covered),
        evidence=evidence.strip(),
        entered_by=acting_user.id or 0,
        entered_at=now,
    )
    session.add(line)
    session.flush()
    trail(session, event, "enter_amount", acting_user=acting_user, now=now, item=item)
    return line


def remove_line(
    session: Session, *, event: Event, line_id: int, acting_user: Actor, now: datetime
) -> None:
    """Remove an amount. Raises NotFound (unknown_line), Conflict (event_state)."""
    event = locked(session, event, EventState.RUNNING, EventState.ACCOUNTING)
    line = session.get(EventLine, line_id)
    if line is None or line.event_id != event.id:
        raise NotFound("unknown_line")
    session.delete(line)
    session.flush()
    trail(session, event, "remove_amount", acting_user=acting_user, now=now, item=line.item)


def lines_of(session: Session, event: Event) -> list[EventLine]:
    """Return the amounts that the organiser entered, the first first."""
    return list(
        session.exec(
            select(EventLine)
            .where(col(EventLine.event_id) == event.stored_id)
            .order_by(col(EventLine.id))
        )
    )


def totals_of(session: Session, event: Event) -> EventTotals:
    """Return the account: as it was closed, or as it stands with what is known now."""
    if event.state in CLOSED_STATES:
        closed = account_of(session, event)
        if closed is not None:
            totals = event_account.from_json(closed.content)
            return event_gaps.with_plan(session, event, totals)
    return _worked_out(session, event)


def _worked_out(session: Session, event: Event) -> EventTotals:
    book = FactorBook.load(session)
    setting = setting_of(event)
    totals = event_account.totals(
        catalogue(),
        groups=event_answers.groups(session, event),
        amounts=_amounts(lines_of(session, event)),
        setting=setting,
        factor_of=lambda code: used_factor(book, code, setting.on),
    )
    return replace(totals, gaps=event_gaps.gaps_of(session, event, totals.by_source()))


def mode_factors(session: Session, event: Event) -> list[tuple[Mode, UsedFactor | None]]:
    """Return the factor of each way to travel on the event's first day."""
    book = FactorBook.load(session)
    return [
        (mode, used_factor(book, mode.library, event.first_day))
        for mode in catalogue().modes.values()
    ]


def setting_of(event: Event) -> Setting:
    """Return what of an event its account depends on; factors are those of its first day."""
    return Setting(
        event.district_code, event.days, event.daily_return, event.head_count, event.first_day
    )


def _amounts(lines: Sequence[EventLine]) -> list[Amount]:
    return [Amount(line.item, Decimal(line.amount), Decimal(line.green)) for line in lines]


def settle(session: Session, *, event: Event, acting_user: Actor, now: datetime) -> EventAccount:
    """Close the account; what it comes to is to be made good, and another person publishes.

    Raises Conflict (event_state), Invalid (event_no_head_count, event_no_answers,
    event_fewer_than_known, event_sources_unsaid: a source that the plan declared has no amount,
    and nobody said why).
    """
    event = locked(session, event, EventState.ACCOUNTING)
    if event.head_count is None:
        raise Invalid("event_no_head_count")
    totals = _worked_out(session, event)
    if not totals.answered:
        raise Invalid("event_no_answers")
    if event.head_count < totals.answered:
        raise Invalid("event_fewer_than_known", known=totals.answered)
    if unsaid := [gap for gap in totals.left_out if not gap.kind]:
        raise Invalid("event_sources_unsaid", count=len(unsaid))
    before = account_of(session, event)
    account = EventAccount(
        event_id=event.stored_id,
        revision=0 if before is None else before.revision + 1,
        total_g=totals.total_g,
        content=event_account.to_json(totals),
        reason=event.state_reason,
        settled_by=acting_user.id or 0,
        settled_at=now,
    )
    session.add(account)
    forget_tokens(session, event)
    event.state, event.state_reason = EventState.OFFSET, ""
    session.flush()
    trail(session, event, "settle", acting_user=acting_user, now=now, total_g=totals.total_g)
    return account


def account_of(session: Session, event: Event) -> EventAccount | None:
    """Return the newest closed account of an event."""
    return session.exec(
        select(EventAccount)
        .where(col(EventAccount.event_id) == event.stored_id)
        .order_by(col(EventAccount.revision).desc())
    ).first()


def totals_by_event(session: Session, event_ids: Sequence[int]) -> dict[int, int]:
    """Return the grams of the newest closed account of each event."""
    rows = session.exec(
        select(col(EventAccount.event_id), col(EventAccount.total_g))
        .where(col(EventAccount.event_id).in_(event_ids))
        .order_by(col(EventAccount.revision))
    )
    return dict(rows.all())


def closed_account(session: Session, event: Event) -> EventAccount:
    """Return the account that is to be made good. Raises Conflict (event_state)."""
    account = account_of(session, event)
    if account is None or event.state not in CLOSED_STATES:
        raise Conflict("event_state")
    return account
