"""Pytest plugin: with REQUIRE_ALL set, a test that lacks PostgreSQL or Chromium fails.

On a developer's machine such a test is skipped and the closing lines say why. Where everything is
meant to be checked, a skip would look like a pass, so there it counts as a failure.
"""

import os
import re
from collections.abc import Generator

import pytest

# The reason of a skip is free text; these are the words the fixtures and pytest itself use.
_NEEDED = (
    r"(?:postgres(?:ql)?|initdb|chromium|playwright|axe(?:-core)?|pdftotext|poppler|font"
    r"|shared/data)"
)
_LACK = (
    r"(?:missing|unavailable|absent|cannot|could\s+not|no\s+module"
    r"|not\s+(?:found|installed|available|set|running))"
)
_LACKING = re.compile(
    rf"\b{_NEEDED}\b.*\b{_LACK}\b|\b(?:{_LACK}|without|there\s+is\s+no)\b.*\b{_NEEDED}\b",
    re.IGNORECASE | re.DOTALL,
)


def is_lack(reason: str) -> bool:
    """Return whether a skip's reason says that a needed program is not there."""
    return bool(_LACKING.search(reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip for lack of a program into a failure of the test."""
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole file for lack of a program into an error."""
    report = yield
    _refuse(report)
    return report


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not os.environ.get("REQUIRE_ALL") or report.outcome != "skipped":
        return
    if hasattr(report, "wasxfail"):
        return
    reason = _reason(report)
    if is_lack(reason):
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_ALL is set, but: {reason}"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the words of a skip; pytest keeps them as (file, line, words)."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(report.longrepr or "")
