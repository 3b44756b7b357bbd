"""The panel's forms of giving, trees and certificates; the limits are the services'."""

from collections.abc import Sequence
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from admin.drafting.forms import is_decimal, is_whole, needed, offered, read_decimal, text_of
from admin.life.forms import DayField
from carbonaccount.web.templating import language
from rewards import giving_labels
from rewards.beneficiaries import LANGUAGES, TEXT_PARTS, BeneficiaryContent
from rewards.giving_models import Beneficiary, TreePlot
from rewards.models import Reward
from rewards.plots import PaperContent, PlotContent

MICRO = 1_000_000
_BAD_DAY = _l("请填写日期，例如 2026-12-01。")


def _number(field: StringField) -> int | None:
    text = text_of(field)
    return int(text) if text else None


class BeneficiaryForm(FlaskForm):
    """Who can be given something, in both languages."""

    kind = SelectField(_l("种类"), choices=lambda: offered(giving_labels.KINDS))
    takes = SelectField(_l("收什么"), choices=lambda: offered(giving_labels.TAKES))
    title_zh = StringField(_l("中文名称"), validators=[needed, Length(max=TEXT_PARTS["title"])])
    title_en = StringField(_l("英文名称"), validators=[needed, Length(max=TEXT_PARTS["title"])])
    text_zh = TextAreaField(_l("介绍（中文）"), validators=[needed, Length(max=TEXT_PARTS["text"])])
    text_en = TextAreaField(_l("介绍（英文）"), validators=[needed, Length(max=TEXT_PARTS["text"])])
    use_zh = TextAreaField(
        _l("捐赠用在哪里（中文）"), validators=[needed, Length(max=TEXT_PARTS["use"])]
    )
    use_en = TextAreaField(
        _l("捐赠用在哪里（英文）"), validators=[needed, Length(max=TEXT_PARTS["use"])]
    )
    open_from = DayField(_l("从哪天起接受捐赠"), validators=[InputRequired(_BAD_DAY)])
    open_until = DayField(_l("接受到哪天（含）"), validators=[InputRequired(_BAD_DAY)])
    goal_credits = StringField(_l("积分目标"), validators=[is_whole])
    goal_g = StringField(_l("减排量目标（克）"), validators=[is_whole])
    institution = StringField(_l("入驻单位的编号"), validators=[Length(max=24)])

    def content(self) -> BeneficiaryContent:
        """Return what was typed."""
        return BeneficiaryContent(
            kind=self.kind.data,
            takes=self.takes.data,
            texts={
                code: {part: text_of(self[f"{part}_{code}"]) for part in TEXT_PARTS}
                for code in LANGUAGES
            },
            open_from=self.open_from.data,
            open_until=self.open_until.data,
            goal_credits=_number(self.goal_credits),
            goal_g=_number(self.goal_g),
            institution=text_of(self.institution),
        )

    def fill(self, row: Beneficiary, institution: str) -> None:
        """Show a draft; `institution` is the number of the one it stands for, "" for none."""
        self.institution.data = institution
        for name in ("kind", "takes", "open_from", "open_until"):
            self[name].data = getattr(row, name)
        for name in ("goal_credits", "goal_g"):
            goal = getattr(row, name)
            self[name].data = "" if goal is None else str(goal)
        for code in LANGUAGES:
            for part in TEXT_PARTS:
                self[f"{part}_{code}"].data = row.texts[code][part]


class UseForm(FlaskForm):
    """What pledged grams are used for, and how many are needed."""

    purpose = TextAreaField(_l("用于什么"), validators=[needed, Length(max=500)])
    grams = StringField(_l("需要多少克"), validators=[is_whole])

    def grams_at_most(self) -> int | None:
        """Return how many grams are needed, None for all that are pledged."""
        return _number(self.grams)


