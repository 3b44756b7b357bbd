"""What members of staff may do, by role."""

from enum import StrEnum


class Role(StrEnum):
    """A role of staff; one person may hold several."""

    SYSTEM_ADMIN = "system_admin"  # staff, settings, partners
    OPERATOR = "operator"  # help desk: imports, bindings
    REVIEWER = "reviewer"  # looks at photos and held records
