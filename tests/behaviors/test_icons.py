"""Every behaviour of the library has a drawing of its own."""

import re
from collections import Counter
from pathlib import Path

from behaviors.methods import load_library

PICTURE = Path(__file__).resolve().parents[2] / "carbonaccount" / "static" / "img" / "icons.svg"


def test_no_two_behaviours_share_an_icon() -> None:
    drawings = dict(re.findall(r'<symbol id="(\w+)"[^>]*>(.*)</symbol>', PICTURE.read_text()))
    codes = [behavior.code for behavior in load_library().behaviors]
    assert len(codes) == 38
    assert [code for code in codes if code not in drawings] == []
    assert [d for d, count in Counter(drawings.values()).items() if count > 1] == []
