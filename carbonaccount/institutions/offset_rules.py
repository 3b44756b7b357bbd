"""What lots are, in numbers and by policy: registries, validity, the order of use, growth. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from carbonaccount.errors import Invalid
from carbonaccount.institutions.offset_models import LotKind

G_PER_TONNE = 1_000_000
KWH_PER_CERTIFICATE = 1_000
CERTIFICATE_YEARS = 2
# Numbers longer than this are not counted numbers; they also fit into 64 bits.
MOST_DIGITS = 18
LONGEST_PREFIX = 48
OWN_REGISTRY = "city"
_PARTS = re.compile(r"[A-Z]+|[0-9]+", re.ASCII)
_NUMBER = re.compile(r"([0-9A-Z./_-]*?)([0-9]+)", re.ASCII)


class Registry(NamedTuple):
    """A register of other people's making whose numbers may be brought in.

    `tags` are letters that people put before its numbers or leave out.
    """

    kind: LotKind
    name_zh: str
    name_en: str
    tags: tuple[str, ...]


# One name a register: under two names the same number could come in twice.
REGISTRIES: dict[str, Registry] = {
    "gec": Registry(
        LotKind.GREEN_CERTIFICATE,
        "国家绿证核发交易系统",
        "National green certificate system",
        ("GEC",),
    ),
    "ccer": Registry(
        LotKind.CCER, "全国温室气体自愿减排注册登记系统", "China CCER registry", ("CCER",)
    ),
    "cdm": Registry(
        LotKind.OTHER_CREDIT, "清洁发展机制", "Clean Development Mechanism", ("CDM", "CER")
    ),
    "gold_standard": Registry(LotKind.OTHER_CREDIT, "黄金标准", "Gold Standard", ("GS", "VER")),
    "phcer": Registry(LotKind.OTHER_CREDIT, "广东碳普惠", "Guangdong PHCER", ("PHCER",)),
    "cqcer": Registry(LotKind.OTHER_CREDIT, "重庆碳惠通", "Chongqing CQCER", ("CQCER",)),
    "vcs": Registry(LotKind.OTHER_CREDIT, "核证碳标准", "Verified Carbon Standard", ("VCS", "VCU")),
}


class Rank(NamedTuple):
    """A step of the order in which lots are used: the lower, the sooner."""

    rank: int
    code: str


# 公告2019年第19号 art. 6 (reduce first) and the Shandong rules (prefer certified reductions of
# residents); within a step the lot that expires first, then the oldest, goes first.
OWN, LOCAL, NATIONAL, OTHERS = (
    Rank(1, "own"),
    Rank(2, "local"),
    Rank(3, "national"),
    Rank(4, "others"),
)
ORDER_OF_USE: dict[LotKind, Rank] = {
    LotKind.FLEET: OWN,
    LotKind.STAFF: OWN,
    LotKind.GIFT: LOCAL,
    LotKind.POOL: LOCAL,
    LotKind.CCER: NATIONAL,
    LotKind.AFFORESTATION: NATIONAL,
    LotKind.OTHER_CREDIT: OTHERS,
}


class Serials(NamedTuple):
    """A range of numbers after a prefix that does not end in a digit."""

    prefix: str
    first: int
    last: int
    width: int


def parse_serials(first: str, last: str) -> Serials:
    """Return the range between two whole serial numbers as they are printed.

    The digits at the end count, what stands before them is the prefix, so that a number can be
    written in one way only. Raises Invalid (serial_number, serial_range).
    """
    (prefix, first_number, width), (other, last_number, _) = _number(first), _number(last)
    if prefix != other or first_number > last_number:
        raise Invalid("serial_range", field="serial_last")
    return Serials(prefix, first_number, last_number, width)


def _number(text: str) -> tuple[str, int, int]:
    plain = "".join(unicodedata.normalize("NFKC", text).upper().split())
    found = _NUMBER.fullmatch(plain)
    if found is None or len(found[2]) > MOST_DIGITS or len(found[1]) > LONGEST_PREFIX:
        raise Invalid("serial_number", field="serial_first")
    return found[1], int(found[2]), len(found[2])


class SeriesKeys(NamedTuple):
    """What a range is compared by, however its separators, zeros and tag are written.

    `series` and the numbers tell ranges apart whose parts are separated; `joined` and the joined
    numbers those that are written in one go, where "2025-000150" is 2025000150.
    """

    series: str
    joined: str
    joined_first: int
    joined_last: int


def series_keys(registry: str, serials: Serials) -> SeriesKeys:
    """Return what a range of a register is compared by; the city's own are written in one way."""
    if registry == OWN_REGISTRY:
        return SeriesKeys(serials.prefix, serials.prefix, serials.first, serials.last)
    parts = _PARTS.findall(serials.prefix)
    while parts and parts[0] in REGISTRIES[registry].tags:
        parts = parts[1:]
    width = max(serials.width, len(str(serials.last)))
    joined = "".join(parts)
    letters = joined.rstrip("0123456789")
    digits = joined[len(letters) :]
    # What is beyond 64 bits is compared as text.
    kept = digits[max(0, len(digits) + width - MOST_DIGITS) :]
    base = int(kept or "0") * 10**width
    return SeriesKeys(
        series=".".join(part.lstrip("0") if part.isdigit() else part for part in parts),
        joined=joined[: len(joined) - len(kept)],
        joined_first=base + serials.first,
        joined_last=base + serials.last,
    )


