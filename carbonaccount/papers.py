"""Papers as PDF: what people print, keep and hand over, with the letters inside the file.

A paper is whole in itself: nothing is fetched while it is made, neither from the network nor from
the disk, so that no text in it can make the server open an address.
"""

import logging
from functools import cache
from importlib import import_module
from typing import Any

from carbonaccount.errors import Unavailable

# The font of the papers; it is embedded, so that every reader shows the same letters.
FONT = "Noto Sans CJK SC"
_FONT_IN_PDF = "Noto-Sans-CJK-SC"

# What papers share; a paper may refine it with styles of its own.
_STYLE = f"""
@page {{ size: A4; margin: 20mm 18mm; }}
html {{ font-family: "{FONT}"; font-size: 10.5pt; line-height: 1.5; color: #17211b; }}
h1 {{ margin: 0 0 6mm; font-size: 20pt; line-height: 1.3; }}
table {{ width: 100%; border-collapse: collapse; }}
th, td {{ padding: 1.4mm 2mm 1.4mm 0; border-bottom: 0.2mm solid #c9d3cc; text-align: left; }}
.right {{ text-align: right; }}
.facts > div {{ display: flex; justify-content: space-between; gap: 8mm;
  padding: 1.4mm 0; border-bottom: 0.2mm solid #c9d3cc; }}
.facts, .facts dd {{ margin: 0; }}
.facts dt {{ color: #4c5a52; }}
.facts dd {{ text-align: right; }}
.table-box {{ margin-top: 6mm; }}
sub {{ font-size: 75%; line-height: 0; }}
.certificate {{ padding: 10mm 12mm; border: 0.6mm solid #1c6b45; outline: 0.2mm solid #1c6b45;
  outline-offset: -2mm; }}
.certificate h1 {{ text-align: center; font-size: 24pt; margin: 4mm 0 8mm; }}
.certificate .issuer {{ text-align: center; }}
.issuer {{ margin: 0 0 2mm; color: #1c6b45; font-weight: bold; }}
.void {{ padding: 2mm 4mm; border: 0.5mm solid #a3261d; color: #a3261d; font-weight: bold; }}
.seal {{ display: flex; align-items: center; gap: 6mm; margin-top: 8mm; break-inside: avoid; }}
.seal svg {{ flex: none; width: 34mm; height: 34mm; }}
.seal p {{ flex: auto; font-size: 9pt; color: #4c5a52; }}
"""


def pdf(html: str) -> bytes:
    """Return an HTML page as a PDF file with embedded fonts.

    The page carries its own styles; pictures stand in it as SVG or `data:` addresses. Raises
    Unavailable with `pdf_not_possible` when the libraries that set text (Pango) or the font are
    missing on this machine, and ValueError when the page names anything outside itself.
    """
    weasyprint = _weasyprint()
    fonts: set[str] = set()
    try:
        document = weasyprint.HTML(string=html, url_fetcher=_fetcher())
        content: bytes = document.write_pdf(
            stylesheets=[weasyprint.CSS(string=_STYLE)],
            finisher=lambda _document, file: fonts.update(_font_names(file)),
        )
    except weasyprint.urls.FatalURLFetchingError as error:
        raise ValueError("a paper may not name anything outside itself") from error
    if not any(_FONT_IN_PDF in name for name in fonts):
        raise Unavailable("pdf_not_possible", missing=FONT)
    return content


@cache
def _weasyprint() -> Any:
    """Return the library; importing it takes long and needs Pango, so it waits for a paper."""
    try:
        library = import_module("weasyprint")
    except OSError as error:
        raise Unavailable("pdf_not_possible", missing="Pango") from error
    # Seven lines a paper say nothing that our own line of the request does not.
    logging.getLogger("weasyprint.progress").setLevel(logging.WARNING)
    return library


def _fetcher() -> Any:
    """Return what WeasyPrint asks for resources: only what stands in the page itself."""
    return _weasyprint().urls.URLFetcher(
        allowed_protocols=("data",), allow_redirects=False, fail_on_errors=True
    )


def _font_names(file: Any) -> set[str]:
    """Return the names of the fonts in a PDF that is being made."""
    return {
        str(item["BaseFont"])
        for item in file.objects
        if isinstance(item, dict) and "BaseFont" in item
    }
