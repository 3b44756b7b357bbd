"""What people give and adopt, and the papers that prove it."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from carbonaccount.database import BigId, KeyText


class Beneficiary(SQLModel, table=True):
    """Who can be given something: a charitable project, an institution, class, community or event.

    Has a carbon account of its own (kind `beneficiary`) whose books hold what was given.
    texts: {"zh": {"title", "text", "use"}, "en": {...}}; `use` states what happens with gifts.
    takes: "credits", "grams" or "both".
    """

    __tablename__ = "beneficiary"
    __table_args__ = (
        sa.CheckConstraint(
            "kind IN ('charity', 'institution', 'class', 'community', 'event')", name="kind"
        ),
        sa.CheckConstraint("takes IN ('credits', 'grams', 'both')", name="takes"),
        sa.CheckConstraint("status IN ('draft', 'in_review', 'published', 'ended')", name="status"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    account_id: int = Field(
        sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT", unique=True
    )
    kind: str = Field(max_length=16)
    takes: str = Field(max_length=8)
    texts: dict[str, dict[str, str]] = Field(default_factory=dict, sa_type=sa.JSON)
    status: str = Field(default="draft", max_length=12)
    goal_credits: int | None = Field(default=None, sa_type=sa.BigInteger)
    goal_g: int | None = Field(default=None, sa_type=sa.BigInteger)
    # The institution with an inventory that it stands for: grams used for it can become its lots.
    institution_id: int | None = Field(
        default=None, foreign_key="institution.id", ondelete="RESTRICT", index=True
    )
    open_from: date
    open_until: date
    drafted_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    approved_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    created_at: datetime
    published_at: datetime | None = None


class Gift(SQLModel, table=True):
    """What a person gave: credits at once, grams pledged until they are used or taken back.

    status: given (credits), pledged, used, revoked (grams). `use_id` names the use.
    """

    __tablename__ = "gift"
    __table_args__ = (
        sa.UniqueConstraint("account_id", "request_key"),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("status IN ('given', 'pledged', 'used', 'revoked')", name="status"),
        sa.Index("ix_gift_account_id", "account_id"),
        sa.Index("ix_gift_beneficiary_id_status", "beneficiary_id", "status"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    beneficiary_id: int = Field(foreign_key="beneficiary.id", ondelete="RESTRICT")
    unit: int = Field(sa_type=sa.SmallInteger)  # ledger.models.Unit
    amount: int = Field(sa_type=sa.BigInteger)
    status: str = Field(max_length=12)
    request_key: str = Field(max_length=64)
    consent_id: int | None = Field(
        default=None, sa_type=BigId, foreign_key="consent.id", ondelete="RESTRICT"
    )
    given_at: datetime
    ended_at: datetime | None = None
    use_id: int | None = Field(default=None, foreign_key="gift_use.id", ondelete="RESTRICT")


class GiftUse(SQLModel, table=True):
    """A use of pledged grams by a beneficiary: from then on they cannot be taken back."""

    __tablename__ = "gift_use"

    id: int | None = Field(default=None, primary_key=True)
    beneficiary_id: int = Field(foreign_key="beneficiary.id", ondelete="RESTRICT", index=True)
    purpose: str = Field(max_length=500)
    grams: int = Field(sa_type=sa.BigInteger)
    gifts: int
    used_by: int | None = Field(default=None, foreign_key="staff.id", ondelete="RESTRICT")
    used_at: datetime


class TreePlot(SQLModel, table=True):
    """Planted trees of one species at one place, of which the accepted ones may be adopted.

    `adopted` is guarded: it never exceeds `accepted`.
    """

    __tablename__ = "tree_plot"
    __table_args__ = (
        sa.CheckConstraint(
            "0 <= adopted AND adopted <= accepted AND accepted <= planted", name="counts_in_order"
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    reward_id: int | None = Field(
        default=None, foreign_key="reward.id", ondelete="RESTRICT", index=True
    )
    name_zh: str = Field(max_length=80)
    name_en: str = Field(default="", max_length=120)
    place: str = Field(max_length=200)
    # Millionths of a degree, WGS 84.
    latitude_micro: int | None = None
    longitude_micro: int | None = None
    species_zh: str = Field(max_length=40)
    species_latin: str = Field(default="", max_length=80)
    planted_on: date
    planted: int
    accepted: int = 0
    adopted: int = 0
    # What adopters get back when their tree dies: "replant", "credits" or "none".
    refund_rule: str = Field(default="replant", max_length=12)
    created_at: datetime


class PlotPaper(SQLModel, table=True):
    """A paper or photo of a plot; a photo's hash is used once in the whole city.

    kind: photo, acceptance, survival_1y, survival_3y. `living` is how many trees lived at it.
    """

    __tablename__ = "plot_paper"
    __table_args__ = (
        sa.CheckConstraint(
            "kind IN ('photo', 'acceptance', 'survival_1y', 'survival_3y')", name="kind"
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    plot_id: int = Field(foreign_key="tree_plot.id", ondelete="RESTRICT", index=True)
    kind: str = Field(max_length=12)
    sha256: str = Field(max_length=64, unique=True)
    file_name: str = Field(max_length=80)
    made_on: date
    living: int | None = None
    note: str = Field(default="", max_length=500)
    added_by: str = Field(max_length=80)
    added_at: datetime
    # Reports count once a second person has approved them; photos need nobody.
    approved_by: str | None = Field(default=None, max_length=80)
    approved_at: datetime | None = None


class TreeAdoption(SQLModel, table=True):
    """One accepted tree adopted with one coupon; `number` counts within the plot from 1."""

    __tablename__ = "tree_adoption"
    __table_args__ = (sa.UniqueConstraint("plot_id", "number"),)

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    public_id: str = Field(sa_type=KeyText, unique=True, nullable=False)
    plot_id: int = Field(foreign_key="tree_plot.id", ondelete="RESTRICT")
    account_id: int = Field(
        sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT", index=True
    )
    coupon_id: int = Field(sa_type=BigId, foreign_key="coupon.id", ondelete="RESTRICT", unique=True)
    number: int
    # living, dead, replanted, refunded
    status: str = Field(default="living", max_length=12)
    adopted_at: datetime
    # When it was reported dead, and by whom: somebody else replants it or gives credits back.
    died_on: date | None = None
    reported_by: str | None = Field(default=None, max_length=80)


class Certificate(SQLModel, table=True):
    """A paper that can be checked: what it says, sealed by a keyed hash over every digit.

    kind: resident_year, donation, tree. `payload` is canonical JSON text as it was sealed. The
    name that the holder chose to show is kept apart, encrypted, and can be erased: the payload
    holds a keyed hash of it only. Withdrawn ones stay.
    """

    __tablename__ = "certificate"
    __table_args__ = (
        sa.CheckConstraint("kind IN ('resident_year', 'donation', 'tree')", name="kind"),
        sa.CheckConstraint("withdrawn_why IN ('', 'replaced', 'holder', 'staff')", name="why"),
        sa.UniqueConstraint("account_id", "kind", "cause", "revision"),
    )

    id: int | None = Field(default=None, sa_type=BigId, primary_key=True)
    number: str = Field(sa_type=KeyText, unique=True, nullable=False)
    kind: str = Field(max_length=16)
    account_id: int = Field(sa_type=BigId, foreign_key="account.id", ondelete="RESTRICT")
    # What it is about: "year:2026", "gift:<id>", "coupon:<id>", "adoption:<id>".
    cause: str = Field(max_length=64)
    revision: int = 0
    payload: str = Field(sa_type=sa.Text)
    seal: str = Field(max_length=64)
    holder_sealed: bytes | None = None
    issued_at: datetime
    withdrawn_at: datetime | None = None
    # "" while it holds; replaced by a newer one, taken back by its holder, or by staff.
    withdrawn_why: str = Field(default="", max_length=12)
    withdrawn_reason: str = Field(default="", max_length=500)
