"""What the parts of an institution are called, in the page's language."""

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from carbonaccount.institutions.models import InstitutionKind, InstitutionStatus, Seat

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
    Seat.OWNER: _l("管理人员，提交、锁定和发布"),
    Seat.CLERK: _l("录入数据和佐证材料"),
    Seat.READER: _l("只看，不改"),
}
STATUSES: dict[str, LazyString] = {
    InstitutionStatus.APPLIED: _l("待审核"),
    InstitutionStatus.ACTIVE: _l("已入驻"),
    InstitutionStatus.REFUSED: _l("未通过"),
    InstitutionStatus.CLOSED: _l("已关闭"),
}


def kind_label(kind: str) -> str:
    """Return what a kind of institution is called."""
    return str(KINDS[kind])


def seat_label(seat: str) -> str:
    """Return what a seat is called."""
    return str(SEATS[seat])


def status_label(status: str) -> str:
    """Return how an institution stands, in words."""
    return str(STATUSES[status])


def square_metres(area_dm2: int) -> str:
    """Return an area with its unit, without zeros at its end; a dash when it is not told."""
    if not area_dm2:
        return str(_("未填"))
    whole, rest = divmod(area_dm2, 100)
    decimals = f"{rest:02d}".rstrip("0")
    return f"{whole:,}{'.' if decimals else ''}{decimals} m²"
