"""Staff and their roles: who may give what is in `accounts.powers`; nobody changes themselves."""

import io
from typing import Any

import qrcode
import qrcode.image.svg
from flask import Response, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from admin import people_reads
from admin.listing import Column, listing
from admin.people_reads import StaffRow
from admin.views import blueprint
from admin.views.common import attempted
from carbonaccount.accounts import powers
from carbonaccount.accounts.roles import SEPARATE_POWERS, Role
from carbonaccount.accounts.staff import NewStaff
from carbonaccount.clock import CITY_ZONE, utc_now
from carbonaccount.config import Settings
from carbonaccount.errors import DomainError, NotFound
from carbonaccount.web.database import current_session
from carbonaccount.web.error_pages import explain
from carbonaccount.web.identity import current_actor, current_staff, go_to, person
from carbonaccount.web.limits import vault
from carbonaccount.web.problems import status_of
from carbonaccount.web.tables import table_file

ROLE_NAMES: dict[str, LazyString] = {
    Role.RULE_EDITOR: _l("规则编辑"),
    Role.RULE_APPROVER: _l("规则批准"),
    Role.REWARD_EDITOR: _l("奖励编辑"),
    Role.REWARD_APPROVER: _l("奖励批准"),
    Role.INSTITUTION_OFFICER: _l("单位审核"),
    Role.OPERATOR: _l("运营"),
    Role.REVIEWER: _l("审核"),
    Role.SYSTEM_ADMIN: _l("系统管理员"),
    Role.SECURITY_ADMIN: _l("安全管理员"),
    Role.AUDITOR: _l("审计员"),
}
ROLE_NOTES: dict[str, LazyString] = {
    Role.RULE_EDITOR: _l("起草规则和因子，运行预览"),
    Role.RULE_APPROVER: _l("批准别人起草的规则"),
    Role.REWARD_EDITOR: _l("起草奖励、预算、公益项目和结算"),
    Role.REWARD_APPROVER: _l("批准别人起草的奖励、预算、公益项目和结算"),
    Role.INSTITUTION_OFFICER: _l("审核单位的入驻、绿色创建和碳中和声明"),
    Role.OPERATOR: _l("导入数据、查找居民"),
    Role.REVIEWER: _l("审核照片、答复申诉"),
    Role.SYSTEM_ADMIN: _l("数据来源、密钥、任务；任命安全管理员"),
    Role.SECURITY_ADMIN: _l("工作人员和其余角色"),
    Role.AUDITOR: _l("查阅审计日志，不改任何东西"),
}
_FILTERS = ("role", "state", "q")


def columns() -> list[Column[StaffRow]]:
    """Return the columns of the list, on the page and in its files."""
    return [
        Column("login", _("账号"), lambda row: row.member.login),
        Column("name", _("姓名"), lambda row: row.member.display_name),
        Column("roles", _("角色"), lambda row: "、".join(str(ROLE_NAMES[r]) for r in row.roles)),
        Column("state", _("状态"), lambda row: _("启用") if row.member.active else _("停用")),
        Column("created", _("添加时间"), lambda row: _moment(row.member.created_at)),
        Column("seen", _("最近登录"), lambda row: _moment(row.member.last_sign_in_at)),
    ]


def _moment(moment: Any) -> str:
    if moment is None:
        return ""
    return str(moment.astimezone(CITY_ZONE).isoformat(sep=" ", timespec="seconds"))


def _kept() -> dict[str, str]:
    return {name: request.args[name].strip() for name in _FILTERS if request.args.get(name)}


def _chosen() -> list[StaffRow]:
    kept = _kept()
    return [
        row
        for row in people_reads.staff_rows(current_session())
        if kept.get("role") in (None, *row.roles)
        and kept.get("state") in (None, "active" if row.member.active else "inactive")
        and kept.get("q", "").lower() in f"{row.member.login} {row.member.display_name}".lower()
    ]


@blueprint.get("/staff")
def staff() -> ResponseReturnValue:
    """List who works here, with their roles."""
    return render_template(
        "admin/staff/list.html",
        list=listing(_chosen(), columns(), filters=_kept()),
        kept=_kept(),
        role_names=ROLE_NAMES,
        may_add=bool(_grantable()),
    )


@blueprint.get("/staff.<any(csv, xlsx):kind>")
def staff_export(kind: str) -> Response:
    """Send the filtered list as a file."""
    shown = columns()
    return table_file(
        kind,
        name="staff",
        header=[column.label for column in shown],
        rows=([column.value(row) for column in shown] for row in _chosen()),
    )


def _grantable() -> frozenset[Role]:
    found = person()
    return powers.grantable(found.roles) if found is not None else frozenset()


