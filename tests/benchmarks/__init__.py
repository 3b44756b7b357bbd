"""Benchmarks: each measures its limit in the same run and prints one JSON line with the ratio."""
