"""A plot of ten trees with its reward, papers as files, and threads that adopt."""

import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sqlmodel import Session

from carbonaccount.audit import Actor
from rewards import plots
from rewards.giving_models import PlotPaper, TreePlot
from rewards.models import RewardClass
from rewards.plots import PaperContent, PlotContent
from tests.rewards.redeeming.arranging import DAY, Shop, open_shop

NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
PLANTED_ON = date(2024, 3, 12)


def picture(seed: int, note: str = "") -> bytes:
    """Return a small picture of noise as PNG, another one for each seed; `note` is in the file."""
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 36, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    words = PngInfo()
    words.add_text("Comment", note)
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=words)
    return buffer.getvalue()


def report(number: int) -> bytes:
    """Return something that begins as PDF files do."""
    return b"%PDF-1.7\n" + str(number).encode()


def plot_content(reward_id: int | None, **changes: Any) -> PlotContent:
    """Return ten pagoda trees, planted two years ago but for two days."""
    values: dict[str, Any] = {
        "name_zh": "南四湖示范林",
        "name_en": "Nansi Lake Grove",
        "place": "济宁市微山县示范地",
        "latitude_micro": 34_806_500,
        "longitude_micro": 117_128_800,
        "species_zh": "国槐",
        "species_latin": "Styphnolobium japonicum",
        "planted_on": PLANTED_ON,
        "planted": 10,
        "refund_rule": "credits",
        "reward_id": reward_id,
        **changes,
    }
    return PlotContent(**values)


def paper(kind: str, data: bytes, living: int | None = None, **changes: Any) -> PaperContent:
    """Return a paper of today."""
    values: dict[str, Any] = {
        "kind": kind,
        "data": data,
        "made_on": DAY,
        "living": living,
        "note": "",
        **changes,
    }
    return PaperContent(**values)


def tree_shop(session: Session, **changes: Any) -> Shop:
    """Open a reward of the class tree at 100 credits."""
    return open_shop(session, reward_class=RewardClass.TREE.value, **changes)


def accepted_plot(
    session: Session,
    folder: Path,
    editor: Actor,
    approver: Actor,
    shop: Shop,
    *,
    living: int = 10,
    **changes: Any,
) -> TreePlot:
    """Plant ten trees of which a report accepts `living`."""
    plot = plots.add_plot(
        session, content=plot_content(shop.reward_id, **changes), acting_user=editor, now=NOW
    )
    filed = file_paper(
        session, plot, paper("acceptance", report(plot.id or 0), living), folder, editor
    )
    plots.approve_paper(
        session, paper_id=filed.id or 0, reason="现场看过", acting_user=approver, now=NOW
    )
    return plot


def file_paper(
    session: Session, plot: TreePlot, content: PaperContent, folder: Path, editor: Actor
) -> PlotPaper:
    """File a paper of a plot."""
    return plots.add_paper(
        session,
        plot_id=plot.id or 0,
        content=content,
        folder=folder,
        acting_user=editor,
        now=NOW,
    )
