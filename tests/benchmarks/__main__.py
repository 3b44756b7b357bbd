"""`python -m tests.benchmarks [NAME ...] [--quick]`: one JSON line a measurement."""

import argparse
import json
import logging
from collections.abc import Callable, Iterator

from tests.benchmarks import aggregation, dashboards, intake, preview, redemption, reward_pages

BENCHMARKS: dict[str, Callable[[bool], Iterator[dict[str, object]]]] = {
    "aggregation": aggregation.run,
    "dashboards": dashboards.run,
    "intake": intake.run,
    "preview": preview.run,
    "redemption": redemption.run,
    "reward_pages": reward_pages.run,
}


def main() -> None:
    """Run the named benchmarks, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    given = parser.parse_args()
    unknown = set(given.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    logging.disable(logging.INFO)
    for name in given.names or BENCHMARKS:
        for line in BENCHMARKS[name](given.quick):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
