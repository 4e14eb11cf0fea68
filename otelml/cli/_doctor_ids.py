"""What ``otelml doctor`` says of prediction ids: who can make them, and who can read them."""

from __future__ import annotations

from otelml import environment_variables as env
from otelml._id_options import MAKE_ONE, keys_of, weak
from otelml._prediction import can_encrypt
from otelml.cli._finding import Finding
from otelml.config import FeedbackOptions

_CHECK = "prediction ids"
_CONTENT = "trace, time, model, version, variant, label, confidence and row"


def check_ids(options: FeedbackOptions) -> Finding:
    """Say whether ids can be forged, and what their client can read in them.

    Args:
        options: Of prediction ids.
    """
    if not options.enabled:
        return Finding(_CHECK, "ok", "turned off")
    if options.ids == "opaque":
        return Finding(_CHECK, "ok", "opaque: a client can read nothing in them")
    keys = keys_of(options.secret)
    encrypts = options.ids != "signed" and can_encrypt()
    if not keys and options.unsigned == "accept":
        detail = f"anybody can make them, and can read {_CONTENT} in them"
        return Finding(_CHECK, "warn", detail, _set_a_key())
    readable = (
        "encrypted: a client can read nothing in them"
        if encrypts
        else f"signed: a client can read {_CONTENT} in them"
    )
    if not keys:
        detail = f"{readable}; without {env.OTELML_SECRET} only the process that made one reads it"
        return Finding(_CHECK, "warn", detail, _set_a_key())
    if options.unsigned == "accept":
        detail = f"{readable}; labels are taken for ids that anybody can have made, too"
        return Finding(_CHECK, "warn", detail, f"unset {env.OTELML_FEEDBACK_UNSIGNED}")
    if any(weak(key) for key in keys):
        detail = f"{readable}; an older one of {len(keys)} keys is short enough to be guessed"
        return Finding(_CHECK, "warn", detail, f"take it out of {env.OTELML_SECRET} soon")
    if not encrypts and options.ids != "signed":
        return Finding(_CHECK, "warn", readable, "pip install 'otelml[ids]'")
    older = f"; {len(keys) - 1} older keys are read" if len(keys) > 1 else ""
    return Finding(_CHECK, "ok", readable + older)


def _set_a_key() -> str:
    return f"set {env.OTELML_SECRET} to the same key in every replica; make one with: {MAKE_ONE}"
