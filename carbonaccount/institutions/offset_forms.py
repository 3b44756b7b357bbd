"""The forms of offsets and statements: the shape of what people send; limits are the services'."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, Field, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from carbonaccount.certified import SourceName
from carbonaccount.institutions import offset_labels
from carbonaccount.institutions.afforestation import MOST_M2, MOST_TREES
from carbonaccount.institutions.credits import COUNTED_FROM, MOST_BOUGHT, Bought
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.neutrality import (
    FIRST_YEAR,
    LARGEST_EFFECT_G,
    LAST_YEAR,
    MeasureContent,
)
from carbonaccount.institutions.neutrality_models import NeutralityPlan, PlanMeasure
from carbonaccount.institutions.offset_rules import REGISTRIES
from carbonaccount.institutions.seen import seen_at
from carbonaccount.typed import half_width
from carbonaccount.web.templating import language, whole_text

_BAD_DAY = _l("请填写日期，例如 2026-12-01。")
_WHOLE = re.compile(r"[0-9]{1,12}", re.ASCII)
_THREE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?", re.ASCII)
_FOUR = re.compile(r"[0-9]{1,6}(\.[0-9]{1,4})?", re.ASCII)
_ONE = re.compile(r"[0-9]{1,3}(\.[0-9])?", re.ASCII)
_LONGEST = 10**12 - 1
_DECIMAL = {"inputmode": "decimal", "autocomplete": "off"}
_NUMERIC = {"inputmode": "numeric", "autocomplete": "off"}
_DAY = {"type": "date"}


def _text(field: Field) -> str:
    return re.sub(r"[\s,]", "", half_width(field.data or ""))


def day_in(field: Field) -> date | None:
    """Return the day that was typed as 2026-12-01, None for anything else."""
    try:
        return date.fromisoformat((field.data or "").strip())
    except ValueError:
        return None


def scaled(field: Field, pattern: re.Pattern[str], factor: int) -> int | None:
    """Return a decimal that was typed, times a power of ten, as a whole number; None if unread."""
    text = _text(field)
    return int(Decimal(text) * factor) if pattern.fullmatch(text) else None


def within(pattern: re.Pattern[str], least: str, most: int, decimals: int = 0) -> object:
    """Return a check that a number lies between two limits; its message names them."""
    limits = {"least": least, "most": whole_text(most)}

    def check(_form: FlaskForm, field: Field) -> None:
        text = _text(field)
        if not text or (pattern.fullmatch(text) and Decimal(least) <= Decimal(text) <= most):
            return
        if not decimals:
            raise ValidationError(_l("请填写 %(least)s 到 %(most)s 之间的整数。", **limits))
        raise ValidationError(
            _l(
                "请填写 %(least)s 到 %(most)s 之间的数，最多 %(decimals)s 位小数。",
                decimals=decimals,
                **limits,
            )
        )

    return check


def _is_year(_form: FlaskForm, field: Field) -> None:
    if not FIRST_YEAR <= (scaled(field, _WHOLE, 1) or 0) <= LAST_YEAR:
        raise ValidationError(
            _l("请填写 %(first)s 到 %(last)s 之间的年份。", first=FIRST_YEAR, last=LAST_YEAR)
        )


def _is_day(_form: FlaskForm, field: Field) -> None:
    if day_in(field) is None:
        raise ValidationError(_BAD_DAY)


_needed = InputRequired(_l("请填写。"))
_effect = within(_THREE, "0", LARGEST_EFFECT_G // 1000, 3)
_kilograms_typed = within(_THREE, "0", _LONGEST, 3)


def sent_file(field: FileField) -> bytes:
    """Return the bytes of a file that was sent, none when there is none."""
    sent = field.data
    return sent.read() if isinstance(sent, FileStorage) else b""


class PaperForm(FlaskForm):  # type: ignore[misc]
    """A form with a file that proves what it says."""

    file = FileField(
        _l("证明文件（PDF、JPEG 或 PNG，最大 12 MiB）"),
        render_kw={"accept": "application/pdf,image/jpeg,image/png"},
    )


class BoughtForm(PaperForm):
    """Numbers that were bought."""

    most = MOST_BOUGHT
    registry = SelectField(_l("登记系统"), validators=[InputRequired(_l("请选择登记系统。"))])
    serial_first = StringField(
        _l("首个编号"), validators=[_needed, Length(max=80)], render_kw={"autocomplete": "off"}
    )
    serial_last = StringField(
        _l("末个编号"), validators=[_needed, Length(max=80)], render_kw={"autocomplete": "off"}
    )
    count = StringField(
        _l("编号个数（超过 %(limit)s 个时必填）", limit=whole_text(COUNTED_FROM)),
        validators=[within(_WHOLE, "1", MOST_BOUGHT)],
        render_kw=_NUMERIC,
    )
    produced_on = StringField(_l("电量生产或减排发生的日期"), validators=[_is_day], render_kw=_DAY)
    title = StringField(_l("说明（可以不填）"), validators=[Length(max=120)])

    def offer(self) -> None:
        """Fill in the registries."""
        self.registry.choices = [
            SelectChoice("", _l("请选择")),
            *(
                SelectChoice(
                    code,
                    f"{offset_labels.KINDS[item.kind]} · {offset_labels.registry_name(code)}",
                )
                for code, item in REGISTRIES.items()
            ),
        ]

    def bought(self) -> Bought:
        """Return what was typed."""
        return Bought(
            registry=self.registry.data,
            serial_first=self.serial_first.data or "",
            serial_last=self.serial_last.data or "",
            produced_on=day_in(self.produced_on),
            title=self.title.data or "",
            count=scaled(self.count, _WHOLE, 1),
        )


class PlantedForm(PaperForm):
    """What was planted."""

    species = StringField(_l("树种"), validators=[_needed, Length(max=80)])
    place = StringField(_l("地点"), validators=[_needed, Length(max=200)])
    area = StringField(
        _l("面积"),
        validators=[_needed, within(_FOUR, "0.0001", MOST_M2 // 10_000, 4)],
        render_kw=_DECIMAL,
    )
    trees = StringField(
        _l("棵数"), validators=[_needed, within(_WHOLE, "1", MOST_TREES)], render_kw=_NUMERIC
    )
    planted_on = StringField(_l("种植日期"), validators=[_is_day], render_kw=_DAY)

    @property
    def area_m2(self) -> int:
        """Return the area in square metres."""
        return scaled(self.area, _FOUR, 10_000) or 0

    @property
    def tree_count(self) -> int:
        """Return how many trees."""
        return scaled(self.trees, _WHOLE, 1) or 0


class CheckForm(PaperForm):
    """A survival check."""

    checked_on = StringField(_l("核查日期"), validators=[_is_day], render_kw=_DAY)
    living = StringField(
        _l("存活棵数"), validators=[_needed, within(_WHOLE, "0", MOST_TREES)], render_kw=_NUMERIC
    )

    @property
    def living_count(self) -> int:
        """Return how many were alive; -1 when unread, which no check has."""
        found = scaled(self.living, _WHOLE, 1)
        return -1 if found is None else found


def _sources(sources: Sequence[SourceName]) -> list[SelectChoice]:
    return [
        SelectChoice("", _l("请选择")),
        *(
            SelectChoice(str(item.source_id), item.name_en if language() == "en" else item.name_zh)
            for item in sources
        ),
    ]


class ShareForm(FlaskForm):  # type: ignore[misc]
    """A share that a person gives to an institution."""

    institution = SelectField(_l("单位"), validators=[InputRequired(_l("请选择单位。"))])
    source = SelectField(_l("数据来源"), validators=[InputRequired(_l("请选择数据来源。"))])
    role = SelectField(_l("用途"), choices=[SelectChoice(*i) for i in offset_labels.ROLES.items()])
    percent = StringField(
        _l("归单位的份额"), validators=[_needed, within(_ONE, "0.1", 100, 1)], render_kw=_DECIMAL
    )
    agree = BooleanField(
        _l("我已阅读上面的说明，同意从明天起按这个份额把已核证的减排量归给该单位"),
        validators=[InputRequired(_l("请先阅读说明并勾选同意。"))],
    )

    def offer(self, places: Sequence[Institution], sources: Sequence[SourceName]) -> None:
        """Fill in what can be chosen."""
        english = language() == "en"
        self.institution.choices = [
            SelectChoice("", _l("请选择")),
            *(
                SelectChoice(row.public_id, (row.name_en if english else "") or row.name_zh)
                for row in places
            ),
        ]
        self.source.choices = _sources(sources)

    @property
    def permille(self) -> int:
        """Return the share in thousandths, 0 when unread."""
        return scaled(self.percent, _ONE, 10) or 0


class FleetForm(FlaskForm):  # type: ignore[misc]
    """A source that reports for the institution's own account."""

    source = SelectField(_l("数据来源"), validators=[InputRequired(_l("请选择数据来源。"))])

    def offer(self, sources: Sequence[SourceName]) -> None:
        """Fill in the sources."""
        self.source.choices = _sources(sources)


