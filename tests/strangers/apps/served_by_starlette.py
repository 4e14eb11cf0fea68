# ruff: noqa: E402, E702, I001 - the one added line stands where a stranger may put it
"""Loans with Starlette: a coroutine, on the event loop."""

from __future__ import annotations

import importlib
import logging
import os

import otelml; otelml.init("loan-api")  # fmt: skip
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

model = importlib.import_module(f"libraries.{os.environ['LIBRARY']}")


async def loan(request):
    body = await request.json()
    answer = model.predict([float(body[name]) for name in ("income", "debt", "age")])
    logging.getLogger("loans").warning("decided %s", answer)
    return JSONResponse({"label": str(answer)})


app = Starlette(routes=[Mount("/", routes=[Route("/loan", loan, methods=["POST"])])])
