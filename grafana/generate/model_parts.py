"""What the panels of one model share."""

from __future__ import annotations

from grafana.generate import boards, recording, settings
from grafana.generate.boards import IN_MODEL, WINDOW
from grafana.generate.names import label
from grafana.generate.panels import Query
from grafana.generate.promql import quantile
from otelml import semconv

VERSION = (label(semconv.ML_MODEL_VERSION), label(semconv.ML_MODEL_VARIANT))
VERSION_LEGEND = f"v{boards.legend(semconv.ML_MODEL_VERSION, semconv.ML_MODEL_VARIANT)}"
STAGE = label(semconv.ML_STAGE_NAME)
COLOURS = {
    f"/{stage}/": colour
    for stage, colour in zip(semconv.STAGES, settings.STAGE_COLOURS, strict=True)
}
LINK = (
    "Traces of this model in Jaeger",
    boards.trace_search("${service}", f"{semconv.ML_MODEL_NAME}=${{model}}"),
)
FAILED_LINK = (
    "Failed traces of this model in Jaeger",
    boards.trace_search("${service}", f"{semconv.ML_MODEL_NAME}=${{model}} error=true"),
)


def quantiles(metric: semconv.Metric, *, exemplars: bool = True) -> list[Query]:
    """Return the quantiles of a histogram by version; only the highest may have exemplars."""
    return [
        Query(
            quantile(share, metric, VERSION, WINDOW, *IN_MODEL),
            f"p{share * 100:g} {VERSION_LEGEND}",
            exemplars=exemplars and share == max(recording.QUANTILES),
        )
        for share in recording.QUANTILES
    ]
