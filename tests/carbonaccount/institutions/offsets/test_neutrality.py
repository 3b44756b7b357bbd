"""How a year stands: certificates off the power line, lots against what is left. No database."""

from decimal import Decimal

import pytest

from carbonaccount.institutions.neutrality import (
    Balance,
    NetPower,
    certificates_needed,
    cover,
)

# Two versions of a grid factor and a grid of its own: 1,500.5 + 800 + 10 kWh.
POWER = (
    NetPower("grid.clean", 1, Decimal("0.1001"), Decimal(10)),
    NetPower("grid.shandong", 1, Decimal("0.6191"), Decimal("1500.5")),
    NetPower("grid.shandong", 2, Decimal("0.7"), Decimal(800)),
)


@pytest.mark.parametrize(
    ("kwh", "grams"),
    [
        (0, []),
        # 10 kWh at 0.1001 = 1,001 g; 990 at 0.6191 = 612,909 g.
        (1_000, [1_001, 612_909]),
        # 1,500.5 at 0.6191 = 928,959.55 g, rounded down; 489.5 at 0.7 = 342,650 g.
        (2_000, [1_001, 928_959, 342_650]),
        # No more than there is: 800 at 0.7 = 560,000 g.
        (9_000, [1_001, 928_959, 560_000]),
    ],
)
def test_certificates_cover_the_cleanest_power_first(kwh: int, grams: list[int]) -> None:
    assert [item.grams for item in cover(POWER, kwh)] == grams


def test_a_begun_certificate_is_a_whole_one() -> None:
    assert certificates_needed(POWER) == 3  # 2,310.5 kWh
    assert certificates_needed(()) == 0
    assert certificates_needed(POWER[:1]) == 1


@pytest.mark.parametrize(
    ("offsets_g", "remaining_g", "neutral"),
    [(0, 400, False), (399, 1, False), (400, 0, True), (500, 0, True)],
)
def test_neutral_needs_every_gram(offsets_g: int, remaining_g: int, neutral: bool) -> None:
    covered = cover((NetPower("grid", 1, Decimal("0.6"), Decimal(1)),), 1_000)
    found = Balance(1_000, 1_000, covered, offsets_g)
    assert (found.power_reduction_g, found.after_power_g) == (600, 400)
    assert (found.remaining_g, found.is_neutral) == (remaining_g, neutral)
