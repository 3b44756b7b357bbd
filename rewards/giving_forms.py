"""The residents' forms of giving and of certificates; the shape of what people send."""

import re
import secrets
from datetime import date

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import InputRequired, Length

from rewards.certificates import LONGEST_NAME

_WHOLE = re.compile(r"[0-9]{1,15}", re.ASCII)
_LONGEST_KEY = 64
# What stands behind the number on a certificate, as people copy it.
_UNIT = re.compile(r"\s*(?:g|克|积分|credits?)?\s*(?:CO\s*[2₂]\s*e)?\s*$", re.IGNORECASE)


def whole_number(text: str | None) -> int | None:
    """Return a whole number as people write it, thousands set apart or not; None for others."""
    kept = re.sub(r"[\s,，]", "", text or "")
    return int(kept) if _WHOLE.fullmatch(kept) else None


def printed_total(text: str | None) -> int | None:
    """Return the total as it stands on a certificate, with its unit or without."""
    return whole_number(_UNIT.sub("", (text or "").strip(), count=1))


def day_of(text: str | None) -> date | None:
    """Return a date written as 2026-11-21; None for anything else."""
    try:
        return date.fromisoformat((text or "").strip())
    except ValueError:
        return None


class RequestForm(FlaskForm):  # type: ignore[misc]
    """A form whose press counts once: the page gives it a key."""

    request_key = HiddenField(
        default=lambda: secrets.token_hex(16),
        validators=[InputRequired(), Length(max=_LONGEST_KEY)],
    )


class CreditsForm(RequestForm):
    """How many credits to give."""

    credits = StringField(
        _l("给多少积分"), validators=[InputRequired(_l("请填写要给的积分数。")), Length(max=20)]
    )


class GramsForm(RequestForm):
    """How many certified grams to give, and the consent to what happens with them."""

    grams = StringField(
        _l("给多少克"), validators=[InputRequired(_l("请填写要给的克数。")), Length(max=20)]
    )
    agree = BooleanField(
        _l("我已阅读上面的用途说明，同意把这些减排量用于它"),
        validators=[InputRequired(_l("请先阅读用途说明并勾选同意。"))],
    )


class NameForm(FlaskForm):  # type: ignore[misc]
    """The name that a certificate shows, if any."""

    holder_name = StringField(_l("证书上的名字（可以不填）"), validators=[Length(max=LONGEST_NAME)])
    agree = BooleanField(_l("我同意在证书和核验页上显示这个名字，可以随时撤回"))


class CheckForm(FlaskForm):  # type: ignore[misc]
    """What is printed on a certificate. Sent with GET, so that a QR code can fill it in."""

    class Meta:
        """Nothing is changed by checking."""

        csrf = False

    number = StringField(_l("证书编号"), validators=[Length(max=40)])
    total = StringField(_l("数量（只填数字）"), validators=[Length(max=20)])
    date = StringField(_l("签发日期"), validators=[Length(max=10)])
