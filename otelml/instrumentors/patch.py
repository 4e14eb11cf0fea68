"""Replacing functions on classes and modules so that everything can be put back exactly."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakSet

import wrapt

from otelml import _guard

Function = Callable[..., Any]
Wrap = Callable[[Function], Function]

_codes: set[CodeType] = set()


def as_wrapper(wrapper: Function, original: Function) -> Function:
    """Return ``wrapper``, which now looks like ``original`` and can be told from it."""
    functools.update_wrapper(wrapper, original)
    _codes.add(wrapper.__code__)  # one code object serves all wrappers of a kind
    return wrapper


def unwrapped(value: Any) -> Any:
    """Return what a wrapper of ours stands for; anything else as it is."""
    if isinstance(value, FunctionType) and value.__code__ in _codes:
        return value.__dict__["__wrapped__"]
    return value


class MethodPatches:
    """Methods replaced on classes, which are held weakly."""

    def __init__(self) -> None:
        self._classes: WeakSet[type] = WeakSet()

    def replace(self, owner: type, name: str, wrap: Wrap) -> None:
        """Wrap the method that ``owner`` itself defines under ``name``, if it does.

        Only plain functions are wrapped, and those inside scikit-learn's ``available_if``, whose
        descriptor stays the object it is. What is wrapped already stays so.
        """
        value: Any = vars(owner).get(name)
        function = _function_in(value)
        if function is None or unwrapped(function) is not function:
            return
        if function is value:
            setattr(owner, name, wrap(function))
        else:
            value.fn = wrap(function)
        self._classes.add(owner)

    def restore(self, names: tuple[str, ...]) -> None:
        """Put back every method that is still replaced."""
        for owner in list(self._classes):
            for name in names:
                value: Any = vars(owner).get(name)
                function = _function_in(value)
                original = unwrapped(function)
                if original is function:
                    continue
                if function is value:
                    setattr(owner, name, original)
                else:
                    value.fn = original
        self._classes.clear()


def _function_in(value: Any) -> FunctionType | None:
    if type(value).__name__ == "_AvailableIfDescriptor":
        value = getattr(value, "fn", None)
    return value if isinstance(value, FunctionType) else None


class Patches:
    """Attributes replaced, so that all can be put back."""

    def __init__(self) -> None:
        self.replaced: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Set an attribute, and remember what was there."""
        self.replaced.append((owner, name, vars(owner).get(name, _ABSENT), new))
        setattr(owner, name, new)

    def are_all_in_place(self) -> bool:
        """Whether nobody has replaced since what we put there."""
        return all(vars(owner).get(name) is new for owner, name, _, new in self.replaced)

    def undo(self) -> None:
        """Put everything back, but for what someone else has replaced since."""
        for owner, name, before, new in reversed(self.replaced):
            if vars(owner).get(name) is not new:
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self.replaced.clear()


class ModulePatches(Patches):
    """Attributes replaced once their module is there: at once, or when it is imported.

    Args:
        component: Under which errors are counted.
        actions: What to do with each module, by its name.
    """

    def __init__(self, component: str, actions: Mapping[str, Callable[[Any], None]]) -> None:
        super().__init__()
        self._component = component
        self._actions = actions
        self._awaited: set[str] = set()
        self._active = False

    def apply(self) -> None:
        """Act on the modules that are imported, now, and on the others when they are."""
        self._active = True
        for name in self._actions:
            if name in sys.modules:
                self._act(sys.modules[name])
            elif name not in self._awaited:
                self._awaited.add(name)  # such a hook stays for good, so there is one only
                wrapt.register_post_import_hook(self._act, name)

    def _act(self, module: Any) -> None:
        if self._active:
            _guard.call(self._component, self._actions[module.__name__], module)

    def wrap(self, owner: Any, name: str, wrap: Wrap) -> None:
        """Wrap a function that is an attribute of ``owner``, where there is one."""
        function = vars(owner).get(name)
        if isinstance(function, FunctionType) and unwrapped(function) is function:
            self.replace(owner, name, wrap(function))

    def undo(self) -> None:
        """Put everything back, but for what someone else has replaced since."""
        self._active = False
        super().undo()


_ABSENT: Any = object()
