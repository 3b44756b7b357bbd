"""Which coupons are drawn for checking: nobody chooses them, anybody finds the same ones."""

import hashlib

from rewards.totals import drawn

IDS = [f"C{number:03}" for number in range(200)]


def test_a_twentieth_is_drawn_and_at_least_five() -> None:
    sizes = {number: len(drawn(IDS[:number], settlement_public_id="S")) for number in (0, 3, 5, 6)}
    assert sizes == {0: 0, 3: 3, 5: 5, 6: 5}
    assert len(drawn(IDS[:100], settlement_public_id="S")) == 5
    assert len(drawn(IDS[:101], settlement_public_id="S")) == 6
    assert len(drawn(IDS, settlement_public_id="S")) == 10


def test_the_rule_can_be_followed_by_hand() -> None:
    # sha256sum of S:A, S:B ... S:F begins with these digits.
    ranks = {name: hashlib.sha256(f"S:{name}".encode()).hexdigest() for name in "ABCDEF"}
    left_out = max(ranks, key=ranks.__getitem__)
    assert drawn("FEDCBA", settlement_public_id="S") == sorted(
        set("ABCDEF") - {left_out}, key=ranks.__getitem__
    )
    assert drawn(IDS, settlement_public_id="S") == drawn(IDS[::-1], settlement_public_id="S")
    assert drawn(IDS, settlement_public_id="S") != drawn(IDS, settlement_public_id="T")
