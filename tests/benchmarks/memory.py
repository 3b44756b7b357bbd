"""How much memory a benchmark's process has held."""

from pathlib import Path


def peak_rss_mib() -> float:
    """Return the most memory this process has held, in MiB.

    Linux counts a parent's memory into the ru_maxrss of what it starts; VmHWM begins with the
    program.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the kernel does not tell the peak of memory")
