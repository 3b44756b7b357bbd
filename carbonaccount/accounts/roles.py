"""What members of staff may do, by role."""

from enum import StrEnum


class Role(StrEnum):
    """A role of staff; one person may hold several, but at most one of the three powers."""

    RULE_EDITOR = "rule_editor"  # drafts rules and factors, runs previews
    RULE_APPROVER = "rule_approver"  # approves what somebody else drafted
    REWARD_EDITOR = "reward_editor"  # drafts rewards, budgets, projects, settlements
    REWARD_APPROVER = "reward_approver"  # approves what somebody else drafted of these
    INSTITUTION_OFFICER = "institution_officer"  # admits institutions, reviews their statements
    OPERATOR = "operator"  # help desk: imports, bindings
    REVIEWER = "reviewer"  # looks at photos, held records and appeals
    SYSTEM_ADMIN = "system_admin"  # settings, partners and their keys
    SECURITY_ADMIN = "security_admin"  # staff and their roles
    AUDITOR = "auditor"  # reads the audit trail, changes nothing


# 三员分立 (GB/T 22239-2019, separation of administrators): who runs the system, who grants
# access to it and who audits both are three different people.
SEPARATE_POWERS = frozenset({Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR})


def clashing(roles: frozenset[Role]) -> frozenset[Role]:
    """Return those of the roles that one person may not hold together."""
    powers = roles & SEPARATE_POWERS
    return powers if len(powers) > 1 else frozenset()
