"""What would have counted of a history, had a draft held on each of its days."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlmodel import Session

from behaviors.preview import replay
from behaviors.preview.capping import Capped, capped_records
from behaviors.preview.history import History
from behaviors.preview.measuring import Draft
from behaviors.preview.reading import Int64s
from behaviors.preview.worth import Outlook
from behaviors.rulebook import RuleBook


def outlook_of(session: Session, history: History, draft: Draft, book: RuleBook) -> Outlook:
    """Return a draft with what would have counted under it."""
    persons = replay.concerned_people(history, draft, book)
    served = replay.replay(session, history, draft, book, persons) if persons.size else None
    measured, aside = history.measured.get(draft.id), history.aside.measured.get(draft.id)
    quantity = history.quantity if measured is None else measured.quantity
    gone = history.aside.quantity if aside is None else aside.quantity
    if served is None or served.own.is_empty():
        capped = _capped(session, history, draft, quantity, gone)
        refused = 0 if measured is None else int(measured.refused.sum())
        return Outlook(draft, history, quantity, capped, refused)
    again = history.people.positions(served.own["account_id"].unique().to_numpy())
    # The others' days meet their caps as always; the served ones bring what counts with them.
    capped = _capped(
        session,
        history,
        draft,
        np.where(np.isin(history.persons, again), 0, quantity),
        np.where(np.isin(history.aside.persons, again), 0, gone),
    )
    outlook = _with_served(Outlook(draft, history, quantity, capped), served.own)
    return replace(outlook, elsewhere=served.elsewhere)


def _capped(
    session: Session, history: History, draft: Draft, quantity: Int64s, gone: Int64s
) -> Capped:
    return capped_records(
        session,
        history,
        quantity=quantity,
        replaced_quantity=gone,
        cap_milli=draft.rule.cap_milli,
    )


def _with_served(outlook: Outlook, own: pl.DataFrame) -> Outlook:
    """Put in what counts of the records of people who were served again.

    Records that had lost and would count are added to the history, those that would not count
    any more get no quantity.
    """
    history = outlook.history
    own = own.sort("id")
    ids, stands = own["id"].to_numpy(), own["stands"].to_numpy()
    place = np.minimum(np.searchsorted(history.ids, ids), max(history.records - 1, 0))
    inside = history.ids[place] == ids if history.records else np.zeros(ids.size, dtype=np.bool_)
    quantity = outlook.quantity.copy()
    quantity[place[inside]] = np.where(stands, own["quantity_milli"].to_numpy(), 0)[inside]
    refused = int((inside & ~stands).sum())
    added = own.filter(pl.Series(stands & ~inside))
    history = _extended(history, added)
    quantity = np.concatenate([quantity, added["quantity_milli"].to_numpy()])
    positions = np.concatenate(
        [place[inside & stands], outlook.history.records + np.arange(added.height)]
    )
    counted = np.concatenate(
        [own["counted"].to_numpy()[inside & stands], added["counted"].to_numpy()]
    )
    cut = counted < quantity[positions]
    capped = _merged(outlook.capped, positions[cut], counted[cut])
    return replace(outlook, history=history, quantity=quantity, capped=capped, refused=refused)


def _extended(history: History, added: pl.DataFrame) -> History:
    """Return the history with records that came to nothing before."""
    nothing = np.zeros(added.height, dtype=np.int64)
    days = (added["business_day"] - history.selection.first_day).dt.total_days().to_numpy()
    columns: dict[str, NDArray[Any]] = {
        "ids": added["id"].to_numpy(),
        "persons": history.people.positions(added["account_id"].to_numpy()),
        "days": days,
        "evidence": replay.evidence_codes(added["evidence"]),
        "capped": nothing,
        "quantity": added["quantity_milli"].to_numpy(),
        "grams": nothing,
        "credits": nothing,
    }
    longer: dict[str, Any] = {}
    for name, column in columns.items():
        former = getattr(history, name)
        longer[name] = np.concatenate([former, column.astype(former.dtype)])
    return replace(history, **longer)


def _merged(capped: Capped, positions: NDArray[np.int64], counted: Int64s) -> Capped:
    """Return two sets of cut records, which have none in common, as one."""
    places = np.concatenate([capped.positions, positions])
    order = np.argsort(places)
    return Capped(places[order], np.concatenate([capped.counted, counted])[order])
