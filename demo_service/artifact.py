"""The trained model on disk: a joblib file and what is known about it, side by side."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import os
import pickle
import tempfile
import warnings
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import joblib
import sklearn
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import Pipeline

from otelml.exceptions import InvalidReferenceError
from otelml.reference import Reference

MODEL_FILE: Final = "loan.joblib"
METADATA_FILE: Final = "loan.json"
REFERENCE_FILE: Final = "loan.reference.json"
_LARGEST: Final = 512 << 20
_TRAIN: Final = "run: python -m demo_service.train"
# What a pickle raises that is cut short, damaged, or of other code.
_UNREADABLE: Final = (
    pickle.UnpicklingError,
    zlib.error,
    OSError,
    ValueError,
    EOFError,
    LookupError,
    AttributeError,
    ImportError,
    TypeError,
    InconsistentVersionWarning,
)


class ModelError(RuntimeError):
    """The model cannot be served; the message says why and what to run."""


@dataclass(frozen=True)
class Metadata:
    """What is known about a trained model.

    Args:
        version: Version of the model, as telemetry names it.
        trained_at: RFC 3339, UTC.
        rows: Applications it was trained and tested on.
        seed: Of the data and of the training.
        features: Names, in order.
        metrics: On the held-out rows.
        sklearn_version: That it was trained with.
        sha256: Of the model's file, hexadecimal; it is compared before the file is unpickled.
    """

    version: str
    trained_at: str
    rows: int
    seed: int
    features: list[str]
    metrics: dict[str, float]
    sklearn_version: str
    sha256: str = ""


@dataclass(frozen=True)
class LoanModel:
    """A trained model, ready to serve.

    Args:
        pipeline: Applications in, probabilities out.
        metadata: What is known about it.
        reference: What the applications looked like that it was trained on, and its answers.
    """

    pipeline: Pipeline
    metadata: Metadata
    reference: Reference | None = None


def model_dir() -> Path:
    """Return the folder of the model: ``DEMO_MODEL_DIR``, else ``model`` beside this file."""
    return Path(os.environ.get("DEMO_MODEL_DIR") or Path(__file__).with_name("model"))


def exists(folder: Path | None = None) -> bool:
    """Whether ``folder`` (that of ``model_dir()`` by default) holds a model that can be served."""
    folder = folder or model_dir()
    try:
        metadata = _load_metadata(folder / METADATA_FILE)
    except ModelError:
        return False
    files = all((folder / name).is_file() for name in (MODEL_FILE, REFERENCE_FILE))
    return metadata.sklearn_version == sklearn.__version__ and bool(metadata.sha256) and files


def save(model: LoanModel, folder: Path) -> None:
    """Write the files, each at once: a reader never sees half a file.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / MODEL_FILE, lambda path: joblib.dump(model.pipeline, path, compress=3))
    saved = replace(model.metadata, sha256=_sha256((folder / MODEL_FILE).read_bytes()))
    text = json.dumps(asdict(saved), indent=2) + "\n"
    reference = model.reference
    if reference is not None:
        _replace(folder / REFERENCE_FILE, reference.save)
    _replace(folder / METADATA_FILE, lambda path: path.write_text(text, encoding="utf-8"))


def load(folder: Path) -> LoanModel:
    """Return the model in ``folder``.

    Raises:
        ModelError: It is missing, damaged, or from another version of scikit-learn.
    """
    metadata = _load_metadata(folder / METADATA_FILE)
    if metadata.sklearn_version != sklearn.__version__:
        raise ModelError(
            f"the model in {folder} was trained with scikit-learn {metadata.sklearn_version}, "
            f"installed is {sklearn.__version__}; train it again, {_TRAIN}"
        )
    path = folder / MODEL_FILE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            pipeline = joblib.load(io.BytesIO(_verified(path, metadata.sha256)))
    except FileNotFoundError:
        raise ModelError(f"there is no model at {path}; {_TRAIN}") from None
    except _UNREADABLE as error:
        raise ModelError(f"the model at {path} cannot be read ({error!r}); {_TRAIN}") from error
    if not isinstance(pipeline, Pipeline):
        raise ModelError(f"{path} holds a {type(pipeline).__name__}, not a pipeline; {_TRAIN}")
    return LoanModel(pipeline, metadata, _load_reference(folder / REFERENCE_FILE))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _verified(path: Path, sha256: str) -> bytes:
    """Return what is in the file, once it is known to be what training wrote: a pickle is code.

    Raises:
        ModelError: It is something else.
        OSError: It cannot be read.
    """
    if path.stat().st_size > _LARGEST:
        raise ModelError(f"the model at {path} is larger than {_LARGEST:,} bytes; {_TRAIN}")
    data = path.read_bytes()
    if not hmac.compare_digest(_sha256(data), sha256):
        raise ModelError(f"the model at {path} is not the one that was trained; {_TRAIN}")
    return data


def _load_metadata(path: Path) -> Metadata:
    try:
        return Metadata(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ModelError(f"there is no trained model in {path.parent}; {_TRAIN}") from None
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} cannot be read ({error}); {_TRAIN}") from error


def _load_reference(path: Path) -> Reference | None:
    if not path.is_file():
        return None
    try:
        return Reference.load(path)
    except InvalidReferenceError as error:
        raise ModelError(f"{error}; {_TRAIN}") from error


def _replace(path: Path, write: Any) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
