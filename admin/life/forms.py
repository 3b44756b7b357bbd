"""The small forms of decisions. Limits that hold everywhere are the services'; these are syntax."""

from datetime import date

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from admin.drafting.forms import is_decimal, is_whole, needed, offered, text_of
from behaviors import labels
from behaviors.behavior_services import LONGEST_NAME, LONGEST_TEXT, TEXT_PARTS
from behaviors.methods.library import CATEGORIES
from behaviors.models import Behavior
from behaviors.plans import LONGEST_SOURCE

_LANGUAGES = ("zh", "en")
_BAD_DAY = _l("请填写日期，例如 2026-12-01。")
PERIODS = ("30", "90", "365", "all", "days")


class DayField(DateField):
    """A date as browsers send it; what was typed stays when it is none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read an ISO date; raises ValueError with a sentence."""
        text = (valuelist[0] if valuelist else "").strip()
        self.data = None
        if not text:
            return
        try:
            self.data = date.fromisoformat(text)
        except ValueError:
            raise ValueError(str(_BAD_DAY)) from None


class ReasonForm(FlaskForm):
    """Why somebody does what they do."""

    reason = TextAreaField(_l("理由"), validators=[needed, Length(max=500)])


class DiscardForm(ReasonForm):
    """Why a draft is given up, and that one means it."""

    sure = BooleanField(
        _l("确认放弃，不再恢复"), validators=[InputRequired(_l("请先勾选“确认放弃”。"))]
    )


class WithdrawForm(ReasonForm):
    """From which day a version no longer holds, and why."""

    from_day = DayField(_l("从哪天起不再适用"), validators=[InputRequired(_BAD_DAY)])


class TextsForm(FlaskForm):
    """What people read about a behaviour, in both languages."""

    name_zh = StringField(_l("中文名称"), validators=[needed, Length(max=LONGEST_NAME)])
    name_en = StringField(_l("英文名称"), validators=[needed, Length(max=LONGEST_NAME)])
    counts_zh = TextAreaField(_l("怎样才算（中文）"), validators=[needed, Length(max=LONGEST_TEXT)])
    counts_en = TextAreaField(_l("怎样才算（英文）"), validators=[needed, Length(max=LONGEST_TEXT)])
    not_counts_zh = TextAreaField(_l("怎样不算（中文）"), validators=[Length(max=LONGEST_TEXT)])
    not_counts_en = TextAreaField(_l("怎样不算（英文）"), validators=[Length(max=LONGEST_TEXT)])
    baseline_zh = TextAreaField(_l("和什么比（中文）"), validators=[Length(max=LONGEST_TEXT)])
    baseline_en = TextAreaField(_l("和什么比（英文）"), validators=[Length(max=LONGEST_TEXT)])
    not_with_zh = TextAreaField(_l("不能同时算（中文）"), validators=[Length(max=LONGEST_TEXT)])
    not_with_en = TextAreaField(_l("不能同时算（英文）"), validators=[Length(max=LONGEST_TEXT)])

    def texts(self) -> dict[str, dict[str, str]]:
        """Return the texts by language and part."""
        return {
            language: {part: text_of(self[f"{part}_{language}"]) for part in TEXT_PARTS}
            for language in _LANGUAGES
        }

    def fill_texts(self, behavior: Behavior) -> None:
        """Show the texts of a behaviour."""
        for language in _LANGUAGES:
            texts: dict[str, str] = behavior.texts[language]  # type: ignore[assignment]
            for part in TEXT_PARTS:
                self[f"{part}_{language}"].data = texts.get(part, "")


class NewBehaviorForm(TextsForm):
    """A kind of act that the library does not have."""

    code = StringField(_l("代码"), validators=[needed, Length(max=40)])
    family = SelectField(_l("类别"), choices=lambda: offered(labels.FAMILIES))
    category = SelectField(
        _l("衣食住行分类"), choices=[SelectChoice(item, item) for item in CATEGORIES], default="行"
    )


class BehaviorForm(TextsForm):
    """What surrounds a behaviour's rule."""

    enabled = BooleanField(_l("启用：接收记录并发积分"))
    self_report = BooleanField(_l("居民可以自己记一笔"))
    habit_ends_on = DayField(_l("习惯积分发到哪天（含）"), validators=[Optional()])
    reason = TextAreaField(_l("理由"), validators=[needed, Length(max=500)])


