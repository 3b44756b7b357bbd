"""Validity, growth and papers: arithmetic without a database."""

import io
from datetime import UTC, date, datetime

import pytest
from PIL import Image

from carbonaccount.errors import Invalid
from carbonaccount.institutions.afforestation import growth_of
from carbonaccount.institutions.offset_files import MAX_BYTES, checked
from carbonaccount.institutions.offset_models import LotKind, Plantation, SurvivalCheck
from carbonaccount.institutions.offset_rules import (
    ORDER_OF_USE,
    UPTAKE,
    certificate_end,
)
from tests.carbonaccount.institutions.offsets.arranging import PDF


@pytest.mark.parametrize(
    ("produced", "last_day"),
    [
        (date(2025, 5, 1), date(2027, 5, 31)),
        (date(2024, 12, 31), date(2026, 12, 31)),
        (date(2026, 2, 11), date(2028, 2, 29)),
        (date(2025, 2, 28), date(2027, 2, 28)),
    ],
)
def test_a_certificate_is_good_for_two_years(produced: date, last_day: date) -> None:
    assert certificate_end(produced) == last_day


@pytest.mark.parametrize(
    ("age", "living", "grams"),
    [
        # 2 hm2 = 20,000 m2 x 365 g = 7,300,000 g for grown trees that all live.
        (2, 1000, 0),
        (3, 1000, 1_825_000),
        (4, 1000, 1_825_000),
        (5, 1000, 3_650_000),
        (9, 900, 3_285_000),
        (10, 900, 6_570_000),
        (40, 0, 0),
        # More cannot live than were planted.
        (10, 1001, 7_300_000),
    ],
)
def test_young_trees_count_in_part(age: int, living: int, grams: int) -> None:
    assert UPTAKE.uptake_g(area_m2=20_000, age=age, living=living, trees=1000) == grams


def test_the_uptake_is_that_of_the_source() -> None:
    # 3.65 t a hm2 of 10,000 m2 = 365 g a m2.
    assert UPTAKE.g_per_m2 * 10_000 == 3_650_000
    assert UPTAKE.grade == "A"
    assert UPTAKE.bands_grade == "D"


def test_policy_says_what_is_used_first() -> None:
    ranks = {kind: ORDER_OF_USE[kind].rank for kind in ORDER_OF_USE}
    assert ranks == {
        LotKind.FLEET: 1,
        LotKind.STAFF: 1,
        LotKind.GIFT: 2,
        LotKind.POOL: 2,
        LotKind.CCER: 3,
        LotKind.AFFORESTATION: 3,
        LotKind.OTHER_CREDIT: 4,
    }
    assert LotKind.GREEN_CERTIFICATE not in ORDER_OF_USE


def _picture(format_: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 3), "green").save(file, format_)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "suffix"),
    [(PDF, "pdf"), (_picture("JPEG"), "jpg"), (_picture("PNG"), "png")],
)
def test_papers_are_kept_under_their_hash(data: bytes, suffix: str) -> None:
    found = checked(data)
    assert found.file_name == f"{found.sha256}.{suffix}"
    assert found.data == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "offset_file_missing"),
        (b"hello", "offset_file_format"),
        (b"%PDF-1.4 cut short", "offset_file_format"),
        (_picture("PNG")[:40], "offset_file_format"),
        (_picture("GIF"), "offset_file_format"),
        (b"%PDF-" + b"x" * MAX_BYTES, "offset_file_large"),
    ],
)
def test_other_files_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked(data)
    assert refused.value.code == code


def test_a_survival_check_tells_of_five_years_and_a_worse_one_that_waits_holds_them_back() -> None:
    trees = Plantation(
        public_id="P",
        institution_id=1,
        place="南四湖",
        species="国槐",
        area_m2=20_000,
        trees=1_000,
        planted_on=date(2015, 3, 12),
        evidence_sha256="",
        evidence_file="",
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    def check(day: date, living: int, status: str) -> SurvivalCheck:
        return SurvivalCheck(
            plantation_id=1,
            checked_on=day,
            living=living,
            status=status,
            evidence_sha256="",
            evidence_file="",
            added_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    def growth(year: int, *checks: SurvivalCheck) -> tuple[int, str]:
        found = growth_of(trees, year, checks, set(), date(2026, 11, 21))
        return found.uptake_g, found.obstacle

    good = check(date(2025, 2, 1), 900, "accepted")
    # 20,000 m2 x 365 g x half x 0.9 from the fifth birthday on.
    assert [growth(year, good) for year in (2025, 2021)] == [(3_285_000, "")] * 2
    assert growth(2020, good) == (0, "no_check")
    assert growth(2026, good) == (0, "year_not_over")
    worse = check(date(2026, 2, 1), 500, "waiting")
    assert growth(2025, good, worse) == (3_285_000, "check_waiting")
    assert growth(2025, good, check(date(2026, 2, 1), 900, "waiting")) == (3_285_000, "")
    worse.status = "refused"
    assert growth(2025, good, worse) == (3_285_000, "")
    worse.status = "accepted"
    # 20,000 x 365 x 0.5 x 0.5
    assert growth(2025, good, worse) == (1_825_000, "")
