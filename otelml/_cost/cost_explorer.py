"""AWS Cost Explorer's bill as a rate an hour.

https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html
"""

from __future__ import annotations

import importlib
import math
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from otelml.exceptions import OtelmlError

if TYPE_CHECKING:
    from otelml.config import CostOptions

_METRIC = "UnblendedCost"
_HOURS_A_DAY = 24
# What AWS has not finished billing: today and yesterday.
_UNFINISHED_DAYS = 1
# The one address of the service.
_REGION = "us-east-1"
_MAX_PAGES = 100


class CostError(OtelmlError):
    """The bill could not be had, or is not what it should be."""


def load() -> None:
    """Import boto3, which takes a third of a second.

    Raises:
        ImportError: It is not installed.
    """
    importlib.import_module("boto3")


def create_client() -> Any:
    """Return a client of Cost Explorer that gives up in time; credentials come from AWS's chain.

    Raises:
        CostError: There are no credentials.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    limits = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3})
    try:
        return boto3.client("ce", region_name=_REGION, config=limits)
    except BotoCoreError as error:
        raise CostError(f"AWS Cost Explorer cannot be used: {error}") from None


def hourly_rate(client: Any, options: CostOptions, today: date) -> float:
    """Return what the bill says an hour costs, in ``options.currency``.

    It is the mean over ``options.aws_days`` whole days, up to the day before yesterday; credits may
    make it less than 0.

    Args:
        client: A boto3 client of ``ce``.
        options: What part of the bill, and over how many days.
        today: The day, in UTC.

    Raises:
        CostError: AWS refuses, does not answer, or answers in another currency.
    """
    end = today - timedelta(days=_UNFINISHED_DAYS)
    request: dict[str, Any] = {
        "TimePeriod": {
            "Start": (end - timedelta(days=options.aws_days)).isoformat(),
            "End": end.isoformat(),
        },
        "Granularity": "DAILY",
        "Metrics": [_METRIC],
    }
    if narrowed := _filter(options):
        request["Filter"] = narrowed
    days = [_amount(day, options.currency) for day in _days(client, request)]
    if not days:
        raise CostError("AWS Cost Explorer has no day of this bill yet")
    return math.fsum(days) / len(days) / _HOURS_A_DAY


def _filter(options: CostOptions) -> dict[str, Any] | None:
    parts: list[dict[str, Any]] = []
    if options.aws_tag is not None:
        key, _, value = options.aws_tag.partition("=")
        parts.append({"Tags": {"Key": key, "Values": [value], "MatchOptions": ["EQUALS"]}})
    if options.aws_service is not None:
        parts.append({"Dimensions": {"Key": "SERVICE", "Values": [options.aws_service]}})
    if len(parts) > 1:
        return {"And": parts}
    return parts[0] if parts else None


def _days(client: Any, request: dict[str, Any]) -> list[dict[str, Any]]:
    from botocore.exceptions import BotoCoreError, ClientError

    days: list[dict[str, Any]] = []
    token: str | None = None
    for _ in range(_MAX_PAGES):
        page = {"NextPageToken": token} if token else {}
        try:
            answer = client.get_cost_and_usage(**request, **page)
        except (BotoCoreError, ClientError) as error:
            raise CostError(f"AWS Cost Explorer did not return the bill: {error}") from None
        days += answer["ResultsByTime"]
        token = answer.get("NextPageToken")
        if not token:
            return days
    raise CostError(f"AWS Cost Explorer's answer has more than {_MAX_PAGES} pages")


def _amount(day: dict[str, Any], currency: str) -> float:
    total = day.get("Total", {}).get(_METRIC)
    if total is None:  # nothing of it was used that day
        return 0.0
    amount = float(total["Amount"])
    if amount and total["Unit"] != currency:
        raise CostError(
            f"AWS bills in {total['Unit']}, not in {currency}; set the currency to "
            f"{total['Unit']}, or turn one of the two sources off"
        )
    return amount