def _wanted_roles() -> frozenset[Role]:
    known = {role.value for role in Role}
    return frozenset(Role(text) for text in request.form.getlist("roles") if text in known)


@blueprint.route("/staff/new", methods=["GET", "POST"])
def new_staff() -> ResponseReturnValue:
    """Add a colleague; password and second factor are shown once."""
    if request.method == "GET":
        return _new_page()
    try:
        added, password = powers.add_colleague(
            current_session(),
            login=request.form.get("login", "").strip(),
            display_name=request.form.get("display_name", ""),
            roles=_wanted_roles(),
            vault=vault(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        current_session().commit()
    except DomainError as error:
        current_session().rollback()
        return _new_page(error)
    return _credentials_page(added, password)


def _new_page(error: DomainError | None = None) -> ResponseReturnValue:
    page = render_template(
        "admin/staff/new.html",
        error=explain(error) if error else "",
        typed=request.form,
        chosen=_wanted_roles(),
        grantable=_grantable(),
        **_role_words(),
    )
    return page, status_of(error) if error else 200


def _role_words() -> dict[str, Any]:
    return {"role_names": ROLE_NAMES, "role_notes": ROLE_NOTES, "separate": SEPARATE_POWERS}


def _credentials_page(added: NewStaff, password: str) -> ResponseReturnValue:
    """Show what is never shown again; nothing on the way keeps the page."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    uri = added.provisioning_uri(f"碳账户 {settings.city_name}")
    return render_template(
        "admin/staff/credentials.html",
        member=added.staff,
        password=password,
        secret=added.totp_secret,
        picture=qr_picture(uri),
    )


def qr_picture(text: str) -> Markup:
    """Return a QR code as inline SVG."""
    image = qrcode.make(text, image_factory=qrcode.image.svg.SvgPathImage, border=2)
    file = io.BytesIO()
    image.save(file)
    svg = file.getvalue().decode()
    # The library's own output, without the XML declaration that HTML does not know.
    return Markup(svg[svg.index("<svg") :])  # noqa: S704


@blueprint.get("/staff/<login>")
def staff_member(login: str) -> ResponseReturnValue:
    """Show a colleague with their roles and what may be done about them."""
    return _member_page(login)


def _member_page(login: str, error: DomainError | None = None) -> ResponseReturnValue:
    rows = [row for row in people_reads.staff_rows(current_session()) if row.member.login == login]
    if not rows:
        raise NotFound("staff_not_found", login=login[:64])
    (row,), me = rows, current_staff()
    page = render_template(
        "admin/staff/member.html",
        row=row,
        member=row.member,
        grantable=_grantable(),
        is_oneself=me is not None and me.id == row.member.id,
        may_reset=set(row.roles) <= _grantable(),
        error=explain(error) if error else "",
        **_role_words(),
    )
    return page, status_of(error) if error else 200


@blueprint.post("/staff/<login>/roles")
def staff_roles(login: str) -> ResponseReturnValue:
    """Give a colleague exactly the chosen roles."""
    # What is not one's to give stays as it is: its boxes are shown, but not sent.
    rows = [row for row in people_reads.staff_rows(current_session()) if row.member.login == login]
    kept = frozenset(role for row in rows for role in row.roles) - _grantable()
    error, _status = attempted(
        powers.change_roles,
        login=login,
        roles=_wanted_roles() | kept,
        acting_user=current_actor(),
        now=utc_now(),
    )
    return _done(login, error, _("角色已更改。"))


@blueprint.post("/staff/<login>/deactivate")
def deactivate_staff(login: str) -> ResponseReturnValue:
    """Bar a colleague at once."""
    return _switch(login, powers.deactivate, _("已停用，其全部浏览器已退出。"))


@blueprint.post("/staff/<login>/reactivate")
def reactivate_staff(login: str) -> ResponseReturnValue:
    """Let a colleague in again."""
    return _switch(login, powers.reactivate, _("已恢复。"))


def _switch(login: str, service: Any, done: str) -> ResponseReturnValue:
    error, _status = attempted(service, login=login, acting_user=current_actor(), now=utc_now())
    return _done(login, error, done)


def _done(login: str, error: DomainError | None, done: str) -> ResponseReturnValue:
    if error is not None:
        return _member_page(login, error)
    flash(done, "success")
    return go_to(url_for("admin.staff_member", login=login))


@blueprint.post("/staff/<login>/reset")
def reset_staff(login: str) -> ResponseReturnValue:
    """Give a colleague a new password and second factor, shown once."""
    try:
        renewed, password = powers.reset_credentials(
            current_session(),
            login=login,
            vault=vault(),
            acting_user=current_actor(),
            now=utc_now(),
        )
        current_session().commit()
    except DomainError as error:
        current_session().rollback()
        return _member_page(login, error)
    return _credentials_page(renewed, password)
