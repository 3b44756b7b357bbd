"""The residents' forms: an act, whose fields are those of its rule, and a source's consent."""

import secrets
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, HiddenField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from behaviors import labels
from behaviors.scoring import ActivityError, Rule, parse_activity, quantity_milli
from carbonaccount.clock import CITY_ZONE, business_day
from carbonaccount.web import messages
from carbonaccount.web.templating import language

TODAY, YESTERDAY, OTHER = "today", "yesterday", "other"
NOON = time(12)
_TOKEN_BYTES = 16
# A form that lay open longer than this is about another day than its "today" says.
_LONGEST_OPEN = timedelta(hours=12)


class ActForm(FlaskForm):
    """What was done, when, and the photo if there is one; `form_for` adds the rule's amounts.

    `form_token` and `opened_at` make the button pressed twice send the same thing twice, which
    books once: were "today" the moment of sending, the second press would tell of another act.
    """

    form_token = HiddenField()
    opened_at = HiddenField()
    when = RadioField(
        _l("什么时候"),
        choices=[
            SelectChoice(TODAY, _l("今天")),
            SelectChoice(YESTERDAY, _l("昨天")),
            SelectChoice(OTHER, _l("其他时间")),
        ],
        default=TODAY,
    )
    moment = StringField(_l("日期和时间"))
    photo = FileField(_l("照片（可以不传）"))

    def prepare(self, now: datetime) -> None:
        """Fill in token and moment of opening where they are missing, broken or too old."""
        if not _is_token(self.form_token.data):
            self.form_token.data = secrets.token_hex(_TOKEN_BYTES)
        opened = _read_moment(self.opened_at.data)
        if opened is None or not now - _LONGEST_OPEN <= opened <= now:
            self.opened_at.data = now.isoformat(timespec="seconds")

    def renew_token(self) -> None:
        """Make the form a new one, to be sent beside the one that was sent before."""
        self.form_token.data = secrets.token_hex(_TOKEN_BYTES)

    def occurred_at(self) -> datetime | None:
        """Return the moment of the act, None when another time was chosen and cannot be read.

        Yesterday means yesterday at noon: a report by hand knows the day, hardly the minute.
        """
        opened = _read_moment(self.opened_at.data)
        if self.when.data == OTHER or opened is None:
            return _read_moment(self.moment.data)
        if self.when.data == YESTERDAY:
            day = business_day(opened) - timedelta(days=1)
            return datetime.combine(day, NOON, CITY_ZONE)
        return opened


class ConsentForm(FlaskForm):
    """The consent to one source; its box starts unticked."""

    agree = BooleanField(
        _l("我已阅读并同意"), validators=[InputRequired(_l("请先阅读，同意后再勾选。"))]
    )


def form_for(rule: Rule) -> ActForm:
    """Return an act's form with one field for each amount of its rule."""
    fields = {item.name: StringField(labels.field_name(item)) for item in rule.fields}
    form: ActForm = type("ActFormOfRule", (ActForm,), fields)()
    return form


def amounts(form: ActForm, rule: Rule) -> dict[str, str]:
    """Return what was typed for each amount; an empty field counts as missing."""
    typed = {name: (form[name].data or "").strip() for name in rule.field_names}
    return {name: text for name, text in typed.items() if text}


def check(form: ActForm, rule: Rule, now: datetime) -> Mapping[str, str] | None:
    """Validate the form; return the amounts, or None after putting the errors at their fields."""
    fine = bool(form.validate())
    moment = form.occurred_at()
    if moment is None:
        add_error(form, "moment", _("请填写日期和时间，例如 2026-11-20 08:30。"))
    elif moment > now:
        add_error(form, "moment", _("时间还没有到，请填已经发生的行为。"))
    typed = amounts(form, rule)
    try:
        # A quantity of nothing is found only once the amounts are put together.
        quantity_milli(rule, parse_activity(rule, typed))
    except ActivityError as error:
        add_error(form, error.field, activity_error(rule, error))
    return typed if fine and not form.errors else None


def add_error(form: ActForm, name: str, text: str) -> None:
    """Put an error at a field, or at the form as a whole when there is no such field."""
    if name in form:
        form[name].errors = [*form[name].errors, text]
    else:
        form.form_errors.append(text)


def activity_error(rule: Rule, error: ActivityError) -> str:
    """Return what is wrong with an amount, naming the field as the page names it."""
    names = {item.name: labels.field_name(item) for item in rule.fields}
    params: dict[str, Any] = {**error.params, "field": names.get(error.field, error.field)}
    if "unit" in params:
        params["unit"] = labels.unit_name(str(params["unit"]))
    return messages.sentence(error.code, params, language())


def _is_token(text: str | None) -> bool:
    digits = set("0123456789abcdef")
    return text is not None and len(text) == 2 * _TOKEN_BYTES and set(text) <= digits


def _read_moment(text: str | None) -> datetime | None:
    """Read an ISO moment; without an offset it is the city's time."""
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=CITY_ZONE)
