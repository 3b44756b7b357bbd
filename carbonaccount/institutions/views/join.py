"""The resident's side of being a member: what is counted and who sees it, joining and leaving."""

from collections.abc import Collection

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlmodel import Session, col, select

from carbonaccount.accounts.purposes import Purpose, tells_purposes
from carbonaccount.errors import DomainError
from carbonaccount.institutions import joining
from carbonaccount.institutions.forms import CodeForm
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.views import blueprint
from carbonaccount.institutions.views.common import attempted, named
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_account_id, go_to, resident_required
from carbonaccount.web.problems import status_of


def notice(institution: Institution) -> list[str]:
    """Return what a member agrees to, a sentence each, in the page's language."""
    return [
        _(
            "您的账户里从加入那天起的记录，会计入“%(name)s”的合计：人数、次数、减排量。",
            name=named(institution),
        ),
        _("挑战只比较各班级或部门在同一种行为上的合计，同样从您加入那天起、至少 10 人才公布。"),
        _("单位、上级单位和公众只看到至少 10 人的合计，看不到您是谁、您做了什么、哪一天做的。"),
        _("合计按整月和每月的四段公布，公布后不再改动：您退出或换班级，别人从数字上看不出来。"),
        _("您的积分、减排量仍是您自己的，不会因此减少。"),
        _("随时可以退出，马上生效：从退出那天起不再计入，之前的合计保留。"),
    ]


@blueprint.route("/join/<code>", methods=["GET", "POST"])
def join(code: str) -> ResponseReturnValue:
    """Tell what is counted and who sees it, and let a resident join."""
    institution = joining.find_by_code(current_session(), code=code)
    if request.method == "GET":
        return _page(institution, code)
    return _joined(institution, code)


@resident_required
def _joined(institution: Institution, code: str) -> ResponseReturnValue:
    error = attempted(
        joining.join,
        code=code,
        team=request.form.get("team", ""),
        agreed=request.form.get("agree") == "y",
        notice_text="\n".join(notice(institution)),
    )
    if error is not None:
        return _page(institution, code, error)
    flash(_("已加入，从今天起计入。"), "success")
    return go_to(url_for("institutions.counted_with"))


def _page(
    institution: Institution, code: str, error: DomainError | None = None
) -> ResponseReturnValue:
    session, account_id = current_session(), current_account_id()
    member = account_id is not None and joining.membership(
        session, institution_id=institution.stored_id, account_id=account_id
    )
    page = render_template(
        "institutions/join.html",
        institution=institution,
        code=code,
        sentences=notice(institution),
        teams=joining.teams_of(session, institution_id=institution.stored_id),
        signed_in=account_id is not None,
        member=member,
        team=request.form.get("team", ""),
        wrong=error.params.get("field") if error else None,
        error=explain(error) if error else "",
    )
    return page, 200 if error is None else status_of(error)


@blueprint.route("/me/institutions", methods=["GET", "POST"])
@resident_required
def counted_with() -> ResponseReturnValue:
    """List with whom a resident is counted; a typed code leads to its page."""
    form, status = CodeForm(), 200
    form.code.label.text = _("成员码")
    if form.validate_on_submit():
        try:
            institution = joining.find_by_code(current_session(), code=form.code.data)
        except DomainError as error:
            form.code.errors = [explain(error)]
            status = status_of(error)
        else:
            code = joining.code_of(current_session(), institution_id=institution.stored_id)
            return go_to(url_for("institutions.join", code=code))
    elif request.method == "POST":
        status = 422
    return _counted_page(form, status)


def _counted_page(form: CodeForm, status: int) -> ResponseReturnValue:
    session = current_session()
    memberships = joining.memberships_of(session, account_id=current_account_id() or 0)
    page = render_template(
        "institutions/counted_with.html",
        form=form,
        memberships=memberships,
        teams={
            row.institution.stored_id: joining.teams_of(
                session, institution_id=row.institution.stored_id
            )
            for row in memberships
        },
    )
    return page, status


@blueprint.post("/me/institutions/<institution_id>/leave")
@resident_required
def leave(institution_id: str) -> ResponseReturnValue:
    """End a membership at once."""
    error = attempted(joining.leave, public_id=institution_id)
    if error is not None:
        raise error
    flash(_("已退出，马上生效。"), "success")
    return go_to(url_for("institutions.counted_with"))


@blueprint.post("/me/institutions/<institution_id>/team")
@resident_required
def change_team(institution_id: str) -> ResponseReturnValue:
    """Choose another class or department."""
    error = attempted(
        joining.change_team, public_id=institution_id, team=request.form.get("team", "")
    )
    if error is not None:
        raise error
    flash(_("已保存。"), "success")
    return go_to(url_for("institutions.counted_with"))


@tells_purposes
def member_purposes(session: Session, purposes: Collection[str]) -> dict[str, Purpose]:
    """Say with whom a consent lets a resident be counted."""
    wanted = joining.institutions_named(purposes)
    if not wanted:
        return {}
    rows = session.exec(select(Institution).where(col(Institution.public_id).in_(wanted)))
    address = url_for("institutions.counted_with")
    return {
        joining.consent_purpose(row): Purpose(named(row), _("计入单位的合计"), address)
        for row in rows
    }
