"""The draw done again by a program that shares nothing with ours, and with known hashes."""

import subprocess
from collections import Counter

from rewards.draw_rules import (
    commitment_of,
    drawn_order,
    entries_digest,
    entries_text,
    lot,
    new_seed,
    new_ticket,
)

# What anybody can do with a shell and two common tools, as docs/draws.md tells.
AGAIN = r"""
entries=$(printf '%s\n' "$@" | LC_ALL=C sort | head -c -1 | sha256sum | cut -c1-64)
for ticket in "$@"; do
  printf '%s %s\n' "$(printf '%s' "$seed:$entries:$ticket" | sha256sum | cut -c1-64)" "$ticket"
done | LC_ALL=C sort | cut -d' ' -f2
"""


def test_known_hashes() -> None:
    """SHA-256 of nothing and of `abc` are in FIPS 180-4."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert entries_digest([]) == empty
    assert commitment_of("abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert entries_text(["b", "c", "a"]) == "a\nb\nc"


def test_a_shell_draws_the_same() -> None:
    seed, tickets = new_seed(), [new_ticket() for _ in range(40)]
    done = subprocess.run(
        ["/bin/bash", "-c", AGAIN, "again", *tickets],
        env={"seed": seed, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == drawn_order(seed, tickets)


def test_the_order_hangs_on_seed_and_entries_and_on_nothing_else() -> None:
    tickets = [f"{number:016x}" for number in range(10)]
    first = drawn_order("00", tickets)
    assert drawn_order("00", reversed(tickets)) == first
    assert sorted(first) == tickets
    assert drawn_order("01", tickets) != first
    assert lot("00", entries_digest(tickets), tickets[0]) != lot(
        "00", entries_digest(tickets[:9]), tickets[0]
    ), "one entry more deals all lots anew"


def test_everybody_is_first_equally_often() -> None:
    """2000 draws of five tickets: 400 each, give or take five standard deviations (18)."""
    tickets = [f"{number:016x}" for number in range(5)]
    wins = Counter(drawn_order(f"{seed:064x}", tickets)[0] for seed in range(2000))
    assert set(wins) == set(tickets)
    assert all(310 <= count <= 490 for count in wins.values()), wins


def test_seeds_and_tickets_are_long_and_new() -> None:
    assert (len(new_seed()), len(new_ticket())) == (64, 16)
    assert len({new_ticket() for _ in range(100)}) == 100
