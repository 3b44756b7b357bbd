"""The residents' forms of this room; the shape of what people send."""

from datetime import date

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from carbonaccount.accounts.guardians import CODE_LENGTH, OLDEST

MONTHS = 12
# Codes are read out in groups, so that blanks and hyphens come with them.
_LONGEST_CODE = 2 * CODE_LENGTH


class BornMonthForm(FlaskForm):
    """A month of birth as two choices, since not every browser can choose a month."""

    year = SelectField(_l("出生年"), validators=[InputRequired(_l("请选择年份。"))])
    month = SelectField(_l("出生月"), validators=[InputRequired(_l("请选择月份。"))])
    next = HiddenField()

    def offer(self, today: date) -> None:
        """Fill in what can be chosen, the newest year first."""
        years = range(today.year, today.year - OLDEST - 1, -1)
        self.year.choices = _choices(years)
        self.month.choices = _choices(range(1, MONTHS + 1))

    def born_month(self) -> date:
        """Return the first day of the month that was chosen."""
        return date(int(self.year.data), int(self.month.data), 1)


def _choices(numbers: range) -> list[SelectChoice]:
    return [
        SelectChoice("", _l("请选择")),
        *(SelectChoice(str(number), str(number)) for number in numbers),
    ]


class GuardianCodeForm(FlaskForm):
    """The code that a child's page shows, typed by the guardian."""

    code = StringField(
        _l("孩子页面上的确认码"),
        validators=[InputRequired(_l("请输入确认码。")), Length(max=_LONGEST_CODE)],
    )
