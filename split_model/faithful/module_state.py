"""What a module and its helpers hold at one time: to be restored later, or compared with what they hold then.

A forward may keep things anywhere: in attributes, in buffers, in a list, in an object that it was given, in its class.
torch.export runs the forward with tensors that have no data, and whatever the forward keeps of them stays there.
"""

import sys
from collections import UserDict, UserList, deque
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence
from dataclasses import dataclass, field
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["ModuleState"]

_MOST_HOLDERS = 200_000
_DEEPEST = 5
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.Size, torch.dtype, torch.device, slice)
_FOREIGN = (sys.stdlib_module_names | {"torch", "numpy"}) - {"__main__"}
_INTERNAL = frozenset(vars(nn.Module())) - {"_parameters", "_buffers", "_modules", "training"}
_UNNAMED = frozenset({"_parameters", "_buffers", "_modules"})


@dataclass(frozen=True, slots=True)
class _Holder:
    """A namespace, dictionary, list or set that a forward could change.

    Attributes:
        path: Its place in the module, for messages.
        read: Its entries now, by name, key or position.
        write: Replaces them.
        entries: Those of the time of the snapshot.
        compared: Whether other entries are a change; hooks have new keys whenever they are made anew.
    """

    path: str
    read: Callable[[], dict[Any, Any]]
    write: Callable[[dict[Any, Any]], None]
    entries: dict[Any, Any]
    compared: bool = True


@dataclass(frozen=True, slots=True)
class _Kept:
    """A tensor with its values; parameters, which are large and never change in a forward, have only the version.

    The version says too little of other tensors: batch norm changes its statistics and does not count that.
    """

    tensor: Tensor
    version: int
    requires_grad: bool
    values: Tensor | None


@dataclass(slots=True)
class ModuleState:
    """Everything that a module reaches: its attributes, those of its parts, helpers and classes, and its tensors.

    Functions, objects of torch, numpy and the standard library are not looked into, except containers.
    """

    holders: list[_Holder] = field(default_factory=list)
    tensors: dict[int, _Kept] = field(default_factory=dict)
    earlier: dict[int, _Kept] = field(default_factory=dict)
    seen: dict[int, object] = field(default_factory=dict)  # keeps what was visited alive, so that no id is used again

    @classmethod
    def of(cls, module: nn.Module, earlier: "ModuleState | None" = None) -> Self:
        """What a module holds now; shares with an earlier state the copies of tensors that have not changed."""
        state = cls(earlier={} if earlier is None else earlier.tensors)
        waiting: list[tuple[str, object]] = [("", module)]
        while waiting and len(state.holders) < _MOST_HOLDERS:
            path, value = waiting.pop()
            waiting.extend(state._add(path, value))
        return state

    def restore(self) -> None:
        """Puts back what was there; what was added since is removed."""
        for holder in self.holders:
            now = holder.read()
            if now.keys() != holder.entries.keys() or any(now[key] is not holder.entries[key] for key in now):
                holder.write(holder.entries)
        with torch.no_grad():
            for kept in self.tensors.values():
                if kept.values is not None and not _equal(kept.values, kept.tensor):
                    kept.tensor.copy_(kept.values)
                if kept.tensor.requires_grad != kept.requires_grad and kept.tensor.is_leaf:
                    kept.tensor.requires_grad_(kept.requires_grad)

    def changes(self) -> tuple[str, ...]:
        """The places of what has another value now."""
        changed: list[str] = []
        for holder in self.holders:
            now = holder.read() if holder.compared else holder.entries
            changed += [
                _place(holder.path, key)
                for key in dict.fromkeys((*holder.entries, *now))
                if not (key in now and key in holder.entries and self._same(holder.entries[key], now[key]))
            ]
        return tuple(dict.fromkeys(changed))

    def _add(self, path: str, value: object) -> Iterator[tuple[str, object]]:
        if id(value) in self.seen or isinstance(value, _PLAIN):
            return
        self.seen[id(value)] = value
        if isinstance(value, Tensor):
            kept = self.earlier.get(id(value))
            is_known = kept is not None and kept.values is not None and _equal(kept.values, value)
            self.tensors[id(value)] = kept if kept is not None and is_known else _kept(value)
        elif isinstance(value, tuple):
            yield from ((_place(path, index), part) for index, part in enumerate(value))
        elif (access := _access(value)) is not None:
            read, write = access
            entries = read()
            self.holders.append(_Holder(path, read, write, entries))
            yield from ((_place(path, key), part) for key, part in entries.items())
            if isinstance(value, nn.Module):
                module = value
                self.holders.append(
                    _Holder(
                        path, lambda: _hooks(module), lambda hooks: _write_hooks(module, hooks), _hooks(module), False
                    )
                )
            if not isinstance(value, type):
                yield from ((kind.__name__, kind) for kind in type(value).__mro__ if _is_users(kind))

    def _same(self, before: object, now: object, depth: int = 0) -> bool:
        """Whether two values are equal; also if that cannot be told."""
        if isinstance(before, Tensor):
            return isinstance(now, Tensor) and self._same_tensor(before, now)
        if (before is now and not isinstance(before, tuple)) or depth > _DEEPEST:
            return True
        if type(before) is not type(now):
            return False
        if isinstance(before, _PLAIN):
            return before == now or (before != before and now != now)  # noqa: PLR0124  # not a number
        if isinstance(before, np.ndarray):
            return np.array_equal(before, now)  # type: ignore[arg-type]  # of the same type
        parts, others = _parts(before), _parts(now)
        return parts.keys() == others.keys() and all(self._same(parts[key], others[key], depth + 1) for key in parts)

    def _same_tensor(self, before: Tensor, now: Tensor) -> bool:
        kept = self.tensors.get(id(before))
        if kept is not None and kept.values is not None:
            return _equal(kept.values, now)
        return _equal(before, now) if now is not before or kept is None else _version(before) == kept.version


