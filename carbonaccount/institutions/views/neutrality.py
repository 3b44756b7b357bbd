"""An institution's way to neutrality: the plan, its measures, the years, and their statements."""

from collections.abc import Sequence
from typing import Any

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session, col, select

from carbonaccount.clock import business_day, utc_now
from carbonaccount.errors import DomainError
from carbonaccount.institutions import neutrality as services
from carbonaccount.institutions import (
    offset_labels,
    statement_drafts,
    statement_lots,
    statements,
)
from carbonaccount.institutions.inventory_results import YearSummary, summaries_of
from carbonaccount.institutions.neutrality_models import NeutralityStatement, StatementStatus
from carbonaccount.institutions.offset_forms import (
    GapForm,
    MeasureForm,
    PickForm,
    PlanForm,
    ReasonForm,
    WordsForm,
)
from carbonaccount.institutions.offset_queries import holdings
from carbonaccount.institutions.seats import CLERKS, OWNERS, Seated
from carbonaccount.institutions.statement_corrections import corrections
from carbonaccount.institutions.statement_rows import account_of
from carbonaccount.institutions.views.common import at_institution, put_error
from carbonaccount.institutions.views.meanwhile import Difference, differences
from carbonaccount.institutions.views.offset_common import done
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, go_to
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of


@at_institution("/neutrality")
def neutrality(place: Seated) -> ResponseReturnValue:
    """Show the plan, the measures, and how each year stands."""
    return _page(place)


def _page(
    place: Seated,
    *,
    form: PlanForm | None = None,
    error: DomainError | None = None,
    meanwhile: Sequence[Difference] = (),
    status: int = 200,
) -> ResponseReturnValue:
    session, institution_id = current_session(), place.institution_id
    plan = services.plan_of(session, institution_id=institution_id)
    if form is None:
        form = PlanForm(None)
        form.fill(plan)
    accounts = summaries_of(session, institution_id=institution_id, locked_only=True)
    page = render_template(
        "institutions/neutrality.html",
        place=place,
        plan=plan,
        form=form,
        meanwhile=meanwhile,
        measures=services.measures_of(session, institution_id=institution_id),
        years=_years(session, institution_id, accounts),
        corrections=corrections(session, institution_id=institution_id),
        base=accounts.get(plan.base_year) if plan else None,
        this_year=business_day(utc_now()).year,
        error=explain(error) if error else "",
    )
    return page, status if error is None else status_of(error)


def _years(
    session: Session, institution_id: int, accounts: dict[int, YearSummary]
) -> list[tuple[int, YearSummary | None, list[NeutralityStatement]]]:
    """Return years with a locked account or a statement, the newest first."""
    rows = session.exec(
        select(NeutralityStatement)
        .where(col(NeutralityStatement.institution_id) == institution_id)
        .order_by(col(NeutralityStatement.revision).desc())
    ).all()
    years = sorted({*accounts, *(row.year for row in rows)}, reverse=True)
    return [(year, accounts.get(year), [row for row in rows if row.year == year]) for year in years]


def _to(place: Seated) -> ResponseReturnValue:
    return go_to(url_for("institutions.neutrality", public_id=place.institution.public_id))


