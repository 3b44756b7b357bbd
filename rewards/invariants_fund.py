"""What must hold between budgets, coupons, ended credits, draws and queues."""

from carbonaccount.ledger.verify import Invariant

FUND: tuple[Invariant, ...] = (
    Invariant(
        "F1",
        "what a budget has set aside and spent is the value of its open and used coupons",
        """SELECT count(*) FROM fund_budget b LEFT JOIN (
             SELECT budget_id,
               sum(CASE WHEN status = 'issued' THEN value_fen ELSE 0 END) AS committed,
               sum(CASE WHEN status = 'used' THEN value_fen ELSE 0 END) AS spent
             FROM coupon GROUP BY budget_id) c ON c.budget_id = b.id
           WHERE b.committed_fen <> coalesce(c.committed, 0)
             OR b.spent_fen <> coalesce(c.spent, 0)""",
    ),
    Invariant(
        "F2",
        "a day's count and value of a budget are those of the coupons given on it",
        """SELECT count(*) FROM (
             SELECT budget_id, day FROM (
               SELECT budget_id, day, coupons, committed_fen FROM fund_day
               UNION ALL SELECT budget_id, issued_day, -1, -value_fen FROM coupon) sides
             GROUP BY budget_id, day
             HAVING sum(coupons) <> 0 OR sum(committed_fen) <> 0) differing""",
    ),
    Invariant(
        "F3",
        "a budget whose changes are written down is their sum",
        """SELECT count(*) FROM fund_budget b JOIN (
             SELECT budget_id, sum(change_fen) AS moved FROM fund_movement GROUP BY budget_id) m
           ON m.budget_id = b.id WHERE m.moved <> b.budget_fen""",
    ),
    Invariant(
        "F4",
        "a budget is changed by what somebody proposed and another approved, once",
        """SELECT count(*) FROM fund_movement m JOIN fund_proposal p ON p.id = m.proposal_id
           WHERE p.status <> 'approved' OR p.change_fen <> m.change_fen
             OR p.budget_id <> m.budget_id OR m.moved_by = m.approved_by""",
    ),
    Invariant(
        "F5",
        "credits that ended are the transfers that ended them",
        """SELECT count(*) FROM (
             SELECT id FROM (
               SELECT id, credits FROM credit_expiry
               UNION ALL SELECT t.cause_id, -t.amount FROM transfer t
                 JOIN ledger_account d ON d.id = t.debit_id
                 JOIN credit_expiry e ON e.id = t.cause_id AND e.account_id = d.owner_id
                   AND e.vintage = d.vintage
                 WHERE t.cause = 5 AND t.kind = 5) sides
             GROUP BY id HAVING sum(credits) <> 0) differing""",
    ),
    Invariant(
        "F6",
        "no transfer of an expiry without it",
        """SELECT count(*) FROM transfer t LEFT JOIN credit_expiry e ON e.id = t.cause_id
           WHERE t.cause = 5 AND (e.id IS NULL OR t.kind <> 5)""",
    ),
    Invariant(
        "F7",
        "who won a draw has a coupon of its reward, and no more win than were wanted",
        """SELECT (SELECT count(*) FROM draw_entry e JOIN reward_draw d ON d.id = e.draw_id
                   LEFT JOIN coupon c ON c.id = e.coupon_id AND c.account_id = e.account_id
                     AND c.reward_id = d.reward_id
                   WHERE (e.outcome = 'won') <> (c.id IS NOT NULL))
                + (SELECT count(*) FROM (SELECT d.id FROM draw_entry e
                     JOIN reward_draw d ON d.id = e.draw_id WHERE e.outcome = 'won'
                     GROUP BY d.id, d.winners_wanted HAVING count(*) > d.winners_wanted) many)""",
    ),
    Invariant(
        "F8",
        "the seed of a draw is known when it was drawn and not before",
        """SELECT count(*) FROM reward_draw
           WHERE (status = 'drawn') <> (seed IS NOT NULL)
             OR (status IN ('closed', 'drawn') AND entries_sha256 IS NULL)""",
    ),
    Invariant(
        "F9",
        "who took a place in a queue has a coupon of its reward",
        """SELECT count(*) FROM queue_place p LEFT JOIN coupon c ON c.id = p.coupon_id
             AND c.account_id = p.account_id AND c.reward_id = p.reward_id
           WHERE (p.status = 'taken') <> (c.id IS NOT NULL)""",
    ),
)
