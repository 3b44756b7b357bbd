"""Unified social credit codes: published ones hold, mistyped ones do not."""

import pytest

from carbonaccount.errors import Invalid
from carbonaccount.institutions.credit_codes import ALPHABET, check_character, read_credit_code

# The example of the standard, and codes that companies publish in their imprints.
PUBLISHED = (
    "91350100M000100Y43",
    "9144030071526726XG",
    "91330100799655058B",
    "914403001922038216",
    "91110000802100433B",
    "91100000100003962T",
)


@pytest.mark.parametrize("code", PUBLISHED)
def test_published_codes_hold(code: str) -> None:
    assert read_credit_code(code) == code


def test_the_standards_example_by_hand() -> None:
    # Weights 3^0, 3^1 ... mod 31: 1 3 9 27 19 26 16 17 20 29 25 13 8 24 10 30 28; the values of
    # 9 1 3 5 0 1 0 0 M 0 0 0 1 0 0 Y 4 are 9 1 3 5 0 1 0 0 21 0 0 0 1 0 0 29 4 with M = 21, Y = 30.
    values = (9, 1, 3, 5, 0, 1, 0, 0, 21, 0, 0, 0, 1, 0, 0, 30, 4)
    weights = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
    total = sum(value * weight for value, weight in zip(values, weights, strict=True))
    assert total == 9 + 3 + 27 + 135 + 26 + 420 + 8 + 900 + 112 == 1640
    assert (31 - total % 31) % 31 == 3
    assert check_character("91350100M000100Y4") == "3"


def test_blanks_small_letters_and_full_width_signs_are_read() -> None:
    assert read_credit_code(" 9135 0100 m000-100y 43 ") == "91350100M000100Y43"
    assert read_credit_code("９１３５０１００Ｍ０００１００Ｙ４３") == "91350100M000100Y43"


@pytest.mark.parametrize("code", PUBLISHED)
def test_every_mistyped_character_and_exchange_of_neighbours_is_found(code: str) -> None:
    for place, sign in enumerate(code[:-1]):
        for other in ALPHABET:
            if other != sign and not (2 <= place < 8 and not other.isdigit()):
                with pytest.raises(Invalid, match="credit_code_check"):
                    read_credit_code(code[:place] + other + code[place + 1 :])
    for place in range(8, len(code) - 2):
        if code[place] != code[place + 1]:
            swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
            with pytest.raises(Invalid, match="credit_code_check"):
                read_credit_code(swapped)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "1",
        "91350100M000100Y4",
        "91350100M000100Y433",
        "9135O100M000100Y43",
        "91350100I000100Y43",
    ],
)
def test_other_shapes_are_refused(code: str) -> None:
    with pytest.raises(Invalid, match="credit_code_shape"):
        read_credit_code(code)
