"""Plots of trees: what was planted where, the papers that prove it, and how many may be adopted.

A report (acceptance, survival) counts once somebody else than who filed it has approved it: an
acceptance lets its living trees be adopted, a survival report takes those away from adoption that
it did not see alive. A photo or paper is used once in the whole city.
"""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.services import new_public_id
from carbonaccount.accounts.staff import require_role
from carbonaccount.audit import Actor
from carbonaccount.clock import business_day
from carbonaccount.errors import Conflict, Invalid, NotFound, Refused
from carbonaccount.messages.services import Outgoing, send_many
from rewards import pictures
from rewards.beneficiaries import APPROVERS, EDITORS, check_reason
from rewards.giving_models import PlotPaper, TreeAdoption, TreePlot
from rewards.models import Reward, RewardClass

PHOTO, ACCEPTANCE = "photo", "acceptance"
SURVIVAL = ("survival_1y", "survival_3y")
PAPER_KINDS = (PHOTO, ACCEPTANCE, *SURVIVAL)
REPLANT, CREDITS_BACK, NOTHING = "replant", "credits", "none"
REFUND_RULES = (REPLANT, CREDITS_BACK, NOTHING)
# How many years after planting a survival report may be made at the earliest.
YEARS = {"survival_1y": 1, "survival_3y": 3}
MOST_TREES = 1_000_000
LONGEST_SIDE_PX = 2048
MAX_PAPER_BYTES = 12 * 1024 * 1024
_PDF = b"%PDF-"
_LIMITS = {"name_zh": 80, "name_en": 120, "place": 200, "species_zh": 40, "species_latin": 80}
_NEEDED = ("name_zh", "name_en", "place", "species_zh")
_POLE, _DATE_LINE = 90_000_000, 180_000_000


@dataclass(frozen=True)
class PlotContent:
    """What a person writes about a plot; place in millionths of a degree (WGS 84), or None."""

    name_zh: str
    name_en: str
    place: str
    latitude_micro: int | None
    longitude_micro: int | None
    species_zh: str
    species_latin: str
    planted_on: date | None
    planted: int
    refund_rule: str
    reward_id: int | None


@dataclass(frozen=True)
class PaperContent:
    """A paper as it was sent: `data` is a photo, or for reports a photo or PDF.

    living: how many trees lived when it was made; None for photos.
    """

    kind: str
    data: bytes
    made_on: date | None
    living: int | None
    note: str


def plot_folder(instance_path: Path) -> Path:
    """Return where the papers of plots are kept."""
    return instance_path / "plot-papers"


def add_plot(
    session: Session, *, content: PlotContent, acting_user: Actor, now: datetime
) -> TreePlot:
    """Write down a plot; none of its trees can be adopted before an acceptance is approved.

    Raises Invalid (plot_text, plot_place, plot_planted_on, plot_planted, plot_rule, plot_reward),
    Refused for anybody but an editor of rewards.
    """
    require_role(session, acting_user=acting_user, roles=EDITORS)
    _check(session, content, now)
    plot = TreePlot(public_id=new_public_id(), created_at=now, **_columns(content))
    session.add(plot)
    session.flush()
    _audit(session, "add", plot, acting_user, now)
    return plot


def edit_plot(
    session: Session, *, plot_id: int, content: PlotContent, acting_user: Actor, now: datetime
) -> TreePlot:
    """Write a plot anew, as long as nobody has adopted a tree of it: adopters keep what they read.

    Raises NotFound, Conflict (plot_adopted), and what `add_plot` raises.
    """
    require_role(session, acting_user=acting_user, roles=EDITORS)
    plot = locked_plot(session, plot_id)
    if plot.adopted:
        raise Conflict("plot_adopted")
    _check(session, content, now)
    if content.planted < plot.accepted:
        raise Invalid("plot_planted", field="planted", limit=MOST_TREES)
    for name, value in _columns(content).items():
        setattr(plot, name, value)
    _audit(session, "edit", plot, acting_user, now)
    return plot


