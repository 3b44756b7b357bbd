"""/api/v1/bindings: which of a partner's customers are bound, and binding one more."""

from flask import Response

from behaviors.api.answers import json_answer
from behaviors.api.bodies import SMALL_BODY_BYTES, exact_json, require_json, unpacked, validated
from behaviors.api.schemas import BindingRequest, BindingsPage, BindingsQuery, BindingView
from behaviors.api.signed import verified
from behaviors.models import SourceSubject
from behaviors.sources import bindings_page, claim_binding
from carbonaccount.database import open_session, reading
from carbonaccount.web.database import engine

PAGE_LENGTH = 1000


def bind() -> Response:
    """Bind the partner's name for a customer to the resident who showed the code."""
    sender = verified(SMALL_BODY_BYTES)
    require_json()
    content = exact_json(unpacked(sender.request.body, SMALL_BODY_BYTES))
    asked = validated(BindingRequest, content)
    subject = sender.once(
        lambda session: claim_binding(
            session,
            source=sender.source,
            code=asked.code,
            subject=asked.subject,
            acting_user=sender.actor,
            now=sender.received_at,
        )
    )
    return json_answer(binding_view(subject), store=False)


def list_bindings(query: BindingsQuery) -> Response:
    """The partner's own subjects, those whose records are taken and those that were unbound."""
    sender = verified(SMALL_BODY_BYTES)
    sender.once(lambda _session: None)
    with open_session(reading(engine())) as session:
        found = bindings_page(
            session,
            source=sender.source,
            since=query.since,
            after=query.after,
            limit=PAGE_LENGTH + 1,
        )
    page = found[:PAGE_LENGTH]
    more = len(found) > PAGE_LENGTH
    content = BindingsPage(
        bindings=[binding_view(subject) for subject in page],
        next_after=page[-1].id if more else None,
    )
    return json_answer(content, store=False)


def binding_view(subject: SourceSubject) -> BindingView:
    """Return a binding as its partner may see it: no account, no person."""
    return BindingView(
        subject=subject.subject,
        active=subject.active,
        changed_at=subject.unbound_at or subject.bound_at,
    )