class PlotForm(FlaskForm):
    """What was planted where."""

    name_zh = StringField(_l("中文名称"), validators=[needed, Length(max=80)])
    name_en = StringField(_l("英文名称"), validators=[needed, Length(max=120)])
    place = StringField(_l("地点"), validators=[needed, Length(max=200)])
    latitude = StringField(_l("纬度（度，WGS 84）"), validators=[is_decimal])
    longitude = StringField(_l("经度（度，WGS 84）"), validators=[is_decimal])
    species_zh = StringField(_l("树种"), validators=[needed, Length(max=40)])
    species_latin = StringField(_l("树种的拉丁名"), validators=[Length(max=80)])
    planted_on = DayField(_l("种植日期"), validators=[InputRequired(_BAD_DAY)])
    planted = StringField(_l("种了多少棵"), validators=[needed, is_whole])
    refund_rule = SelectField(
        _l("树死了怎么办"), choices=lambda: offered(giving_labels.REFUND_RULES)
    )
    reward_id = SelectField(_l("由哪个兑换项目认养"))

    def offer(self, rewards: Sequence[Reward]) -> None:
        """Fill in the rewards of the class tree."""
        self.reward_id.choices = [
            SelectChoice("", _l("暂时没有")),
            *(SelectChoice(str(row.id), row.texts[language()]["title"]) for row in rewards),
        ]

    def content(self) -> PlotContent:
        """Return what was typed."""
        return PlotContent(
            name_zh=text_of(self.name_zh),
            name_en=text_of(self.name_en),
            place=text_of(self.place),
            latitude_micro=_micro(self.latitude),
            longitude_micro=_micro(self.longitude),
            species_zh=text_of(self.species_zh),
            species_latin=text_of(self.species_latin),
            planted_on=self.planted_on.data,
            planted=int(text_of(self.planted)),
            refund_rule=self.refund_rule.data,
            reward_id=int(self.reward_id.data) if self.reward_id.data else None,
        )

    def fill(self, plot: TreePlot) -> None:
        """Show a plot."""
        for name in ("name_zh", "name_en", "place", "species_zh", "species_latin", "planted_on"):
            self[name].data = getattr(plot, name)
        self.planted.data = str(plot.planted)
        self.refund_rule.data = plot.refund_rule
        self.reward_id.data = "" if plot.reward_id is None else str(plot.reward_id)
        for name in ("latitude", "longitude"):
            micro = getattr(plot, f"{name}_micro")
            self[name].data = "" if micro is None else str(Decimal(micro) / MICRO)


def _micro(field: StringField) -> int | None:
    """Return degrees as millionths of a degree; more decimals than six are dropped."""
    degrees = read_decimal(text_of(field))
    return None if degrees is None else int(degrees * MICRO)


class PaperForm(FlaskForm):
    """A photo or report of a plot."""

    kind = SelectField(_l("种类"), choices=lambda: offered(giving_labels.PAPERS))
    file = FileField(_l("文件"))
    made_on = DayField(_l("拍摄或出具日期"), validators=[InputRequired(_BAD_DAY)])
    living = StringField(_l("成活棵数（报告必填）"), validators=[is_whole])
    note = StringField(_l("说明（可以不填）"), validators=[Length(max=500)])

    def content(self, limit: int) -> PaperContent:
        """Return what was sent; at most one byte more than `limit` of the file is read."""
        return PaperContent(
            kind=self.kind.data,
            data=self.file.data.read(limit + 1) if self.file.data else b"",
            made_on=self.made_on.data,
            living=_number(self.living),
            note=text_of(self.note),
        )

    def validate_file(self, field: FileField) -> None:
        """Refuse a form without a file."""
        if not field.data:
            raise ValidationError(_l("请选择文件。"))


class NumbersForm(FlaskForm):
    """Numbers of trees, with commas or blanks between."""

    numbers = StringField(_l("树的编号"), validators=[needed, Length(max=2000)])

    def chosen(self) -> list[int]:
        """Return the numbers that were typed."""
        text = text_of(self.numbers).replace("，", ",").replace("、", ",").replace(" ", ",")
        return [int(part) for part in text.split(",") if part]

    def validate_numbers(self, field: StringField) -> None:
        """Refuse anything but numbers."""
        text = text_of(field).replace("，", ",").replace("、", ",").replace(" ", ",")
        parts = [part for part in text.split(",") if part]
        if not parts or not all(p.isascii() and p.isdigit() and len(p) <= 7 for p in parts):
            raise ValidationError(_l("请填写编号，用逗号分开，例如 3, 17。"))


class DeadForm(NumbersForm):
    """Which adopted trees have died, and when."""

    died_on = DayField(_l("死亡日期"), validators=[InputRequired(_BAD_DAY)])


class GoodForm(NumbersForm):
    """For which dead trees the promise is kept, and why it may be."""

    reason = TextAreaField(_l("理由"), validators=[needed, Length(max=500)])
