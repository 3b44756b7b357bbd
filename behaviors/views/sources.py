"""A resident's data sources: agree and bind, wait for the operator's answer, unbind at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from flask import Response, current_app, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlmodel import Session

from behaviors import demo, queries
from behaviors.forms import ConsentForm
from behaviors.models import Source, SourceSubject
from behaviors.rulebook import BehaviorInfo
from behaviors.sources import (
    CODE_LIFETIME,
    consent_purpose,
    sources_of_purposes,
    start_binding,
    unbind,
)
from behaviors.views import blueprint as blueprint
from behaviors.views.common import rule_book, source_name
from carbonaccount.accounts.models import Consent
from carbonaccount.accounts.notices import text_sha256
from carbonaccount.accounts.purposes import Purpose, tells_purposes
from carbonaccount.accounts.queries import consents_of
from carbonaccount.accounts.services import WEB_CHANNEL, give_consent
from carbonaccount.clock import utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import Conflict, NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.identity import current_account_id, current_actor, go_to, resident_required
from carbonaccount.web.templating import language

_VERSION_LENGTH = 12


class OpenCode(TypedDict):
    """A binding code that waits to be entered; kept in the browser's own session."""

    code: str
    until: str


@dataclass(frozen=True)
class SourceState:
    """A source as the account's resident sees it; `bound` are the customers that are on."""

    source: Source
    subjects: list[SourceSubject]

    @property
    def bound(self) -> list[SourceSubject]:
        """How the source names this resident now."""
        return [subject for subject in self.subjects if subject.active]


@blueprint.get("/sources")
@resident_required
def sources() -> ResponseReturnValue:
    """Show which sources are bound and which could be."""
    account_id, database = current_account_id() or 0, current_session()
    states: dict[int, SourceState] = {}
    for source, subject in queries.sources_for(database, account_id=account_id):
        # The resident's own reports need no binding.
        if source.bindable:
            state = states.setdefault(source.stored_id, SourceState(source, []))
            state.subjects.extend([subject] if subject else [])
    return render_template(
        "behaviors/sources.html",
        bound=[state for state in states.values() if state.bound],
        free=[state for state in states.values() if not state.bound and state.source.active],
        totals=queries.source_totals(database, account_id=account_id, source_ids=states),
        behaviors_of=behaviors_of,
    )


@blueprint.route("/sources/<code>", methods=["GET", "POST"])
@resident_required
def bind(code: str) -> ResponseReturnValue:
    """Show a source; with the consent given, hand out the code for the operator's app."""
    state = state_or_404(code)
    form = ConsentForm()
    if form.validate_on_submit():
        _start(state.source)
        return redirect(url_for("behaviors.bind", code=code), 303)
    account_id, database = current_account_id() or 0, current_session()
    page = render_template(
        "behaviors/source.html",
        state=state,
        form=form,
        text=consent_text(state.source),
        consents=_consents(database_consents(account_id), state.source),
        open_code=open_code(state.source),
        totals=queries.source_totals(
            database, account_id=account_id, source_ids=[state.source.stored_id]
        ).get(state.source.stored_id),
        behaviors_of=behaviors_of,
        offers_demo=offers_demo(state.source),
    )
    return page, 422 if form.errors else 200


def _start(source: Source) -> None:
    """Record the consent and open a code, in one transaction."""
    database, now, account_id = current_session(), utc_now(), current_account_id() or 0
    text = consent_text(source)
    give_consent(
        database,
        account_id=account_id,
        purpose=consent_purpose(source),
        version=text_sha256(text)[:_VERSION_LENGTH],
        text=text,
        channel=WEB_CHANNEL,
        acting_user=current_actor(),
        now=now,
    )
    code = start_binding(
        database, account_id=account_id, source=source, acting_user=current_actor(), now=now
    )
    database.commit()
    session[_key(source)] = OpenCode(code=code, until=(now + CODE_LIFETIME).isoformat())


