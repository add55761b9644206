"""Pickles of arrays are read; pickles that would run code are refused by name."""

import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from sshmr.data.unpickle import load_numpy_pickle
from sshmr.errors import InputError

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


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x04\x8c\x05numpy\x8c\x0ertload.__class__\x93.",  # a dotted name below an allowed module
        b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.tofile_\x93.",
        b"cnumpy.core.multiarray\n__builtins__\n.",
        b"c_codecs\nencode\n(Vabc\nVzlib_codec\ntR.",  # the one codec call is only for latin1
    ],
)
def test_side_doors_are_shut(tmp_path, program):
    path = tmp_path / "evil.pkl"
    path.write_bytes(program)
    with pytest.raises(InputError, match=r"evil\.pkl"):
        load_numpy_pickle(path)


def test_what_is_no_pickle_is_named(tmp_path):
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
