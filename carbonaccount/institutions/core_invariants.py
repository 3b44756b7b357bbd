"""What must hold between institutions, their people, members, units and recognitions."""

from carbonaccount.ledger.verify import Invariant, promise

INSTITUTIONS: tuple[Invariant, ...] = (
    Invariant(
        "U1",
        "a unit's parent is the one that agreed, and no unit stands above itself",
        """WITH RECURSIVE above(id, top) AS (
             SELECT id, parent_id FROM institution WHERE parent_id IS NOT NULL
             UNION SELECT a.id, i.parent_id FROM above a JOIN institution i ON i.id = a.top
             WHERE i.parent_id IS NOT NULL)
           SELECT (SELECT count(*) FROM above WHERE id = top) + (
             SELECT count(*) FROM institution i LEFT JOIN institution_belonging b
               ON b.child_id = i.id AND b.status = 'agreed'
             WHERE coalesce(i.parent_id, 0) <> coalesce(b.parent_id, 0))""",
    ),
    Invariant(
        "U2",
        "an active institution with people has an owner among them",
        """SELECT count(*) FROM institution i WHERE i.status = 'active'
           AND EXISTS (SELECT 1 FROM institution_person p
                       WHERE p.institution_id = i.id AND p.active)
           AND NOT EXISTS (SELECT 1 FROM institution_person p WHERE p.institution_id = i.id
                           AND p.active AND p.seat = 'owner')""",
    ),
    Invariant(
        "U3",
        "nobody is counted twice with an institution on a day, nor without a consent in force",
        """SELECT (SELECT count(*) FROM institution_member a JOIN institution_member b
               ON b.institution_id = a.institution_id AND b.account_id = a.account_id
              AND b.id > a.id AND (a.last_day IS NULL OR a.last_day >= b.first_day)
              AND (b.last_day IS NULL OR b.last_day >= a.first_day))
             + (SELECT count(*) FROM institution_member m
                JOIN institution i ON i.id = m.institution_id
                WHERE m.last_day IS NULL AND NOT EXISTS (
                  SELECT 1 FROM consent c WHERE c.account_id = m.account_id
                  AND c.purpose = 'institution:' || i.public_id AND c.withdrawn_at IS NULL))""",
    ),
    Invariant(
        "U4",
        "a recognition is granted only when every criterion was accepted",
        """SELECT count(*) FROM recognition_case c
             WHERE c.status IN ('granted', 'revoked') AND EXISTS (
             SELECT 1 FROM recognition_answer a
             WHERE a.case_id = c.id AND a.status <> 'accepted')""",
    ),
)

promise("institutions: units", INSTITUTIONS)
