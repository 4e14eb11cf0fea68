"""What instrumentors of model libraries have in common: which calls are predictions.

A library says how to read a call (:class:`Asked`) and its output (``Answer``); the wrappers here
do the rest. They are put on classes, never on models.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from types import CodeType, FunctionType
from typing import Any, ClassVar, NamedTuple

from otelml import _guard
from otelml._records.model import ModelInfo
from otelml._requests import begin_call, describe, end_call, register_framework
from otelml.instrumentors.base import Instrumentor
from otelml.instrumentors.inside import NOBODY, QUIET, Inside, current, enter, leave, quiet
from otelml.instrumentors.patch import Function, ModulePatches, as_wrapper, unwrapped
from otelml.instrumentors.threads import instrument_threads, uninstrument_threads


class Asked(NamedTuple):
    """What a call asks of its model.

    Args:
        data: The rows, as :func:`otelml.instrumentors.arrays.readable` gives them.
        form: The library's own word for what it shall give; empty for the usual.
    """

    data: Any
    form: str = ""


Arguments = Mapping[str, Any]
Ask = Callable[[Any, Arguments], Asked | None]
Read = Callable[[Any, Asked, Any, ModelInfo], Any]


class ModelLibrary(Instrumentor):
    """One library whose models are instrumented: a switch, and what it replaced."""

    framework: ClassVar[str]
    requirement: ClassVar[str]

    def __init__(self) -> None:
        if "on" in self.__dict__:
            return  # the one instance, asked for again
        self.on = False  # a wrapper may outlive the instrumentation
        self.patches = ModulePatches(self.framework, self.modules())
        self._quiet: dict[Any, Function] = {}

    def modules(self) -> dict[str, Callable[[Any], None]]:
        """Return what to do with each module of the library, by its name."""
        raise NotImplementedError

    def describe(self, model: Any) -> Mapping[str, Any]:
        """Return what telemetry says of a model, as ``register_framework`` wants it."""
        raise NotImplementedError

    def inner(self, model: Any) -> Any:
        """Return the model that is reported, where the library puts another object around it."""
        return model

    def facts(self, model: Any) -> Mapping[str, Any]:
        """Return what :meth:`describe` said, which is asked once a model."""
        return describe(model, self.framework)

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what must be installed."""
        return (self.requirement,)

    def _instrument(self, **_: Any) -> None:
        register_framework(self.framework, self.describe)
        self.on = True
        self.patches.apply()
        _guard.call("threads", instrument_threads)

    def _uninstrument(self, **_: Any) -> None:
        _guard.call("threads", uninstrument_threads)
        self.on = False
        self.patches.undo()

    # --- wrapping ---------------------------------------------------------------------------

    def predicts(
        self,
        owner: type | None,
        name: str,
        ask: Ask,
        read: Read,
        names: tuple[str, ...] | None = None,
    ) -> None:
        """Make calls of a method predictions.

        Args:
            owner: The class that defines it; None, and nothing is done.
            name: Of the method.
            ask: From the model and its arguments by name to what is asked; None where the call
                is no prediction, such as an explanation.
            read: From the model, what was asked, the output, and how the model is reported, to an
                ``Answer``, or to an output that is read as one of scikit-learn's.
            names: Of the positional arguments; by default those of the method.
        """
        if owner is not None:
            self.patches.wrap(
                owner, name, lambda original: self.model_call(original, name, ask, read, names)
            )

    def silences(self, owner: Any, *names: str) -> None:
        """Make calls of models inside these functions no predictions.

        A function that several modules hold gets one wrapper: pickling finds functions by name.
        """
        for name in names:
            function = vars(owner).get(name) if owner is not None else None
            if isinstance(function, FunctionType) and unwrapped(function) is function:
                wrapper = self._quiet.get(function) or quiet(function)
                self._quiet[function] = wrapper
                self.patches.replace(owner, name, wrapper)

    def model_call(
        self,
        original: Function,
        method: str,
        ask: Ask,
        read: Read,
        names: tuple[str, ...] | None = None,
    ) -> Function:
        """Wrap one method; the arguments are those of :meth:`predicts`."""
        names = _names(original) if names is None else names
        framework = self.framework

        def wrapper(self_: Any, *args: Any, **kwargs: Any) -> Any:
            state = current()
            if state is not None:
                if state.final is not self_:
                    return original(self_, *args, **kwargs)
                state.final = NOBODY
                state.call.final_started()
                try:
                    return original(self_, *args, **kwargs)
                finally:
                    state.call.final_ended()
            call = asked = None
            if self.on:
                given = {**dict(zip(names, args, strict=False)), **kwargs}
                asked = _guard.call(framework, ask, self_, given)
            if asked is not None:
                call = begin_call(self.inner(self_), method, asked.data, framework)
            token = enter(QUIET if call is None else Inside(call, None))
            try:
                result = original(self_, *args, **kwargs)
            except BaseException as error:
                leave(token)
                end_call(call, error=error)
                raise
            leave(token)
            if call is not None:
                end_call(call, _guard.call(framework, read, call.model, asked, result, call.info))
            return result

        return as_wrapper(wrapper, original)


def _names(function: Function) -> tuple[str, ...]:
    """Return the names of the positional parameters after ``self``."""
    code: CodeType = inspect.unwrap(function).__code__
    return code.co_varnames[1 : code.co_argcount]
