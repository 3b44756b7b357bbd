"""Giving: credits at once, certified grams as a pledge that can be taken back until it is used.

Only grams that were measured (evidence A or B under a certifiable rule) and that the person still
holds can be pledged, with a consent to the statement of what happens with them. In the books a
pledge is a hold of the giver's; its use moves it to the beneficiary.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import polars as pl
from sqlmodel import Session, col, select

from carbonaccount import audit, bulk, signals
from carbonaccount.accounts.services import WEB_CHANNEL, give_consent, new_public_id
from carbonaccount.accounts.services import withdraw_consent as end_consent
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.certified import certified_free_g, tells_committed
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound
from carbonaccount.ledger import holdings
from carbonaccount.ledger import services as ledger
from carbonaccount.ledger.models import Cause, LedgerKind, TransferKind, Unit
from carbonaccount.messages.services import Outgoing, send_many
from rewards.beneficiaries import APPROVERS, is_open, takes_credits, takes_grams
from rewards.eligibility import check_guardian
from rewards.giving_models import Beneficiary, Gift, GiftUse

GIVEN, PLEDGED, USED, REVOKED = "given", "pledged", "used", "revoked"
CONSENT_VERSION = "gift-1"
LARGEST_GIFT = 10**12
LONGEST_PURPOSE = 500
# One use is one transaction: more gifts than these are used by a second one.
MOST_GIFTS_A_USE = 5_000
_PURPOSE = "gift:"


def consent_purpose(gift_public_id: str) -> str:
    """Return the purpose of the consent that a pledge of grams stands on."""
    return f"{_PURPOSE}{gift_public_id}"


def gifts_named(purposes: Collection[str]) -> set[str]:
    """Return the public ids of the gifts that purposes of consents name."""
    return {item.removeprefix(_PURPOSE) for item in purposes if item.startswith(_PURPOSE)}


@tells_committed
def given_g(session: Session, account_ids: Collection[int]) -> Mapping[int, int]:
    """Return the certified grams that accounts have pledged, or that were used of them."""
    rows = bulk.select_matching(
        session,
        select=(
            "SELECT g.account_id, g.amount FROM {keys} JOIN gift g "
            "ON g.account_id = k.account_id AND g.unit = 1 AND g.status IN ('pledged', 'used')"
        ),
        keys={"account_id": ("bigint", pl.Series(sorted(account_ids), dtype=pl.Int64))},
        schema={"account_id": pl.Int64, "grams": pl.Int64},
    )
    return dict(rows.group_by("account_id").agg(pl.col("grams").sum()).iter_rows())


def certified_left(session: Session, *, account_id: int) -> int:
    """Return how many certified grams a person holds and has let go to nobody else."""
    return certified_free_g(session, account_id)


def give_credits(
    session: Session,
    *,
    account_id: int,
    beneficiary_id: int,
    credits: int,
    request_key: str,
    acting_user: Actor,
    now: datetime,
) -> Gift:
    """Give credits, the oldest first. The same key again is the same gift.

    Raises Invalid (gift_amount, guardian_needed), Conflict (beneficiary_closed,
    beneficiary_takes_no_credits, request_key_used), InsufficientBalance.
    """
    holdings.available(session, account_id=account_id, unit=Unit.CREDIT)  # Locks what is held.
    known = _sent_before(session, account_id, request_key, beneficiary_id, Unit.CREDIT, credits)
    if known is not None:
        return known
    check_guardian(session, account_id=account_id, now=now)
    beneficiary = _open_for_gifts(session, beneficiary_id, credits, now)
    if not takes_credits(beneficiary):
        raise Conflict("beneficiary_takes_no_credits")
    gift = _write(
        session, _gift(account_id, beneficiary_id, Unit.CREDIT, credits, request_key, now)
    )
    holdings.take(
        session,
        account_id=account_id,
        unit=Unit.CREDIT,
        amount=credits,
        to_owner=beneficiary.account_id,
        to_kind=LedgerKind.INSTITUTION,
        movement=holdings.Movement(TransferKind.GIVE, Cause.GIFT, gift.id or 0),
        now=now,
    )
    _told(session, "gift_given", [gift], beneficiary, acting_user, now)
    return gift


def pledge_grams(
    session: Session,
    *,
    account_id: int,
    beneficiary_id: int,
    grams: int,
    request_key: str,
    statement: str,
    acting_user: Actor,
    now: datetime,
) -> Gift:
    """Set certified grams aside for a beneficiary; `statement` is the text the giver agreed to.

    The same key again is the same gift. Raises Invalid (gift_amount, consent_needed,
    guardian_needed), Conflict (beneficiary_closed, beneficiary_takes_no_grams,
    certified_grams_short with `available`, request_key_used).
    """
    holdings.available(session, account_id=account_id, unit=Unit.G)  # Locks what is held.
    known = _sent_before(session, account_id, request_key, beneficiary_id, Unit.G, grams)
    if known is not None:
        return known
    check_guardian(session, account_id=account_id, now=now)
    beneficiary = _open_for_gifts(session, beneficiary_id, grams, now)
    if not takes_grams(beneficiary):
        raise Conflict("beneficiary_takes_no_grams")
    if not statement.strip():
        raise Invalid("consent_needed", field="agree")
    left = certified_left(session, account_id=account_id)
    if grams > left:
        raise Conflict("certified_grams_short", field="amount", available=left)
    gift = _gift(account_id, beneficiary_id, Unit.G, grams, request_key, now)
    gift.consent_id = give_consent(
        session,
        account_id=account_id,
        purpose=consent_purpose(gift.public_id),
        version=CONSENT_VERSION,
        text=statement,
        channel=WEB_CHANNEL,
        acting_user=acting_user,
        now=now,
    ).id
    _write(session, gift)
    holdings.take(
        session,
        account_id=account_id,
        unit=Unit.G,
        amount=grams,
        to_owner=account_id,
        to_kind=LedgerKind.HOLD,
        movement=holdings.Movement(TransferKind.HOLD, Cause.GIFT, gift.id or 0),
        now=now,
    )
    _told(session, "gift_pledged", [gift], beneficiary, acting_user, now)
    return gift


def revoke(
    session: Session, *, gift_public_id: str, account_id: int, acting_user: Actor, now: datetime
) -> Gift:
    """Take pledged grams back; the consent ends with it.

    Raises NotFound (unknown_gift), Conflict (gift_used; gift_not_pledged).
    """
    gift = session.exec(
        select(Gift)
        .where(col(Gift.public_id) == gift_public_id, col(Gift.account_id) == account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if gift is None:
        raise NotFound("unknown_gift")
    if gift.status != PLEDGED:
        raise Conflict("gift_used" if gift.status == USED else "gift_not_pledged")
    _release(session, gift, acting_user=acting_user, now=now)
    end_consent(
        session,
        account_id=account_id,
        purpose=consent_purpose(gift.public_id),
        acting_user=acting_user,
        now=now,
    )
    return gift


def _release(session: Session, gift: Gift, *, acting_user: Actor, now: datetime) -> None:
    """Give the grams of a locked pledge back to its giver."""
    gift.status, gift.ended_at = REVOKED, now
    session.flush()
    holdings.move(
        session,
        parts=[holdings.Part(0, gift.amount)],
        unit=Unit.G,
        source=(gift.account_id, LedgerKind.HOLD),
        target=(gift.account_id, LedgerKind.RESIDENT),
        movement=holdings.Movement(TransferKind.RELEASE, Cause.GIFT, gift.id or 0),
        now=now,
    )
    beneficiary = session.get_one(Beneficiary, gift.beneficiary_id)
    _told(session, "gift_revoked", [gift], beneficiary, acting_user, now)


@signals.on_consent_withdrawn
def take_back_pledges(
    session: Session, *, account_id: int, purposes: list[str], now: datetime
) -> None:
    """Give pledged grams back whose consent has ended, by whatever way; used ones stay used."""
    ended = gifts_named(purposes)
    if not ended:
        return
    pledges = session.exec(
        select(Gift)
        .where(
            col(Gift.account_id) == account_id,
            col(Gift.status) == PLEDGED,
            col(Gift.public_id).in_(ended),
        )
        .order_by(col(Gift.id))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for gift in pledges:
        _release(session, gift, acting_user=audit.SYSTEM, now=now)


def use_grams(
    session: Session,
    *,
    beneficiary_id: int,
    purpose: str,
    grams_at_most: int | None,
    acting_user: Actor,
    now: datetime,
) -> GiftUse:
    """Use pledged grams, whole pledges, the oldest first, never more than asked for.

    From then on they cannot be taken back, and each giver is told. Raises Invalid
    (use_purpose, gift_amount), Conflict (nothing_pledged), Refused for anybody but an approver.
    """
    staff_id = require_role(session, acting_user=acting_user, roles=APPROVERS)
    if not 1 <= len(purpose.strip()) <= LONGEST_PURPOSE:
        raise Invalid("use_purpose", field="purpose", limit=LONGEST_PURPOSE)
    if grams_at_most is not None and not 1 <= grams_at_most <= LARGEST_GIFT:
        raise Invalid("gift_amount", field="grams", limit=LARGEST_GIFT)
    beneficiary = _beneficiary(session, beneficiary_id)
    gifts = _fitting(_pledges(session, beneficiary_id), grams_at_most)
    if not gifts:
        raise Conflict("nothing_pledged")
    use = GiftUse(
        beneficiary_id=beneficiary_id,
        purpose=purpose.strip(),
        grams=sum(gift.amount for gift in gifts),
        gifts=len(gifts),
        used_by=staff_id,
        used_at=now,
    )
    session.add(use)
    session.flush()
    for gift in gifts:
        gift.status, gift.ended_at, gift.use_id = USED, now, use.id
    session.flush()
    _post_use(session, gifts, beneficiary, now)
    _told(session, "gift_used", gifts, beneficiary, acting_user, now)
    return use


def _pledges(session: Session, beneficiary_id: int) -> Sequence[Gift]:
    return session.exec(
        select(Gift)
        .where(col(Gift.beneficiary_id) == beneficiary_id, col(Gift.status) == PLEDGED)
        .order_by(col(Gift.id))
        .limit(MOST_GIFTS_A_USE)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _fitting(pledges: Sequence[Gift], grams_at_most: int | None) -> list[Gift]:
    """Return the oldest pledges that fit into what is needed; a pledge is never split."""
    if grams_at_most is None:
        return list(pledges)
    chosen, left = [], grams_at_most
    for gift in pledges:
        if gift.amount <= left:
            chosen.append(gift)
            left -= gift.amount
    return chosen


def _post_use(
    session: Session, gifts: Sequence[Gift], beneficiary: Beneficiary, now: datetime
) -> None:
    givers = pl.Series(sorted({gift.account_id for gift in gifts}), dtype=pl.Int64)
    held = ledger.owned_accounts(
        session, kind=LedgerKind.HOLD, owner_ids=givers, unit=Unit.G, vintage=0
    )
    accounts = dict(held.select("owner_id", "ledger_id").iter_rows())
    target = holdings.account_of(
        session, beneficiary.account_id, LedgerKind.INSTITUTION, unit=Unit.G, vintage=0
    )
    rows = [
        {
            "debit_id": accounts[gift.account_id],
            "credit_id": target,
            "amount": gift.amount,
            "unit": int(Unit.G),
            "kind": int(TransferKind.GIVE),
            "cause": int(Cause.GIFT),
            "cause_id": gift.id,
            "revision": 0,
            "reverses_id": None,
            "business_day": business_day(now),
            "occurred_at": now,
        }
        for gift in gifts
    ]
    ledger.post(session, postings=pl.DataFrame(rows, schema=ledger.POSTING_SCHEMA), booked_at=now)


def _sent_before(
    session: Session,
    account_id: int,
    request_key: str,
    beneficiary_id: int,
    unit: Unit,
    amount: int,
) -> Gift | None:
    """Return the gift of the same press; raises Conflict when the key came with another gift."""
    known = session.exec(
        select(Gift).where(col(Gift.account_id) == account_id, col(Gift.request_key) == request_key)
    ).first()
    wanted = (beneficiary_id, int(unit), amount)
    if known is not None and (known.beneficiary_id, known.unit, known.amount) != wanted:
        raise Conflict("request_key_used")
    return known


def _open_for_gifts(
    session: Session, beneficiary_id: int, amount: int, now: datetime
) -> Beneficiary:
    if not 1 <= amount <= LARGEST_GIFT:
        raise Invalid("gift_amount", field="amount", limit=LARGEST_GIFT)
    beneficiary = _beneficiary(session, beneficiary_id)
    if not is_open(beneficiary, business_day(now)):
        raise Conflict("beneficiary_closed")
    return beneficiary


def _beneficiary(session: Session, beneficiary_id: int) -> Beneficiary:
    found = session.get(Beneficiary, beneficiary_id)
    if found is None:
        raise NotFound("unknown_beneficiary")
    return found


def _gift(
    account_id: int, beneficiary_id: int, unit: Unit, amount: int, request_key: str, now: datetime
) -> Gift:
    return Gift(
        public_id=new_public_id(),
        account_id=account_id,
        beneficiary_id=beneficiary_id,
        unit=int(unit),
        amount=amount,
        status=GIVEN if unit is Unit.CREDIT else PLEDGED,
        request_key=request_key,
        given_at=now,
    )


def _write(session: Session, gift: Gift) -> Gift:
    session.add(gift)
    session.flush()  # Its id is the cause of its transfers.
    return gift


def _told(
    session: Session,
    kind: str,
    gifts: Sequence[Gift],
    beneficiary: Beneficiary,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Tell the givers, and the trail."""
    names = {f"name_{language}": texts["title"] for language, texts in beneficiary.texts.items()}
    outgoing = [
        Outgoing(
            gift.account_id,
            f"gift:{gift.id}",
            {"gift": gift.public_id, "unit": gift.unit, "amount": gift.amount, **names},
        )
        for gift in gifts
    ]
    send_many(session, kind=kind, outgoing=outgoing, now=now)
    audit.record(
        session,
        acting_user=acting_user,
        action=kind.replace("_", "."),
        subject=f"beneficiary:{beneficiary.id}",
        now=now,
        gifts=len(gifts),
        amount=sum(gift.amount for gift in gifts),
        unit=gifts[0].unit,
    )
