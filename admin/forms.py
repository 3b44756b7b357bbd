"""The panel's forms; the shape of what people send and words for what is wrong with it."""

from collections.abc import Sequence

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import HiddenField, RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from behaviors.intake.mapping import parse_mapping, ready_mappings
from behaviors.intake.uploads import AUTOMATIC, OWN, READY
from behaviors.models import Source
from carbonaccount.errors import Invalid
from carbonaccount.web.templating import language

LONGEST_MAPPING = 64 * 1024


class UploadForm(FlaskForm):
    """A file, whose it is, and how its columns are to be read.

    `kept` is a signed note of a file that was sent already with a form that had to be mended.
    """

    source = SelectField(_l("来源"), validators=[InputRequired(_l("请选择文件来自哪个数据来源。"))])
    file = FileField(_l("文件"))
    kept = HiddenField()
    mapping = RadioField(_l("怎样读取各列"), default=AUTOMATIC)
    toml = TextAreaField(_l("映射（TOML）"), validators=[Length(max=LONGEST_MAPPING)])
    toml_file = FileField(_l("或上传映射文件（.toml）"))

    def offer(self, sources: Sequence[Source]) -> None:
        """Fill in what can be chosen."""
        named = [(row.code, row.name_en if language() == "en" else row.name_zh) for row in sources]
        self.source.choices = [
            SelectChoice("", _("请选择")),
            *(SelectChoice(code, f"{name} · {code}") for code, name in named),
        ]
        self.mapping.choices = [
            SelectChoice(AUTOMATIC, _("自动识别：按列名找到合适的映射")),
            *(
                SelectChoice(f"{READY}:{name}", f"{mapping_title(text)} · {name}")
                for name, text in ready_mappings().items()
            ),
            SelectChoice(OWN, _("自己的映射：粘贴或上传 TOML")),
        ]

    def chosen_mapping(self) -> str:
        """Return the mapping as an upload keeps it; raises Invalid when there is none, or two."""
        if self.mapping.data != OWN:
            return str(self.mapping.data)
        pasted, sent = _unified(self.toml.data or ""), _unified(self._sent_text())
        if pasted and sent and sent != pasted:
            raise Invalid("mapping_twofold")
        if not (pasted or sent):
            raise Invalid("mapping_missing")
        self.toml.data = pasted or sent
        return f"{OWN}:{self.toml.data}"

    def _sent_text(self) -> str:
        if not self.toml_file.data:
            return ""
        content: bytes = self.toml_file.data.read(LONGEST_MAPPING + 1)
        if len(content) > LONGEST_MAPPING:
            raise Invalid("mapping_too_long", limit_kib=LONGEST_MAPPING // 1024)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Invalid("mapping_not_utf8") from None


def _unified(text: str) -> str:
    """Return a text with the line ends of files: browsers send those of the network."""
    return text.replace("\r\n", "\n").strip()


def mapping_title(text: str) -> str:
    """Return what a mapping calls itself in the page's language."""
    mapping = parse_mapping(text)
    return mapping.title_en if language() == "en" else mapping.title_zh
