# ruff: noqa: E402, E702, I001 - the one added line stands where a stranger may put it
"""Loans with FastAPI: a plain function, which runs on a thread."""

from __future__ import annotations

import importlib
import logging
import os

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
import otelml; otelml.init("loan-api")  # fmt: skip

model = importlib.import_module(f"libraries.{os.environ['LIBRARY']}")


class Loan(BaseModel):
    income: float
    debt: float
    age: float


@app.post("/loan")
def loan(body: Loan) -> dict[str, str]:
    answer = model.predict([body.income, body.debt, body.age])
    logging.getLogger("loans").warning("decided %s", answer)
    return {"label": str(answer)}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error")
