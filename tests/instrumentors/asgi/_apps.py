"""The same views in each ASGI framework, in one application that real servers serve."""

from __future__ import annotations

import asyncio
import os

from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

import otelml
import otelml.asgi
from otelml._requests import begin_call, end_call, register_framework


class Threshold:
    """A model of a library that takes no time to import."""

    def predict(self, rows):
        call = begin_call(self, "predict", rows, "threshold")
        answer = [int(value > 1) for (value,) in rows]
        end_call(call, answer)
        return answer


model = Threshold()


def label(n):
    return model.predict([[float(n % 4)]])[0]


def wrong(n):
    label(n)
    raise RuntimeError("wrong")


async def early(n):
    """Predict before the stream."""
    first = label(n)

    async def parts():
        for part in (f"{n}:", str(first)):
            yield part.encode()

    return parts()


async def late(n):
    """Predict within the stream, whose head is sent by then."""
    yield f"{n}:".encode()
    yield str(label(n)).encode()


def fastapi():
    app = FastAPI()

    @app.exception_handler(RuntimeError)
    async def answer(_request: Request, error: RuntimeError) -> PlainTextResponse:
        return PlainTextResponse(str(error), 500)

    @app.post("/fastapi/sync/{n}")
    def sync(n: int) -> PlainTextResponse:
        return PlainTextResponse(f"{n}:{label(n)}")

    @app.post("/fastapi/async/{n}")
    async def asynchronous(n: int, request: Request) -> PlainTextResponse:
        await request.body()
        return PlainTextResponse(f"{n}:{label(n)}")

    @app.post("/fastapi/fail/{n}")
    async def fail(n: int, request: Request) -> PlainTextResponse:
        await request.body()
        return wrong(n)

    @app.post("/fastapi/stream/{n}")
    async def stream(n: int, request: Request) -> StreamingResponse:
        await request.body()
        return StreamingResponse(await early(n))

    @app.post("/fastapi/late/{n}")
    async def afterwards(n: int, request: Request) -> StreamingResponse:
        await request.body()
        return StreamingResponse(late(n))

    return app


def starlette():
    async def answer(_request, error):
        return PlainTextResponse(str(error), 500)

    def sync(request):
        n = request.path_params["n"]
        return PlainTextResponse(f"{n}:{label(n)}")

    async def asynchronous(request):
        await request.body()
        return sync(request)

    async def fail(request):
        await request.body()
        wrong(request.path_params["n"])

    async def stream(request):
        await request.body()
        return StreamingResponse(await early(request.path_params["n"]))

    async def afterwards(request):
        await request.body()
        return StreamingResponse(late(request.path_params["n"]))

    views = {"sync": sync, "async": asynchronous, "fail": fail, "stream": stream}
    return Starlette(
        exception_handlers={RuntimeError: answer},
        routes=[
            Route(f"/starlette/{kind}/{{n:int}}", view, methods=["POST"])
            for kind, view in {**views, "late": afterwards}.items()
        ],
    )


def django():
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse, StreamingHttpResponse
    from django.urls import path

    def sync(_request, n):
        return HttpResponse(f"{n}:{label(n)}")

    async def asynchronous(_request, n):
        return HttpResponse(f"{n}:{label(n)}")

    async def fail(_request, n):
        wrong(n)

    async def stream(_request, n):
        return StreamingHttpResponse(await early(n))

    async def afterwards(_request, n):
        return StreamingHttpResponse(late(n))

    class Urls:
        views = {"sync": sync, "async": asynchronous, "fail": fail, "stream": stream}
        urlpatterns = [
            path(f"django/{kind}/<int:n>", view)
            for kind, view in {**views, "late": afterwards}.items()
        ]

    settings.configure(ROOT_URLCONF=Urls, ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 40)
    return get_asgi_application()


def middleware():
    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        _, _, kind, n = scope["path"].split("/")
        n = int(n)
        while (await receive()).get("more_body"):
            pass
        status, parts = 200, []
        if kind == "late":
            source = late(n)
        elif kind == "stream":
            source = await early(n)
        else:
            source = None
            try:
                if kind == "sync":
                    given = await asyncio.to_thread(label, n)
                else:
                    given = (wrong if kind == "fail" else label)(n)
                parts = [f"{n}:{given}".encode()]
            except RuntimeError:
                status = 500
        length = [] if source else [(b"content-length", str(sum(map(len, parts))).encode())]
        await send({"type": "http.response.start", "status": status, "headers": length})
        if source is not None:
            async for part in source:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"".join(parts)})

    def route(scope):
        return scope["path"].rpartition("/")[0] + "/{n}"

    return otelml.asgi.middleware(app, route=route)


APPS = {"fastapi": fastapi, "starlette": starlette, "django": django, "middleware": middleware}


def all_of_them():
    """Make an application of each, told apart by the first part of the path."""
    made = {name: make() for name, make in APPS.items()}

    async def app(scope, receive, send):
        name = "fastapi" if scope["type"] == "lifespan" else scope["path"].split("/")[1]
        await made[name](scope, receive, send)

    return app


if "KEPT" in os.environ:
    otelml.init("kept", system=False)
    register_framework("threshold", lambda _model: {})
    app = all_of_them()
