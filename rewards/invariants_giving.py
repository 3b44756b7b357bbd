"""What must hold between gifts, trees, certificates and the books."""

from carbonaccount.ledger.verify import Invariant

# What the transfers of gifts (cause 4) say, by gift.
_BOOKED = """SELECT t.cause_id,
    sum(CASE WHEN t.kind = 7 THEN t.amount ELSE 0 END) AS held,
    sum(CASE WHEN t.kind = 8 THEN t.amount ELSE 0 END) AS released,
    sum(CASE WHEN t.kind = 6 THEN t.amount ELSE 0 END) AS given
    FROM transfer t WHERE t.cause = 4 GROUP BY t.cause_id"""

GIVING: tuple[Invariant, ...] = (
    Invariant(
        "G1",
        "a gift's transfers tell its status and its amount",
        f"""SELECT count(*) FROM gift g LEFT JOIN ({_BOOKED}) b ON b.cause_id = g.id
            WHERE coalesce(b.held, 0) <> CASE WHEN g.unit = 1 THEN g.amount ELSE 0 END
              OR coalesce(b.released, 0) <> CASE WHEN g.status = 'revoked'
                THEN g.amount ELSE 0 END
              OR coalesce(b.given, 0) <> CASE WHEN g.status IN ('given', 'used')
                THEN g.amount ELSE 0 END""",  # noqa: S608 - our own words
    ),
    Invariant(
        "G2",
        "no transfer of a gift without the gift, and none to anybody but its beneficiary",
        """SELECT count(*) FROM transfer t LEFT JOIN gift g ON g.id = t.cause_id
           LEFT JOIN beneficiary b ON b.id = g.beneficiary_id
           LEFT JOIN ledger_account c ON c.id = t.credit_id
           WHERE t.cause = 4 AND (g.id IS NULL OR g.unit <> t.unit
             OR (t.kind = 6 AND (c.kind <> 4 OR c.owner_id <> b.account_id))
             OR (t.kind IN (7, 8) AND c.owner_id <> g.account_id))""",
    ),
    Invariant(
        "G3",
        "the grams set aside of a person are those pledged and those in pools before their sale",
        """SELECT count(*) FROM (
             SELECT owner_id FROM (
               SELECT owner_id, balance AS grams FROM ledger_account WHERE kind = 7 AND unit = 1
               UNION ALL SELECT account_id, -amount FROM gift WHERE status = 'pledged'
               UNION ALL SELECT account_id, -amount_g FROM pool_share WHERE status = 'gathered'
             ) sides GROUP BY owner_id HAVING sum(grams) <> 0) differing""",
    ),
    Invariant(
        "G4",
        "a use is the sum of the gifts it used",
        """SELECT count(*) FROM gift_use u LEFT JOIN (
             SELECT use_id, count(*) AS gifts, sum(amount) AS grams FROM gift
             WHERE status = 'used' GROUP BY use_id) g ON g.use_id = u.id
           WHERE u.gifts <> coalesce(g.gifts, 0) OR u.grams <> coalesce(g.grams, 0)""",
    ),
    Invariant(
        "G5",
        "grams are given with a consent, which lasts while they are pledged",
        """SELECT count(*) FROM gift g LEFT JOIN consent c ON c.id = g.consent_id
           WHERE g.unit = 1 AND (c.id IS NULL
             OR (g.status = 'pledged' AND c.withdrawn_at IS NOT NULL))""",
    ),
    Invariant(
        "P1",
        "the adopted trees of a plot are its adoptions, and no more than were accepted",
        """SELECT count(*) FROM tree_plot p LEFT JOIN (
             SELECT plot_id, count(*) AS trees, max(number) AS last FROM tree_adoption
             GROUP BY plot_id) a ON a.plot_id = p.id
           WHERE p.adopted <> coalesce(a.trees, 0) OR p.adopted <> coalesce(a.last, 0)
             OR p.adopted > p.accepted""",
    ),
    Invariant(
        "P2",
        "trees were accepted by approved reports only",
        """SELECT count(*) FROM tree_plot p LEFT JOIN (
             SELECT plot_id, sum(living) AS trees FROM plot_paper
             WHERE kind = 'acceptance' AND approved_at IS NOT NULL GROUP BY plot_id) r
           ON r.plot_id = p.id WHERE p.accepted > coalesce(r.trees, 0)""",
    ),
    Invariant(
        "P3",
        "an adopted tree was paid for with a used coupon of its plot's reward",
        """SELECT count(*) FROM tree_adoption a JOIN coupon c ON c.id = a.coupon_id
           JOIN tree_plot p ON p.id = a.plot_id
           WHERE c.status <> 'used' OR c.account_id <> a.account_id
             OR p.reward_id IS NULL OR c.reward_id <> p.reward_id""",
    ),
    Invariant(
        "P4",
        "the price of a tree comes back when it was refunded, and only then (cause 6)",
        """SELECT count(*) FROM tree_adoption a JOIN coupon c ON c.id = a.coupon_id
           LEFT JOIN (SELECT cause_id, sum(amount) AS credits FROM transfer
             WHERE cause = 6 GROUP BY cause_id) t ON t.cause_id = a.id
           WHERE coalesce(t.credits, 0) <> CASE WHEN a.status = 'refunded'
             THEN c.price_credits ELSE 0 END""",
    ),
    Invariant(
        "P5",
        "of each thing a person has at most one certificate that holds",
        """SELECT count(*) FROM (
             SELECT account_id, kind, cause FROM certificate WHERE withdrawn_at IS NULL
             GROUP BY account_id, kind, cause HAVING count(*) > 1) twice""",
    ),
)
