"""Pure rules about people: what a mainland mobile number is and what the site remembers of it."""

import re

from carbonaccount.errors import Invalid

MAINLAND_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_SEPARATORS = re.compile(r"[\s\-]")
_COUNTRY_PREFIX = re.compile(r"^(\+86|0086)")
# Crockford's base 32 leaves out I, L, O and U, so that an id can be read aloud and typed.
CROCKFORD_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PUBLIC_ID_LENGTH = 16
MINIMUM_PASSWORD_LENGTH = 12
MAXIMUM_PASSWORD_LENGTH = 128
LOGIN = re.compile(r"[a-z][a-z0-9._-]{2,63}", re.ASCII)


def normalize_phone(text: str) -> str:
    """Return the 11 digits of a mainland mobile number written with spaces, hyphens or +86.

    Raises Invalid with the code `phone_invalid` for anything else.
    """
    digits = _COUNTRY_PREFIX.sub("", _SEPARATORS.sub("", text))
    if not MAINLAND_MOBILE.fullmatch(digits):
        raise Invalid("phone_invalid")
    return digits


def phone_tail(phone: str) -> str:
    """Return the four digits by which a resident recognises their number."""
    return phone[-4:]


def check_password(password: str) -> None:
    """Raise Invalid unless a staff password is long enough; length is what counts."""
    if not MINIMUM_PASSWORD_LENGTH <= len(password) <= MAXIMUM_PASSWORD_LENGTH:
        raise Invalid(
            "password_length", minimum=MINIMUM_PASSWORD_LENGTH, maximum=MAXIMUM_PASSWORD_LENGTH
        )


def check_login(login: str) -> None:
    """Raise Invalid unless a staff login is 3 to 64 lower-case letters, digits, dots or dashes."""
    if not LOGIN.fullmatch(login):
        raise Invalid("login_invalid")
