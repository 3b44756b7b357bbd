"""Serial numbers: how they are read, and when two that are written differently are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbonaccount.errors import Invalid
from carbonaccount.institutions.serial_numbers import (
    Numbers,
    Serials,
    SeriesKeys,
    foreign_registry,
    parse_serials,
    same_number,
    series_keys,
)


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("CCER-2025-000101", "CCER-2025-000150", Serials("CCER-2025-", 101, 150, 6)),
        (" ccer-2025-000101", "ＣＣＥＲ－2025－000150 ", Serials("CCER-2025-", 101, 150, 6)),
        ("ccer  2025\t101", "CCER—2025—000150", Serials("CCER 2025 ", 101, 150, 3)),
        ("7", "7", Serials("", 7, 7, 1)),
        ("A/1.B_000", "A/1.B_009", Serials("A/1.B_", 0, 9, 3)),
        ("№ CCER·2025·7", "CCER-2025-8", Serials("NO CCER.2025.", 7, 8, 1)),
        # The letters O, I and L among digits are digits; in a word they are letters.
        ("CCER-2O25-OOO15O", "CCER-2025-00016l", Serials("CCER-2025-", 150, 161, 6)),
        ("1O-IN-LOT-5", "10-IN-LOT-5", Serials("10-IN-LOT-", 5, 5, 1)),
        ("NOOO150", "NO.0150", Serials("NO", 150, 150, 5)),
    ],
)
def test_a_range_is_read_from_its_first_and_last_number(
    first: str, last: str, found: Serials
) -> None:
    assert parse_serials(first, last) == found


@pytest.mark.parametrize(
    ("first", "last", "code", "field"),
    [
        ("CCER-A", "CCER-B", "serial_number", "serial_first"),
        ("", "", "serial_number", "serial_first"),
        ("A-1", "", "serial_number", "serial_last"),
        ("X1234567890123456789", "X1234567890123456789", "serial_number", "serial_first"),
        ("碳1", "碳2", "serial_number", "serial_first"),
        ("A-1,000", "A-2,000", "serial_number", "serial_first"),
        ("A-2", "A-1", "serial_range", "serial_last"),
        ("A-1", "B-2", "serial_range", "serial_last"),
    ],
)
def test_what_is_no_range_is_refused(first: str, last: str, code: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_serials(first, last)
    assert (refused.value.code, refused.value.params["field"]) == (code, field)


def test_one_number_cannot_be_written_in_two_ways() -> None:
    # Were the prefix free, "CCER-20231" + "00001" would be "CCER-2023" + "100001" once more.
    assert parse_serials("CCER-2023100001", "CCER-2023100001").prefix == "CCER-"


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("CCER-2025-000150", "CCER-2025-000160"),
        ("CCER 2025 000150", "CCER 2025 000160"),
        ("ccer 2025 150", "ccer 2025 150"),
        ("CCER_2025_000400", "CCER_2025_000401"),
        ("CCER/2025/101", "CCER/2025/101"),
        ("2025-000250", "2025-000251"),
        ("ccer2025000250", "ccer2025000251"),
        ("2025000399", "2025000403"),
        ("ccer2025150", "ccer2025150"),
        ("CCER-2025-0000000150", "CCER-2025-0000000150"),
        ("CCER-CCER-02025-00150", "CCER-CCER-02025-00150"),
        ("NO.CCER-2025-000150", "NO.CCER-2025-000150"),
        ("CCER-NO-2025-NO.000150", "CCER-NO-2025-NO.000150"),
        ("CCER-2025-OOO150", "CCER-2025-OOO150"),
        ("CCEROO2025-I50", "CCEROO2025-I50"),
    ],
)
def test_the_same_numbers_are_told_however_they_are_written(first: str, last: str) -> None:
    known = parse_serials("CCER-2025-000101", "CCER-2025-000400")
    assert meet("ccer", known, parse_serials(first, last))
    assert meet("ccer", parse_serials(first, last), known)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("CCER-2025-000401", "CCER-2025-000500"),
        ("CCER-2024-000101", "CCER-2024-000400"),
        ("2025000100", "2025000100"),
        ("CCER-SD-2025-000101", "CCER-SD-2025-000102"),
        # Divided into groups alike, each group is a number of its own.
        ("CCER-20-25000150", "CCER-20-25000150"),
        ("CCER-2025-1-000150", "CCER-2025-1-000150"),
    ],
)
def test_other_numbers_are_others(first: str, last: str) -> None:
    known = parse_serials("CCER-2025-000101", "CCER-2025-000400")
    assert not meet("ccer", known, parse_serials(first, last))
    assert not meet("ccer", parse_serials(first, last), known)


def numbers(registry: str, serials: Serials) -> Numbers:
    """Return what a range is compared by."""
    return Numbers(series_keys(registry, serials).series, serials.first, serials.last)


def meet(registry: str, one: Serials, other: Serials) -> bool:
    """Return whether two ranges of a register have a number in common."""
    return same_number(numbers(registry, one), numbers(registry, other))


GROUPS = st.lists(
    st.one_of(
        st.integers(0, 99_999),
        st.text(alphabet="ABCDFXYZ", min_size=1, max_size=3),
    ),
    max_size=3,
)
SEPARATORS = ("-", " ", "  ", ".", "/", "_", "－", "　", "．", "／", "—", "·", " - ", ": ", "#")
FULL_WIDTH = str.maketrans(
    {chr(code): chr(code + 0xFEE0) for code in (*range(0x30, 0x3A), *range(0x41, 0x5B))}
)


@st.composite
def written(draw: st.DrawFn, groups: list[int | str], number: int) -> str:
    """Write a number as somebody might: every way that makes no other number of it."""
    text = draw(st.sampled_from(("", "CCER", "No", "NO.CCER", "CCER No", "№ ccer")))
    for group in (*groups, number):
        text += draw(st.sampled_from(SEPARATORS)) if text else ""
        digits = "0" * draw(st.integers(0, 4)) + str(group)
        text += digits if isinstance(group, int) else group
    text = draw(st.sampled_from((text, text.lower(), text.upper())))
    return draw(st.sampled_from((text, text.upper().translate(FULL_WIDTH), f" {text}　")))


@given(st.data(), GROUPS, st.integers(0, 10**9))
def test_no_way_of_writing_makes_another_number(
    data: st.DataObject, groups: list[int | str], number: int
) -> None:
    texts = [data.draw(written(groups, number)) for _ in range(2)]
    one, other = (parse_serials(text, text) for text in texts)
    assert one.first == other.first == number
    assert series_keys("ccer", one).series == series_keys("ccer", other).series, texts
    assert meet("ccer", one, other)


@given(GROUPS, st.integers(0, 10**9), st.integers(1, 10**9))
def test_another_number_stays_another(groups: list[int | str], number: int, more: int) -> None:
    lead = "".join(f"{group}-" for group in groups)
    one, other = (parse_serials(f"{lead}{n}", f"{lead}{n}") for n in (number, number + more))
    assert not meet("ccer", one, other)


@given(st.lists(st.integers(1, 9_999), min_size=1, max_size=2), st.integers(1, 999_999), st.data())
def test_in_one_go_it_is_the_same_number(lead: list[int], number: int, data: st.DataObject) -> None:
    groups = [*lead, number]
    apart = "-".join(map(str, groups))
    widths = [data.draw(st.integers(1, 6)) for _ in groups]
    in_one_go = "".join(f"{group:0{width}d}" for group, width in zip(groups, widths, strict=True))
    one, other = (parse_serials(text, text) for text in (f"CCER {apart}", f"CCER{in_one_go}"))
    assert meet("ccer", one, other)
    assert meet("ccer", other, one)


def test_ranges_in_one_go_meet_in_their_numbers_only() -> None:
    apart = parse_serials("2025-8", "2025-12")
    for first, last, found in (
        # 2025-8 to 2025-12 without zeros are 20258, 20259, 202510, 202511, 202512.
        ("20251", "20257", False),
        ("20259", "20260", True),
        ("202510", "202519", True),
        ("202513", "202519", False),
        ("2025000012", "2025000099", True),
        ("2025000013", "2025000099", False),
    ):
        assert meet("ccer", apart, parse_serials(first, last)) is found, first


def test_long_numbers_fit_into_64_bits() -> None:
    keys = series_keys(
        "gec", parse_serials("GEC20250123456789-000000001", "GEC20250123456789-000000009")
    )
    assert keys == SeriesKeys("20250123456789.", "20250", 123456789_000000001, 123456789_000000009)


@pytest.mark.parametrize(
    ("registry", "first", "code"),
    [
        ("vcs", "CCER-2025-000150", "ccer"),
        ("vcs", "No. ccer 2025 150", "ccer"),
        ("ccer", "GEC0001", "gec"),
        ("ccer", "CCER-2025-000150", ""),
        ("vcs", "9344-86107652-VCU-034-1", ""),
        # Letters that several registers use say nothing, nor do words that begin with some.
        ("cdm", "CER-1", ""),
        ("vcs", "VER-5", ""),
        ("ccer", "GSX-1", ""),
        ("ccer", "2025-VCU-1", ""),
    ],
)
def test_the_letters_of_another_register_are_noticed(registry: str, first: str, code: str) -> None:
    assert foreign_registry(registry, parse_serials(first, first)) == code
