"""Forms whose press counts once: the page gives each a key, and a press again brings the same."""

import secrets

from flask_wtf import FlaskForm
from wtforms import HiddenField


class OnceForm(FlaskForm):
    """A form that makes something: its page writes `request_key` into it."""

    request_key = HiddenField(default=lambda: secrets.token_hex(16))

    def key(self) -> str:
        """Return the key of this press; "" when the form has none."""
        return self.request_key.data or ""
