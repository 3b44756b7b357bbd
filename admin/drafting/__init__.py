"""A rule while it is being written: its form, the checks as one types, picture and comparison."""