def _check(session: Session, content: PlotContent, now: datetime) -> None:
    for name, limit in _LIMITS.items():
        if not (name in _NEEDED) <= len(getattr(content, name)) <= limit:
            raise Invalid("plot_text", field=name, limit=limit)
    for name, limit in (("latitude_micro", _POLE), ("longitude_micro", _DATE_LINE)):
        degrees = getattr(content, name)
        if degrees is not None and not -limit <= degrees <= limit:
            raise Invalid("plot_place", field=name)
    if content.planted_on is None or content.planted_on > business_day(now):
        raise Invalid("plot_planted_on", field="planted_on")
    if not 1 <= content.planted <= MOST_TREES:
        raise Invalid("plot_planted", field="planted", limit=MOST_TREES)
    if content.refund_rule not in REFUND_RULES:
        raise Invalid("plot_rule", field="refund_rule")
    reward = session.get(Reward, content.reward_id) if content.reward_id is not None else None
    if content.reward_id is not None and (
        reward is None or reward.reward_class != RewardClass.TREE
    ):
        raise Invalid("plot_reward", field="reward_id")


def _columns(content: PlotContent) -> dict[str, Any]:
    return dict(vars(content))


def add_paper(
    session: Session,
    *,
    plot_id: int,
    content: PaperContent,
    folder: Path,
    acting_user: Actor,
    now: datetime,
) -> PlotPaper:
    """File a photo or report of a plot.

    Raises Invalid (paper_kind, paper_made_on, paper_living, paper_note, photo_too_large,
    photo_format, paper_format, paper_too_early), Conflict (paper_used_before), NotFound, Refused.
    """
    require_role(session, acting_user=acting_user, roles=EDITORS)
    plot = locked_plot(session, plot_id)
    made_on = _check_paper(plot, content, now)
    kept, suffix = _kept(content)
    paper = PlotPaper(
        plot_id=plot_id,
        kind=content.kind,
        # Of what is kept: the same picture with other words in its file is the same.
        sha256=hashlib.sha256(kept).hexdigest(),
        file_name=f"{secrets.token_hex(16)}.{suffix}",
        made_on=made_on,
        living=None if content.kind == PHOTO else content.living,
        note=content.note.strip(),
        added_by=str(acting_user),
        added_at=now,
    )
    _add_once(session, paper)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / paper.file_name).write_bytes(kept)
    _audit(session, "paper", plot, acting_user, now, kind=paper.kind, paper=paper.id)
    return paper


def _check_paper(plot: TreePlot, content: PaperContent, now: datetime) -> date:
    if content.kind not in PAPER_KINDS:
        raise Invalid("paper_kind", field="kind")
    if content.made_on is None or not plot.planted_on <= content.made_on <= business_day(now):
        raise Invalid("paper_made_on", field="made_on")
    years = YEARS.get(content.kind, 0)
    if content.made_on < _anniversary(plot.planted_on, years):
        raise Invalid("paper_too_early", field="made_on", years=years)
    if content.kind != PHOTO and not (-1 if content.living is None else content.living) >= 0:
        raise Invalid("paper_living", field="living", planted=plot.planted)
    if content.kind != PHOTO and (content.living or 0) > plot.planted:
        raise Invalid("paper_living", field="living", planted=plot.planted)
    if len(content.note) > 500:
        raise Invalid("paper_note", field="note", limit=500)
    return content.made_on


def _anniversary(day: date, years: int) -> date:
    """Return the same day some years later; of 29 February the 28th."""
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year + years, day=28 if is_leap_day and years else day.day)


def next_report(planted_on: date, approved: Collection[str]) -> tuple[str, date] | None:
    """Return the survival report that is made next and from which day on, None when all are.

    approved: the kinds of the approved papers of a plot planted on that day.
    """
    for kind in SURVIVAL:
        if kind not in approved:
            return kind, _anniversary(planted_on, YEARS[kind])
    return None


