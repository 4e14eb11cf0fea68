"""AWS Cost Explorer, stubbed by botocore's own stubber: requests are checked against its model."""

from __future__ import annotations

from datetime import date

import boto3
import pytest
from botocore.stub import Stubber

from otelml._cost.cost_explorer import CostError, hourly_rate
from otelml.config import CostOptions

TODAY = date(2026, 3, 10)
PERIOD = {"Start": "2026-03-02", "End": "2026-03-09"}


@pytest.fixture
def client():
    """A client that reaches nobody."""
    return boto3.client(
        "ce", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def _day(start, amount, unit="USD"):
    return {
        "TimePeriod": {"Start": start, "End": start},
        "Total": {"UnblendedCost": {"Amount": amount, "Unit": unit}},
        "Groups": [],
        "Estimated": True,
    }


def _expected(period=PERIOD, **more):
    return {
        "TimePeriod": period,
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        **more,
    }


def test_the_mean_of_whole_days(client):
    """Seven days up to the day before yesterday, as money an hour."""
    days = [_day(f"2026-03-0{n}", str(24.0 * n)) for n in range(2, 9)]
    with Stubber(client) as stub:
        stub.add_response("get_cost_and_usage", {"ResultsByTime": days}, _expected())
        assert hourly_rate(client, CostOptions(aws=True), TODAY) == pytest.approx(5.0)
        stub.assert_no_pending_responses()


def test_pages(client):
    """An answer in two pages is read whole; a day without use counts as nothing."""
    empty = {"TimePeriod": {"Start": "2026-03-08", "End": "2026-03-09"}, "Total": {}}
    period = {"Start": "2026-03-07", "End": "2026-03-09"}
    with Stubber(client) as stub:
        stub.add_response(
            "get_cost_and_usage",
            {"ResultsByTime": [_day("2026-03-07", "48")], "NextPageToken": "more"},
            _expected(period),
        )
        stub.add_response(
            "get_cost_and_usage",
            {"ResultsByTime": [empty]},
            _expected(period, NextPageToken="more"),
        )
        assert hourly_rate(client, CostOptions(aws=True, aws_days=2), TODAY) == 1.0
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"aws_tag": "team=loans"},
            {"Tags": {"Key": "team", "Values": ["loans"], "MatchOptions": ["EQUALS"]}},
        ),
        (
            {"aws_service": "Amazon SageMaker"},
            {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon SageMaker"]}},
        ),
        (
            {"aws_tag": "a=b=c", "aws_service": "Amazon SageMaker"},
            {
                "And": [
                    {"Tags": {"Key": "a", "Values": ["b=c"], "MatchOptions": ["EQUALS"]}},
                    {"Dimensions": {"Key": "SERVICE", "Values": ["Amazon SageMaker"]}},
                ]
            },
        ),
    ],
)
def test_a_part_of_the_bill(client, options, expected):
    """By tag, by service, by both."""
    with Stubber(client) as stub:
        stub.add_response(
            "get_cost_and_usage",
            {"ResultsByTime": [_day("2026-03-08", "24")]},
            _expected(Filter=expected),
        )
        assert hourly_rate(client, CostOptions(aws=True, **options), TODAY) == 1.0


def test_another_currency(client):
    """Money of two currencies is not added up."""
    with Stubber(client) as stub:
        stub.add_response("get_cost_and_usage", {"ResultsByTime": [_day("2026-03-08", "1", "CNY")]})
        with pytest.raises(CostError, match="AWS bills in CNY, not in USD"):
            hourly_rate(client, CostOptions(aws=True), TODAY)


def test_access_denied(client):
    """AWS's own words say what is missing."""
    with Stubber(client) as stub:
        stub.add_client_error(
            "get_cost_and_usage", "AccessDeniedException", "not authorized to ce:GetCostAndUsage"
        )
        with pytest.raises(CostError, match=r"did not return the bill: .*ce:GetCostAndUsage"):
            hourly_rate(client, CostOptions(aws=True), TODAY)


def test_no_days(client):
    """A bill that has not begun is no rate of 0."""
    with Stubber(client) as stub:
        stub.add_response("get_cost_and_usage", {"ResultsByTime": []})
        with pytest.raises(CostError, match="no day"):
            hourly_rate(client, CostOptions(aws=True), TODAY)
