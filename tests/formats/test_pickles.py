"""Pickles of arrays are read; pickles that would run code are refused by name."""

import contextlib
import os
import pickle
import re
import resource
import subprocess
import sys

import numpy as np
import pytest

from sshmr.errors import InputError
from sshmr.formats import pickles
from sshmr.formats.pickles import load_numpy_pickle

CONTENT = {
    "floats": np.arange(12, dtype=np.float32).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.zeros((0, 3)),
    "scalar": np.float64(2.5),
    "number": 7,
    "text": "male",
    "clouds": [np.ones((5, 3)), np.zeros((0, 3))],
    "objects": np.array([None, 1, "a"], dtype=object),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_survive_every_protocol(tmp_path, protocol):
    path = tmp_path / "arrays.pkl"
    path.write_bytes(pickle.dumps(CONTENT, protocol=protocol))
    read = load_numpy_pickle(path)
    assert read.keys() == CONTENT.keys()
    for name in ("floats", "fortran", "empty"):
        np.testing.assert_array_equal(read[name], CONTENT[name])
        assert read[name].dtype == CONTENT[name].dtype
    assert read["scalar"] == 2.5
    assert [len(cloud) for cloud in read["clouds"]] == [5, 0]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_files_of_older_numpy_are_read(tmp_path, protocol):
    """Older versions name numpy.core where newer ones name numpy._core."""
    data = pickle.dumps({"a": np.arange(4.0), "b": np.float32(1)}, protocol=protocol)
    if protocol == 4:  # names carry their length in one byte before them
        data = data.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
        frame = len(data) - 11
        data = data[:3] + frame.to_bytes(8, "little") + data[11:]
    else:
        data = data.replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core" in data
    assert b"numpy._core" not in data
    path = tmp_path / "old.pkl"
    path.write_bytes(data)
    np.testing.assert_array_equal(load_numpy_pickle(path)["a"], np.arange(4.0))


class Calls:
    """Pickles into a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (lambda file: Calls(os.system, f"touch {file}"), "posix.system|nt.system"),
        (lambda file: Calls(eval, f"open({str(file)!r}, 'w')"), "builtins.eval"),
        (lambda file: Calls(exec, f"open({str(file)!r}, 'w')"), "builtins.exec"),
        (lambda file: Calls(open, str(file), "w"), r"(_io|io|builtins)\.open"),
        (lambda file: Calls(subprocess.call, ["touch", str(file)]), r"(subprocess|commands)\.call"),
        (lambda file: Calls(np.save, str(file), 1), "numpy.save"),
        (lambda file: Calls(getattr, np, "load"), "builtins.getattr"),
        (lambda file: Calls(np.memmap, str(file), "float32", "w+", 0, (4,)), "numpy.*memmap"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_code_is_not_run(tmp_path, attack, named, protocol):
    made = tmp_path / "made_by_the_attack"
    path = tmp_path / "evil.pkl"
    # The module object in getattr's arguments cannot be pickled as such: name it by hand instead.
    call = attack(made)
    if call.function is getattr:
        path.write_bytes(b"cbuiltins\ngetattr\n(cnumpy\nndarray\nVtofile\ntR.")
    else:
        path.write_bytes(pickle.dumps({"point_clouds": [call]}, protocol=protocol))
    with pytest.raises(InputError) as caught:
        load_numpy_pickle(path)
    assert re.search(named, str(caught.value).replace("__builtin__", "builtins"))
    assert "evil.pkl" in str(caught.value)
    assert not made.exists()


SIDE_DOORS = {
    "a dotted name below an allowed module": b"\x80\x04\x8c\x05numpy\x8c\x0ertload.__class__\x93.",
    "a method of an allowed class": b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.tofile_\x93.",
    "builtins by way of an allowed module": b"cnumpy.core.multiarray\n__builtins__\n.",
    "a codec that is none of numpy's": b"c_codecs\nencode\n(Vabc\nVzlib_codec\ntR.",
    "numpy's pickles in pickles": b"cnumpy\nload\n(VMADE\ntR.",
    "numpy's compiler": b"cnumpy.f2py\ncompile\n(Vx\ntR.",
    "numpy's runner of strings": b"cnumpy.testing\nrunstring\n(Vopen('MADE', 'w')\n(dtR.",
    "numpy's test runner": b"cnumpy.testing._private.utils\nrunstring\n(Vopen('MADE', 'w')\n(dtR.",
    "reading any file": b"cnumpy\nfromfile\n(V/etc/passwd\nVu1\ntR.",
    "a copy of the reconstructor": b"ccopy_reg\n_reconstructor\n(cposix\nsystem\ncposix\nsystem\nNtR.",
    "an old instance": b"(Vtouch MADE\niposix\nsystem\n.",
    "an old object": b"(cposix\nsystem\nVtouch MADE\no.",
    "a new object": b"\x80\x02cposix\nsystem\nVtouch MADE\n\x85\x81.",
    "a new object with keywords": b"\x80\x04cposix\nsystem\n)}\x92.",
    "an object outside the file": b"Pevil\n.",
    "an object outside the file, by value": b"\x80\x02X\x04\x00\x00\x00evilQ.",
    "the extension registry": b"\x80\x02\x82\x01.",
    "the extension registry, far": b"\x80\x02\x84\x01\x00\x00\x00.",
    "attributes of a stand-in": b"c_codecs\nencode\n(dVevil\nI1\nsb.",
    "attributes of a stand-in, by slots": b"c_codecs\nencode\nN(dV__defaults__\nNs\x86b.",
    "attributes of a class": b"cnumpy\ndtype\nN(dVtake\nNs\x86b.",
    "attributes of an array": b"cnumpy\nndarray\nN(dV__setstate__\nNs\x86b.",
    "an array of any size": b"cnumpy\nndarray\n((I9\nI9\nI9\nttR.",
    "a structure that hides pointers": (
        b"cnumpy\ndtype\n(VV8\nI0\nI1\ntR(I3\nV|\nN(Va\nt(dVa\n(cnumpy\ndtype\n(VO8\ntRI0\ntsI8\nI1\nI0\ntb."
    ),
    "a structure by name": b"cnumpy\ndtype\n((lp0\n(Va\nVO\ntatR.",
}


@pytest.mark.parametrize("program", SIDE_DOORS.values(), ids=SIDE_DOORS)
def test_side_doors_are_shut(tmp_path, program):
    path, made = tmp_path / "evil.pkl", tmp_path / "made"
    path.write_bytes(program.replace(b"MADE", str(made).encode()))
    before = vars(pickles._encode).copy(), pickles._encode.__defaults__, pickles.PickledDtype.take_state
    with pytest.raises(InputError, match=r"evil\.pkl"):
        load_numpy_pickle(path)
    assert not made.exists()
    assert before == (vars(pickles._encode), pickles._encode.__defaults__, pickles.PickledDtype.take_state)


def test_bytes_are_never_taken_for_pointers(tmp_path):
    """With numpy's own dtype, clearing its flags turns bytes of the file into the addresses of objects."""
    array = pickle.dumps(np.array([None, None], dtype=object), protocol=2)
    flags = array.rindex(b"K?t")  # the last number of a dtype's state
    pointers = array[:flags] + b"K\x00" + array[flags + 2 :]
    start = pointers.rindex(b"]")
    path = tmp_path / "evil.pkl"
    path.write_bytes(pointers[:start] + b"U\x10" + b"A" * 16 + b"tb.")
    with pytest.raises(InputError, match="does not fit its shape"):
        load_numpy_pickle(path)


BOMBS = {
    "memo": b"\x80\x02K\x01r\xff\xff\xff\xff.",
    "memo by text": b"I1\np2000000000000\n.",
    "bytes": b"\x80\x04\x8e\x00\x00\x00\x00\xe8\x00\x00\x00abc.",
    "text": b"\x80\x04\x8d\x00\x00\x00\x00\xe8\x00\x00\x00abc.",
    "bytearray": b"\x80\x05\x96\x00\x00\x00\x00\x08\x00\x00\x00abc.",
    "frame": b"\x80\x04\x95\x00\x00\x00\x00\x08\x00\x00\x00abc.",
    "digits": b"I" + b"9" * 200_000 + b"\n.",
    "hash": b"\x80\x02}" + b")" + b"2\x86" * 200 + b"K\x01s.",
    "set": b"\x80\x04(" + b")" + b"2\x86" * 200 + b"\x91.",
    "shape": pickle.dumps(np.zeros(3), protocol=2).replace(
        b"K\x03\x85", b"\x8a\x06\x00\x00\x00\x00\x00\x10\x85"
    ),
}


# A list of ten ones, then twelve times a list that holds the last one ten times.
LAUGHS = (
    b"\x80\x02("
    + b"K\x01" * 10
    + b"l"
    + b"".join(b"q%c0(" % n + b"h%c" % n * 10 + b"l" for n in range(12))
    + b"."
)


@pytest.mark.parametrize("program", [LAUGHS, b"\x80\x02]q\x00h\x00a."], ids=["many", "itself"])
def test_values_in_too_many_places_are_refused(tmp_path, program):
    path = tmp_path / "laughs.pkl"
    path.write_bytes(program)
    with pytest.raises(InputError, match="same values in too many places"):
        load_numpy_pickle(path)


@pytest.mark.parametrize("program", BOMBS.values(), ids=BOMBS)
def test_no_more_is_held_than_a_file_holds(tmp_path, program):
    path = tmp_path / "bomb.pkl"
    path.write_bytes(program)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(InputError):  # what can be read without harm may be
        load_numpy_pickle(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


TEXT = b"X" + (10**5).to_bytes(4, "little") + b"a" * 10**5
EMPTY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
STATE = EMPTY + b"(K\x01J\xa0\x86\x01\x00\x85cnumpy\ndtype\nX"
AGAIN = {
    "the same text encoded": [b"c_codecs\nencode\nq\x01" + TEXT + b"q\x02]", b"h\x01h\x02\x85Ra"],
    "arrays of the same text": [
        b"]" + STATE + b"\x02\x00\x00\x00u1K\x00K\x01\x87R\x89" + TEXT + b"q\x05tba",
        STATE + b"\x02\x00\x00\x00u1K\x00K\x01\x87R\x89h\x05tba",
    ],
    "arrays of the same list": [
        b"]" + STATE + b"\x01\x00\x00\x00OK\x00K\x01\x87R\x89](" + b"N" * 10**5 + b"eq\x05tba",
        STATE + b"\x01\x00\x00\x00OK\x00K\x01\x87R\x89h\x05tba",
    ],
}
"""Programs of 100 kB: what comes first, and what comes 99 times."""


@pytest.mark.parametrize(("first", "often"), AGAIN.values(), ids=AGAIN)
def test_the_same_content_is_not_copied_again_and_again(tmp_path, first, often):
    path = tmp_path / "again.pkl"
    path.write_bytes(b"\x80\x02" + first + often * 99 + b".")
    with pytest.raises(InputError, match="copies the same content again and again"):
        load_numpy_pickle(path)


def test_keys_whose_hashes_collide_are_refused(tmp_path):
    """Python's hash of a whole number is its remainder by 2⁶¹ − 1."""
    path = tmp_path / "keys.pkl"
    path.write_bytes(pickle.dumps({number * (2**61 - 1): None for number in range(1, 300)}))
    with pytest.raises(InputError, match="a mapping with 299 keys, some of them numbers"):
        load_numpy_pickle(path)
    path.write_bytes(pickle.dumps({str(number): number for number in range(300)} | {1: 2}))
    with pytest.raises(InputError, match="some of them numbers"):
        load_numpy_pickle(path)
    path.write_bytes(pickle.dumps({str(number): number for number in range(300)}))
    assert len(load_numpy_pickle(path)) == 300


def test_damaged_bytes_are_reported(tmp_path):
    """Bytes changed at random: the content may be wrong, but nothing else happens."""
    rng, path = np.random.default_rng(0), tmp_path / "damaged.pkl"
    errors = []
    for protocol in (0, 2, 5):
        whole = np.frombuffer(pickle.dumps(CONTENT, protocol=protocol), np.uint8)
        for _ in range(150):
            data = whole.copy()
            places = rng.integers(0, len(data), rng.integers(1, 5))
            data[places] = rng.integers(0, 256, len(places))
            path.write_bytes(data[: rng.integers(1, 2 * len(data))].tobytes())
            try:
                load_numpy_pickle(path)
            except InputError as error:
                errors.append(str(error))
    assert len(errors) > 100
    assert all("damaged.pkl" in error for error in errors)


def test_what_is_not_a_pickle_is_named(tmp_path):
    whole = pickle.dumps(CONTENT)
    for name, content in {
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"x, y, z\n1, 2, 3\n",
    }.items():
        path = tmp_path / f"{name}.pkl"
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"{name}.pkl"):
            load_numpy_pickle(path)
    with pytest.raises(InputError, match="no such file"):
        load_numpy_pickle(tmp_path / "absent.pkl")
    with pytest.raises(InputError, match="a folder"):
        load_numpy_pickle(tmp_path)


def test_no_module_is_imported_by_a_pickle(tmp_path):
    path = tmp_path / "evil.pkl"
    path.write_bytes(b"cthis\ns\n.")
    with pytest.raises(InputError, match=r"this\.s"):
        load_numpy_pickle(path)
    assert "this" not in sys.modules
