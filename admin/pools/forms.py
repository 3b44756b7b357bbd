"""The form of a pool; the limits are the services'."""

from collections.abc import Sequence
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, Regexp

from admin.drafting.forms import needed, text_of
from admin.life.forms import DayField
from carbonaccount.institutions.models import Institution
from carbonaccount.institutions.pool_models import Pool
from carbonaccount.institutions.pools import LONGEST_NAME, TEXTS, PoolContent
from carbonaccount.institutions.views.common import named
from carbonaccount.web.once import OnceForm

_BAD_DAY = _l("请填写日期，例如 2026-12-01。")
_BAD_PRICE = _l("请填写金额，最多两位小数，例如 60 或 60.50。")
_LANGUAGES = ("zh", "en")


class PoolForm(OnceForm):
    """What is gathered, for whom and for what, in both languages."""

    title_zh = StringField(_l("中文名称"), validators=[needed, Length(max=TEXTS["title"][0])])
    title_en = StringField(_l("英文名称"), validators=[needed, Length(max=TEXTS["title"][1])])
    purpose_zh = TextAreaField(
        _l("用途（中文）"), validators=[needed, Length(max=TEXTS["purpose"][0])]
    )
    purpose_en = TextAreaField(
        _l("用途（英文）"), validators=[needed, Length(max=TEXTS["purpose"][1])]
    )
    first_day = DayField(_l("从哪天的减排量起"), validators=[InputRequired(_BAD_DAY)])
    last_day = DayField(_l("到哪天的减排量止（含）"), validators=[InputRequired(_BAD_DAY)])
    joins_until = DayField(_l("参加截止日期（含）"), validators=[InputRequired(_BAD_DAY)])
    buyer = SelectField(_l("交给哪个单位"))
    buyer_zh = StringField(
        _l("平台外买方的中文名称"), validators=[Optional(), Length(max=LONGEST_NAME[0])]
    )
    buyer_en = StringField(
        _l("平台外买方的英文名称"), validators=[Optional(), Length(max=LONGEST_NAME[1])]
    )
    price = StringField(
        _l("价格（元/吨）"),
        validators=[needed, Regexp(r"^\s*[0-9]{1,6}(\.[0-9]{1,2})?\s*$", message=_BAD_PRICE)],
    )
    proceeds_zh = TextAreaField(
        _l("收入用在哪里（中文）"), validators=[Length(max=TEXTS["proceeds"][0])]
    )
    proceeds_en = TextAreaField(
        _l("收入用在哪里（英文）"), validators=[Length(max=TEXTS["proceeds"][1])]
    )

    def offer(self, buyers: Sequence[Institution]) -> None:
        """Fill in the institutions that can buy."""
        self.buyer.choices = [
            SelectChoice("", _l("平台外的买方（在下面填写名称）")),
            *(SelectChoice(row.public_id, named(row)) for row in buyers),
        ]

    def content(self) -> PoolContent:
        """Return what was typed; the form has validated."""
        assert self.first_day.data is not None
        assert self.last_day.data is not None
        assert self.joins_until.data is not None
        return PoolContent(
            texts={
                part: (text_of(self[f"{part}_zh"]), text_of(self[f"{part}_en"])) for part in TEXTS
            },
            first_day=self.first_day.data,
            last_day=self.last_day.data,
            joins_until=self.joins_until.data,
            buyer=self.buyer.data or "",
            buyer_name=(text_of(self.buyer_zh), text_of(self.buyer_en)),
            price_fen_per_t=int(Decimal(text_of(self.price)) * 100),
        )

    def fill(self, pool: Pool, buyer: Institution | None) -> None:
        """Show a draft."""
        for part in TEXTS:
            for code in _LANGUAGES:
                self[f"{part}_{code}"].data = getattr(pool, f"{part}_{code}")
        for name in ("first_day", "last_day", "joins_until", "buyer_zh", "buyer_en"):
            self[name].data = getattr(pool, name)
        self.buyer.data = buyer.public_id if buyer else ""
        self.price.data = f"{pool.price_fen_per_t // 100}.{pool.price_fen_per_t % 100:02d}"
