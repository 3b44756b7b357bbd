"""What would have counted of a history, had a draft held on each of its days."""

from sqlmodel import Session

from behaviors.preview.capping import capped_records
from behaviors.preview.history import History
from behaviors.preview.measuring import Draft
from behaviors.preview.worth import Outlook
from behaviors.rulebook import RuleBook


def outlook_of(session: Session, history: History, draft: Draft, book: RuleBook) -> Outlook:
    """Return a draft with what would have counted under it."""
    measured = history.measured.get(draft.id)
    aside = history.aside.measured.get(draft.id)
    quantity = history.quantity if measured is None else measured.quantity
    capped = capped_records(
        session,
        history,
        quantity=quantity,
        replaced_quantity=history.aside.quantity if aside is None else aside.quantity,
        cap_milli=draft.rule.cap_milli,
    )
    refused = 0 if measured is None else int(measured.refused.sum())
    return Outlook(draft, history, quantity, capped, refused)
