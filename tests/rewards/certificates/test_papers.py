"""Papers as PDF: nothing from outside, letters inside, and a clear refusal where Pango lacks."""

from pathlib import Path

import pytest

from carbonaccount import papers
from carbonaccount.errors import Unavailable
from tests.rewards.certificates.pages import fonts_of_pdf, text_of_pdf


def test_a_paper_carries_its_letters(tmp_path: Path) -> None:
    content = papers.pdf("<h1>结算单 2026</h1><p>共 1,234 积分</p>")

    assert content.startswith(b"%PDF-")
    assert text_of_pdf(content, tmp_path).split() == ["结算单", "2026", "共", "1,234", "积分"]
    for line in fonts_of_pdf(content, tmp_path).splitlines()[2:]:
        assert "Noto-Sans-CJK-SC" in line
        assert line.split()[-5] == "yes", "embedded"


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:9/x.png", "https://example.org/x.png", "file:///etc/hostname"],
)
def test_a_paper_fetches_nothing(address: str) -> None:
    with pytest.raises(ValueError, match="outside itself"):
        papers.pdf(f'<p>图</p><img src="{address}">')


def test_a_picture_in_the_page_itself_is_fine() -> None:
    svg = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
    assert papers.pdf(f'<p>图</p><img src="{svg}">').startswith(b"%PDF-")


def test_without_pango_the_refusal_is_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> object:
        raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.setattr(papers, "import_module", missing)
    papers._weasyprint.cache_clear()
    with pytest.raises(Unavailable) as error:
        papers.pdf("<p>x</p>")
    papers._weasyprint.cache_clear()
    assert (error.value.code, error.value.params) == ("pdf_not_possible", {"missing": "Pango"})


def test_without_the_font_the_refusal_is_clear() -> None:
    with pytest.raises(Unavailable) as error:
        papers.pdf('<style>* { font-family: "DejaVu Sans" !important }</style><p>only latin</p>')
    assert error.value.params == {"missing": papers.FONT}
