"""Measurements of every performance target; run with ``make bench``."""
