"""What must hold between records and books, beside what the books promise by themselves."""

from carbonaccount.ledger.verify import Invariant, promise

# EARN transfers (kind 1) of records (cause 1) that were not reversed.
_STANDING = """SELECT t.cause_id, sum(CASE WHEN t.unit = 1 THEN t.amount ELSE 0 END) AS g,
    sum(CASE WHEN t.unit = 2 THEN t.amount ELSE 0 END) AS credits
    FROM transfer t LEFT JOIN transfer r ON r.reverses_id = t.id
    WHERE t.kind = 1 AND t.cause = 1 AND r.id IS NULL GROUP BY t.cause_id"""

# What adjusting transfers (kind 3, cause 2) gave residents (accounts of kind 2), by line.
_ADJUSTED = """SELECT t.cause_id,
    sum(CASE WHEN t.unit = 1 THEN t.amount * (CASE WHEN c.kind = 2 THEN 1 ELSE -1 END)
        ELSE 0 END) AS g,
    sum(CASE WHEN t.unit = 2 THEN t.amount * (CASE WHEN c.kind = 2 THEN 1 ELSE -1 END)
        ELSE 0 END) AS credits
    FROM transfer t JOIN ledger_account c ON c.id = t.credit_id
    JOIN ledger_account d ON d.id = t.debit_id
    WHERE t.kind = 3 AND t.cause = 2 AND (c.kind = 2 OR d.kind = 2) GROUP BY t.cause_id"""

# What booked re-scorings changed, by record.
_CHANGED = """SELECT j.record_id, sum(j.difference_g) AS g, sum(j.difference_credits) AS credits
    FROM record_adjustment j JOIN rescore s ON s.id = j.rescore_id AND s.status = 'booked'
    GROUP BY j.record_id"""