@blueprint.post("/sources/<code>/unbind")
@resident_required
def unbind_source(code: str) -> ResponseReturnValue:
    """Stop a source at once; what it brought stays."""
    source = state_or_404(code).source
    unbind(
        current_session(),
        account_id=current_account_id() or 0,
        source=source,
        acting_user=current_actor(),
        now=utc_now(),
    )
    current_session().commit()
    session.pop(_key(source), None)
    flash(_("已解除绑定，从现在起不再接收新的记录。"), "success")
    return redirect(url_for("behaviors.bind", code=code), 303)


@blueprint.get("/sources/<code>/status")
@resident_required
def binding_status(code: str) -> ResponseReturnValue:
    """Say to a waiting page whether the operator has answered; then it is shown anew."""
    state = state_or_404(code)
    if state.bound or open_code(state.source) is None:
        session.pop(_key(state.source), None)
        return go_to(url_for("behaviors.bind", code=code))
    return Response(status=204)


@blueprint.post("/sources/<code>/demo")
@resident_required
def confirm_demo(code: str) -> ResponseReturnValue:
    """Stand in for the operator's app, in the demonstration only."""
    source = state_or_404(code).source
    waiting = open_code(source)
    if not offers_demo(source) or waiting is None:
        raise Conflict("binding_code_invalid")
    done = demo.confirm_in_operator_app(
        current_session(),
        source=source,
        account_id=current_account_id() or 0,
        code=waiting["code"],
        now=utc_now(),
    )
    current_session().commit()
    session.pop(_key(source), None)
    arrived = done.batch.accepted
    flash(
        ngettext(
            "绑定好了，运营商传来 %(num)s 条记录。",
            "绑定好了，运营商传来 %(num)s 条记录。",
            arrived,
        ),
        "success",
    )
    return redirect(url_for("behaviors.bind", code=code), 303)


def state_or_404(code: str) -> SourceState:
    """Return a source that residents may bind, with how it names this one; raises NotFound."""
    database = current_session()
    source = queries.source_by_code(database, code=code)
    if source is None or not source.bindable:
        raise NotFound("unknown_source", source=code[:64])
    subjects = queries.subjects_of(
        database, account_id=current_account_id() or 0, source_id=source.stored_id
    )
    return SourceState(source, subjects)


def consent_text(source: Source) -> str:
    """Return what a resident agrees to, in the page's language."""
    return str(source.consent_texts.get(language()) or source.consent_texts["zh"])


def database_consents(account_id: int) -> list[Consent]:
    """Return all consents of the account, newest first."""
    return consents_of(current_session(), account_id)


def _consents(consents: list[Consent], source: Source) -> list[Consent]:
    return [consent for consent in consents if consent.purpose == consent_purpose(source)]


def open_code(source: Source) -> OpenCode | None:
    """Return the code this browser waits with, None when there is none or its time is over."""
    found: OpenCode | None = session.get(_key(source))
    if found is None or datetime.fromisoformat(found["until"]) <= utc_now():
        return None
    return found


@tells_purposes
def purposes_of_sources(database: Session, purposes: Collection[str]) -> dict[str, Purpose]:
    """Return what consents to sources are for; each is withdrawn on its source's own page."""
    every = sources_of_purposes(database, purposes)
    return {
        consent_purpose(source): Purpose(
            source_name(source),
            str(_("接收它送来的记录")),
            url_for("behaviors.bind", code=source.code) if source.bindable else "",
        )
        for source in every
    }


def offers_demo(source: Source) -> bool:
    """Return whether the page may stand in for the operator's app."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return settings.is_demo and demo.partner_of(source) is not None


def behaviors_of(source: Source) -> list[BehaviorInfo]:
    """Return what a source may report."""
    book = rule_book()
    return [book.behaviors[code] for code in source.behaviors if code in book.behaviors]


def _key(source: Source) -> str:
    return f"binding:{source.code}"
