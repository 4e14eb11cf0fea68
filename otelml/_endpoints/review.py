"""The reviewer's page: a queue of uncertain predictions, and what is decided of them."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from otelml._endpoints.answer import HTML, MAX_BODY, Answer, RefusedError, Request
from otelml._feedback import feedback, running_store
from otelml._prediction import IdReader, Runtime, Token
from otelml._report import Agreeing, Decision, Item, ReviewPage, render_review
from otelml.exceptions import FeedbackError, MissingDependencyError
from otelml.quality import wilson

if TYPE_CHECKING:
    from otelml.labels import Label, LabelStore

SOURCE = "review"
_Read = Callable[[str], "Token | None"]
_ON_PAGE = 10
_DECIDED = 20
_LABELS = 8
_LOOK_AT = 200
_MAX_NAME = 200
_MAX_DIGITS = 9
_BAD, _UNAVAILABLE = 400, 503
_FORM = "application/x-www-form-urlencoded"
_NOTES = {
    "correct": "Saved: the prediction was right.",
    "wrong": "Saved: the prediction was wrong.",
    "recorded": "Saved.",
    "duplicate": "This label was there already; nothing has changed.",
    "conflict": "Saved: this label replaces the one before.",
}


def page(request: Request) -> Answer:
    """Show what waits for a reviewer."""
    who, is_named = _reviewer(request)
    note = _NOTES.get(request.query.get("said", ""), "")
    return _answer(_shown(request.query, who, is_named=is_named, note=note))


def decide(request: Request) -> Answer:
    """Take what a reviewer decided, and lead back to the page."""
    _refuse_other_origins(request)
    form = _form_of(request)
    _store()
    who, is_named = _reviewer(request)
    if not is_named:
        who = form.get("reviewer", "").strip()[:_MAX_NAME]
    prediction_id, actual = form.get("prediction_id", ""), form.get("actual", "").strip()
    try:
        result = feedback(prediction_id, actual, source=SOURCE, reviewer=_name(who))
    except FeedbackError as error:
        note = f"Not saved: {error}."
        shown = _shown({"id": prediction_id}, who, is_named=is_named, note=note)
        status = _UNAVAILABLE if error.reason == "store" else _BAD
        return _answer(replace(shown, is_bad=True), status)
    query = urlencode({"said": result.outcome, "reviewer": who})
    return Answer(303, b"", headers={"Location": f"{request.path}?{query}"})


def _shown(query: Mapping[str, str], who: str, *, is_named: bool, note: str) -> ReviewPage:
    """Return what the page shows.

    Args:
        query: ``after``, how many to pass over, or ``id``, the one prediction to show.
        who: Who reviews.
        is_named: Whether a password vouches for that.
        note: What became of the last decision.

    Raises:
        RefusedError: The store cannot be reached.
    """
    store, runtime = _store()
    said = query.get("after", "")
    after = int(said) if said.isdecimal() and len(said) <= _MAX_DIGITS else 0
    try:
        waiting, total = store.reviews.waiting(_ON_PAGE, after)
        recent = store.recent(_LOOK_AT)
        decided, agreement = store.reviews.decided(_DECIDED), store.reviews.agreement()
    except FeedbackError as error:
        raise RefusedError(_UNAVAILABLE, str(error)) from None
    chosen = query.get("id", "")
    asked = [chosen, *(one.prediction_id for one in waiting)]
    try:
        read = _reading(runtime.ids, [*asked, *(one.prediction_id for one in (*recent, *decided))])
    except FeedbackError as error:
        raise RefusedError(_UNAVAILABLE, str(error)) from None
    known = _labels(recent, asked, read)
    wanted = [(chosen, {})] if chosen else [(one.prediction_id, one.features) for one in waiting]
    items = [_item(one, features, known, read) for one, features in wanted]
    more = after + _ON_PAGE < total and not chosen
    return ReviewPage(
        items=[item for item in items if item is not None],
        total=total,
        below=f"{runtime.config.feedback.review_below:g}",
        before=max(0, after - _ON_PAGE) if after else None,
        after=after + _ON_PAGE if more else None,
        reviewer=who,
        is_named=is_named,
        note="This is no prediction of this service." if items == [None] and not note else note,
        is_bad=items == [None],
        decided=[_decision(label, read) for label in decided],
        agreement=[_agreeing(*one) for one in agreement],
    )


def _answer(shown: ReviewPage, status: int = 200) -> Answer:
    try:
        html, policy = render_review(shown)
    except MissingDependencyError as error:
        raise RefusedError(501, str(error)) from None
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    return Answer(status, html.encode(), f"{HTML}; charset=utf-8", headers)


def _store() -> tuple[LabelStore, Runtime]:
    try:
        store, runtime = running_store()
    except FeedbackError as error:
        raise RefusedError(_UNAVAILABLE, str(error)) from None
    if runtime is None:
        raise RefusedError(_UNAVAILABLE, "otelml.init() has not been called in this process")
    if store is None:
        raise RefusedError(_UNAVAILABLE, "reviewers need FeedbackOptions.store")
    return store, runtime


def _name(who: str) -> str:
    if not who:
        raise FeedbackError("say who decides", "reviewer")
    return who


def _reviewer(request: Request) -> tuple[str, bool]:
    """Return who reviews, and whether a password vouches for it."""
    scheme, _, given = request.authorization.partition(" ")
    if scheme.lower() == "basic":
        name = user_of(given)[0].strip()
        if name:
            return name[:_MAX_NAME], True
    return request.query.get("reviewer", "").strip()[:_MAX_NAME], False


def user_of(given: str) -> tuple[str, str]:
    """Return name and password of ``Basic`` credentials; empty where there are none."""
    try:
        name, _, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, password


def _refuse_other_origins(request: Request) -> None:
    """Take a form from our own page only: a browser sends its credentials with every form.

    Raises:
        RefusedError: It comes from somewhere else, or a browser does not say from where.
    """
    headers = request.headers
    if request.authorization.lower().startswith("bearer "):
        return  # no browser sends that by itself
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    same = site == "same-origin" if site is not None else _is_host(origin, headers.get("host"))
    if not same:
        raise RefusedError(403, "a form of another site is not taken")


def _is_host(origin: str | None, host: str | None) -> bool:
    return bool(origin and host) and urlsplit(str(origin)).netloc.lower() == str(host).lower()


def _form_of(request: Request) -> dict[str, str]:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != _FORM:
        raise RefusedError(415, f"the body must be {_FORM}")
    length = request.content_length or 0
    data = request.read(MAX_BODY + 1) if length <= MAX_BODY else b""
    if length > MAX_BODY or len(data) > MAX_BODY:
        raise RefusedError(413, f"the body may have {MAX_BODY} bytes")
    try:
        return dict(parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise RefusedError(400, "the body is no form") from None


def _reading(ids: IdReader, wanted: Sequence[str]) -> _Read:
    """Return what reads ids; None where one is none of this service.

    Args:
        ids: The service's.
        wanted: Those that will be read.

    Raises:
        FeedbackError: The store cannot be reached.
    """
    contents = ids.contents(wanted)

    def read(prediction_id: str) -> Token | None:
        try:
            return ids.read(prediction_id, contents)
        except FeedbackError:
            return None

    return read


def _labels(recent: Sequence[Label], waiting: Sequence[str], read: _Read) -> dict[str, list[str]]:
    """Return labels that each model is known to have, the most frequent first."""
    counts: dict[str, dict[str, int]] = {}
    for prediction_id, said in [(one.prediction_id, one.actual) for one in recent] + [
        (one, "") for one in waiting
    ]:
        token = read(prediction_id)
        if token is None or token.is_value:
            continue
        of_model = counts.setdefault(token.model, {})
        for label in filter(None, (said, token.label)):
            of_model[label] = of_model.get(label, 0) + 1
    return {
        model: sorted(sorted(found, key=lambda one: (-found[one], one))[:_LABELS])
        for model, found in counts.items()
    }


def _when(seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _item(
    prediction_id: str,
    features: Mapping[str, str],
    known: Mapping[str, list[str]],
    read: _Read,
) -> Item | None:
    token = read(prediction_id)
    if token is None:
        return None
    labels = known.get(token.model, [])
    if token.label and not token.is_value and token.label not in labels:
        labels = [token.label, *labels]
    return Item(
        id=prediction_id,
        model=f"{token.model} {token.version}".strip(),
        predicted=token.label,
        confidence="" if math.isnan(token.confidence) else f"{token.confidence:.1%}",
        when=_when(token.time_ms / 1e3),
        trace=f"{token.trace_id:032x}",
        features=list(features.items()),
        labels=[] if token.is_value else labels,
        is_value=token.is_value,
    )


def _decision(label: Label, read: _Read) -> Decision:
    token = read(label.prediction_id)
    return Decision(
        id=label.prediction_id if token is not None else "",
        when=_when(label.time_ns / 1e9),
        reviewer=label.reviewer,
        source=label.source,
        predicted=token.label if token is not None else "",
        actual=label.actual,
    )


def _agreeing(first: str, second: str, both: int, same: int) -> Agreeing:
    share = wilson(same, both)
    interval = f"{share.lower:.1%} to {share.upper:.1%}"
    return Agreeing(first, second, both, f"{share.value:.1%}", interval)