def certificate_end(produced: date) -> date:
    """Return the last day of a green certificate: two years after the month of the electricity.

    A certificate of May 2025 is good until 31 May 2027.
    """
    year, month = produced.year + CERTIFICATE_YEARS, produced.month
    following = date(year + month // 12, month % 12 + 1, 1)
    return date.fromordinal(following.toordinal() - 1)


def certificate_month(valid_until: date | None) -> str:
    """Return the month of a green certificate's electricity by its last day, e.g. 2025-05."""
    if valid_until is None:
        return ""
    return f"{valid_until.year - CERTIFICATE_YEARS}-{valid_until.month:02d}"


@dataclass(frozen=True)
class GrowthBand:
    """From which age on (years since planting) which part of the uptake counts."""

    from_age: int
    permille: int


@dataclass(frozen=True)
class UptakeRule:
    """What a hectare (hm2) takes up in a year, and how young trees count; with its source."""

    code: str
    version: int
    g_per_m2: int
    grade: str
    source: str
    bands: tuple[GrowthBand, ...]
    bands_grade: str
    bands_source: str

    def permille(self, age: int) -> int:
        """Return which part of the uptake trees of an age count for, in thousandths."""
        return max((band.permille for band in self.bands if age >= band.from_age), default=0)

    def uptake_g(self, *, area_m2: int, age: int, living: int, trees: int) -> int:
        """Return the grams of a year, rounded down; living of the planted trees were alive."""
        alive = min(living, trees)
        return area_m2 * self.g_per_m2 * self.permille(age) * alive // (1000 * trees)


# 3.65 tCO2 per hm2 and year = 365 g per m2 and year.
UPTAKE = UptakeRule(
    code="forest.uptake.shandong",
    version=1,
    g_per_m2=365,
    grade="A",
    source="张春华等，生态学报 2018：山东省森林碳密度五年增长 22.26→27.24 tC/hm²，"
    "折合 3.65 tCO2/hm²·年（成林平均）",
    bands=(GrowthBand(3, 250), GrowthBand(5, 500), GrowthBand(10, 1000)),
    bands_grade="D",
    bands_source="平台的保守假设：成林平均不适用于新造林，满 3 年前不计，3—4 年计 25%，"
    "5—9 年计 50%，满 10 年全计；有实测蓄积后以实测为准",
)