def _kept(content: PaperContent) -> tuple[bytes, str]:
    """Return what is stored of a paper and its suffix: pictures as nothing but their pixels."""
    if len(content.data) > MAX_PAPER_BYTES:
        raise Invalid("photo_too_large", field="file", limit_mib=MAX_PAPER_BYTES // 1024 // 1024)
    if content.kind != PHOTO and content.data.startswith(_PDF):
        return content.data, "pdf"
    try:
        picture = pictures.open_picture(content.data, field="file")
    except Invalid as error:
        if content.kind != PHOTO and error.code == "photo_format":
            raise Invalid("paper_format", field="file") from None
        raise
    picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
    return pictures.encoded(picture), "webp"


def _add_once(session: Session, paper: PlotPaper) -> None:
    try:
        with session.begin_nested():
            session.add(paper)
            session.flush()  # The same file again shows itself here, inside the savepoint.
    except IntegrityError:
        raise Conflict("paper_used_before", field="file") from None


def approve_paper(
    session: Session, *, paper_id: int, reason: str, acting_user: Actor, now: datetime
) -> TreePlot:
    """Let a report count.

    Raises Refused (own_work), Conflict (paper_not_waiting, too_many_trees), Invalid, NotFound.
    """
    require_role(session, acting_user=acting_user, roles=APPROVERS)
    check_reason(reason)
    plot_id = session.exec(
        select(col(PlotPaper.plot_id)).where(col(PlotPaper.id) == paper_id)
    ).first()
    if plot_id is None:
        raise NotFound("unknown_paper")
    plot = locked_plot(session, plot_id)
    paper = session.exec(
        select(PlotPaper)
        .where(col(PlotPaper.id) == paper_id)
        .execution_options(populate_existing=True)
    ).one()
    if paper.kind == PHOTO or paper.approved_at is not None:
        raise Conflict("paper_not_waiting")
    if paper.added_by == str(acting_user):
        raise Refused("own_work")
    _take_effect(session, plot, paper, now)
    paper.approved_by, paper.approved_at = str(acting_user), now
    _audit(session, "approve", plot, acting_user, now, reason.strip(), paper=paper_id)
    return plot


def _take_effect(session: Session, plot: TreePlot, paper: PlotPaper, now: datetime) -> None:
    living = paper.living or 0
    if paper.kind == ACCEPTANCE:
        if plot.accepted + living > plot.planted:
            raise Conflict("too_many_trees", accepted=plot.accepted, planted=plot.planted)
        plot.accepted += living
    else:
        # Trees that a report did not see alive are given to nobody any more.
        plot.accepted = max(plot.adopted, min(plot.accepted, living))
        _tell_adopters(session, plot, paper, now)
    session.flush()


def _tell_adopters(session: Session, plot: TreePlot, paper: PlotPaper, now: datetime) -> None:
    adoptions = session.exec(select(TreeAdoption).where(col(TreeAdoption.plot_id) == plot.id)).all()
    outgoing = [
        Outgoing(
            adoption.account_id,
            f"paper:{paper.id}:{adoption.id}",
            {
                "tree": adoption.public_id,
                "number": adoption.number,
                "living": paper.living,
                "planted": plot.planted,
                "years": YEARS[paper.kind],
            },
        )
        for adoption in adoptions
    ]
    send_many(session, kind="tree_survival", outgoing=outgoing, now=now)


def locked_plot(session: Session, plot_id: int) -> TreePlot:
    """Return a plot that nobody else changes until the end of the transaction."""
    plot = session.exec(
        select(TreePlot)
        .where(col(TreePlot.id) == plot_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if plot is None:
        raise NotFound("unknown_plot")
    return plot


def _audit(
    session: Session,
    step: str,
    plot: TreePlot,
    acting_user: Actor,
    now: datetime,
    reason: str | None = None,
    **details: Any,
) -> None:
    audit.record(
        session,
        acting_user=acting_user,
        action=f"plot.{step}",
        subject=f"plot:{plot.id}",
        now=now,
        reason=reason,
        **details,
    )
