"""What must hold between pools, their parts and the books."""

from carbonaccount.ledger.verify import Invariant, promise

# What the transfers of parts (cause 9) say, by part: set aside, given back, handed over.
_BOOKED = """SELECT t.cause_id,
    sum(CASE WHEN t.kind = 7 THEN t.amount ELSE 0 END) AS held,
    sum(CASE WHEN t.kind = 8 THEN t.amount ELSE 0 END) AS released,
    sum(CASE WHEN t.kind IN (6, 10) THEN t.amount ELSE 0 END) AS sold,
    count(*) AS transfers
    FROM transfer t WHERE t.cause = 9 GROUP BY t.cause_id"""

POOLS: tuple[Invariant, ...] = (
    Invariant(
        "Q1",
        "the transfers of a part in a pool tell what became of it and its grams",
        f"""SELECT count(*) FROM pool_share s LEFT JOIN ({_BOOKED}) b ON b.cause_id = s.id
            WHERE coalesce(b.held, 0) <> s.amount_g
              OR coalesce(b.released, 0) <> CASE WHEN s.status IN ('left', 'returned')
                THEN s.amount_g ELSE 0 END
              OR coalesce(b.sold, 0) <> CASE WHEN s.status = 'sold' THEN s.amount_g ELSE 0 END
              OR coalesce(b.transfers, 0) <> CASE WHEN s.amount_g = 0 THEN 0
                WHEN s.status = 'gathered' THEN 1 ELSE 2 END""",  # noqa: S608 - our own words
    ),
    Invariant(
        "Q2",
        "grams of a pool move between the person's own accounts, or to its buyer, and nowhere else",
        """SELECT count(*) FROM transfer t LEFT JOIN pool_share s ON s.id = t.cause_id
           LEFT JOIN pool p ON p.id = s.pool_id LEFT JOIN institution i ON i.id = p.buyer_id
           JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account c ON c.id = t.credit_id
           WHERE t.cause = 9 AND (s.id IS NULL OR d.owner_id <> s.account_id
             OR (t.kind IN (7, 8) AND c.owner_id <> s.account_id)
             OR (t.kind = 6 AND (c.kind <> 4 OR i.id IS NULL OR c.owner_id <> i.account_id))
             OR (t.kind = 10 AND (c.kind <> 9 OR i.id IS NOT NULL))
             OR t.kind NOT IN (6, 7, 8, 10))""",
    ),
    Invariant(
        "Q3",
        "the numbers of a sold pool are given once each, from 1 to its grams",
        """SELECT count(*) FROM pool p LEFT JOIN (
             SELECT pool_id, count(*) AS people, sum(amount_g) AS g, max(serial_last) AS last,
                    sum(CASE WHEN serial_first = before + 1 THEN 0 ELSE 1 END) AS gaps
             FROM (SELECT pool_id, amount_g, serial_first, serial_last,
                     coalesce(lag(serial_last) OVER (PARTITION BY pool_id ORDER BY serial_first), 0)
                       AS before
                   FROM pool_share WHERE status = 'sold') numbered
             GROUP BY pool_id) s ON s.pool_id = p.id
           WHERE p.status = 'sold' AND (s.pool_id IS NULL OR s.people <> p.people
             OR s.g <> p.amount_g OR s.last <> p.amount_g OR s.gaps <> 0)""",
    ),
    Invariant(
        "Q4",
        "a pool sold to an institution is one lot of its grams, others have none",
        """SELECT count(*) FROM pool p LEFT JOIN offset_lot l ON l.id = p.lot_id
           WHERE (p.status = 'sold' AND p.buyer_id IS NOT NULL) <> (p.lot_id IS NOT NULL)
             OR (p.lot_id IS NOT NULL AND (l.kind <> 'pool' OR l.amount_g <> p.amount_g
               OR l.institution_id <> p.buyer_id))""",
    ),
    Invariant(
        "Q5",
        "people take part with a consent of their own, which lasts until they leave or it ends",
        """SELECT count(*) FROM pool_share s LEFT JOIN consent c ON c.id = s.consent_id
           WHERE c.id IS NULL OR c.account_id <> s.account_id
             OR (s.status IN ('joined', 'gathered') AND c.withdrawn_at IS NOT NULL)
             OR (s.status IN ('sold', 'left', 'returned') AND c.withdrawn_at IS NULL)""",
    ),
)

promise("institutions.pools", POOLS)
