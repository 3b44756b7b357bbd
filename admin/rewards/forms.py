"""The panel's forms of rewards; limits that hold everywhere are the services'."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from admin.drafting.forms import is_decimal, is_whole, needed, offered, read_decimal, text_of
from admin.life.forms import DayField, ReasonForm
from carbonaccount.accounts.models import District
from carbonaccount.web.templating import language
from rewards import labels
from rewards.fund_models import FundProgramme, Sponsor
from rewards.merchant_models import Merchant
from rewards.models import LimitPeriod, Reward
from rewards.reward_content import LANGUAGES, TEXT_LIMITS, RewardContent

FEN_IN_YUAN = 100
_BAD_DAY = _l("请填写日期，例如 2026-12-01。")
_WHOLE = ("price_credits", "stock_per_day", "limit_per_person", "coupon_days", "minimum_age")
_CHOSEN = ("reward_class", "limit_period", "allotment", "refund_when_expired")


class BoxesField(SelectMultipleField):
    """Several of a list, each with a box of its own."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class RewardForm(FlaskForm):
    """What the drafter of a reward decides, in both languages, with its picture."""

    title_zh = StringField(_l("中文名称"), validators=[needed, Length(max=TEXT_LIMITS["title"])])
    title_en = StringField(_l("英文名称"), validators=[needed, Length(max=TEXT_LIMITS["title"])])
    text_zh = TextAreaField(
        _l("介绍（中文）"), validators=[needed, Length(max=TEXT_LIMITS["text"])]
    )
    text_en = TextAreaField(
        _l("介绍（英文）"), validators=[needed, Length(max=TEXT_LIMITS["text"])]
    )
    terms_zh = TextAreaField(_l("使用须知（中文）"), validators=[Length(max=TEXT_LIMITS["terms"])])
    terms_en = TextAreaField(_l("使用须知（英文）"), validators=[Length(max=TEXT_LIMITS["terms"])])
    picture = FileField(_l("图片"))
    reward_class = SelectField(_l("类别"), choices=lambda: offered(labels.CLASS_NAMES))
    price_credits = StringField(_l("价格（积分）"), validators=[needed, is_whole])
    value_yuan = StringField(_l("每份的成本（元）"), validators=[needed, is_decimal])
    programme_id = SelectField(
        _l("由哪个资金项目支付"),
        coerce=int,
        validators=[InputRequired(_l("请选择资金项目。"))],
    )
    stock_per_day = StringField(_l("每天最多几份"), validators=[is_whole])
    limit_per_person = StringField(_l("每人最多几份"), validators=[is_whole])
    limit_period = SelectField(
        _l("在多长时间里"), choices=lambda: offered(labels.PERIODS), default=LimitPeriod.EVER
    )
    offered_from = DayField(_l("从哪天起可兑"), validators=[InputRequired(_BAD_DAY)])
    offered_until = DayField(_l("可兑到哪天（含）"), validators=[InputRequired(_BAD_DAY)])
    coupon_days = StringField(_l("券的有效天数"), validators=[needed, is_whole], default="30")
    refund_when_expired = BooleanField(_l("过期未用时退回积分"), default=True)
    minimum_age = StringField(_l("最低年龄"), validators=[is_whole])
    allotment = SelectField(_l("怎样发放"), choices=lambda: offered(labels.ALLOTMENTS))
    districts = BoxesField(_l("限哪些区县"))
    merchant_ids = BoxesField(_l("在哪些商户使用"), coerce=int)

    def offer(
        self,
        *,
        programmes: Sequence[tuple[FundProgramme, Sponsor]],
        districts: Sequence[District],
        merchants: Sequence[Merchant],
    ) -> None:
        """Fill in what can be chosen."""
        self.programme_id.choices = [
            SelectChoice(programme.id, f"{_named(sponsor)} · {_named(programme)}")
            for programme, sponsor in programmes
        ]
        self.districts.choices = [SelectChoice(row.code, _named(row)) for row in districts]
        self.merchant_ids.choices = [SelectChoice(row.id, _named(row)) for row in merchants]

    def validate_value_yuan(self, field: StringField) -> None:
        """Yuan have two decimals."""
        yuan = read_decimal(text_of(field))
        if yuan is not None and yuan * FEN_IN_YUAN % 1:
            raise ValidationError(_("最多 %(count)s 位小数。", count=2))

    def content(self) -> RewardContent:
        """Return what was typed; call it only after the form was found fine."""
        numbers = {name: _whole(self[name]) for name in _WHOLE}
        numbers["minimum_age"] = numbers["minimum_age"] or 0
        chosen: dict[str, Any] = {name: self[name].data for name in _CHOSEN}
        return RewardContent(
            texts={
                code: {part: text_of(self[f"{part}_{code}"]) for part in TEXT_LIMITS}
                for code in LANGUAGES
            },
            value_fen=int(Decimal(text_of(self.value_yuan)) * FEN_IN_YUAN),
            programme_id=self.programme_id.data,
            offered_from=_day(self.offered_from),
            offered_until=_day(self.offered_until),
            districts=tuple(self.districts.data or ()),
            merchant_ids=tuple(self.merchant_ids.data or ()),
            **chosen,
            **numbers,  # type: ignore[arg-type]
        )

    def fill(self, reward: Reward, merchant_ids: Sequence[int]) -> None:
        """Show a reward as it stands."""
        for code in LANGUAGES:
            for part in TEXT_LIMITS:
                self[f"{part}_{code}"].data = reward.texts[code].get(part, "")
        for name in (*_CHOSEN, "programme_id", "offered_from", "offered_until", "districts"):
            self[name].data = getattr(reward, name)
        for name in _WHOLE:
            number = getattr(reward, name)
            self[name].data = "" if number is None else str(number)
        self.value_yuan.data = f"{Decimal(reward.value_fen) / FEN_IN_YUAN:.2f}"
        self.merchant_ids.data = list(merchant_ids)


def _named(row: District | FundProgramme | Sponsor | Merchant) -> str:
    return row.name_en if row.name_en and language() == "en" else row.name_zh


def _whole(field: StringField) -> int | None:
    text = text_of(field)
    return int(text) if text else None


def _day(field: DayField) -> date:
    assert field.data is not None, "the form was found fine"
    return field.data


class PriceForm(ReasonForm):
    """What a reward is to cost, and why."""

    price_credits = StringField(_l("新价格（积分）"), validators=[needed, is_whole])


class StockForm(ReasonForm):
    """How many are added or taken off, and why."""

    change = StringField(_l("增加或减少几份"), validators=[needed])

    def validate_change(self, field: StringField) -> None:
        """A whole number, with a sign or without."""
        digits = text_of(field).replace("−", "-").removeprefix("+").removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
            raise ValidationError(_("请填写整数，减少时前面加负号，例如 100 或 -3。"))

    def number(self) -> int:
        """Return the change; call it only after the form was found fine."""
        return int(text_of(self.change).replace("−", "-"))
