"""The form of a rule version. What it holds stays text until it is checked, so nothing is lost."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    FormField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from behaviors import explain, labels
from behaviors.models import EmissionFactor
from behaviors.scoring import GRADES, FieldSpec, Parameter, Rule

MOST_FIELDS = 8
MOST_PARAMETERS = 16
LONGEST_NAME = 40
LONGEST_TEXT = 500


def needed(_form: Form, field: StringField) -> None:
    """Refuse an empty field."""
    if not text_of(field):
        raise ValidationError(_l("请填写。"))


def is_decimal(_form: Form, field: StringField) -> None:
    """Refuse what is no plain decimal; an empty field is another check's."""
    if text_of(field) and read_decimal(text_of(field)) is None:
        raise ValidationError(_l("请填写数字，例如 0.0269。"))


def is_whole(_form: Form, field: StringField) -> None:
    """Refuse what is no whole number from 0 up."""
    text = text_of(field)
    if text and not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValidationError(_l("请填写整数，例如 5。"))


def text_of(field: StringField) -> str:
    """Return what was typed without the spaces around it."""
    return (field.data or "").strip()


def read_decimal(text: str) -> Decimal | None:
    """Return a plain decimal of at most 40 digits, None for anything else."""
    if len(text) > 40 or not text.isascii() or "_" in text or "e" in text.lower():
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def offered(words: Mapping[str, object]) -> list[SelectChoice]:
    """Return codes with their words as a list to choose from."""
    return [SelectChoice(code, word) for code, word in words.items()]


class AmountForm(Form):
    """One measured amount of an act."""

    name = StringField(_l("变量名"), validators=[needed])
    unit = StringField(_l("单位"), validators=[needed])
    minimum = StringField(_l("最小"), validators=[needed, is_decimal])
    maximum = StringField(_l("最大"), validators=[needed, is_decimal])
    step = StringField(_l("步长"), validators=[needed, is_decimal])
    label_zh = StringField(_l("中文名"), validators=[needed])
    label_en = StringField(_l("英文名"), validators=[needed])
    example = StringField(_l("算例的量"))

    def spec(self) -> FieldSpec:
        """Return the amount; call it only after the form was found fine."""
        return FieldSpec(
            name=text_of(self.name),
            unit=text_of(self.unit),
            minimum=Decimal(text_of(self.minimum)),
            maximum=Decimal(text_of(self.maximum)),
            step=Decimal(text_of(self.step)),
            label_zh=text_of(self.label_zh),
            label_en=text_of(self.label_en),
        )


class ParameterForm(Form):
    """One number of the formula, with where it comes from."""

    name = StringField(_l("变量名"), validators=[needed])
    value = StringField(_l("数值"), validators=[needed, is_decimal])
    unit = StringField(_l("单位"), validators=[needed])
    grade = SelectField(_l("可信度"), choices=lambda: offered(labels.GRADES), default="B")
    source = StringField(_l("来源"), validators=[needed])
    factor = SelectField(
        _l("排放因子"), choices=[SelectChoice("", _l("不引用"))], validate_choice=False
    )

    def parameter(self) -> Parameter:
        """Return the parameter; call it only after the form was found fine."""
        return Parameter(
            name=text_of(self.name),
            value=Decimal(text_of(self.value)),
            unit=text_of(self.unit),
            grade=self.grade.data,
            source=text_of(self.source),
            factor=self.factor.data or None,
        )


