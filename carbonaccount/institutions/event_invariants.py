"""What must hold between events, their accounts, and the lots that were retired for them."""

from carbonaccount.ledger.verify import Invariant, promise

EVENTS: tuple[Invariant, ...] = (
    Invariant(
        "E1",
        "for a published event at least as much was retired as its newest account came to",
        """SELECT count(*) FROM institution_event e
           LEFT JOIN event_account a ON a.event_id = e.id AND a.revision = (
             SELECT max(b.revision) FROM event_account b WHERE b.event_id = e.id)
           WHERE e.state = 'published' AND (a.id IS NULL OR a.total_g > (
             SELECT coalesce(sum(l.amount_g), 0) FROM offset_lot l
             WHERE l.purpose = 'event' AND l.purpose_id = e.id
               AND l.institution_id = e.institution_id))""",
    ),
    Invariant(
        "E2",
        "a published event has one certificate in force, of its newest account, others have none",
        """SELECT count(*) FROM institution_event e
           LEFT JOIN (SELECT event_id, count(*) AS standing, max(account_id) AS account_id
             FROM event_certificate WHERE withdrawn_at IS NULL GROUP BY event_id) c
             ON c.event_id = e.id
           LEFT JOIN (SELECT event_id, max(id) AS newest FROM event_account GROUP BY event_id) a
             ON a.event_id = e.id
           WHERE (e.state = 'published') <> (coalesce(c.standing, 0) = 1)
              OR coalesce(c.standing, 0) > 1
              OR (c.account_id IS NOT NULL AND c.account_id <> a.newest)""",
    ),
    Invariant(
        "E3",
        "answers of participants are tied to a browser only while the account is open",
        """SELECT count(*) FROM event_answer s JOIN institution_event e ON e.id = s.event_id
           WHERE s.token_hash IS NOT NULL
             AND e.state IN ('offset', 'published', 'withdrawn')""",
    ),
)

promise("institution events", EVENTS)