RECORDS: tuple[Invariant, ...] = (
    Invariant(
        "R1",
        "a record and its standing transfers tell the same grams and credits",
        f"""SELECT count(*) FROM activity_record a LEFT JOIN ({_STANDING}) s ON s.cause_id = a.id
            WHERE a.reduction_g <> coalesce(s.g, 0) OR a.credits <> coalesce(s.credits, 0)""",
    ),
    Invariant(
        "R2",
        "no transfer of a record without the record",
        """SELECT count(*) FROM transfer t LEFT JOIN activity_record a ON a.id = t.cause_id
           WHERE t.cause = 1 AND a.id IS NULL""",
    ),
    Invariant(
        "R3",
        "what a record earned went to its own account",
        """SELECT count(*) FROM transfer t JOIN activity_record a ON a.id = t.cause_id
           JOIN ledger_account c ON c.id = t.credit_id
           WHERE t.cause = 1 AND t.kind = 1 AND c.owner_id <> a.account_id""",
    ),
    Invariant(
        "R4",
        "held, declined and replaced records earn nothing",
        """SELECT count(*) FROM activity_record
           WHERE status <> 'c' AND (counted_milli <> 0 OR reduction_g <> 0 OR credits <> 0)""",
    ),
    Invariant(
        "R5",
        "a record was scored by a rule version of its behaviour that held on its day",
        """SELECT count(*) FROM activity_record a LEFT JOIN rule_version v
           ON v.id = a.rule_version_id AND v.behavior_id = a.behavior_id
             AND v.valid_from <= a.business_day
             AND (v.valid_to IS NULL OR a.business_day <= v.valid_to)
             AND (v.withdrawn_from IS NULL OR a.business_day < v.withdrawn_from)
           WHERE v.id IS NULL""",
    ),
    Invariant(
        "R6",
        "a batch's counts tell its records",
        """SELECT count(*) FROM intake_batch b LEFT JOIN (
             SELECT batch_id, count(*) AS records FROM activity_record GROUP BY batch_id) r
           ON r.batch_id = b.id WHERE b.accepted + b.held <> coalesce(r.records, 0)""",
    ),
    Invariant(
        "A1",
        "a person's difference in a re-scoring is that of their records",
        """SELECT count(*) FROM rescore_line l LEFT JOIN (
             SELECT rescore_id, account_id, count(*) AS records, sum(difference_g) AS g,
               sum(difference_credits) AS credits
             FROM record_adjustment GROUP BY rescore_id, account_id) s
           ON s.rescore_id = l.rescore_id AND s.account_id = l.account_id
           WHERE s.rescore_id IS NULL OR s.records <> l.records OR s.g <> l.difference_g
             OR s.credits <> l.difference_credits""",
    ),
    Invariant(
        "A2",
        "a re-scoring's transfers give a person the difference, but for what is still owed",
        f"""SELECT count(*) FROM rescore_line l JOIN rescore r ON r.id = l.rescore_id
            LEFT JOIN ({_ADJUSTED}) t ON t.cause_id = l.id
            WHERE coalesce(t.g, 0) <> CASE WHEN r.status = 'booked'
                THEN l.difference_g + l.debt_g - l.paid_g ELSE 0 END
              OR coalesce(t.credits, 0) <> CASE WHEN r.status = 'booked'
                THEN l.difference_credits + l.debt_credits - l.paid_credits ELSE 0 END""",
    ),
    Invariant(
        "A3",
        "what people owe is what their re-scorings left to pay",
        """SELECT count(*) FROM (
             SELECT owner_id, unit FROM (
               SELECT owner_id, unit, balance AS owed FROM ledger_account WHERE kind = 3
               UNION ALL SELECT account_id, 1, paid_g - debt_g FROM rescore_line
               UNION ALL SELECT account_id, 2, paid_credits - debt_credits FROM rescore_line) sides
             GROUP BY owner_id, unit HAVING sum(owed) <> 0) differing""",
    ),
    Invariant(
        "A4",
        "no record comes to less than nothing",
        """SELECT count(*) FROM activity_record a JOIN (
             SELECT j.record_id, sum(j.difference_g) AS g, sum(j.difference_credits) AS credits
             FROM record_adjustment j JOIN rescore r ON r.id = j.rescore_id
             WHERE r.status = 'booked' GROUP BY j.record_id) s ON s.record_id = a.id
           WHERE a.reduction_g + s.g < 0 OR a.credits + s.credits < 0""",
    ),
    Invariant(
        "T1",
        "the city's totals are the sums of its days",
        """SELECT count(*) FROM city_total c, (
             SELECT coalesce(sum(records), 0) AS records, coalesce(sum(reduction_g), 0) AS g,
               coalesce(sum(credits), 0) AS credits FROM day_total) d
           WHERE c.dimension = 'all' AND (c.records <> d.records OR c.reduction_g <> d.g
             OR c.credits <> d.credits)""",
    ),
    Invariant(
        "T2",
        "the totals of a day that is not waiting to be added up are those of its records",
        f"""SELECT count(*) FROM (
             SELECT day, sum(g) AS g, sum(credits) AS credits FROM (
               SELECT business_day AS day, reduction_g AS g, credits FROM day_total
               UNION ALL SELECT business_day, -reduction_g, -credits FROM activity_record
                 WHERE status = 'c' AND outcome <> 'overlap'
               UNION ALL SELECT r.business_day, -s.g, -s.credits
                 FROM ({_CHANGED}) s JOIN activity_record r ON r.id = s.record_id
                 WHERE r.status = 'c' AND r.outcome <> 'overlap') sides
             WHERE day NOT IN (SELECT business_day FROM day_change)
             GROUP BY day HAVING sum(g) <> 0 OR sum(credits) <> 0) differing""",
    ),
    Invariant(
        "T3",
        "each breakdown of the city comes to the whole",
        """SELECT count(*) FROM (
             SELECT c.dimension FROM city_total c JOIN city_total a ON a.dimension = 'all'
             GROUP BY c.dimension, a.records, a.reduction_g, a.credits
             HAVING sum(c.records) <> a.records OR sum(c.reduction_g) <> a.reduction_g
               OR sum(c.credits) <> a.credits) differing""",
    ),
    Invariant(
        "T4",
        "the people of the city, its districts and months are those who were counted",
        """SELECT count(*) FROM (
             SELECT dimension, key FROM (
               SELECT dimension, key, people FROM city_total
                 WHERE dimension IN ('all', 'district', 'month')
               UNION ALL SELECT 'all', '', -count(DISTINCT account_id) FROM month_person
               UNION ALL SELECT 'district', district_code, -count(DISTINCT account_id)
                 FROM month_person GROUP BY district_code
               UNION ALL SELECT 'month', month, -count(*) FROM month_person GROUP BY month) sides
             GROUP BY dimension, key HAVING sum(people) <> 0) differing""",
    ),
    Invariant(
        "T5",
        "a day of an institution that is not waiting to be added up is that of its members",
        f"""SELECT count(*) FROM (
             SELECT institution_id, day FROM (
               SELECT institution_id, business_day AS day, records, reduction_g AS g, credits
                 FROM institution_day
               UNION ALL
               SELECT m.institution_id, r.business_day, -1, -r.reduction_g - coalesce(s.g, 0),
                 -r.credits - coalesce(s.credits, 0)
               FROM (SELECT DISTINCT institution_id, account_id FROM institution_member) m
               JOIN activity_record r ON r.account_id = m.account_id
               LEFT JOIN ({_CHANGED}) s ON s.record_id = r.id
               WHERE r.status = 'c' AND r.outcome <> 'overlap' AND EXISTS (
                 SELECT 1 FROM institution_member x WHERE x.institution_id = m.institution_id
                   AND x.account_id = m.account_id AND x.first_day <= r.business_day
                   AND (x.last_day IS NULL OR x.last_day >= r.business_day))) sides
             WHERE day NOT IN (SELECT business_day FROM day_change)
             GROUP BY institution_id, day
             HAVING sum(records) <> 0 OR sum(g) <> 0 OR sum(credits) <> 0) differing""",
    ),
    Invariant(
        "T6",
        "a month of an institution is the sum of its days, as a whole and by behaviour",
        """SELECT count(*) FROM (
             SELECT part, institution_id, month FROM (
               SELECT CASE WHEN behavior_id = 0 THEN 0 ELSE 1 END AS part, institution_id, month,
                 records, reduction_g AS g, credits FROM institution_month
               UNION ALL
               SELECT part, institution_id, substr(cast(business_day AS text), 1, 7), -records,
                 -reduction_g, -credits
               FROM institution_day, (SELECT 0 AS part UNION ALL SELECT 1) parts) sides
             GROUP BY part, institution_id, month
             HAVING sum(records) <> 0 OR sum(g) <> 0 OR sum(credits) <> 0) differing""",
    ),
)

promise("behaviors", RECORDS)
