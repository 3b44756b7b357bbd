"""What lots are, in numbers and by policy: registries, validity, the order of use, growth. Pure."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from carbonaccount.institutions.offset_models import LotKind

G_PER_TONNE = 1_000_000
KWH_PER_CERTIFICATE = 1_000
CERTIFICATE_YEARS = 2
OWN_REGISTRY = "city"


class Registry(NamedTuple):
    """A register of other people's making whose numbers may be brought in.

    `tags` are letters that people put before its numbers or leave out; `names` those among them
    that no other register uses.
    """

    kind: LotKind
    name_zh: str
    name_en: str
    tags: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """Return the letters by which a number is known to be one of this register."""
        return frozenset(self.tags) - _GENERIC


# "(Verified, certified) emission reduction": letters that several registers use.
_GENERIC = frozenset({"CER", "VER"})

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
