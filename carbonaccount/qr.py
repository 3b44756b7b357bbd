"""QR codes as compact SVG: one path of horizontal runs, sharp at every size, named for ears."""

from collections.abc import Sequence
from functools import lru_cache

from markupsafe import Markup
from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M

# What the standard asks for around a code.
QUIET_ZONE = 4
_SVG = Markup(
    '<svg class="qr" viewBox="0 0 {size} {size}" role="img" aria-label="{label}" '
    'shape-rendering="crispEdges" focusable="false"><path fill="#fff" d="M0 0h{size}v{size}H0z"/>'
    '<path fill="#000" d="{path}"/></svg>'
)


def qr_svg(text: str, *, label: str, mask: int | None = None) -> Markup:
    """Return a text as a QR code; `label` says to those who do not see it what it is.

    `mask` takes one of the eight patterns instead of weighing all of them: right for texts that
    are random anyway. Capital letters and digits give a smaller code. Raises ValueError for a
    text that fits into no code.
    """
    size, path = _drawn(text, mask)
    return _SVG.format(size=size, label=label, path=path)


@lru_cache(maxsize=1024)
def _drawn(text: str, mask: int | None) -> tuple[int, str]:
    """Return the width in modules, and the path of the dark ones."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE, mask_pattern=mask)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    return len(rows), "".join(_runs(row, y) for y, row in enumerate(rows))


def _runs(row: Sequence[bool | None], y: int) -> str:
    """Return the dark runs of a row as pieces of a path, one module high."""
    path, start = [], None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            path.append(f"M{start} {y}h{x - start}v1H{start}z")
            start = None
    return "".join(path)
