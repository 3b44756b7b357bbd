"""Cut the demonstration's excerpt out of the two published files: whole bikes, whole drivers.

    python -m tools.demo_excerpt BIKE_TRIPS.tsv.gz CHARGING.csv

Rows stay byte for byte as they are, dirty ones too. Which bikes and drivers are taken is decided
by a hash of their id, so that nobody picked them and everybody can repeat it.
"""

import gzip
import hashlib
import sys
from collections import defaultdict
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "behaviors" / "demo_data"
BIKES, LONG_TRIP_M, ZERO_BIKES, CLAIMABLE_BIKES = 300, 10_000, 6, 10
DRIVERS, CLAIMABLE_DRIVERS = 15, 3


def main(bike_file: Path, charging_file: Path) -> None:
    """Write the four files of the excerpt."""
    cut_bikes(gzip.decompress(bike_file.read_bytes()).decode())
    cut_drivers(charging_file.read_text(encoding="utf-8"))


def cut_bikes(text: str) -> None:
    """300 bikes, those with a trip over 10 km, 6 with a trip of 0 m; 10 more kept back."""
    header, by_bike = grouped(text, separator="\t", column="bike_id")
    distance = header.rstrip("\n").split("\t").index("trip_dist")

    def distances(bike: str) -> list[float]:
        return [float(row.split("\t")[distance]) for row in by_bike[bike]]

    order = by_hash(by_bike)
    long = [bike for bike in order if max(distances(bike)) > LONG_TRIP_M]
    zero = [bike for bike in order if 0 in distances(bike)][:ZERO_BIKES]
    taken = list(dict.fromkeys([*order[:BIKES], *long, *zero]))
    busy = [b for b in order if b not in taken and 4 <= len(by_bike[b]) <= 8 and min(distances(b))]
    write("bike_trips.tsv", header, by_bike, taken)
    write("bike_trips_claimable.tsv", header, by_bike, busy[:CLAIMABLE_BIKES])


def cut_drivers(text: str) -> None:
    """15 drivers with all their sessions; 3 with a moderate number kept back."""
    header, by_driver = grouped(text, separator=",", column="userId")
    order = by_hash(by_driver)
    moderate = [driver for driver in order if 20 <= len(by_driver[driver]) <= 60]
    kept_back = moderate[:CLAIMABLE_DRIVERS]
    taken = [driver for driver in order if driver not in kept_back][:DRIVERS]
    write("charging_sessions.csv", header, by_driver, taken)
    write("charging_sessions_claimable.csv", header, by_driver, kept_back)


def grouped(text: str, *, separator: str, column: str) -> tuple[str, dict[str, list[str]]]:
    """Return the header line, and the lines of each subject in the file's order."""
    header, *rows = text.splitlines(keepends=True)
    place = header.rstrip("\r\n").split(separator).index(column)
    groups = defaultdict(list)
    for row in rows:
        groups[row.split(separator)[place]].append(row)
    return header, dict(groups)


def by_hash(groups: dict[str, list[str]]) -> list[str]:
    """Return the subjects in an order that nobody chose."""
    return sorted(groups, key=lambda subject: hashlib.sha256(subject.encode()).hexdigest())


def write(name: str, header: str, groups: dict[str, list[str]], subjects: list[str]) -> None:
    """Write the header and all rows of the subjects."""
    rows = [row for subject in subjects for row in groups[subject]]
    (TARGET / name).write_text(header + "".join(rows), encoding="utf-8", newline="")
    print(f"{name}: {len(subjects)} subjects, {len(rows)} rows")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
