"""The forms of institutions' pages: the shape of what people send."""

import re
from collections.abc import Sequence

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from carbonaccount.accounts.models import District
from carbonaccount.institutions.applications import MOST_HEADS, ApplicationContent
from carbonaccount.institutions.labels import KINDS
from carbonaccount.institutions.models import Institution
from carbonaccount.web.once import OnceForm
from carbonaccount.web.templating import whole_text

_AREA = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
_HEADS = re.compile(r"\d{1,8}", re.ASCII)


def read_area(text: str) -> int | None:
    """Return square metres with at most two decimals in square decimetres, None when unread."""
    if not _AREA.fullmatch(text):
        return None
    whole, _, decimals = text.partition(".")
    return int(whole) * 100 + int(decimals.ljust(2, "0") or "0")


def area_text(area_dm2: int) -> str:
    """Return square decimetres as square metres, as a form shows them; nothing for none."""
    if not area_dm2:
        return ""
    whole, rest = divmod(area_dm2, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")


class FactsForm(FlaskForm):
    """What an owner may change: English name, district, floor area, head count."""

    name_en = StringField(_l("英文名称（可以不填）"), validators=[Length(max=120)])
    district = SelectField(_l("所在区县"), validators=[InputRequired(_l("请选择区县。"))])
    floor_area = StringField(
        _l("建筑面积"), render_kw={"inputmode": "decimal", "maxlength": 12, "autocomplete": "off"}
    )
    head_count = StringField(
        _l("人数"), render_kw={"inputmode": "numeric", "maxlength": 8, "autocomplete": "off"}
    )

    def offer(self, districts: Sequence[District], *, english: bool) -> None:
        """Fill in the districts that can be chosen."""
        self.district.choices = [
            SelectChoice("", _l("请选择")),
            *(SelectChoice(d.code, d.name_en if english else d.name_zh) for d in districts),
        ]

    def fill(self, institution: Institution) -> None:
        """Show what is known."""
        self.name_en.data = institution.name_en
        self.district.data = institution.district_code or ""
        self.floor_area.data = area_text(institution.floor_area_dm2)
        self.head_count.data = str(institution.head_count or "")

    def validate_floor_area(self, field: StringField) -> None:
        """Refuse what is no area."""
        if _written(field) and read_area(_written(field)) is None:
            raise ValidationError(
                _l("请填平方米数，0 到 999,999,999.99，至多两位小数，例如 1250.5。")
            )

    def validate_head_count(self, field: StringField) -> None:
        """Refuse what is no count of people."""
        text = _written(field)
        if text and (not _HEADS.fullmatch(text) or int(text) > MOST_HEADS):
            raise ValidationError(
                _l("请填整数，0 到 %(most)s，例如 320。", most=whole_text(MOST_HEADS))
            )

    @property
    def floor_area_dm2(self) -> int:
        """Return the floor area in square decimetres, 0 when not told."""
        return read_area(_written(self.floor_area)) or 0

    @property
    def heads(self) -> int:
        """Return the head count, 0 when not told."""
        return int(_written(self.head_count) or 0)


class ApplyForm(OnceForm, FactsForm):
    """An application: what kind of institution, its name and code, where, how large."""

    kind = SelectField(
        _l("类型"),
        choices=[SelectChoice("", _l("请选择")), *(SelectChoice(*pair) for pair in KINDS.items())],
        validators=[InputRequired(_l("请选择类型。"))],
    )
    name_zh = StringField(
        _l("单位名称"),
        validators=[InputRequired(_l("请填写单位名称。")), Length(max=80)],
        render_kw={"maxlength": 80, "autocomplete": "organization"},
    )
    credit_code = StringField(
        _l("统一社会信用代码"),
        validators=[Length(max=40)],
        render_kw={"maxlength": 40, "autocomplete": "off", "autocapitalize": "characters"},
    )
    parent = StringField(
        _l("上级单位（可以不填）"),
        validators=[Length(max=80)],
        render_kw={"maxlength": 80, "autocomplete": "off"},
    )

    applicant = StringField(
        _l("您的姓名"),
        validators=[InputRequired(_l("请填写您的姓名。")), Length(max=40)],
        render_kw={"maxlength": 40, "autocomplete": "name"},
    )
    authority = StringField(
        _l("凭什么代表单位申请"),
        validators=[InputRequired(_l("请写明您的职务和授权文件。")), Length(max=200)],
        render_kw={"maxlength": 200, "autocomplete": "off"},
    )
    file = FileField(
        _l("授权文件（可以不传；PDF、JPEG 或 PNG，最大 12 MiB）"),
        render_kw={"accept": "application/pdf,image/jpeg,image/png"},
    )

    def content(self) -> ApplicationContent:
        """Return what was written."""
        return ApplicationContent(
            kind=self.kind.data,
            name_zh=self.name_zh.data or "",
            name_en=self.name_en.data or "",
            credit_code=self.credit_code.data or "",
            district_code=self.district.data or None,
            floor_area_dm2=self.floor_area_dm2,
            head_count=self.heads,
            parent=self.parent.data or "",
            applicant=self.applicant.data or "",
            authority=self.authority.data or "",
        )


class CodeForm(FlaskForm):
    """A code that somebody was given."""

    code = StringField(
        _l("邀请码"),
        validators=[InputRequired(_l("请输入邀请码。")), Length(max=40)],
        render_kw={"maxlength": 40, "autocomplete": "off", "autocapitalize": "characters"},
    )


def _written(field: StringField) -> str:
    return str(field.data or "").strip()
