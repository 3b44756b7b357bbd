"""What must hold between settlements, disputes, coupons and the books."""

from carbonaccount.ledger.verify import Invariant

# Uses of coupons (cause 3) that stand in the books: REDEEM (kind 4) without a reversal.
_STANDING = """SELECT t.cause_id, sum(t.amount) AS credits FROM transfer t
    LEFT JOIN transfer r ON r.reverses_id = t.id
    WHERE t.cause = 3 AND t.kind = 4 AND r.id IS NULL GROUP BY t.cause_id"""

SETTLEMENTS: tuple[Invariant, ...] = (
    Invariant(
        "S1",
        "a settlement's totals are those of its coupons",
        """SELECT count(*) FROM settlement s LEFT JOIN (
             SELECT settlement_id, count(*) AS coupons, sum(price_credits) AS credits,
               sum(value_fen) AS value_fen
             FROM coupon WHERE settlement_id IS NOT NULL GROUP BY settlement_id) c
           ON c.settlement_id = s.id WHERE s.status <> 'cancelled'
             AND (s.coupons <> coalesce(c.coupons, 0) OR s.credits <> coalesce(c.credits, 0)
               OR s.value_fen <> coalesce(c.value_fen, 0))""",
    ),
    Invariant(
        "S2",
        "a settlement's credits are the uses that stand in the books, and those taken back since",
        f"""SELECT count(*) FROM settlement s LEFT JOIN (
              SELECT c.settlement_id, sum(b.credits) AS credits FROM coupon c
              JOIN ({_STANDING}) b ON b.cause_id = c.id
              WHERE c.settlement_id IS NOT NULL GROUP BY c.settlement_id) u
            ON u.settlement_id = s.id LEFT JOIN (
              SELECT counted_in, sum(credits) AS credits FROM settlement_deduction
              GROUP BY counted_in) d
            ON d.counted_in = s.id WHERE s.status <> 'cancelled'
              AND s.credits <> coalesce(u.credits, 0) + coalesce(d.credits, 0)""",  # noqa: S608
    ),
    Invariant(
        "S3",
        "a coupon is settled with the merchant that took it, unless its use was taken back",
        """SELECT count(*) FROM coupon c JOIN settlement s ON s.id = c.settlement_id
           LEFT JOIN coupon_dispute d
             ON d.coupon_id = c.id AND d.use_number = c.uses AND d.status = 'upheld'
           LEFT JOIN settlement_deduction t ON t.dispute_id = d.id AND t.counted_in = s.id
           WHERE s.status = 'cancelled'
             OR NOT (c.status = 'used' AND c.merchant_id = s.merchant_id
               OR t.dispute_id IS NOT NULL AND t.merchant_id = s.merchant_id)""",
    ),
    Invariant(
        "S4",
        "what a settlement deducts are its deductions",
        """SELECT count(*) FROM settlement s LEFT JOIN (
             SELECT settlement_id, sum(value_fen) AS value_fen FROM settlement_deduction
             WHERE settlement_id IS NOT NULL GROUP BY settlement_id) d
           ON d.settlement_id = s.id
           WHERE s.status <> 'cancelled' AND s.deducted_fen <> coalesce(d.value_fen, 0)""",
    ),
    Invariant(
        "S5",
        "nothing that is disputed is in a settlement which was not approved before",
        """SELECT count(*) FROM coupon_dispute d JOIN coupon c ON c.id = d.coupon_id
           JOIN settlement s ON s.id = c.settlement_id
           WHERE d.status = 'open' AND d.use_number = c.uses
             AND s.status NOT IN ('approved', 'paid')""",
    ),
    Invariant(
        "S6",
        "a settlement was approved by somebody who had neither drafted nor submitted it",
        """SELECT count(*) FROM settlement WHERE status IN ('approved', 'paid')
           AND (approved_by IS NULL OR approved_by IN (drafted_by, submitted_by))""",
    ),
)
