"""Serial numbers, validity, growth and papers: arithmetic without a database."""

import io
from datetime import date

import pytest
from PIL import Image

from carbonaccount.errors import Invalid
from carbonaccount.institutions.offset_files import MAX_BYTES, checked
from carbonaccount.institutions.offset_models import LotKind
from carbonaccount.institutions.offset_rules import (
    ORDER_OF_USE,
    UPTAKE,
    Serials,
    SeriesKeys,
    certificate_end,
    parse_serials,
    series_keys,
)
from tests.carbonaccount.institutions.offsets.arranging import PDF


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("CCER-2025-000101", "CCER-2025-000150", Serials("CCER-2025-", 101, 150, 6)),
        (" ccer-2025-000101", "ＣＣＥＲ-2025-000150 ", Serials("CCER-2025-", 101, 150, 6)),
        ("7", "7", Serials("", 7, 7, 1)),
        ("A/1.B_000", "A/1.B_009", Serials("A/1.B_", 0, 9, 3)),
    ],
)
def test_a_range_is_read_from_its_first_and_last_number(
    first: str, last: str, found: Serials
) -> None:
    assert parse_serials(first, last) == found


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        ("CCER-A", "CCER-B", "serial_number"),
        ("", "", "serial_number"),
        ("X1234567890123456789", "X1234567890123456789", "serial_number"),
        ("碳1", "碳2", "serial_number"),
        ("A-2", "A-1", "serial_range"),
        ("A-1", "B-2", "serial_range"),
    ],
)
def test_what_is_no_range_is_refused(first: str, last: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_serials(first, last)
    assert refused.value.code == code


def test_one_number_cannot_be_written_in_two_ways() -> None:
    # Were the prefix free, "CCER-20231" + "00001" would be "CCER-2023" + "100001" once more.
    assert parse_serials("CCER-2023100001", "CCER-2023100001").prefix == "CCER-"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("CCER-2025-000150", "CCER-2025-000160"),
        ("CCER 2025 000150", "CCER 2025 000160"),
        ("CCER_2025_000400", "CCER_2025_000401"),
        ("CCER/2025/101", "CCER/2025/101"),
        ("2025-000250", "2025-000251"),
        ("ccer2025000250", "ccer2025000251"),
        ("2025000399", "2025000403"),
        ("CCER-CCER-02025-00150", "CCER-CCER-02025-00150"),
    ],
)
def test_the_same_numbers_are_told_however_they_are_written(first: str, last: str) -> None:
    known = parse_serials("CCER-2025-000101", "CCER-2025-000400")
    assert meet("ccer", known, parse_serials(first, last))


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("CCER-2025-000401", "CCER-2025-000500"),
        ("CCER-2024-000101", "CCER-2024-000400"),
        ("2025000100", "2025000100"),
        ("CCER-SD-2025-000101", "CCER-SD-2025-000102"),
    ],
)
def test_other_numbers_are_others(first: str, last: str) -> None:
    known = parse_serials("CCER-2025-000101", "CCER-2025-000400")
    assert not meet("ccer", known, parse_serials(first, last))


def test_long_numbers_fit_into_64_bits() -> None:
    keys = series_keys(
        "gec", parse_serials("GEC20250123456789-000000001", "GEC20250123456789-000000009")
    )
    assert keys == SeriesKeys("20250123456789", "20250", 123456789_000000001, 123456789_000000009)


def meet(registry: str, one: Serials, other: Serials) -> bool:
    """Return whether two ranges have a number in common, by either of the two keys."""
    a, b = series_keys(registry, one), series_keys(registry, other)
    in_parts = a.series == b.series and one.first <= other.last and one.last >= other.first
    in_one_go = (
        a.joined == b.joined and a.joined_first <= b.joined_last and a.joined_last >= b.joined_first
    )
    return in_parts or in_one_go


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
