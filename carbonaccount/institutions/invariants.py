"""What must hold between lots and their numbers, shares of sources, statements and the books."""

from carbonaccount.ledger.verify import Invariant, promise

OFFSETS: tuple[Invariant, ...] = (
    Invariant(
        "O1",
        "no serial number of a register is in two lots",
        """SELECT count(*) FROM offset_lot a JOIN offset_lot b
             ON b.registry_code = a.registry_code AND b.id > a.id AND (
                  (b.series_key = a.series_key AND b.serial_first <= a.serial_last
                   AND b.serial_last >= a.serial_first)
               OR (b.joined_key = a.joined_key AND b.joined_first <= a.joined_last
                   AND b.joined_last >= a.joined_first
                   AND length(b.series_key) - length(replace(b.series_key, '.', ''))
                    <> length(a.series_key) - length(replace(a.series_key, '.', ''))))
           WHERE a.status NOT IN ('split', 'withdrawn') AND b.status NOT IN ('split', 'withdrawn')
        """,
    ),
    Invariant(
        "O2",
        "the parts of a split lot are its numbers, and nothing else is split",
        """SELECT count(*) FROM offset_lot l LEFT JOIN (
             SELECT parent_id, count(*) AS parts, sum(serial_last - serial_first + 1) AS serials,
                    min(serial_first) AS first, max(serial_last) AS last, sum(amount_g) AS g
             FROM offset_lot WHERE parent_id IS NOT NULL GROUP BY parent_id) p
             ON p.parent_id = l.id
           WHERE (l.status = 'split') <> (p.parent_id IS NOT NULL)
              OR (l.status = 'split' AND (p.parts <> 2 OR p.first <> l.serial_first
                OR p.last <> l.serial_last OR p.g <> l.amount_g
                OR p.serials <> l.serial_last - l.serial_first + 1))""",
    ),
    Invariant(
        "O3",
        "what an institution holds in the books is its lots that are not used",
        """SELECT count(*) FROM institution i
           LEFT JOIN (SELECT owner_id, sum(balance) AS g FROM ledger_account
             WHERE kind = 4 AND unit = 1 GROUP BY owner_id) b ON b.owner_id = i.account_id
           LEFT JOIN (SELECT institution_id, sum(amount_g) AS g FROM offset_lot
             WHERE status = 'held' GROUP BY institution_id) l ON l.institution_id = i.id
           WHERE coalesce(b.g, 0) <> coalesce(l.g, 0)""",
    ),
    Invariant(
        "O4",
        "a lot of grams is retired in the books exactly when it is retired, once (kind 10)",
        """SELECT count(*) FROM offset_lot l LEFT JOIN (
             SELECT t.cause_id, count(*) AS times, sum(t.amount) AS g, min(d.owner_id) AS owner_id
             FROM transfer t JOIN ledger_account d ON d.id = t.debit_id
             JOIN ledger_account c ON c.id = t.credit_id
             WHERE t.cause = 7 AND t.kind = 10 AND c.kind = 9 GROUP BY t.cause_id) t
             ON t.cause_id = l.id
           JOIN institution i ON i.id = l.institution_id
           WHERE coalesce(t.g, 0) <> CASE WHEN l.status = 'retired' THEN l.amount_g ELSE 0 END
              OR coalesce(t.times, 0) > 1 OR (t.owner_id IS NOT NULL AND t.owner_id <> i.account_id)
        """,
    ),
    Invariant(
        "O5",
        "a certificate is no reduction: it has no grams, and its lot no transfer",
        """SELECT count(*) FROM offset_lot l WHERE l.kind = 'green_certificate' AND (
             l.amount_g <> 0 OR (l.purpose IS NOT NULL AND l.purpose <> 'power_line')
             OR EXISTS (SELECT 1 FROM transfer t WHERE t.cause = 7 AND t.cause_id = l.id))""",
    ),
    Invariant(
        "O6",
        "no plantation equals one that was written down before it",
        "SELECT count(*) FROM plantation WHERE likeness IS NULL",
    ),
    Invariant(
        "O7",
        "the grams of a withdrawn lot, and of no other, went back to where they came from (kind 2)",
        """SELECT count(*) FROM offset_lot l LEFT JOIN (
             SELECT cause_id, count(*) AS times, sum(amount) AS g FROM transfer
             WHERE cause = 7 AND kind = 2 GROUP BY cause_id) t ON t.cause_id = l.id
           WHERE coalesce(t.g, 0) <> CASE WHEN l.status = 'withdrawn' THEN l.amount_g ELSE 0 END
              OR coalesce(t.times, 0) > 1""",
    ),
    Invariant(
        "O8",
        "no lot holds numbers that an older one holds in another spelling",
        """SELECT count(*) FROM offset_lot l JOIN offset_lot o ON o.id = l.same_as_id
           WHERE l.status <> 'withdrawn' AND o.status <> 'withdrawn'""",
    ),
    Invariant(
        "A1",
        "the shares in force of a source and account are those summed up, and at most the whole",
        """SELECT count(*) FROM (
             SELECT account_id, source_id FROM (
               SELECT account_id, source_id, permille FROM shared_source
               UNION ALL SELECT account_id, source_id, -permille FROM attribution
               WHERE last_day IS NULL) sides
             GROUP BY account_id, source_id HAVING sum(permille) <> 0
             UNION ALL SELECT account_id, source_id FROM shared_source
             WHERE permille > 1000) differing""",
    ),
    Invariant(
        "A2",
        "on no day do the shares of a source and account come to more than the whole",
        """SELECT count(*) FROM attribution a WHERE (
             SELECT sum(b.permille) FROM attribution b
             WHERE b.account_id = a.account_id AND b.source_id = a.source_id
               AND b.first_day <= a.first_day
               AND (b.last_day IS NULL OR b.last_day >= a.first_day)) > 1000""",
    ),
    Invariant(
        "A3",
        "no day of a share was taken into two lots, and none on which it was not in force",
        """SELECT (SELECT count(*) FROM attribution_take a JOIN attribution_take b
             ON b.attribution_id = a.attribution_id AND b.id > a.id
            AND b.first_day <= a.last_day AND b.last_day >= a.first_day)
           + (SELECT count(*) FROM attribution_take t
              JOIN attribution a ON a.id = t.attribution_id
              WHERE t.first_day < a.first_day OR t.last_day > coalesce(a.last_day, t.last_day))""",
    ),
    Invariant(
        "A4",
        "what was taken of a share left the account in the books (kind 11), for the institution",
        """SELECT count(*) FROM attribution_take k
           JOIN attribution a ON a.id = k.attribution_id
           JOIN institution i ON i.id = a.institution_id
           LEFT JOIN (SELECT t.cause_id, sum(t.amount) AS g, min(d.owner_id) AS giver,
               min(c.owner_id) AS taker
             FROM transfer t JOIN ledger_account d ON d.id = t.debit_id
             JOIN ledger_account c ON c.id = t.credit_id
             WHERE t.cause = 8 AND t.kind = 11 GROUP BY t.cause_id) t ON t.cause_id = k.id
           WHERE t.g IS NULL OR t.g <> k.amount_g OR t.giver <> a.account_id
              OR t.taker <> i.account_id""",
    ),
    Invariant(
        "A5",
        "a lot of shares holds what was taken for it",
        """SELECT count(*) FROM offset_lot l LEFT JOIN (
             SELECT lot_id, sum(amount_g) AS g FROM attribution_take GROUP BY lot_id) k
             ON k.lot_id = l.id
           WHERE l.parent_id IS NULL AND coalesce(k.g, 0) <>
             CASE WHEN l.kind IN ('fleet', 'staff') THEN l.amount_g ELSE 0 END""",
    ),
    Invariant(
        "A6",
        "a share in force is the institution's own or of a member or seat, at one that is active",
        """SELECT count(*) FROM attribution a JOIN institution i ON i.id = a.institution_id
           WHERE a.last_day IS NULL AND (i.status <> 'active' OR NOT (
             a.account_id = i.account_id
             OR EXISTS (SELECT 1 FROM institution_member m WHERE m.last_day IS NULL
                  AND m.institution_id = a.institution_id AND m.account_id = a.account_id)
             OR EXISTS (SELECT 1 FROM institution_person p WHERE p.active
                  AND p.institution_id = a.institution_id AND p.account_id = a.account_id)))""",
    ),
    Invariant(
        "N1",
        "the lots of a published statement are retired for it, those of others are not",
        """SELECT count(*) FROM statement_lot s
           JOIN neutrality_statement n ON n.id = s.statement_id
           JOIN offset_lot l ON l.id = s.lot_id
           WHERE (n.status IN ('published', 'withdrawn')) <> (
             l.purpose_id IS NOT NULL AND l.purpose_id = n.id
             AND l.purpose IN ('statement_year', 'power_line'))""",
    ),
    Invariant(
        "N2",
        "what was retired for a statement is named by it",
        """SELECT count(*) FROM offset_lot l LEFT JOIN statement_lot s
             ON s.lot_id = l.id AND s.statement_id = l.purpose_id
           WHERE l.purpose IN ('statement_year', 'power_line') AND s.lot_id IS NULL""",
    ),
)

promise("institutions.offsets", OFFSETS)
