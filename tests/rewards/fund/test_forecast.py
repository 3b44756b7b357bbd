"""When the fund runs out: cases worked out by hand, and how often the band holds."""

import random
from datetime import date, timedelta

from rewards.fund_forecast import forecast

TODAY = date(2026, 5, 1)


def test_an_even_pace_has_no_band() -> None:
    """100 yuan at five yuan a day last 20 days, surely."""
    found = forecast([500] * 28, 10_000, TODAY)
    assert found is not None
    assert found.ends_on == found.earliest == found.latest == date(2026, 5, 21)
    assert (found.days_seen, found.pace_fen) == (28, 500)


def test_a_part_of_a_day_counts_as_one() -> None:
    found = forecast([300] * 28, 1_000, TODAY)
    assert found is not None
    assert found.ends_on == date(2026, 5, 5), "3 1/3 days"


def test_an_uneven_pace_worked_out_by_hand() -> None:
    """0 and 200 in turn: m = 100, s^2 = 28 x 10000 / 27 = 10370.37, F = 2800, so n = 28 days.

    sd = 1.2816 x sqrt(10370.37 x 28 x 2) / 100 = 1.2816 x 762.08 / 100 = 9.7668; the ends are
    18.23 and 37.77 days, so 19 and 38.
    """
    found = forecast([0, 200] * 14, 2_800, TODAY)
    assert found is not None
    assert found.ends_on == TODAY + timedelta(days=28)
    assert found.earliest == TODAY + timedelta(days=19)
    assert found.latest == TODAY + timedelta(days=38)


def test_only_the_last_four_weeks_count() -> None:
    assert forecast([9_999] * 5 + [500] * 28, 10_000, TODAY) == forecast([500] * 28, 10_000, TODAY)


def test_too_little_is_known() -> None:
    assert forecast([500] * 6, 10_000, TODAY) is None
    assert forecast([0] * 28, 10_000, TODAY) is None
    assert forecast([], 10_000, TODAY) is None


def test_nothing_left_is_today_and_very_much_is_never() -> None:
    nothing = forecast([500] * 28, 0, TODAY)
    assert nothing is not None
    assert nothing.ends_on == nothing.latest == TODAY
    much = forecast([1] * 28, 10**9, TODAY)
    assert much is not None
    assert (much.ends_on, much.earliest, much.latest) == (None, None, None)


def test_the_band_holds_about_four_times_of_five() -> None:
    """Coupons of 5 to 30 yuan, a random number a day: the true day lies in the band as promised.

    A thousand histories with one seed; 80 percent of them give or take what chance and the
    rounding to days leave (a day is wide against the band of a few days).
    """
    dice = random.Random(20261121)

    def day() -> int:
        coupons = sum(dice.random() < 0.3 for _ in range(20))
        return sum(dice.choice((500, 1000, 3000)) for _ in range(coupons))

    held = 0
    for _ in range(1000):
        found = forecast([day() for _ in range(28)], 400_000, TODAY)
        left, lasted = 400_000, 0
        while left > 0:
            left -= day()
            lasted += 1
        assert found is not None
        assert found.earliest is not None
        assert found.latest is not None
        held += found.earliest <= TODAY + timedelta(days=lasted) <= found.latest
    assert 760 <= held <= 870, held