class RuleForm(FlaskForm):
    """Everything of a rule version that a person decides."""

    valid_from = StringField(_l("从哪天起"), validators=[needed])
    amounts = FieldList(FormField(AmountForm), max_entries=MOST_FIELDS)
    quantity_expression = TextAreaField(_l("量的公式"), validators=[needed])
    quantity_unit = StringField(_l("量的单位"), validators=[needed])
    factor_expression = TextAreaField(_l("因子的公式"))
    parameters = FieldList(FormField(ParameterForm), max_entries=MOST_PARAMETERS)
    cap = StringField(_l("每人每天上限"), validators=[is_decimal])
    double_count_group = SelectField(_l("重复计算的分组"))
    multiplier_a = StringField("A", validators=[needed, is_decimal], default="1")
    multiplier_b = StringField("B", validators=[needed, is_decimal], default="1")
    multiplier_c = StringField("C", validators=[needed, is_decimal], default="0.5")
    multiplier_d = StringField("D", validators=[needed, is_decimal], default="0.25")
    grams_for = SelectMultipleField(
        _l("哪些证据计减排量"),
        choices=[SelectChoice(grade, grade) for grade in GRADES],
        default=["A", "B", "C"],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    credits_per_gram = StringField(_l("每克积分"), validators=[needed, is_decimal], default="1")
    credits_per_act = StringField(_l("每次积分"), validators=[needed, is_whole], default="0")
    counts_acts = BooleanField(_l("每满一个单位给一次（例如每餐）"))
    certifiable = BooleanField(_l("可用于核证"))
    grade = SelectField(_l("方法可信度"), choices=lambda: offered(labels.GRADES), default="B")
    citation = TextAreaField(_l("依据"), validators=[needed])
    reason = TextAreaField(_l("为什么这样改"), validators=[needed, Length(max=LONGEST_TEXT)])
    example_evidence = SelectField(
        _l("算例的证据"),
        choices=lambda: offered(labels.EVIDENCE_NAMES),
        default="A",
    )

    @property
    def multipliers(self) -> dict[str, StringField]:
        """Return the fields of the evidence multipliers by grade."""
        return {grade: self[f"multiplier_{grade.lower()}"] for grade in GRADES}

    def offer(
        self, *, groups: Iterable[tuple[str, str]], factors: Iterable[EmissionFactor]
    ) -> None:
        """Fill the lists to choose from; a code that is no longer there is not lost."""
        none = SelectChoice("", _l("不分组"))
        self.double_count_group.choices = [none, *(SelectChoice(*group) for group in groups)]
        codes = sorted({item.code for item in factors})
        for entry in self.parameters:
            held = [entry.factor.data] if entry.factor.data else []
            choices = sorted({*codes, *held})
            entry.factor.choices = [
                SelectChoice("", _l("不引用")),
                *(SelectChoice(code, code) for code in choices),
            ]


def fill(form: RuleForm, rule: Rule, *, grade: str, citation: str) -> None:
    """Put a rule into an empty form."""
    for spec in rule.fields:
        form.amounts.append_entry(_texts(spec, AmountForm))
    for parameter in rule.parameters:
        form.parameters.append_entry(_texts(parameter, ParameterForm))
    form.valid_from.data = rule.valid_from.isoformat()
    form.quantity_expression.data = rule.quantity_expression
    form.quantity_unit.data = rule.quantity_unit
    form.factor_expression.data = rule.factor_expression
    form.cap.data = "" if rule.cap_milli is None else explain.plain(Decimal(rule.cap_milli) / 1000)
    form.double_count_group.data = rule.double_count_group or ""
    for name, field in form.multipliers.items():
        field.data = explain.plain(rule.multipliers[name])
    form.grams_for.data = sorted(rule.grams_for)
    form.credits_per_gram.data = explain.plain(rule.credits_per_gram)
    form.credits_per_act.data = str(rule.credits_per_act)
    form.counts_acts.data, form.certifiable.data = rule.counts_acts, rule.certifiable
    form.grade.data, form.citation.data = grade, citation


def fill_blank(form: RuleForm, *, valid_from: str) -> None:
    """Put the start of a linear rule into an empty form: an amount times a number."""
    form.valid_from.data = valid_from
    form.amounts.append_entry({"name": "distance_km", "unit": "km", "minimum": "0", "step": "1"})
    form.quantity_expression.data, form.quantity_unit.data = "distance_km", "km"
    form.factor_expression.data = "ef_reduction"
    form.parameters.append_entry({"name": "ef_reduction", "unit": "kg/km"})


def _texts(item: FieldSpec | Parameter, subform: type[Form]) -> dict[str, str]:
    values = {name: getattr(item, name) for name in subform().data if hasattr(item, name)}
    return {
        # All digits stay: 0.6410 says more than 0.641.
        name: f"{value:f}" if isinstance(value, Decimal) else value or ""
        for name, value in values.items()
    }
