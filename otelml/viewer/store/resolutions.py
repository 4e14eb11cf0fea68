"""The steps of time that sums are kept at."""

from __future__ import annotations

FINE_S, COARSE_S = 10, 300
RESOLUTIONS_S = (FINE_S, COARSE_S)
# A page shows at most this long at the fine resolution.
FINE_RANGE_S = 3600