def to_statement(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Send the browser to a statement's page."""
    number = place.institution.public_id
    return go_to(url_for("institutions.statement", public_id=number, statement_id=statement_id))


@at_institution("/neutrality/plan", seats=CLERKS, methods=("POST",))
def plan_write(place: Seated) -> ResponseReturnValue:
    """Write the plan."""
    form = PlanForm()
    if not form.validate_on_submit():
        return _page(place, form=form, status=422)
    error = done(services.write_plan, institution=place.institution, **form.needs())
    if error is not None:
        put_error(form, error)
        meanwhile: list[Difference] = []
        if error.code == "changed_meanwhile":
            stored = PlanForm(None)
            stored.fill(services.plan_of(current_session(), institution_id=place.institution_id))
            meanwhile = differences(form, stored)
            form.seen.data = stored.seen.data
        return _page(place, form=form, meanwhile=meanwhile, status=status_of(error))
    flash(_("计划已保存。"), "success")
    return _to(place)


@at_institution("/neutrality/measures/new", seats=CLERKS, methods=("GET", "POST"))
def measure_new(place: Seated) -> ResponseReturnValue:
    """Add a measure."""
    form = MeasureForm()
    if request.method == "GET":
        form.year.data = str(business_day(utc_now()).year)
    return _measure_page(place, form, "")


@at_institution("/neutrality/measures/<measure_id>", seats=CLERKS, methods=("GET", "POST"))
def measure_edit(place: Seated, measure_id: str) -> ResponseReturnValue:
    """Write a measure anew."""
    row = services.measure_at(current_session(), place.institution, measure_id)
    form = MeasureForm()
    if request.method == "GET":
        form.fill(row)
    return _measure_page(place, form, measure_id)


def _measure_page(place: Seated, form: MeasureForm, measure_id: str) -> ResponseReturnValue:
    status = 200 if request.method == "GET" else 422
    meanwhile: list[Difference] = []
    if form.validate_on_submit():
        error = done(
            services.write_measure,
            institution=place.institution,
            content=form.content(),
            public_id=measure_id,
            seen=form.seen.data if measure_id else None,
        )
        if error is None:
            flash(_("措施已保存。"), "success")
            return _to(place)
        put_error(form, error)
        status = status_of(error)
        if error.code == "changed_meanwhile":
            stored = MeasureForm(None)
            stored.fill(services.measure_at(current_session(), place.institution, measure_id))
            meanwhile = differences(form, stored)
            form.seen.data = stored.seen.data
    page = render_template(
        "institutions/measure.html",
        place=place,
        form=form,
        measure_id=measure_id,
        meanwhile=meanwhile,
    )
    return page, status


@at_institution("/neutrality/measures/<measure_id>/remove", seats=CLERKS, methods=("POST",))
def measure_remove(place: Seated, measure_id: str) -> ResponseReturnValue:
    """Take a measure off the plan."""
    error = done(services.remove_measure, institution=place.institution, public_id=measure_id)
    if error is not None:
        return _page(place, error=error)
    flash(_("措施已删除。"), "success")
    return _to(place)


@at_institution("/neutrality/statements/<int:year>/new", seats=CLERKS, methods=("POST",))
def statement_new(place: Seated, year: int) -> ResponseReturnValue:
    """Begin the statement of a year, with lots picked by policy."""
    made: list[NeutralityStatement] = []

    def begin(session: Session, **who: Any) -> None:
        row = statements.draft(
            session,
            institution=place.institution,
            year=year,
            account_id=current_account_id() or 0,
            **who,
        )
        statements.pick(session, statement=row, certificates=None, offset_g=None, **who)
        made[:] = [row]

    error = done(begin)
    if error is not None:
        return _page(place, error=error)
    flash(_("草稿已建立，并已按政策顺序选好批次。"), "success")
    return to_statement(place, made[0].public_id)


@at_institution("/neutrality/statements/<statement_id>")
def statement(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Show a statement and what can be done with it next."""
    return show_statement(place, find_statement(place, statement_id))


def find_statement(place: Seated, statement_id: str) -> NeutralityStatement:
    """Return a statement of the institution. Raises NotFound (unknown_statement)."""
    return statements.statement_at(
        current_session(), institution_id=place.institution_id, public_id=statement_id
    )


def show_statement(
    place: Seated,
    row: NeutralityStatement,
    *,
    error: DomainError | None = None,
    status: int = 200,
    **forms: Any,
) -> ResponseReturnValue:
    """Show a statement with what was refused, and the forms as they were sent."""
    session, now = current_session(), utc_now()
    words = WordsForm(None)
    words.note.data, words.uncertainty.data = row.note, row.uncertainty
    proposal = None
    if row.status == StatementStatus.DRAFT and place.may(CLERKS):
        account = account_of(session, row)
        proposal = statement_lots.proposal(session, row, account=account, now=now)
    page = render_template(
        "institutions/statement.html",
        proposal=proposal,
        place=place,
        row=row,
        content=statements.preview(session, row),
        newer=statements.newer_inventory(session, row),
        correction=corrections(session, statement_ids=[row.stored_id]).get(row.stored_id),
        picked=statement_lots.lots_of(session, row).chosen,
        holdings=holdings(
            session,
            institution_id=place.institution_id,
            on=business_day(now),
            for_year=row.year,
        ),
        error=explain(error) if error else "",
        **{
            "pick": PickForm(None),
            "words": words,
            "reason": ReasonForm(None),
            "gap_form": GapForm(None),
            **forms,
        },
    )
    return page, status if error is None else status_of(error)


@at_institution("/neutrality/statements/<statement_id>/lots", seats=CLERKS, methods=("POST",))
def statement_pick(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Pick lots anew in the order of policy."""
    row, form = find_statement(place, statement_id), PickForm()
    if not form.validate_on_submit():
        return show_statement(place, row, pick=form, status=422)
    error = done(statements.pick, statement=row, **form.needs())
    if error is not None:
        put_error(form, error)
        return show_statement(place, row, pick=form, status=status_of(error))
    flash(_picked_words(row, form.needs()["offset_g"]), "success")
    return to_statement(place, statement_id)


def _picked_words(row: NeutralityStatement, most_g: int | None) -> str:
    """Say what was picked; where what was typed leaves something over, how much and why."""
    session = current_session()
    balance = statements.preview(session, row)["balance"]
    if most_g is None or not balance["remaining_g"]:
        return str(_("已按政策顺序重新选取。"))
    chosen = statement_lots.lots_of(session, row).chosen
    return str(
        _(
            "已选取 %(picked)s kg，不超过填写的上限 %(most)s kg（编号只能整个使用）；"
            "还剩 %(left)s kg 没有抵消。",
            picked=offset_labels.kg(sum(lot.amount_g for lot in chosen)),
            most=offset_labels.kg(most_g),
            left=offset_labels.kg(balance["remaining_g"]),
        )
    )


@at_institution("/neutrality/statements/<statement_id>/words", seats=CLERKS, methods=("POST",))
def statement_words(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Write the words of a draft."""
    row, form = find_statement(place, statement_id), WordsForm()
    if not form.validate_on_submit():
        return show_statement(place, row, words=form, status=422)
    error = done(
        statements.write,
        statement=row,
        note_text=form.note.data or "",
        uncertainty=form.uncertainty.data or "",
    )
    if error is not None:
        put_error(form, error)
        return show_statement(place, row, words=form, status=status_of(error))
    flash(_("已保存。"), "success")
    return to_statement(place, statement_id)


@at_institution("/neutrality/statements/<statement_id>/submit", seats=CLERKS, methods=("POST",))
def statement_submit(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Hand a draft to the city's officer."""
    row = find_statement(place, statement_id)
    error = done(statements.submit, statement=row)
    return _after(place, row, error, _("已提交，等市里审核。"))


@at_institution("/neutrality/statements/<statement_id>/take-back", seats=CLERKS, methods=("POST",))
def statement_take_back(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Make it a draft again."""
    row = find_statement(place, statement_id)
    error = done(statements.take_back, statement=row)
    return _after(place, row, error, _("已收回，现在是草稿。"))


@at_institution("/neutrality/statements/<statement_id>/discard", seats=CLERKS, methods=("POST",))
def statement_discard(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Give up a draft."""
    row = find_statement(place, statement_id)
    error = done(statement_drafts.discard, statement=row)
    if error is not None:
        return show_statement(place, row, error=error)
    flash(_("草稿已删除，选好的批次没有动用。"), "success")
    return _to(place)


@at_institution("/neutrality/statements/<statement_id>/publish", seats=OWNERS, methods=("POST",))
def statement_publish(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Retire the lots and publish."""
    row = find_statement(place, statement_id)
    error = done(
        statements.publish,
        statement=row,
        account_id=current_account_id() or 0,
        vault=vault(),
    )
    return _after(place, row, error, _("已发布，所用批次已经注销。"))


def _after(
    place: Seated, row: NeutralityStatement, error: DomainError | None, words: str
) -> ResponseReturnValue:
    if error is not None:
        return show_statement(place, row, error=error)
    flash(words, "success")
    return to_statement(place, row.public_id)


@at_institution("/neutrality/statements/<statement_id>/withdraw", seats=OWNERS, methods=("POST",))
def statement_withdraw(place: Seated, statement_id: str) -> ResponseReturnValue:
    """Withdraw a published statement with a reason."""
    row, form = find_statement(place, statement_id), ReasonForm()
    if not form.validate_on_submit():
        return show_statement(place, row, reason=form, status=422)
    error = done(statements.withdraw, statement=row, reason=form.reason.data)
    if error is not None:
        put_error(form, error)
        return show_statement(place, row, reason=form, status=status_of(error))
    flash(_("已撤回，公开页和核验页会显示它不再有效。"), "success")
    return to_statement(place, statement_id)
