"""Opening accounts: random ids that say nothing."""

from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from carbonaccount.accounts.models import AccountKind
from carbonaccount.accounts.services import new_public_id, open_account
from carbonaccount.errors import Invalid

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
# Douglas Crockford's alphabet of 32: digits and capitals without I, L, O, U.
ALPHABET = set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_an_account_opens_with_kind_district_and_a_random_id(session: Session) -> None:
    account = open_account(session, kind=AccountKind.PSEUDONYM, district_code="370881", now=NOON)
    session.commit()
    assert account.stored_id > 0
    assert (account.kind, account.district_code, account.opened_at) == ("pseudonym", "370881", NOON)
    assert len(account.public_id) == 16
    assert set(account.public_id) <= ALPHABET


def test_an_unknown_district_is_refused(session: Session) -> None:
    with pytest.raises(Invalid, match="district_unknown"):
        open_account(session, kind=AccountKind.PERSON, district_code="999999", now=NOON)


def test_public_ids_differ_and_use_the_whole_alphabet() -> None:
    ids = [new_public_id() for _ in range(500)]
    assert len(set(ids)) == 500
    assert set("".join(ids)) == ALPHABET
