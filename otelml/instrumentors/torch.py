"""PyTorch: a module's forward is a prediction where it serves.

That is where nothing is recorded for training (``inference_mode``, ``no_grad``), and inside a
request for a module in evaluation mode. A forward inside another one is part of it. Tensors on a
device are not copied, and nothing waits for one: such calls have their rows and no values.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from otelml import _guard
from otelml._records.model import ModelInfo
from otelml._records.results import Answer
from otelml._requests import is_in_request
from otelml.instrumentors import scores
from otelml.instrumentors.arrays import Shape, readable, shape_of
from otelml.instrumentors.library import Arguments, Asked, ModelLibrary
from otelml.instrumentors.patch import Function, as_wrapper

__all__ = ["TorchInstrumentor"]

_LAST = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}


class TorchInstrumentor(ModelLibrary):
    """Reports the outermost ``forward`` of modules at inference.

    Training is left alone: what records gradients outside a request, what is traced, compiled or
    exported, and outside a request what an optimizer trains.
    """

    framework = "torch"
    requirement = "torch >= 2.0"

    def __init__(self) -> None:
        super().__init__()
        self._optimizers: weakref.WeakSet[Any] = (
            getattr(self, "_optimizers", None) or weakref.WeakSet()
        )
        self._torch: Any = getattr(self, "_torch", None)

    def modules(self) -> dict[str, Callable[[Any], None]]:
        """Return what to do with each module."""
        return {
            "torch": self._found,
            "torch.nn.modules.module": self._module,
            "torch.optim.optimizer": self._optimizer,
            "torch.jit": self._tracing,
            "torch.jit._trace": self._tracing,
            "torch.onnx": self._exporting,
            "transformers.generation.utils": self._generation,
        }

    def _found(self, module: Any) -> None:
        self._torch = module

    def _module(self, module: Any) -> None:
        self.predicts(module.Module, "__call__", self._ask, self.read, ("input",))

    def _optimizer(self, module: Any) -> None:
        self.patches.wrap(module.Optimizer, "add_param_group", self._noting)

    def _tracing(self, module: Any) -> None:
        self.silences(module, "trace", "trace_module")

    def _exporting(self, module: Any) -> None:
        self.silences(module, "export")

    def _generation(self, module: Any) -> None:
        # one forward a token: a text is one prediction
        mixin = getattr(module, "GenerationMixin", None)
        self.predicts(mixin, "generate", self._ask_generation, _unread)

    def _noting(self, original: Function) -> Function:
        def wrapper(self_: Any, *args: Any, **kwargs: Any) -> Any:
            _guard.call(self.framework, self._optimizers.add, self_)
            return original(self_, *args, **kwargs)

        return as_wrapper(wrapper, original)

    # --- calls ------------------------------------------------------------------------------

    def inner(self, model: Any) -> Any:
        """Return the module that was compiled."""
        return model._orig_mod if type(model).__name__ == "OptimizedModule" else model  # noqa: SLF001 - told nowhere else

    def _ask(self, model: Any, given: Arguments) -> Asked | None:
        if not self._serves(model):
            return None
        rows = _rows(given)
        single = getattr(rows, "ndim", 0) == 1
        return Asked(rows.reshape(1, -1), "row") if single else Asked(rows)

    def _ask_generation(self, _model: Any, given: Arguments) -> Asked | None:
        return Asked(_rows(given))

    def _serves(self, model: Any) -> bool:
        torch = self._torch
        if torch is None or torch.jit.is_tracing() or torch.compiler.is_compiling():
            return False
        if getattr(model, "_is_replica", False):  # a copy of DataParallel's
            return False
        if is_in_request():
            return not (torch.is_grad_enabled() and model.training)
        return not torch.is_grad_enabled() and not self._is_trained(model)

    def _is_trained(self, model: Any) -> bool:
        optimizers = list(self._optimizers)
        if not optimizers:
            return False
        own = {id(parameter) for parameter in model.parameters()}
        return any(
            id(parameter) in own
            for optimizer in optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
        )

    def read(self, model: Any, asked: Asked, result: Any, info: ModelInfo) -> Answer:
        """Return what an output says; ``logits`` of one that has several."""
        logits = getattr(result, "logits", None)
        output = readable(result if logits is None else logits)
        if isinstance(output, Shape):
            return Answer(left_out="outputs on a device are not copied; set_result can say them")
        if getattr(output, "ndim", 0) < 1:
            return Answer(left_out=f"a {type(result).__name__} is no output a row; left out")
        if asked.form == "row":
            output = output.reshape(1, -1)
        return scores.of_network(output, info, self.facts(model).get("last", ""))

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Return what telemetry says of a module."""
        return {"class_name": type(model).__name__, "is_fitted": True, "last": _last(model)}


def _last(module: Any) -> str:
    for _ in range(8):
        if type(module).__name__ != "Sequential" or not len(module):
            break
        module = module[len(module) - 1]
    return _LAST.get(type(module).__name__, "")


def _rows(given: Arguments) -> Any:
    for value in given.values():
        if type(value).__module__.partition(".")[0] != "torch" or not hasattr(value, "dim"):
            continue
        if not value.is_floating_point():
            return shape_of(value)  # tokens and such: their numbers mean nothing
        return readable(value)
    return None


def _unread(*_: Any) -> Answer:
    return Answer(left_out="generated texts are left out")
