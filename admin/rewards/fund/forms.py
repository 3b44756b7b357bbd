"""The panel's forms of the fund, of draws and of queues; limits are the services'."""

from datetime import datetime
from decimal import Decimal

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, ValidationError

from admin.drafting.forms import is_decimal, is_whole, needed, read_decimal, text_of
from carbonaccount.clock import CITY_ZONE
from rewards.fund_models import FundProgramme
from rewards.fund_services import LONGEST_NAME_EN, LONGEST_NAME_ZH, PaceRule

FEN_IN_YUAN = 100


class SponsorForm(FlaskForm):
    """Who pays."""

    name_zh = StringField(_l("中文名称"), validators=[needed, Length(max=LONGEST_NAME_ZH)])
    name_en = StringField(_l("英文名称"), validators=[Length(max=LONGEST_NAME_EN)])


class FundRuleForm(FlaskForm):
    """The public rule of a programme."""

    warn_pct = StringField(
        _l("预警线（剩余百分之几）"), validators=[needed, is_whole], default="30"
    )
    slow_pct = StringField(
        _l("放缓线（剩余百分之几）"), validators=[needed, is_whole], default="15"
    )
    slow_coupons_per_day = StringField(
        _l("放缓后每天最多几张券"), validators=[needed, is_whole], default="20"
    )
    pause_pct = StringField(
        _l("暂停线（剩余百分之几）"), validators=[needed, is_whole], default="2"
    )

    def rule(self) -> PaceRule:
        """Return the rule of a form that is valid."""
        return PaceRule(
            *(
                int(text_of(field))
                for field in (
                    self.warn_pct,
                    self.slow_pct,
                    self.pause_pct,
                    self.slow_coupons_per_day,
                )
            )
        )

    def show(self, programme: FundProgramme) -> None:
        """Fill in the rule that holds."""
        for name in PaceRule._fields:
            self[name].data = str(getattr(programme, name))


class ProgrammeForm(FundRuleForm):
    """A new programme of a sponsor."""

    sponsor_id = SelectField(
        _l("出资方"), coerce=int, validators=[InputRequired(_l("请选择出资方。"))]
    )
    name_zh = StringField(_l("中文名称"), validators=[needed, Length(max=LONGEST_NAME_ZH)])
    name_en = StringField(_l("英文名称"), validators=[Length(max=LONGEST_NAME_EN)])


class BudgetForm(FlaskForm):
    """A change of a year's budget: in yuan, less with a minus."""

    year = StringField(_l("年度"), validators=[needed, is_whole])
    change = StringField(_l("金额（元）"), validators=[needed, is_decimal])
    reason = TextAreaField(_l("理由"), validators=[needed, Length(max=500)])

    def validate_change(self, field: StringField) -> None:
        """Refuse parts of a fen."""
        amount = read_decimal(text_of(field))
        if amount is not None and amount * FEN_IN_YUAN % 1:
            raise ValidationError(_("最多 %(count)s 位小数。", count=2))

    def change_fen(self) -> int:
        """Return the change of a form that is valid."""
        return int(Decimal(text_of(self.change)) * FEN_IN_YUAN)


class DrawForm(FlaskForm):
    """A draw of a reward."""

    reward_id = SelectField(
        _l("兑换项目"), coerce=int, validators=[InputRequired(_l("请选择兑换项目。"))]
    )
    winners_wanted = StringField(_l("名额"), validators=[needed, is_whole])
    closes_at = StringField(_l("报名截止（北京时间）"), validators=[needed])

    def validate_closes_at(self, field: StringField) -> None:
        """Refuse what is no day and time."""
        try:
            datetime.fromisoformat(text_of(field))
        except ValueError:
            raise ValidationError(_("请填写日期和时间，例如 2026-12-01T18:00。")) from None

    def moment(self) -> datetime:
        """Return when it closes, of a form that is valid; without a zone it is the city's time."""
        found = datetime.fromisoformat(text_of(self.closes_at))
        return found if found.tzinfo else found.replace(tzinfo=CITY_ZONE)
