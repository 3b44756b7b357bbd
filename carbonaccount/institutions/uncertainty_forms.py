"""The form in which the uncertainty of one factor is stated."""

import re

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Length

from carbonaccount.institutions.offset_forms import scaled, within
from carbonaccount.institutions.statement_uncertainty import (
    LONGEST_BASIS,
    Stated,
    percent_text,
)

_TWO = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?", re.ASCII)
_PERCENT = within(_TWO, "0.01", 100, 2)
_DECIMAL = {"inputmode": "decimal", "autocomplete": "off"}


class UncertaintyForm(FlaskForm):  # type: ignore[misc]
    """Half the 95 % interval of activity data and factor in percent, each with what it rests on."""

    activity = StringField(_l("活动数据的不确定度（±）"), validators=[_PERCENT], render_kw=_DECIMAL)
    activity_basis = StringField(
        _l("活动数据的依据"), validators=[Length(max=LONGEST_BASIS)], render_kw={"maxlength": "200"}
    )
    factor = StringField(_l("因子的不确定度（±）"), validators=[_PERCENT], render_kw=_DECIMAL)
    factor_basis = StringField(
        _l("因子的依据"), validators=[Length(max=LONGEST_BASIS)], render_kw={"maxlength": "200"}
    )

    def fill(self, stated: Stated) -> None:
        """Show what is stated."""
        self.activity.data = percent_text(stated.activity)
        self.activity_basis.data = stated.activity_basis
        self.factor.data = percent_text(stated.factor)
        self.factor_basis.data = stated.factor_basis

    def stated(self) -> Stated:
        """Return what was typed; empty is not stated."""
        return Stated(
            scaled(self.activity, _TWO, 100),
            self.activity_basis.data or "",
            scaled(self.factor, _TWO, 100),
            self.factor_basis.data or "",
        )
