"""Asserts of what the tests of real model servers share say what they compared."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.proxy._both")