class ShareLotForm(FlaskForm):  # type: ignore[misc]
    """A period of which a lot is made."""

    first = StringField(_l("从哪天"), validators=[_is_day], render_kw=_DAY)
    last = StringField(_l("到哪天（含）"), validators=[_is_day], render_kw=_DAY)
    title = StringField(_l("说明（可以不填）"), validators=[Length(max=120)])


class PlanForm(FlaskForm):  # type: ignore[misc]
    """The plan."""

    seen = HiddenField()
    base_year = StringField(_l("基准年"), validators=[_needed, _is_year], render_kw=_NUMERIC)
    target_year = StringField(_l("目标年"), validators=[_needed, _is_year], render_kw=_NUMERIC)
    reduce = StringField(
        _l("到目标年自身减排多少"),
        validators=[_needed, within(_ONE, "0", 100, 1)],
        render_kw=_DECIMAL,
    )
    aim = TextAreaField(_l("目标和路径"), validators=[Length(max=1000)], render_kw={"rows": 3})

    def fill(self, plan: NeutralityPlan | None) -> None:
        """Show the plan there is."""
        if plan is not None:
            self.seen.data = seen_at(plan.changed_at)
            self.base_year.data = str(plan.base_year)
            self.target_year.data = str(plan.target_year)
            self.reduce.data = offset_labels.percent(plan.reduce_permille).rstrip("%")
            self.aim.data = plan.aim

    def needs(self) -> dict[str, object]:
        """Return what was typed; years and shares that cannot be read are out of range."""
        share = scaled(self.reduce, _ONE, 10)
        return {
            "base_year": scaled(self.base_year, _WHOLE, 1) or 0,
            "target_year": scaled(self.target_year, _WHOLE, 1) or 0,
            "reduce_permille": -1 if share is None else share,
            "aim": self.aim.data or "",
            "seen": self.seen.data,
        }


