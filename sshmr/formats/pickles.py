"""Read pickles of numpy arrays without executing their code.

A pickle is a program: it may name any function on the machine and call it. Here, the few names that
arrays, numbers and texts need are replaced by functions of this module, and every other name is
refused. Numpy's own are not safe enough: ``numpy.ndarray`` asks for any amount of memory, and a dtype's state
can make numpy interpret bytes as pointers.
"""

import abc
import math
import os
import pickle
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NoReturn

import numpy as np

from sshmr.errors import InputError

DTYPES = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16|[SU][1-9]\d{0,5})")
MOST_VALUES = 100_000_000
"""Largest number of values. Nested lists that share their parts can have any number of them in a few
bytes."""
COPIES, ALWAYS = 4, 2**20
"""Largest number of bytes in the arguments of calls: a factor of the file's size, and an addend. Each array's
content is
encoded once and copied once; a program that copies the same content again and again is refused."""
MOST_NUMBER_KEYS = 256
"""Entries of a mapping that has numbers as keys: numbers can be chosen so that their hashes collide."""


class Stateful(abc.ABC):
    """A class of which a pickle may make objects and set their state."""

    @abc.abstractmethod
    def take_state(self, state: Any) -> None:
        """Set the state."""


class PickledDtype(Stateful):
    """Replacement for ``numpy.dtype``: numbers, texts and Python objects, no structures."""

    def __init__(self, code: str, align: bool = False, copy: bool = True) -> None:
        if re.fullmatch("O[48]?", code):
            code = "O"
        elif not DTYPES.fullmatch(code):
            raise pickle.UnpicklingError(f"it asks for an array of dtype {code!r}, which is not allowed")
        self.dtype = np.dtype(code)

    def take_state(self, state: Any) -> None:
        _, order, *structure = state[:5]
        if structure != [None, None, None]:
            raise pickle.UnpicklingError("it asks for a structured dtype, which is not allowed")
        self.dtype = self.dtype.newbyteorder(order)


class PickledArray(np.ndarray, Stateful):
    """An array of a pickle. It differs from numpy's own only while it is read."""

    def take_state(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        content = content.encode("latin1") if isinstance(content, str) else content
        size = _size(shape) * (1 if kind.dtype.hasobject else kind.dtype.itemsize)
        if not isinstance(content, list if kind.dtype.hasobject else bytes) or len(content) != size:
            raise pickle.UnpicklingError("it holds an array whose content does not fit its shape")
        self.__setstate__((1, shape, kind.dtype, bool(fortran), content))  # type: ignore[arg-type]


def _size(shape: Any) -> int:
    if not isinstance(shape, tuple) or not all(isinstance(length, int) and length >= 0 for length in shape):
        raise pickle.UnpicklingError("it holds an array without a proper shape")
    return math.prod(shape)


def _reconstruct(kind: Any, shape: Any, code: Any) -> np.ndarray:
    """Replacement for numpy's: an empty array, whose state follows."""
    return np.ndarray.__new__(PickledArray, (0,), np.int8)


def _scalar(kind: Any, content: Any) -> Any:
    """Replacement for numpy's: one number."""
    content = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(content, kind.dtype, count=1)[0]


def _frombuffer(content: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    """Replacement for numpy's, which protocol 5 uses: an array of bytes that are there already."""
    _size(shape)
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order)


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """Replacement for ``_codecs.encode``, which protocols 0 to 2 call to write the bytes of an array."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it asks for text to be encoded as {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Replacement for ``bytes``, which protocols 0 to 2 call without arguments for an empty array."""
    return b""


def _ndarray() -> NoReturn:
    """Replacement for ``numpy.ndarray``, an argument of ``_reconstruct``. It is never called."""
    raise pickle.UnpicklingError("it calls numpy.ndarray, which is not allowed")


ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _ndarray,
    ("numpy", "dtype"): PickledDtype,
    ("_codecs", "encode"): _encode,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    # NumPy 2 renamed numpy.core; files of either age name their own.
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}


