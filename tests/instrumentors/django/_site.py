"""A Django site that predicts, in one process with the tests."""

from __future__ import annotations

from pathlib import Path

import django
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path, re_path
from django.utils.decorators import sync_and_async_middleware
from django.views import View
from sklearn.linear_model import LogisticRegression

if not settings.configured:
    settings.configure(
        DEBUG=False,
        SECRET_KEY="x" * 40,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[f"{__name__}.{name}" for name in ("both_ways", "only_sync")],
        INSTALLED_APPS=["rest_framework"],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [],
            "DEFAULT_PERMISSION_CLASSES": [],
            "UNAUTHENTICATED_USER": None,
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
        LOGGING_CONFIG=None,
    )
    django.setup()

from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.views import APIView

import otelml.django

MODEL = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
ROW = [[2.5]]


def label():
    return int(MODEL.predict(ROW)[0])


@sync_and_async_middleware
def both_ways(get_response):
    """Middleware of both kinds."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request):
            return await get_response(request)

        return markcoroutinefunction(asynchronous)

    def synchronous(request):
        return get_response(request)

    return synchronous


def only_sync(get_response):
    """Middleware that Django moves to a thread under ASGI."""

    def middleware(request):
        response = get_response(request)
        response.headers["X-Seen"] = "yes"
        return response

    return middleware


def plain(request, name="a"):
    return JsonResponse({"label": label()})


async def awaited(request):
    return JsonResponse({"label": label()})


def both(request):
    MODEL.predict_proba(ROW)
    return JsonResponse({"label": label()})


class Based(View):
    def post(self, request):
        return JsonResponse({"label": label()})


class AsyncBased(View):
    async def post(self, request):
        return JsonResponse({"label": label()})


@api_view(["POST"])
def drf_function(request):
    return Response({"label": label()})


class DrfClass(APIView):
    def post(self, request):
        return Response({"label": label(), "seen": request.data.get("n")})


def stream(request):
    def parts():
        yield b"["
        yield str(label()).encode()
        yield b"]"

    return StreamingHttpResponse(parts())


async def async_stream(request):
    async def parts():
        yield b"["
        yield str(label()).encode()
        yield b"]"

    return StreamingHttpResponse(parts())


def file(request):
    label()
    return FileResponse(Path(__file__).open("rb"))


def denied(request):
    label()
    raise PermissionDenied


def fails(request):
    label()
    raise RuntimeError("x")


def before(request):
    if request.GET.get("fail"):
        raise ConnectionError("features")
    return HttpResponse(str(label()))


def handler500(request):
    return HttpResponse("sorry", status=500)


urlpatterns = [
    path("plain/<str:name>", plain),
    path("async", awaited),
    path("both", both),
    path("class", Based.as_view()),
    path("async-class", AsyncBased.as_view()),
    path("drf/function", drf_function),
    path("drf/class", DrfClass.as_view()),
    re_path(r"^regex/(?P<name>\w+)$", plain),
    path("v1/", include([path("in/<str:name>", plain)])),
    path("stream", stream),
    path("async-stream", async_stream),
    path("file", file),
    path("denied", denied),
    path("fails", fails),
    path("before", before),
    path("ml/", include(otelml.django.urlpatterns())),
]
