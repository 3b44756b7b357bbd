"""What happens to residents' accounts: opening, signing in, consenting, changing settings."""

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from carbonaccount import audit, signals
from carbonaccount.accounts import queries, sessions
from carbonaccount.accounts.models import Account, AccountKind, Consent, District, Resident
from carbonaccount.accounts.notices import PRIVACY_PURPOSE, text_sha256
from carbonaccount.accounts.rules import CROCKFORD_ALPHABET, PUBLIC_ID_LENGTH, phone_tail
from carbonaccount.accounts.sessions import Owner
from carbonaccount.audit import Actor
from carbonaccount.crypto import Vault
from carbonaccount.errors import Invalid, NotFound

PHONE_PURPOSE = "phone"
WEB_CHANNEL = "web"


@dataclass(frozen=True)
class SignIn:
    """What a person gave when they signed in: the proven number, and what they agreed to."""

    phone: str
    district_code: str | None
    locale: str
    notice_version: str
    notice_text: str


def resident_actor(account: Account) -> Actor:
    """Return the resident behind an account as the one who acts."""
    return Actor("resident", account.public_id, account.id)


def phone_index(vault: Vault, phone: str) -> str:
    """Return the blind index by which a resident is found."""
    return vault.index(phone, purpose=PHONE_PURPOSE)


def new_public_id() -> str:
    """Return 80 random bits in Crockford's base 32: says nothing about anybody."""
    return "".join(secrets.choice(CROCKFORD_ALPHABET) for _ in range(PUBLIC_ID_LENGTH))


def open_account(
    session: Session, *, kind: AccountKind, district_code: str | None, now: datetime
) -> Account:
    """Open a carbon account with a random public id.

    Raises Invalid with `district_unknown` for a district that does not exist.
    """
    _check_district(session, district_code)
    account = Account(
        public_id=new_public_id(), kind=kind.value, district_code=district_code, opened_at=now
    )
    session.add(account)
    session.flush()  # The id is what everything else hangs on.
    return account


def _check_district(session: Session, district_code: str | None) -> None:
    if district_code is not None and session.get(District, district_code) is None:
        raise Invalid("district_unknown")


def sign_in_resident(
    session: Session, *, sign_in: SignIn, vault: Vault, now: datetime
) -> tuple[Account, str]:
    """Sign in the person whose number was proven, opening an account at their first visit.

    Account, personal data and consent are written together. Returns the account and the token of
    the new session.
    """
    account = queries.account_of_phone(session, phone_index(vault, sign_in.phone))
    if account is None:
        account = _register(session, sign_in=sign_in, vault=vault, now=now)
    actor = resident_actor(account)
    give_consent(
        session,
        account_id=account.stored_id,
        purpose=PRIVACY_PURPOSE,
        version=sign_in.notice_version,
        text=sign_in.notice_text,
        channel=WEB_CHANNEL,
        acting_user=actor,
        now=now,
    )
    audit.record(session, acting_user=actor, action="resident.sign_in", subject=str(actor), now=now)
    return account, sessions.open_login(session, owner=Owner(account_id=account.stored_id), now=now)


def _register(session: Session, *, sign_in: SignIn, vault: Vault, now: datetime) -> Account:
    """Open the account of a new resident; the same number from two browsers opens one."""
    index = phone_index(vault, sign_in.phone)
    try:
        with session.begin_nested():
            return _open_resident(session, sign_in=sign_in, index=index, vault=vault, now=now)
    except IntegrityError:
        account = queries.account_of_phone(session, index)
        if account is None:
            raise
        return account


def _open_resident(
    session: Session, *, sign_in: SignIn, index: str, vault: Vault, now: datetime
) -> Account:
    account = open_account(
        session, kind=AccountKind.PERSON, district_code=sign_in.district_code, now=now
    )
    session.add(
        Resident(
            account_id=account.stored_id,
            phone_index=index,
            phone_sealed=vault.seal(sign_in.phone, purpose=PHONE_PURPOSE),
            phone_tail=phone_tail(sign_in.phone),
            locale=sign_in.locale,
            created_at=now,
        )
    )
    actor = resident_actor(account)
    audit.record(
        session, acting_user=actor, action="resident.register", subject=str(actor), now=now
    )
    session.flush()  # A number that is already known shows itself here, inside the savepoint.
    return account


def give_consent(
    session: Session,
    *,
    account_id: int,
    purpose: str,
    version: str,
    text: str,
    channel: str,
    acting_user: Actor,
    now: datetime,
) -> Consent:
    """Record a consent with the hash of the text that was read.

    The same version in force stays as it is; another version ends with the new one's beginning,
    so that the history shows both.
    """
    sha256 = text_sha256(text)
    current = queries.consent_in_force(session, account_id, purpose)
    if current is not None and (current.version, current.text_sha256) == (version, sha256):
        return current
    if current is not None:
        _end_consents(session, account_id=account_id, purpose=purpose, now=now)
    consent = Consent(
        account_id=account_id,
        purpose=purpose,
        version=version,
        text_sha256=sha256,
        channel=channel,
        given_at=now,
    )
    session.add(consent)
    audit.record(
        session,
        acting_user=acting_user,
        action="consent.give",
        subject=f"account:{account_id}",
        now=now,
        purpose=purpose,
        version=version,
    )
    session.flush()  # At most one is in force; a parallel consent is refused here, not later.
    return consent


def withdraw_consent(
    session: Session, *, account_id: int, purpose: str, acting_user: Actor, now: datetime
) -> bool:
    """End a consent at once; returns False when none was in force.

    The consent to the privacy notice carries all others: with it they end too, and every browser
    is signed out.
    """
    whole = purpose == PRIVACY_PURPOSE
    ended = _end_consents(
        session, account_id=account_id, purpose=None if whole else purpose, now=now
    )
    if not ended:
        return False
    audit.record(
        session,
        acting_user=acting_user,
        action="consent.withdraw",
        subject=f"account:{account_id}",
        now=now,
        purpose=purpose,
        ended=ended,
    )
    signals.consent_withdrawn(session, account_id=account_id, purposes=ended, now=now)
    if whole:
        owner = Owner(account_id=account_id)
        sessions.revoke_all(session, owner=owner, acting_user=acting_user, now=now)
    return True


def _end_consents(
    session: Session, *, account_id: int, purpose: str | None, now: datetime
) -> list[str]:
    """End the consents of one purpose, or of all; returns the purposes that ended."""
    statement = sa.update(Consent).where(
        col(Consent.account_id) == account_id, col(Consent.withdrawn_at).is_(None)
    )
    if purpose is not None:
        statement = statement.where(col(Consent.purpose) == purpose)
    ended = session.exec(statement.values(withdrawn_at=now).returning(col(Consent.purpose)))
    return sorted(purpose for (purpose,) in ended)


def change_settings(
    session: Session,
    *,
    account_id: int,
    district_code: str | None,
    locale: str,
    acting_user: Actor,
    now: datetime,
) -> None:
    """Change what a resident may set: district and language."""
    _check_district(session, district_code)
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound("account_not_found")
    if account.district_code != district_code:
        account.district_code = district_code
        signals.district_changed(session, account_id=account_id)
    change_locale(session, account_id=account_id, locale=locale)
    audit.record(
        session,
        acting_user=acting_user,
        action="resident.settings",
        subject=str(acting_user),
        now=now,
    )


def change_locale(session: Session, *, account_id: int, locale: str) -> None:
    """Remember the language in which a resident reads."""
    resident = session.exec(select(Resident).where(col(Resident.account_id) == account_id)).one()
    resident.locale = locale
