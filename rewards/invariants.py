"""What must hold between rewards, coupons, the fund and the books; each part has its own list."""

from carbonaccount.ledger.verify import Invariant, promise
from rewards.invariants_fund import FUND
from rewards.invariants_giving import GIVING
from rewards.settlement_invariants import SETTLEMENTS

# What the transfers of coupons (cause 3) say, by coupon; a reversal (kind 2) is of a use (4).
_BOOKED = """SELECT t.cause_id,
    sum(CASE WHEN t.kind = 7 THEN t.amount ELSE 0 END) AS held,
    sum(CASE WHEN t.kind = 4 THEN t.amount WHEN t.kind = 2 THEN -t.amount ELSE 0 END) AS redeemed,
    sum(CASE WHEN t.kind = 8 THEN t.amount ELSE 0 END) AS released,
    sum(CASE WHEN t.kind = 5 THEN t.amount ELSE 0 END) AS ended
    FROM transfer t WHERE t.cause = 3 GROUP BY t.cause_id"""

COUPONS: tuple[Invariant, ...] = (
    Invariant(
        "C1",
        "a coupon's standing transfers tell its status and its price",
        f"""SELECT count(*) FROM coupon c LEFT JOIN ({_BOOKED}) b ON b.cause_id = c.id
            WHERE coalesce(b.held, 0) <> c.price_credits
              OR coalesce(b.redeemed, 0) <> CASE WHEN c.status = 'used'
                THEN c.price_credits ELSE 0 END
              OR coalesce(b.ended, 0) <> CASE WHEN c.status = 'expired'
                THEN c.price_credits - coalesce(b.released, 0) ELSE 0 END
              OR coalesce(b.released, 0) NOT IN (0, c.price_credits)
              OR (coalesce(b.released, 0) > 0 AND c.status NOT IN ('cancelled', 'expired'))
              OR (c.status = 'cancelled' AND coalesce(b.released, 0) <> c.price_credits)""",  # noqa: S608
    ),
    Invariant(
        "C2",
        "no transfer of a coupon without the coupon",
        """SELECT count(*) FROM transfer t LEFT JOIN coupon c ON c.id = t.cause_id
           WHERE t.cause = 3 AND c.id IS NULL""",
    ),
    Invariant(
        "C3",
        "what is set aside for a person's coupons is what the open ones cost",
        """SELECT count(*) FROM (
             SELECT owner_id FROM (
               SELECT owner_id, balance AS credits FROM ledger_account WHERE kind = 7 AND unit = 2
               UNION ALL SELECT account_id, -price_credits FROM coupon WHERE status = 'issued'
             ) sides GROUP BY owner_id HAVING sum(credits) <> 0) differing""",
    ),
    Invariant(
        "C4",
        "a coupon is paid and returned by its own holder",
        """SELECT count(*) FROM transfer t JOIN coupon c ON c.id = t.cause_id
           JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account p ON p.id = t.credit_id
           WHERE t.cause = 3 AND ((t.kind = 7 AND (d.owner_id <> c.account_id OR d.kind <> 2))
             OR (t.kind = 8 AND (p.owner_id <> c.account_id OR p.kind <> 2)))""",
    ),
    Invariant(
        "C5",
        "what is left of a reward is what was put in less the coupons that are open or used",
        """SELECT count(*) FROM reward r
           LEFT JOIN (SELECT reward_id, sum(change) AS moved FROM stock_movement GROUP BY reward_id)
             m ON m.reward_id = r.id
           LEFT JOIN (SELECT reward_id, count(*) AS taken FROM coupon
             WHERE status IN ('issued', 'used') GROUP BY reward_id) c ON c.reward_id = r.id
           WHERE r.stock_left <> coalesce(m.moved, 0) - coalesce(c.taken, 0)""",
    ),
    Invariant(
        "C6",
        "a day's count of a reward is that of its coupons which were not cancelled",
        """SELECT count(*) FROM (
             SELECT reward_id, day FROM (
               SELECT reward_id, day, taken FROM reward_day
               UNION ALL SELECT reward_id, issued_day, -1 FROM coupon WHERE status <> 'cancelled'
             ) sides GROUP BY reward_id, day HAVING sum(taken) <> 0) differing""",
    ),
    Invariant(
        "C7",
        "a person's count of a reward is that of their coupons which were not cancelled",
        """SELECT count(*) FROM (
             SELECT account_id, reward_id FROM (
               SELECT account_id, reward_id, taken FROM reward_taker
               UNION ALL SELECT account_id, reward_id, -1 FROM coupon WHERE status <> 'cancelled'
             ) sides GROUP BY account_id, reward_id HAVING sum(taken) <> 0) differing""",
    ),
)

REWARDS: tuple[Invariant, ...] = (
    *COUPONS,
    *FUND,
    *GIVING,
    *SETTLEMENTS,
)

promise("rewards", REWARDS)