def _kept(tensor: Tensor) -> _Kept:
    values = None
    if not isinstance(tensor, nn.Parameter) and not tensor.is_meta:
        try:
            values = tensor.detach().clone()
        except (RuntimeError, NotImplementedError):  # tensors of odd layouts: they are not restored
            values = None
    return _Kept(tensor, _version(tensor), tensor.requires_grad, values)


def _version(tensor: Tensor) -> int:
    """Counts the in-place operations; -1 for a tensor that does not count them."""
    return -1 if tensor.is_inference() else tensor._version  # noqa: SLF001  # has no public name


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype or one.layout != other.layout:
        return False
    try:
        if one.layout is not torch.strided or one.is_meta or other.is_meta:
            return True
        return bool(((one == other.to(one.device)) | ((one != one) & (other != other).to(one.device))).all())  # noqa: PLR0124
    except (RuntimeError, NotImplementedError):
        return True


def _parts(value: object) -> dict[Any, Any]:
    if isinstance(value, tuple):
        return dict(enumerate(value))
    access = _access(value)
    return {} if access is None else access[0]()


def _access(value: object) -> tuple[Callable[[], dict[Any, Any]], Callable[[dict[Any, Any]], None]] | None:
    """How to read and to replace what an object holds; `None` for an object that holds nothing of interest."""
    if isinstance(value, type):
        return (
            (lambda: _class_entries(value), lambda entries: _write_class(value, entries)) if _is_users(value) else None
        )
    if isinstance(value, dict | UserDict):
        return lambda: dict(value), lambda entries: _rewrite(value, entries)
    if isinstance(value, list | UserList | deque):
        return lambda: dict(enumerate(value)), lambda entries: _refill(value, entries)
    if isinstance(value, set):
        return lambda: dict.fromkeys(value), lambda entries: _rewrite_set(value, entries)
    if isinstance(value, nn.Module) or (_is_users(type(value)) and hasattr(value, "__dict__")):
        return lambda: _attributes(value), lambda entries: _write_attributes(value, entries)
    return None


def _is_users(kind: type) -> bool:
    if issubclass(kind, FunctionType | ModuleType | Tensor):
        return False
    return kind is SimpleNamespace or kind.__module__.partition(".")[0] not in _FOREIGN


def _attributes(value: object) -> dict[str, Any]:
    internal = _INTERNAL if isinstance(value, nn.Module) else frozenset()
    return {name: part for name, part in vars(value).items() if name not in internal}


def _write_attributes(value: object, entries: dict[str, Any]) -> None:
    space = vars(value)
    for name in _attributes(value).keys() - entries.keys():
        del space[name]
    space.update(entries)


def _hooks(module: nn.Module) -> dict[Any, Any]:
    """The hooks of a module, by kind and key."""
    kinds = ((name, value) for name, value in vars(module).items() if name in _INTERNAL and isinstance(value, dict))
    return {(name, key): hook for name, value in kinds for key, hook in value.items()}


def _write_hooks(module: nn.Module, hooks: dict[Any, Any]) -> None:
    for name, key in _hooks(module):
        del vars(module)[name][key]
    for (name, key), hook in hooks.items():
        vars(module)[name][key] = hook


def _class_entries(kind: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(kind).items()
        if not (name.startswith("__") or name == "_abc_impl" or hasattr(value, "__get__"))
    }


def _write_class(kind: type, entries: dict[str, Any]) -> None:
    for name in _class_entries(kind).keys() - entries.keys():
        delattr(kind, name)
    for name, value in entries.items():
        if vars(kind).get(name) is not value:
            setattr(kind, name, value)


def _rewrite(value: MutableMapping[Any, Any], entries: dict[Any, Any]) -> None:
    value.clear()
    value.update(entries)


def _rewrite_set(value: set[Any], entries: dict[Any, Any]) -> None:
    value.clear()
    for entry in entries:
        value.add(entry)


def _refill(value: MutableSequence[Any], entries: dict[Any, Any]) -> None:
    value.clear()
    value.extend(entries.values())


def _place(path: str, key: object) -> str:
    name = str(key)
    return path if name in _UNNAMED else f"{path}.{name}" if path else name
