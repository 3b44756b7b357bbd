"""What must hold between records and books, beside what the books promise by themselves."""

from carbonaccount.ledger.verify import Invariant

# EARN transfers (kind 1) of records (cause 1) that were not reversed.
_STANDING = """SELECT t.cause_id, sum(CASE WHEN t.unit = 1 THEN t.amount ELSE 0 END) AS g,
    sum(CASE WHEN t.unit = 2 THEN t.amount ELSE 0 END) AS credits
    FROM transfer t LEFT JOIN transfer r ON r.reverses_id = t.id
    WHERE t.kind = 1 AND t.cause = 1 AND r.id IS NULL GROUP BY t.cause_id"""

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
)