class PreviewForm(FlaskForm):
    """Which drafts to try, and on which part of the history."""

    drafts = SelectMultipleField(
        _l("要试算的版本"),
        coerce=int,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        validators=[InputRequired(_l("至少选一个版本。"))],
    )
    period = SelectField(
        _l("用哪段历史"),
        choices=[
            SelectChoice("30", _l("最近 30 天")),
            SelectChoice("90", _l("最近 90 天")),
            SelectChoice("365", _l("最近一年")),
            SelectChoice("all", _l("全部")),
            SelectChoice("days", _l("自己选日期")),
        ],
        default="90",
    )
    first_day = DayField(_l("第一天"))
    last_day = DayField(_l("最后一天"))

    def validate_last_day(self, field: DayField) -> None:
        """Two days in their order are needed when the period is chosen by hand."""
        if self.period.data != "days":
            return
        if self.first_day.data is None or field.data is None:
            raise ValidationError(_("请填写第一天和最后一天。"))
        if field.data < self.first_day.data:
            raise ValidationError(_("最后一天不能早于第一天。"))


class RescoreForm(ReasonForm):
    """Which past days to score again, and with which version of the rule."""

    version = SelectField(
        _l("按哪个版本重算"), coerce=int, validators=[InputRequired(_l("请选择一个版本。"))]
    )
    first_day = DayField(_l("第一天"), validators=[InputRequired(_BAD_DAY)])
    last_day = DayField(_l("最后一天"), validators=[InputRequired(_BAD_DAY)])

    def validate_last_day(self, field: DayField) -> None:
        """The days are in their order."""
        first = self.first_day.data
        if first is not None and field.data is not None and field.data < first:
            raise ValidationError(_("最后一天不能早于第一天。"))


class FactorForm(FlaskForm):
    """A version of an emission factor; the unit stays that of the versions before."""

    name_zh = StringField(_l("中文名称"), validators=[needed, Length(max=120)])
    name_en = StringField(_l("英文名称"), validators=[needed, Length(max=160)])
    value = StringField(_l("数值"), validators=[needed, is_decimal])
    gas = StringField(_l("气体"), validators=[needed, Length(max=16)], default="CO2")
    valid_from = DayField(_l("从哪天起"), validators=[Optional()])
    data_year = StringField(_l("数据年份"), validators=[is_whole])
    grade = SelectField(_l("可信度"), choices=lambda: offered(labels.GRADES))
    source_zh = TextAreaField(_l("来源（中文）"), validators=[Optional(), Length(max=2000)])
    source = TextAreaField(_l("来源（英文）"), validators=[Optional(), Length(max=2000)])


class NewFactorForm(FactorForm):
    """The first version of a factor that the library does not have."""

    code = StringField(_l("代码"), validators=[needed, Length(max=64)])
    unit = StringField(_l("单位"), validators=[needed, Length(max=32)])


class HolidaysForm(FlaskForm):
    """The days of a year that are not what their weekday says, and the notice that says so."""

    days = TextAreaField(_l("节假日和调休"), validators=[needed, Length(max=8000)])
    source = StringField(_l("来源（通知名称、文号、日期）"), validators=[needed, Length(max=300)])


class PolicyForm(FlaskForm):
    """What credits are worth to the budget, and how long they last."""

    valid_from = DayField(_l("从哪天起"), validators=[InputRequired(_BAD_DAY)])
    yuan_per_thousand = StringField(_l("每 1000 积分值多少元"), validators=[needed, is_decimal])
    valid_years = StringField(_l("有效到发放后第几年年底"), validators=[needed, is_whole])
    yearly_budget_yuan = StringField(_l("每年兑换预算（元）"), validators=[needed, is_decimal])


class IndicatorForm(FlaskForm):
    """A value of a plan's indicator that the city reported, and where."""

    year = StringField(_l("哪一年的数值"), validators=[needed, is_whole])
    value = StringField(_l("数值"), validators=[needed])
    source = StringField(_l("公布在哪里"), validators=[needed, Length(max=LONGEST_SOURCE)])
