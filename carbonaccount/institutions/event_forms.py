"""The forms of events: the shape of what organisers send."""

import re
from collections.abc import Sequence
from datetime import date

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from carbonaccount.accounts.models import District
from carbonaccount.institutions.event_labels import KINDS
from carbonaccount.institutions.event_models import Event
from carbonaccount.institutions.events import (
    LONGEST_ENGLISH,
    LONGEST_NAME,
    LONGEST_PLACE,
    MOST_PEOPLE,
    EventDraft,
)
from carbonaccount.typed import half_width
from carbonaccount.web.once import OnceForm
from carbonaccount.web.templating import whole_text

_WHOLE = re.compile(r"[0-9]{1,15}", re.ASCII)


def whole_number(text: str | None) -> int | None:
    """Return a whole number as people write it, thousands set apart or not; None for others."""
    kept = re.sub(r"[\s,]", "", half_width(text or ""))
    return int(kept) if _WHOLE.fullmatch(kept) else None


def day_of(text: str | None) -> date | None:
    """Return a date written as 2026-11-21; None for anything else."""
    try:
        return date.fromisoformat((text or "").strip())
    except ValueError:
        return None


class EventForm(OnceForm):
    """What an organiser decides about an event before its plan stands."""

    kind = RadioField(
        _l("种类"),
        choices=[SelectChoice(*pair) for pair in KINDS.items()],
        default="meeting",
        validators=[InputRequired(_l("请选择种类。"))],
    )
    name_zh = StringField(
        _l("名称"), validators=[InputRequired(_l("请填写名称。")), Length(max=LONGEST_NAME)]
    )
    name_en = StringField(_l("英文名称（可以不填）"), validators=[Length(max=LONGEST_ENGLISH)])
    place = StringField(
        _l("地点"), validators=[InputRequired(_l("请填写地点。")), Length(max=LONGEST_PLACE)]
    )
    district_code = SelectField(_l("所在区县"), validators=[InputRequired(_l("请选择区县。"))])
    first_day = StringField(_l("开始日期"), validators=[InputRequired(_l("请填写日期。"))])
    last_day = StringField(_l("结束日期"), validators=[InputRequired(_l("请填写日期。"))])
    expected_people = StringField(
        _l("预计参加人数"), validators=[InputRequired(_l("请填写人数。"))]
    )
    open_to_public = BooleanField(_l("面向公众：减排计划在举办前就向所有人公开"))
    daily_return = BooleanField(_l("不住宿的本市参加者每天往返（通常是会议）"))

    def offer(self, districts: Sequence[District], *, english: bool) -> None:
        """Fill in the districts that can be chosen."""
        self.district_code.choices = [
            SelectChoice("", _l("请选择")),
            *(SelectChoice(d.code, d.name_en if english else d.name_zh) for d in districts),
        ]

    def fill(self, event: Event) -> None:
        """Show what stands."""
        for field in self:
            if hasattr(event, field.short_name):
                value = getattr(event, field.short_name)
                field.data = value if isinstance(value, bool) else str(value)

    def validate_first_day(self, field: StringField) -> None:
        """Refuse what is no date."""
        if day_of(field.data) is None:
            raise ValidationError(_l("请填写日期，例如 2026-12-01。"))

    validate_last_day = validate_first_day

    def validate_expected_people(self, field: StringField) -> None:
        """Refuse what is no count of people."""
        if not 1 <= (whole_number(field.data) or 0) <= MOST_PEOPLE:
            raise ValidationError(
                _l(
                    "请填写 %(least)s 到 %(most)s 之间的整数。",
                    least="1",
                    most=whole_text(MOST_PEOPLE),
                )
            )

    def draft(self) -> EventDraft:
        """Return what was written in a form that is valid."""
        return EventDraft(
            kind=self.kind.data,
            name_zh=self.name_zh.data or "",
            name_en=self.name_en.data or "",
            place=self.place.data or "",
            district_code=self.district_code.data or "",
            first_day=day_of(self.first_day.data) or date.min,
            last_day=day_of(self.last_day.data) or date.min,
            expected_people=whole_number(self.expected_people.data) or 0,
            open_to_public=bool(self.open_to_public.data),
            daily_return=bool(self.daily_return.data),
        )


class CheckForm(FlaskForm):  # type: ignore[misc]
    """What is printed on a certificate. Sent with GET, so that a QR code can fill it in."""

    class Meta:
        """Nothing is changed by checking."""

        csrf = False

    number = StringField(_l("证书编号"), validators=[Length(max=40)])
    total = StringField(_l("排放总量（克，只填数字）"), validators=[Length(max=20)])
    date = StringField(_l("签发日期"), validators=[Length(max=10)])
