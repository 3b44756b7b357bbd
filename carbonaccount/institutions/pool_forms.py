"""The form with which a resident takes part in a pool."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField
from wtforms.validators import InputRequired


class JoinForm(FlaskForm):  # type: ignore[misc]
    """The consent of a person; nothing is ticked for them."""

    agree = BooleanField(
        _l("我已阅读并同意以上内容"), validators=[InputRequired(_l("请先勾选同意。"))]
    )