class NumpyUnpickler(pickle._Unpickler):
    """Unpickles containers, numbers, text and numpy arrays, and refuses everything else by name.

    It uses the unpickler in Python, because the one in C reserves as much memory as a file of a few bytes
    states, and allows an object's state to change its class.
    """

    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]
    read: Callable[[int], bytes]
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)
    allowed = ALLOWED

    def __init__(self, file: BinaryIO, **options: Any) -> None:
        super().__init__(file, **options)
        self._left = ALWAYS + COPIES * os.fstat(file.fileno()).st_size

    def _spend(self, *values: Any) -> None:
        """Count the content that a call is given, once more for each call."""
        self._left -= sum(_weight(value) for value in values)
        if self._left < 0:
            raise pickle.UnpicklingError("it copies the same content again and again")

    def find_class(self, module: str, name: str) -> Any:
        """The few functions that numpy's pickles call."""
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not allowed") from None

    def persistent_load(self, pid: Any) -> NoReturn:
        """Objects that lie outside the file."""
        raise pickle.UnpicklingError("it asks for an object outside the file, which is not allowed")

    def get_extension(self, code: int) -> NoReturn:
        """Names that are numbers in a registry of the program's."""
        raise pickle.UnpicklingError(f"it asks for extension {code}, which is not allowed")

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self._spend(*arguments)
        self.stack.append(function(*arguments))

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_build(self) -> None:
        state = self.stack.pop()
        self._spend(*(state if isinstance(state, tuple) else (state,)))
        if not isinstance(self.stack[-1], Stateful):
            kind = type(self.stack[-1]).__name__
            raise pickle.UnpicklingError(f"it sets the state of a {kind}, which is not allowed")
        self.stack[-1].take_state(state)

    dispatch[pickle.BUILD[0]] = load_build

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    dispatch[pickle.SETITEM[0]] = load_setitem

    def load_setitems(self) -> None:
        self._set_items(self.pop_mark())

    dispatch[pickle.SETITEMS[0]] = load_setitems

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set_items(items)

    dispatch[pickle.DICT[0]] = load_dict

    def _set_items(self, items: list[Any]) -> None:
        # The hash of nested tuples can take forever.
        if not all(isinstance(key, str | bytes | int | float | None) for key in items[::2]):
            raise pickle.UnpicklingError("it holds a mapping whose keys are neither text nor numbers")
        target = self.stack[-1]
        if type(target) is not dict:
            raise pickle.UnpicklingError(f"it sets items of a {type(target).__name__}, which is not allowed")
        count = len(target) + len(items) // 2
        if count > MOST_NUMBER_KEYS and not all(isinstance(key, str | bytes) for key in items[::2]):
            raise pickle.UnpicklingError(f"it holds a mapping with {count} keys, some of them numbers")
        target.update(zip(items[::2], items[1::2], strict=True))

    def load_bytearray8(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self.read(size)))  # Unlike the original, it reads no more than there is.

    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    # Sets become lists: nothing here needs one, and what is in them would be hashed.
    dispatch[pickle.EMPTY_SET[0]] = dispatch[pickle.EMPTY_LIST[0]]
    dispatch[pickle.ADDITEMS[0]] = dispatch[pickle.APPENDS[0]]
    dispatch[pickle.FROZENSET[0]] = dispatch[pickle.LIST[0]]


def _weight(value: Any) -> int:
    """Bytes of a text or an array, members of a list or a mapping; nothing for any other value."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    return len(value) if isinstance(value, str | bytes | bytearray | list | tuple | dict) else 0


def _values(content: Any, known: dict[int, float]) -> float:
    """How many values an object holds, counted in every place they are in; infinite if it holds itself."""
    parts: Iterable[Any]
    if isinstance(content, dict):
        parts = content.values()
    elif isinstance(content, list | tuple) or (isinstance(content, np.ndarray) and content.dtype.hasobject):
        parts = content
    else:
        return 1
    if id(content) not in known:
        known[id(content)] = math.inf
        known[id(content)] = 1 + sum(_values(part, known) for part in parts)
    return known[id(content)]


def load_numpy_pickle(path: str | Path, unpickler: type[NumpyUnpickler] = NumpyUnpickler) -> Any:
    """Read a pickle of plain containers and numpy arrays, of Python 2 or 3.

    Raises:
        InputError: when the file is missing, not a pickle, cut short, or names anything but numpy's arrays.
    """
    try:
        with Path(path).open("rb") as handle:
            content = unpickler(handle, encoding="latin1").load()
            if _values(content, {}) > MOST_VALUES:
                raise pickle.UnpicklingError("it holds the same values in too many places")
            return content
    except FileNotFoundError:
        raise InputError(path, found="no such file", expected="a pickle of numpy arrays") from None
    except IsADirectoryError:
        raise InputError(path, found="a folder", expected="a pickle of numpy arrays") from None
    except Exception as error:  # a broken pickle can raise almost any exception
        reason = str(error) if isinstance(error, pickle.UnpicklingError | OSError) else ""
        raise InputError(
            path,
            found="it cannot be read as a pickle of numpy arrays: "
            + (reason or f"it is damaged or of another kind ({type(error).__name__}: {error})".rstrip(": ")),
            fix="It is damaged, of another kind or unsafe; get it again from its source",
        ) from error
