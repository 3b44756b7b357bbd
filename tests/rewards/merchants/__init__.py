"""Tills, disputes and settlements."""
