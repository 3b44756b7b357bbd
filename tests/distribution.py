"""Pytest plugin: how the tests are spread over the processor cores of this machine.

The long ones begin first, so that no core idles at the end while another is in a browser; and
there is one process more than there are cores, since a test that waits for a browser, a child
process or PostgreSQL leaves its core to another.
"""

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Give each process a stretch of tests, so that a file's fixtures are made by one of them.

    A process that has done its own takes over from the end of another's.
    """
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes that `--numprocesses auto` starts."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) + 1
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that take long begin first, each kind in the order it had."""
    items.sort(key=_is_short)


def _is_short(item: pytest.Item) -> bool:
    return not any(item.get_closest_marker(name) for name in ("slow", "browser"))
