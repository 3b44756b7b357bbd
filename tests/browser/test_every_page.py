"""Every page, both languages, both sizes: accessible, nothing from elsewhere, nothing cut off."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import AXE, NARROW, PHONE, TABLET, WINDOWS, Visit, new_visit

pytestmark = pytest.mark.browser

PUBLIC = (
    "/",
    "/city",
    "/open-data",
    "/methods",
    "/methods/ev_charging",
    "/methods/rooftop_pv",
    "/methods/carpool",
    "/methods/reusable_cup",
    "/calculator",
    "/calculator?behavior=bus_trip&distance_km=-3",
    "/sign-in",
    "/privacy",
    "/rewards",
    "/giving",
    "/check?number=0000-0000-0000-0000",
    "/staff/sign-in",
)
PERSONAL = (
    "/",
    "/log",
    "/log/bus_trip",
    "/log/reusable_cup",
    "/records",
    "/records?status=d",
    "/sources",
    "/sources/demo-bike",
    "/sources/demo-charging",
    "/me",
    "/rewards",
    "/giving/mine",
    "/certificates",
    "/guardian",
    "/sessions",
)
_LEAST_TARGET_PX = 24  # WCAG 2.2, 2.5.8
# What is wider than its box shows so, and can be scrolled with the keyboard. The shadows are taken
# off afterwards: on a gradient axe-core does not judge the contrast of the text.
_CUT_WITHOUT_A_HINT = """() => {
  const found = [...document.querySelectorAll("main :has(table)")]
    .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
    .map(e => [e, getComputedStyle(e)])
    .filter(([e, style]) => ["auto", "scroll"].includes(style.overflowX))
    .filter(([e, style]) => !style.backgroundImage.includes("gradient") || e.tabIndex !== 0
      || !(e.ariaLabel || e.getAttribute("aria-labelledby")))
    .map(([e]) => `${e.className} ${e.textContent.trim().slice(0, 20)}`);
  for (const box of document.querySelectorAll(".table-box, .table-responsive")) {
    box.style.backgroundImage = "none";
  }
  return found;
}"""
_SMALL_TARGETS = """() => [...document.querySelectorAll("main button, main select, nav a, a.row")]
  .filter(e => e.checkVisibility())
  .map(e => [e.textContent.trim().slice(0, 20), e.getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24)
  .map(([text, box]) => `${text} ${box.width}x${box.height}`)"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core."""
    assert AXE.is_file(), "make setup installs axe-core"
    return AXE.read_text("utf-8")


@pytest.fixture(scope="module", params=list(WINDOWS.values()), ids=list(WINDOWS))
def pair(request: pytest.FixtureRequest) -> tuple[str, dict[str, int]]:
    """A language of the site and the size of a window."""
    chosen: tuple[str, dict[str, int]] = request.param
    return chosen


@pytest.fixture(scope="module")
def language(pair: tuple[str, dict[str, int]]) -> str:
    """The language of this turn."""
    return pair[0]


@pytest.fixture(scope="module")
def size(pair: tuple[str, dict[str, int]]) -> dict[str, int]:
    """The size of this turn."""
    return pair[1]


@pytest.fixture(scope="module")
def resident(
    chromium: Browser, site: str, language: str, size: dict[str, int], axe: str
) -> Iterator[Visit]:
    """A signed-in window with records in several states, one source bound and one with a code."""
    visit = new_visit(chromium, site, size, language)
    # Put in by the browser itself: the content policy would refuse it from the page.
    visit.context.add_init_script(axe)
    visit.sign_in()
    report(visit, "bus_trip", "#distance_km", "30")
    report(visit, "bus_trip", "#distance_km", "30")
    report(visit, "metro_trip", "#distance_km", "3", photo=True)
    start_binding(visit, "demo-bike")
    visit.page.click("form[action$='/demo'] button")
    start_binding(visit, "demo-charging")
    yield visit
    visit.context.close()
    assert visit.complaints == []


def report(visit: Visit, behavior: str, field: str, amount: str, *, photo: bool = False) -> None:
    """Report an act by hand."""
    visit.open(f"/log/{behavior}")
    visit.page.fill(field, amount)
    if photo:
        visit.page.click("main details summary")
        picture = visit.page.screenshot()
        visit.page.set_input_files(
            "#photo", {"name": "p.png", "mimeType": "image/png", "buffer": picture}
        )
    visit.page.click("button[value=send]")
    visit.page.wait_for_url("**/records/*")


def start_binding(visit: Visit, source: str) -> None:
    """Agree to a source and get a code."""
    visit.open(f"/sources/{source}")
    visit.page.check("#agree")
    visit.page.click("main form button")
    visit.page.wait_for_selector(".code")


def problems(visit: Visit, where: str) -> list[str]:
    """Return what is wrong with the page that is open, as it is and in windows of other widths."""
    found_cut = visit.page.evaluate(_CUT_WITHOUT_A_HINT)
    result = visit.page.evaluate("axe.run({resultTypes: ['violations'], iframes: false})")
    found = [
        f"{where}: {violation['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]
    found += [f"{where}: scrolls and does not show it: {text}" for text in found_cut]
    size = visit.page.viewport_size
    assert size is not None
    for width in (TABLET["width"], NARROW["width"], size["width"]):
        visit.page.set_viewport_size({"width": width, "height": size["height"]})
        if visit.overflow_px() > 0:
            found.append(f"{where}: wider than {width} px by {visit.overflow_px()}")
    visit.page.set_viewport_size(size)
    found += [
        f"{where}: too small to touch: {text}" for text in visit.page.evaluate(_SMALL_TARGETS)
    ]
    return found


def test_personal_pages(resident: Visit) -> None:
    found = []
    for path in PERSONAL:
        resident.open(path)
        found += problems(resident, path)
    resident.open("/records")
    receipts = resident.page.locator("a.row").evaluate_all("rows => rows.map(row => row.pathname)")
    assert len(receipts) >= 4
    for path in receipts[:5]:
        resident.open(path)
        found += problems(resident, path)
    assert found == []


def test_a_form_with_errors(resident: Visit) -> None:
    resident.open("/log/bus_trip")
    resident.page.fill("#distance_km", "很远很远的地方很远很远的地方很远很远的地方")
    resident.page.click("button[value=send]")
    resident.page.wait_for_selector(".field__error")
    assert problems(resident, "errors") == []


def test_opened_details(resident: Visit) -> None:
    found = []
    for path in ("/", "/records", "/sources/demo-bike", "/me", "/log/bus_trip"):
        resident.open(path)
        resident.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        found += problems(resident, f"{path} opened")
    assert found == []


def test_public_pages(
    chromium: Browser, site: str, axe: str, language: str, size: dict[str, int]
) -> None:
    visit = new_visit(chromium, site, size, language)
    visit.context.add_init_script(axe)
    found = []
    for path in PUBLIC:
        visit.open(path)
        found += problems(visit, path)
    visit.open("/no-such-page", status=404)
    found += problems(visit, "404")
    visit.context.close()
    assert found + visit.complaints == []


def test_text_at_200_percent(chromium: Browser, site: str) -> None:
    visit = new_visit(chromium, site, PHONE, "zh-CN")
    for path in ("/", "/methods/ev_charging", "/calculator", "/sign-in"):
        visit.open(path)
        visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert visit.overflow_px() == 0, path
    visit.context.close()


def test_without_javascript(chromium: Browser, site: str) -> None:
    context = chromium.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{site}/calculator?behavior=bus_trip")
    page.fill("#distance_km", "20")
    page.click("main button")
    assert "1.04 kg" in page.inner_text("#calculator-result")
    context.close()
