"""The demonstration's tree plot: twenty trees with a picture, a report, and a reward to adopt one.

The papers are drawn by this module and say in their notes that they are examples (示例).
"""

import hashlib
import secrets
from datetime import date, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageDraw
from sqlmodel import Session, col, select

from carbonaccount import audit
from carbonaccount.accounts.services import new_public_id
from carbonaccount.audit import SYSTEM
from carbonaccount.clock import business_day
from carbonaccount.errors import ConfigurationError
from rewards import fund
from rewards.fund_models import FundProgramme
from rewards.giving_models import PlotPaper, TreePlot
from rewards.models import (
    LimitPeriod,
    Reward,
    RewardClass,
    RewardPrice,
    RewardStatus,
    StockMovement,
)
from rewards.pictures import encoded
from rewards.plots import ACCEPTANCE, PHOTO, REPLANT

TREES = 20
PRICE_CREDITS = 3_000
VALUE_FEN = 5_000
_PLANTED_DAYS_AGO = 240
_REASON = "demonstration"
_NOTE = "示例图，只作演示"
_SIZE_PX = (960, 640)
_TEXTS = {
    "zh": {
        "title": "认养一棵国槐（示例）",
        "text": "在示例林地认养一棵已验收的树，可看照片、验收和成活报告，领取认养证书。",
        "terms": "示例项目，只作演示。树死了由主办方补种。",
    },
    "en": {
        "title": "Adopt a pagoda tree (example)",
        "text": "Adopt an accepted tree of the example plot; see its papers, get a certificate.",
        "terms": "An example for show. A tree that dies is planted again.",
    },
}


def load(session: Session, *, now: datetime, folder: Path) -> int:
    """Add the plot and its reward unless there are plots; returns how many plots were added.

    folder: where the papers of plots are kept. The caller commits. Adds nothing before there is a
    programme that pays. Raises ConfigurationError when the fund would not cover the trees.
    """
    programme = session.exec(select(FundProgramme).order_by(col(FundProgramme.id))).first()
    if programme is None or session.exec(select(col(TreePlot.id)).limit(1)).first() is not None:
        return 0
    plot = _plot(session, _reward(session, programme, now), now)
    _paper(session, plot, PHOTO, None, folder, now)
    _paper(session, plot, ACCEPTANCE, TREES, folder, now)
    return 1


def _reward(session: Session, programme: FundProgramme, now: datetime) -> Reward:
    day = business_day(now)
    reward = Reward(
        public_id=new_public_id(),
        status=RewardStatus.PUBLISHED,
        reward_class=RewardClass.TREE,
        texts=_TEXTS,
        price_credits=PRICE_CREDITS,
        value_fen=VALUE_FEN,
        programme_id=programme.id or 0,
        stock_left=TREES,
        limit_per_person=1,
        limit_period=LimitPeriod.YEAR,
        offered_from=day,
        offered_until=date(day.year + 1, 12, 31),
        created_at=now,
        published_at=now,
    )
    session.add(reward)
    session.flush()
    assert reward.id is not None
    if not fund.covers(session, reward=reward, now=now):
        raise ConfigurationError("fund_does_not_cover")
    told = str(SYSTEM)
    session.add(
        StockMovement(
            reward_id=reward.id, change=TREES, reason=_REASON, moved_by=told, moved_at=now
        )
    )
    session.add(
        RewardPrice(reward_id=reward.id, valid_from=now, price_credits=PRICE_CREDITS, set_by=told)
    )
    audit.record(
        session,
        acting_user=SYSTEM,
        action="reward.publish",
        subject=f"reward:{reward.public_id}",
        now=now,
        reason=_REASON,
    )
    return reward


def _plot(session: Session, reward: Reward, now: datetime) -> TreePlot:
    plot = TreePlot(
        public_id=new_public_id(),
        reward_id=reward.id,
        name_zh="南四湖示例林",
        name_en="Nansi Lake example grove",
        place="济宁市微山县（示例地点）",
        latitude_micro=34_806_500,
        longitude_micro=117_128_800,
        species_zh="国槐",
        species_latin="Styphnolobium japonicum",
        planted_on=business_day(now) - timedelta(days=_PLANTED_DAYS_AGO),
        planted=TREES,
        accepted=TREES,
        refund_rule=REPLANT,
        created_at=now,
    )
    session.add(plot)
    session.flush()
    return plot


def _paper(
    session: Session, plot: TreePlot, kind: str, living: int | None, folder: Path, now: datetime
) -> None:
    content = encoded(_drawing(kind))
    name = f"{secrets.token_hex(16)}.webp"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    is_report = kind != PHOTO
    session.add(
        PlotPaper(
            plot_id=plot.id or 0,
            kind=kind,
            sha256=hashlib.sha256(content).hexdigest(),
            file_name=name,
            made_on=plot.planted_on + timedelta(days=30),
            living=living,
            note=_NOTE,
            added_by=str(SYSTEM),
            added_at=now,
            approved_by=str(SYSTEM) if is_report else None,
            approved_at=now if is_report else None,
        )
    )


def _drawing(kind: str) -> Image.Image:
    """Draw a row of trees, on paper for a report, under a sky for a photo."""
    sky, ground = ("#f4f1e6", "#e3ddc8") if kind != PHOTO else ("#cfe4f2", "#8fb27a")
    width, height = _SIZE_PX
    picture = Image.new("RGB", _SIZE_PX, sky)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, height * 2 // 3, width, height), fill=ground)
    for place in range(5):
        x, foot = 110 + place * 185, height * 2 // 3 + 40
        pen.rectangle((x - 10, foot - 170, x + 10, foot), fill="#6b4f35")
        pen.ellipse((x - 75, foot - 320, x + 75, foot - 130), fill="#3f7d4e")
    return picture
