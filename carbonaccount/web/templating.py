"""What templates may use: amounts and times as people read them, and addresses of static files."""

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from babel.dates import format_date, format_datetime
from flask import Flask, Response, current_app, g, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup, escape

from carbonaccount.clock import CITY_ZONE
from carbonaccount.config import Settings
from carbonaccount.web.filters import unknown_filters

GRAMS_IN_KILOGRAM = 1000
GRAMS_IN_TONNE = 1_000_000
SIGNIFICANT_DIGITS = 3
YEAR_SECONDS = 365 * 24 * 3600
_DAY_FORMATS = {"zh": "M月d日 EEE", "en": "EEE d MMM"}
_WEEKDAY_FORMATS = {"zh": "EEEEE", "en": "EEE"}
_KEY_END = 4
_DATE_FORMATS = {"zh": "y年M月d日", "en": "d MMM y"}
_MONTH_FORMATS = {"zh": "y年M月", "en": "MMMM y"}
_MOMENT_FORMATS = {"zh": "y年M月d日 HH:mm", "en": "d MMM y, HH:mm"}


class GramsShown(NamedTuple):
    """Grams as a page shows them; `shortened` when they are not told to the last gram."""

    number: str
    unit: str
    shortened: bool


def init_app(app: Flask) -> None:
    """Add the filters and functions to the application's templates."""
    app.jinja_env.filters.update(
        grams_parts=grams_parts,
        grams=grams_text,
        grams_up_parts=grams_up_parts,
        grams_up=grams_up_text,
        whole=whole_text,
        plain=plain_decimal,
        milli=milli_text,
        day=day_text,
        calendar_date=date_text,
        month=month_text,
        moment=moment_text,
        weekday=weekday_text,
        shortened_key=shortened_key,
        icon_name=icon_name,
        formula=formula_text,
    )
    app.jinja_env.globals.update(
        html_lang=html_lang,
        icons_address=icons_address,
        language=language,
        local_path=local_path,
        site_name=site_name,
        city_name=city_name,
        unknown_filters=unknown_filters,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.url_defaults(add_content_version)
    app.after_request(keep_versioned_files)
    # A global, because an import in the shell comes too late for the macros of a page.
    app.jinja_env.globals["icons"] = app.jinja_env.get_template("macros/icons.html").module


def language() -> str:
    """Return the page's language: zh or en."""
    locale = get_locale()
    return locale.language if locale is not None and locale.language == "en" else "zh"


def html_lang() -> str:
    """Return the language for the `lang` attribute of the page."""
    return "en" if language() == "en" else "zh-CN"


def icons_address() -> str:
    """Return the address of the picture of icons; a page shows dozens and builds it once."""
    if "icons_address" not in g:
        g.icons_address = url_for("static", filename="img/icons.svg")
    address: str = g.icons_address
    return address


def local_path() -> str:
    """Return path and query of this page, for forms that come back to it."""
    if request.method != "GET":
        return request.path
    return request.full_path.rstrip("?")


def site_name() -> str:
    """Return the product's name in the page's language."""
    return str(_("碳账户"))


def city_name() -> str:
    """Return the city's name in the page's language."""
    settings: Settings = current_app.extensions["carbonaccount.settings"]
    return settings.city_name_en if language() == "en" else settings.city_name


def grams_parts(grams: int) -> GramsShown:
    """Shorten grams to at most three significant digits in g, kg or t, never upwards."""
    if abs(grams) < GRAMS_IN_KILOGRAM:
        return GramsShown(whole_text(grams), "g", False)
    divisor, unit = (
        (GRAMS_IN_KILOGRAM, "kg") if abs(grams) < GRAMS_IN_TONNE else (GRAMS_IN_TONNE, "t")
    )
    decimals = max(0, SIGNIFICANT_DIGITS - len(str(abs(grams) // divisor)))
    scale = 10**decimals
    kept = abs(grams) * scale // divisor
    exact = kept * divisor == abs(grams) * scale
    number = Decimal(kept if grams > 0 else -kept) / scale
    return GramsShown(f"{number:,.{decimals}f}", unit, not exact)


def grams_text(grams: int) -> str:
    """Return grams as one text, e.g. `6.19 kg`."""
    shown = grams_parts(grams)
    return f"{shown.number} {shown.unit}"


def grams_up_parts(grams: int) -> GramsShown:
    """Shorten grams as `grams_parts` does, but never downwards: for what was emitted or is left.

    Left out digits would otherwise always speak for the emitter.
    """
    step = 1
    if abs(grams) >= GRAMS_IN_KILOGRAM:
        unit = GRAMS_IN_KILOGRAM if abs(grams) < GRAMS_IN_TONNE else GRAMS_IN_TONNE
        step = unit // 10 ** max(0, SIGNIFICANT_DIGITS - len(str(abs(grams) // unit)))
    raised = -(-grams // step) * step
    return grams_parts(raised)._replace(shortened=raised != grams)


def grams_up_text(grams: int) -> str:
    """Return grams as one text that is never less than they are, e.g. `4.36 t` for 4,358 kg."""
    shown = grams_up_parts(grams)
    return f"{shown.number} {shown.unit}"


def whole_text(number: int) -> str:
    """Return a whole number with thousands set apart."""
    return f"{number:,}"


def plain_decimal(number: Decimal, *, grouped: bool = False) -> str:
    """Return an exact decimal without exponent and without zeros at its end."""
    text = f"{number:,f}" if grouped else f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def formula_text(formula: str) -> str:
    """Return a formula with the signs people write: x as ×, - as −, / as ÷."""
    signs = {"*": "×", "-": "−", "/": "÷"}
    return "".join(signs.get(sign, sign) for sign in formula)


def milli_text(thousandths: int) -> str:
    """Return thousandths of a unit as a decimal in that unit, exactly."""
    return plain_decimal(Decimal(thousandths) / 1000, grouped=True)


def day_text(day: date) -> str:
    """Return a day near today, with its weekday."""
    return str(format_date(day, _DAY_FORMATS[language()], locale=language()))


def weekday_text(day: date) -> str:
    """Return the day of the week, as short as a calendar's column head."""
    return str(format_date(day, _WEEKDAY_FORMATS[language()], locale=language()))


def shortened_key(key: str) -> str:
    """Return enough of somebody's id elsewhere to recognise it, not enough to use it."""
    return f"…{key[-_KEY_END:]}" if len(key) > _KEY_END else "…"


def date_text(day: date) -> Markup:
    """Return a date with its year, marked up for machines too."""
    return _time_element(day.isoformat(), format_date(day, _DATE_FORMATS[language()], language()))


def month_text(day: date) -> str:
    """Return the month a day belongs to."""
    return str(format_date(day, _MONTH_FORMATS[language()], locale=language()))


def moment_text(moment: datetime) -> Markup:
    """Return a moment as the city's clocks show it."""
    local = moment.astimezone(CITY_ZONE)
    shown = format_datetime(local, _MOMENT_FORMATS[language()], locale=language())
    return _time_element(local.isoformat(), shown)


def _time_element(machine: str, shown: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(machine, escape(shown))


@cache
def _icons() -> frozenset[str]:
    """Return the names of the symbols in the picture of icons."""
    picture = Path(current_app.static_folder or "") / "img" / "icons.svg"
    parts = picture.read_text("utf-8").split('<symbol id="')[1:]
    return frozenset(part.split('"', 1)[0] for part in parts)


def icon_name(behavior: str, family: str) -> str:
    """Return the icon of a behaviour, that of its family when it has none of its own."""
    names = _icons()
    return next((name for name in (behavior, family) if name in names), "leaf")


def add_content_version(endpoint: str, values: dict[str, object]) -> None:
    """Add the content's hash to the address of a static file, so that it may be kept for ever."""
    if endpoint != "static" or "filename" not in values or current_app.static_folder is None:
        return
    file = Path(current_app.static_folder) / str(values["filename"])
    if file.is_file():
        values["v"] = _content_version(file, file.stat().st_mtime_ns)


def keep_versioned_files(response: Response) -> Response:
    """Let browsers keep a static file whose address changes with its content."""
    if request.endpoint == "static" and "v" in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response


@cache
def _content_version(file: Path, _changed_ns: int) -> str:
    return sha256(file.read_bytes()).hexdigest()[:12]
