"""POST /api/v1/activities: a partner's batch, answered item by item."""

from typing import Any

import orjson
from flask import Response
from sqlmodel import Session

from behaviors import quotas
from behaviors.api.answers import json_answer
from behaviors.api.bodies import require_json, unpacked
from behaviors.api.signed import Verified, verified
from behaviors.intake.door import BatchResult, take_items
from behaviors.models import Channel
from carbonaccount.web.problems import InvalidContent, RequestRefused

BATCH_BYTES = 8 * 1024 * 1024
BATCH_ITEMS = 10_000
_RESULT_COLUMNS = ("event_id", "status", "code", "reduction_g", "credits", "detail")


def take_activities() -> Response:
    """Take a signed batch of acts; good items are booked, every item is answered.

    Send the same batch again (with a new nonce and signature) when no answer arrives: what was
    taken the first time comes back as duplicate and is not counted twice.
    """
    sender = verified(BATCH_BYTES)
    require_json()
    items = batch_items(unpacked(sender.request.body, BATCH_BYTES))
    result = sender.once(lambda session: _taken(session, sender, items))
    return json_answer(batch_view(result), store=False)


def _taken(session: Session, sender: Verified, items: list[object]) -> BatchResult:
    quotas.hold_place(session, source=sender.source)
    result = take_items(
        session,
        source=sender.source,
        channel=Channel.API,
        items=items,
        acting_user=sender.actor,
        now=sender.received_at,
        content_sha256=sender.request.body_sha256,
    )
    quotas.require_quota(session, source=sender.source, result=result, now=sender.received_at)
    return result


def batch_items(data: bytes) -> list[object]:
    """Return the items of a batch as they are; each is judged later, by the door.

    Raises RequestRefused 400 when the content is no JSON (NaN and numbers beyond a double are
    none) and 413 for too many items, InvalidContent when it is no batch.
    """
    try:
        batch: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise RequestRefused(400, "malformed_body") from None
    if not isinstance(batch, dict):
        raise InvalidContent([("", "not_an_object")])
    if faults := _envelope_faults(batch):
        raise InvalidContent(faults)
    items: list[object] = batch["items"]
    if len(items) > BATCH_ITEMS:
        raise RequestRefused(413, "too_many_items", limit=BATCH_ITEMS)
    return items


def _envelope_faults(batch: dict[str, Any]) -> list[tuple[str, str]]:
    faults = [(name, "unknown_field") for name in batch if name != "items"]
    if "items" not in batch:
        return [*faults, ("items", "missing_field")]
    if not isinstance(batch["items"], list) or not batch["items"]:
        return [*faults, ("items", "not_a_batch")]
    return faults


def batch_view(result: BatchResult) -> dict[str, object]:
    """Return the answer: the numbers, which add up, and one result an item in its order."""
    counts: dict[str, object] = dict(result.counts)
    items = result.frame.select(_RESULT_COLUMNS).to_dicts()
    for item in items:
        if item["detail"] is None:
            del item["detail"]
    return counts | {"items": items}
