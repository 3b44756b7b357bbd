"""What somebody else saved while a form was open, beside what was typed."""

from typing import NamedTuple

from flask_wtf import FlaskForm
from wtforms import Field, SelectField
from wtforms.fields import FileField, HiddenField


class Difference(NamedTuple):
    """A field of a form: what it is called, what is stored, and what was typed."""

    label: str
    stored: str
    typed: str


def differences(typed: FlaskForm, stored: FlaskForm) -> list[Difference]:
    """Return the fields in which two forms of one row differ, as people read them."""
    return [
        Difference(str(mine.label.text), _text(stored[mine.name]), _text(mine))
        for mine in typed
        if not isinstance(mine, FileField | HiddenField)
        and (mine.data or "") != (stored[mine.name].data or "")
    ]


def _text(field: Field) -> str:
    if isinstance(field, SelectField):
        names = {choice.value: str(choice.label) for choice in field.choices}
        return names.get(field.data, str(field.data))
    return str(field.data or "—")
