"""What the parts of an institution are called, in the page's language."""

from datetime import date

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from carbonaccount.institutions.models import Institution, InstitutionKind, InstitutionStatus, Seat
from carbonaccount.institutions.recognition_models import RecognitionCase

KINDS: dict[str, LazyString] = {
    InstitutionKind.AGENCY: _l("党政机关"),
    InstitutionKind.PUBLIC: _l("事业单位"),
    InstitutionKind.SCHOOL: _l("学校"),
    InstitutionKind.HOSPITAL: _l("医院"),
    InstitutionKind.COMPANY: _l("企业"),
    InstitutionKind.COMMUNITY: _l("社区"),
    InstitutionKind.FAMILY: _l("家庭"),
    InstitutionKind.MARKET: _l("商场"),
}
SEATS: dict[str, LazyString] = {
    Seat.OWNER: _l("负责人"),
    Seat.CLERK: _l("数据员"),
    Seat.READER: _l("查看者"),
}
# What each seat may do, for the pages on which seats are given and taken.
SEAT_NOTES: dict[str, LazyString] = {
    Seat.OWNER: _l("管理人员，复核锁定清单，提交认定申请，发布声明和活动；也能录入和提交"),
    Seat.CLERK: _l("录入数据和佐证材料，提交复核和审核"),
    Seat.READER: _l("只看，不改"),
}
STATUSES: dict[str, LazyString] = {
    InstitutionStatus.APPLIED: _l("待审核"),
    InstitutionStatus.ACTIVE: _l("已入驻"),
    InstitutionStatus.REFUSED: _l("未通过"),
    InstitutionStatus.CLOSED: _l("已关闭"),
}

CASE_STATES: dict[str, tuple[LazyString, str]] = {
    "draft": (_l("填写中"), "plain"),
    "submitted": (_l("审核中"), "wait"),
    "returned": (_l("退回修改"), "bad"),
    "granted": (_l("已认定"), "good"),
    "refused": (_l("不予认定"), "bad"),
    "expired": (_l("已过期"), "plain"),
    "revoked": (_l("认定已撤销"), "bad"),
}
ANSWER_STATES: dict[str, tuple[LazyString, str]] = {
    "open": (_l("待审"), "wait"),
    "accepted": (_l("已采纳"), "good"),
    "returned": (_l("退回"), "bad"),
}
# How far a checklist can be relied on to be the programme's own.
SOURCE_GRADES: dict[str, LazyString] = {
    "A": _l("A：按方案原文改写"),
    "B": _l("B：按对方案的公开报道改写"),
    "C": _l("C：方案面向城市或未取得原文，按其目标拟定"),
}


def case_state(case: RecognitionCase, today: date) -> str:
    """Return where an application stands; a granted one whose time is over is expired."""
    if case.status == "granted" and case.valid_until is not None and case.valid_until < today:
        return "expired"
    return case.status


def kind_label(kind: str) -> str:
    """Return what a kind of institution is called."""
    return str(KINDS[kind])


def seat_label(seat: str) -> str:
    """Return what a seat is called."""
    return str(SEATS[seat])


def status_label(status: str) -> str:
    """Return how an institution stands, in words."""
    return str(STATUSES[status])


def standing_label(institution: Institution) -> str:
    """Return how an institution or application stands: one that was taken back was never open."""
    return str(_("已撤回")) if institution.is_withdrawn else status_label(institution.status)


def square_metres(area_dm2: int) -> str:
    """Return an area with its unit, without zeros at its end; a dash when it is not told."""
    if not area_dm2:
        return str(_("未填"))
    whole, rest = divmod(area_dm2, 100)
    decimals = f"{rest:02d}".rstrip("0")
    return f"{whole:,}{'.' if decimals else ''}{decimals} m²"
