"""The form of one line of an inventory."""

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from carbonaccount.institutions.factor_words import unit_text
from carbonaccount.institutions.inventory_entries import LONGEST_NOTE, LONGEST_PLACE, Entry
from carbonaccount.institutions.inventory_models import Basis, InventoryEvidence, InventoryLine
from carbonaccount.institutions.seen import seen_at
from carbonaccount.web.templating import language

_NUMBER = {"inputmode": "decimal", "autocomplete": "off", "maxlength": 30}


class LineForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """Month, amount and unit of one energy, and what tells where it comes from."""

    factor_code = HiddenField()
    seen = HiddenField()
    month = SelectField(_l("月份"))
    amount = StringField(
        _l("数量"), validators=[InputRequired(_l("请填数量。"))], render_kw=_NUMBER
    )
    unit = SelectField(_l("单位"), validate_choice=False)
    green_power = StringField(_l("其中绿电（绿证或绿电合同）"), render_kw=_NUMBER)
    resupplied = StringField(_l("其中转供给其他单位"), render_kw=_NUMBER)
    place = StringField(_l("地点或表计（可以不填）"), validators=[Length(max=LONGEST_PLACE)])
    basis = SelectField(_l("数据来源"))
    evidence = SelectField(_l("佐证文件"), validate_choice=False)
    file = FileField(_l("或上传新的佐证文件"))
    note = StringField(_l("备注（可以不填）"), validators=[Length(max=LONGEST_NOTE)])

    def offer(
        self,
        *,
        months: Sequence[tuple[int, str]],
        units: Sequence[str],
        bases: Sequence[tuple[str, object]],
        evidence: Sequence[InventoryEvidence],
    ) -> None:
        """Fill in what can be chosen."""
        self.month.choices = [SelectChoice(str(month), name) for month, name in months]
        # Of two names of one unit that read alike in this language, the first.
        named: dict[str, str] = {}
        for unit in units:
            named.setdefault(unit_text(unit, language()), unit)
        self.unit.choices = [SelectChoice(unit, name) for name, unit in named.items()]
        self.basis.choices = [SelectChoice(basis, str(name)) for basis, name in bases]
        self.evidence.choices = [
            SelectChoice("", _l("没有")),
            *(SelectChoice(row.public_id, row.name) for row in evidence),
        ]

    def show(self, line: InventoryLine, evidence: Sequence[InventoryEvidence]) -> None:
        """Show a line as it was entered."""
        self.seen.data = seen_at(line.changed_at)
        self.month.data = str(line.month)
        self.amount.data, self.unit.data = line.entered_amount, line.entered_unit
        self.green_power.data = _shown(line.entered_green_power)
        self.resupplied.data = _shown(line.entered_resupplied)
        self.place.data, self.note.data, self.basis.data = line.place, line.note, line.basis
        files = {row.id: row.public_id for row in evidence}
        self.evidence.data = files.get(line.evidence_id, "") if line.evidence_id else ""

    def entry(self, factor_code: str, evidence_id: int | None) -> Entry:
        """Return the line as a person gave it."""
        return Entry(
            month=int(self.month.data or 0),
            factor_code=factor_code,
            amount=self.amount.data or "",
            unit=self.unit.data or "",
            green_power=self.green_power.data or "",
            resupplied=self.resupplied.data or "",
            place=self.place.data or "",
            basis=self.basis.data or Basis.METERED,
            note=self.note.data or "",
            evidence_id=evidence_id,
        )


def _shown(entered: str) -> str:
    return "" if entered == "0" else entered
