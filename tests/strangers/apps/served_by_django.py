# ruff: noqa: E402, E702, I001 - the one added line stands where a stranger may put it
"""Loans with Django: one module, served by gunicorn."""

from __future__ import annotations

import importlib
import json
import logging
import os

import otelml; otelml.init("loan-api")  # fmt: skip
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 40)
model = importlib.import_module(f"libraries.{os.environ['LIBRARY']}")


def loan(request):
    body = json.loads(request.body)
    answer = model.predict([float(body[name]) for name in ("income", "debt", "age")])
    logging.getLogger("loans").warning("decided %s", answer)
    return JsonResponse({"label": str(answer)})


urlpatterns = [path("loan", loan)]
app = get_wsgi_application()
