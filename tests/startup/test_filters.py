"""``init`` leaves the filters of warnings as it finds them."""

from __future__ import annotations

import warnings

from otelml._startup.filters import kept_filters
from tests._processes import run

SERVICE = """
    import warnings
    import otelml
    from otelml import _fast_paths

    warnings.filterwarnings("ignore", "the application's own")
    before = list(warnings.filters)
    telemetry = otelml.init("loans")
    from opentelemetry.sdk import trace  # has been imported, and has its filter no more
    assert warnings.filters == before, [one for one in warnings.filters if one not in before]
    telemetry.shutdown()
"""


def test_as_they_were_found():
    """The SDK's filters, and those of the HTTP client, are gone once ``init`` returns."""
    code, _, err = run(SERVICE, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert code == 0, err


def test_others_stay():
    """What is taken away is what was added inside, whoever changed the list before."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "before")
        before = list(warnings.filters)
        kept = warnings.filters
        with kept_filters():
            warnings.filterwarnings("ignore", "inside")
            warnings.simplefilter("once", ResourceWarning)
        assert warnings.filters == before
        assert warnings.filters is kept