class MeasureForm(FlaskForm):  # type: ignore[misc]
    """A measure of a year."""

    seen = HiddenField()
    year = StringField(_l("年份"), validators=[_needed, _is_year], render_kw=_NUMERIC)
    area = SelectField(_l("类别"), choices=[SelectChoice(*i) for i in offset_labels.AREAS.items()])
    title = StringField(_l("措施"), validators=[_needed, Length(max=120)])
    expected = StringField(_l("预计减排"), validators=[_needed, _effect], render_kw=_DECIMAL)
    achieved = StringField(
        _l("实际减排（还不知道可以不填）"), validators=[_effect], render_kw=_DECIMAL
    )
    basis = TextAreaField(
        _l("实际减排怎样得出"), validators=[Length(max=500)], render_kw={"rows": 2}
    )

    def fill(self, row: PlanMeasure) -> None:
        """Show a measure."""
        self.seen.data = seen_at(row.changed_at)
        self.year.data, self.area.data, self.title.data = str(row.year), row.area, row.title
        self.expected.data = _kilograms(row.expected_g)
        self.achieved.data = "" if row.achieved_g is None else _kilograms(row.achieved_g)
        self.basis.data = row.basis

    def content(self) -> MeasureContent:
        """Return what was typed."""
        return MeasureContent(
            year=scaled(self.year, _WHOLE, 1) or 0,
            area=self.area.data,
            title=self.title.data or "",
            expected_g=scaled(self.expected, _THREE, 1000) or 0,
            achieved_g=scaled(self.achieved, _THREE, 1000),
            basis=self.basis.data or "",
        )


def _kilograms(grams: int) -> str:
    return f"{Decimal(grams) / 1000:.3f}".rstrip("0").rstrip(".")


class PickForm(FlaskForm):  # type: ignore[misc]
    """How much to pick: empty is as much as is needed."""

    certificates = StringField(
        _l("最多用多少张绿证"),
        validators=[within(_WHOLE, "0", _LONGEST)],
        render_kw=_NUMERIC,
    )
    offset = StringField(_l("最多抵消多少"), validators=[_kilograms_typed], render_kw=_DECIMAL)

    def needs(self) -> dict[str, int | None]:
        """Return the two amounts, None for enough."""
        return {
            "certificates": scaled(self.certificates, _WHOLE, 1),
            "offset_g": scaled(self.offset, _THREE, 1000),
        }


class WordsForm(FlaskForm):  # type: ignore[misc]
    """The words of a statement."""

    note = TextAreaField(_l("说明"), validators=[Length(max=2000)], render_kw={"rows": 3})
    uncertainty = TextAreaField(
        _l("不确定度的说明（可以不填）"),
        validators=[Length(max=1000)],
        render_kw={"rows": 2},
    )


class ReasonForm(FlaskForm):  # type: ignore[misc]
    """Why."""

    reason = TextAreaField(_l("理由"), validators=[_needed, Length(max=500)], render_kw={"rows": 2})


class GapForm(FlaskForm):  # type: ignore[misc]
    """Why something that is missing in a year is as it should be; `gap` is its key."""

    gap = StringField(validators=[_needed, Length(max=200)])
    reason = TextAreaField(_l("说明"), validators=[Length(max=500)], render_kw={"rows": 2})
    is_sworn = BooleanField(_l("以上属实，同意印在声明上公开"))


class PrintedForm(FlaskForm):  # type: ignore[misc]
    """What is printed on a statement. Sent with GET, so that a QR code can fill it in."""

    class Meta:
        """Nothing is changed by checking."""

        csrf = False

    number = StringField(_l("声明编号"), validators=[Length(max=40)])
    total = StringField(_l("排放总量（千克）"), validators=[Length(max=24), _kilograms_typed])
    offset = StringField(_l("抵消总量（千克）"), validators=[Length(max=24), _kilograms_typed])
    date = StringField(_l("发布日期"), validators=[Length(max=10)])

    def grams(self, name: str) -> int | None:
        """Return an amount in grams, None when it was not given or cannot be read."""
        return scaled(self[name], _THREE, 1000)
