"""Dashboards, recording rules, alerts and runbooks, from one source.

``python -m grafana.generate`` writes them. Names come from :mod:`otelml.semconv`,
numbers from :mod:`grafana.generate.settings`.
"""
