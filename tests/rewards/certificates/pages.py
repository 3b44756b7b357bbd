"""A resident who signed in, with measured rides, and readers of what the pages hand out."""

import io
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import zxingcpp
from flask import Flask
from PIL import Image, ImageDraw
from sqlmodel import Session, col, select

from behaviors.models import SourceSubject
from carbonaccount.accounts.models import Account, AccountKind
from carbonaccount.clock import utc_now
from tests.behaviors.intake.arranging import admit, bring, item
from tests.people import ALICE, Browser, writing

_VIEW_BOX = re.compile(r'class="qr" viewBox="0 0 (\d+) \1"')
_DARK = re.compile(r'<path fill="#000" d="([^"]+)"')
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1H\d+z")
_MODULE_PX = 4


def alice_with_rides(app: Flask, evidence: str) -> tuple[Browser, int]:
    """Sign Alice in, and bring a ride of 146 g a letter of `evidence` for her, of these days."""
    browser = Browser(app)
    browser.sign_in(ALICE)
    with writing(app) as session:
        account_id = newest_person(session)
        source = admit(session)
        session.add(
            SourceSubject(
                source_id=source.stored_id,
                subject="alice",
                account_id=account_id,
                bound_at=utc_now() - timedelta(days=60),
            )
        )
        session.flush()
        now = utc_now()
        # Minutes apart, so that all are of one year whenever the test runs.
        items = [
            item(
                f"ride-{number}",
                evidence=grade,
                occurred_at=(now - timedelta(minutes=40 * (number + 1))).isoformat(),
            )
            for number, grade in enumerate(evidence)
        ]
        bring(session, source, *items, now=now)
    return browser, account_id


def newest_person(session: Session) -> int:
    """Return the account that was opened last."""
    found = session.exec(
        select(col(Account.id))
        .where(col(Account.kind) == AccountKind.PERSON)
        .order_by(col(Account.id).desc())
    ).first()
    assert found is not None
    return found


def text_of_pdf(content: bytes, folder: Path) -> str:
    """Return what a PDF says, as another program reads it."""
    return _poppler("pdftotext", content, folder, "-layout", "-")


def fonts_of_pdf(content: bytes, folder: Path) -> str:
    """Return the table of a PDF's fonts."""
    return _poppler("pdffonts", content, folder)


def _poppler(program: str, content: bytes, folder: Path, *after: str) -> str:
    file = folder / "paper.pdf"
    file.write_bytes(content)
    options = [after[0]] if len(after) > 1 else []
    command = [program, *options, str(file), *after[len(options) :]]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def picture_of_pdf(content: bytes, folder: Path) -> Image.Image:
    """Return the first page of a PDF as a picture."""
    file = folder / "paper.pdf"
    file.write_bytes(content)
    command = ["pdftoppm", "-r", "110", "-png", "-singlefile", str(file), str(folder / "paper")]
    subprocess.run(command, check=True, capture_output=True)
    return Image.open(io.BytesIO((folder / "paper.png").read_bytes()))


def read_qr(picture: Image.Image) -> str:
    """Return what the one QR code of a picture says, read by an independent decoder."""
    (code,) = zxingcpp.read_barcodes(picture)
    return str(code.text)


def drawn_qr(page: str) -> Image.Image:
    """Draw the QR code that stands in a page as SVG."""
    width = _VIEW_BOX.search(page)
    path = _DARK.search(page)
    assert width
    assert path
    side = int(width[1]) * _MODULE_PX
    picture = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(picture)
    for x, y, run in _RUN.findall(path[1]):
        left, top = int(x) * _MODULE_PX, int(y) * _MODULE_PX
        right, bottom = left + int(run) * _MODULE_PX - 1, top + _MODULE_PX - 1
        pen.rectangle((left, top, right, bottom), fill=0)
    return picture
