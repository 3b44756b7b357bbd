"""The one tree of domain errors; pages and the API turn them into answers in one place each."""


class DomainError(Exception):
    """Base of everything the product refuses; raised with a stable code and its parameters.

    `code` is for programs and translations, `params` fills the sentence people read. Neither may
    hold personal data: both reach logs.
    """

    code = "refused"

    def __init__(self, code: str | None = None, **params: object) -> None:
        self.code = code or type(self).code
        self.params = params
        super().__init__(f"{self.code} {params}" if params else self.code)


class NotFound(DomainError):
    """Raised when the named thing does not exist, or not for the one who asks."""

    code = "not_found"


class Refused(DomainError):
    """Raised when the acting user may not do this."""

    code = "forbidden"


class Invalid(DomainError):
    """Raised when an input cannot be understood or lies outside its range."""

    code = "invalid"


class Conflict(DomainError):
    """Raised when the same key was used before with other content."""

    code = "conflict"


class LimitReached(DomainError):
    """Raised when something was tried too often; `retry_after_s` says when to come back."""

    code = "too_many_attempts"


class NotAuthenticated(DomainError):
    """Raised when a signature, code, password or session does not hold."""

    code = "not_authenticated"


class Unavailable(DomainError):
    """Raised when a service outside that we depend on does not do its part."""

    code = "unavailable"


class InsufficientBalance(DomainError):
    """Raised when a transfer would take a guarded account below zero."""

    code = "insufficient_balance"


class ConfigurationError(DomainError):
    """Raised at start when the settings are unsafe or contradict each other."""

    code = "configuration"


class DatabaseUnsafe(ConfigurationError):
    """Raised at start when the database would lose acknowledged writes on power loss."""

    code = "database_unsafe"
