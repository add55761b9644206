"""One file of points: every format, as others write it; damaged, lying and empty files."""

import resource
import struct

import laspy
import numpy as np
import pytest

from sshmr.errors import InputError
from sshmr.formats.pcd import decompress
from sshmr.formats.points import read_points
from sshmr.geometry.open3d_import import open3d

POINTS = np.random.default_rng(0).normal(0, 0.5, (1500, 3)).round(4)


def write_open3d(path, ascii=False, compressed=False, normals=False):
    module = open3d()
    cloud = module.geometry.PointCloud(module.utility.Vector3dVector(POINTS))
    cloud.colors = module.utility.Vector3dVector(np.full(POINTS.shape, 0.5))
    if normals:
        cloud.normals = module.utility.Vector3dVector(np.roll(POINTS, 1, axis=1))
    assert module.io.write_point_cloud(str(path), cloud, write_ascii=ascii, compressed=compressed)


def write_mesh(path):
    """A .ply with faces behind the vertices."""
    module = open3d()
    mesh = module.geometry.TriangleMesh(
        module.utility.Vector3dVector(POINTS), module.utility.Vector3iVector(np.arange(1500).reshape(-1, 3))
    )
    assert module.io.write_triangle_mesh(str(path), mesh)


def write_las(path, version="1.2", kind=0, *extra):
    header = laspy.LasHeader(point_format=kind, version=version)
    header.add_extra_dims(list(extra))
    header.scales, header.offsets = [1e-4] * 3, [10.0, -20.0, 0.0]
    data = laspy.LasData(header)
    data.x, data.y, data.z = POINTS.T
    data.write(path)


def write_big_endian(path):
    """A .ply of another machine, with more elements and properties, in another order."""
    kinds = {"c": "uchar", "y": "double", "x": "float", "n": "short", "z": "float"}
    properties = "".join(f"property {kind} {name}\n" for name, kind in kinds.items())
    head = (
        "ply\r\nformat binary_big_endian 1.0\ncomment written by hand\nelement camera 2\nproperty int id\n"
        f"element vertex 1500\n{properties}end_header\n"
    )
    record = np.zeros(1500, [("c", "u1"), ("y", ">f8"), ("x", ">f4"), ("n", ">i2"), ("z", ">f4")])
    for axis, column in zip("xyz", POINTS.T, strict=True):
        record[axis] = column
    path.write_bytes(head.encode() + bytes(8) + record.tobytes())


WRITERS = {
    "binary.ply": write_open3d,
    "text.ply": lambda path: write_open3d(path, ascii=True, normals=True),
    "normals.ply": lambda path: write_open3d(path, normals=True),
    "mesh.ply": write_mesh,
    "big.ply": write_big_endian,
    "binary.pcd": write_open3d,
    "text.pcd": lambda path: write_open3d(path, ascii=True, normals=True),
    "packed.pcd": lambda path: write_open3d(path, compressed=True, normals=True),
    "plain.xyz": lambda path: np.savetxt(path, POINTS),
    "commas.XYZ": lambda path: np.savetxt(
        path, np.c_[POINTS, POINTS], delimiter=",", header="x,y,z,r,g,b", comments=""
    ),
    "single.npy": lambda path: np.save(path, POINTS.astype(np.float32)),
    "columns.npy": lambda path: np.save(path, np.asfortranarray(np.c_[POINTS, np.ones(1500)])),
    "named.npz": lambda path: np.savez(path, points=POINTS, colors=np.array([None])),
    "packed.npz": lambda path: np.savez_compressed(path, points=POINTS),
    "kitti.bin": lambda path: np.c_[POINTS, np.ones(1500)].astype("<f4").tofile(path),
    "old.las": write_las,
    "new.las": lambda path: write_las(path, "1.4", 6),
    "old.laz": write_las,
    "new.laz": lambda path: write_las(path, "1.4", 7),
    "infrared.laz": lambda path: write_las(path, "1.4", 8),
    "extra.laz": lambda path: write_las(path, "1.4", 6, laspy.ExtraBytesParams("echo", "f4")),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_points(tmp_path, name):
    WRITERS[name](tmp_path / name)
    points = read_points(tmp_path / name)
    assert points.dtype == np.float64
    np.testing.assert_allclose(points, POINTS, atol=6e-5)


@pytest.mark.parametrize(
    "text",
    [
        "1 2 3\n4 5 6\n",
        "# x y z\n1, 2, 3, 255\n\n4,5,6,0\n",
        "x;y;z\n1;2;3\n4;5;6",
        "//\n1\t2\t3\n4 5 6",
        "\ufeff1 2 3\n4 5 6",
    ],
)
def test_text_may_have_headers_commas_and_more_columns(tmp_path, text):
    path = tmp_path / "a.xyz"
    path.write_text(text)
    np.testing.assert_array_equal(read_points(path), [[1, 2, 3], [4, 5, 6]])


def test_runs_and_overlapping_references_are_unpacked():
    assert decompress(b"\x02abc" + b"\x20\x02" + b"\x00d", 7) == b"abcabcd"
    assert decompress(b"\x00a" + b"\xe0\x05\x00", 15) == b"a" * 15
    for packed, size in ((b"\x20\x05", 3), (b"\x02ab", 9), (b"\xe0", 3), (b"\x02abc", 2)):
        with pytest.raises(ValueError, match="compression"):
            decompress(packed, size)


XYZ = "".join(f"property float {axis}\n" for axis in "xyz")
PLY = f"ply\nformat {{}} 1.0\nelement vertex {{}}\n{XYZ}end_header\n"
PCD = "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH {0}\nPOINTS {0}\nDATA {1}\n"


@pytest.mark.parametrize("name", ["old.laz", "new.laz"])
def test_a_table_without_chunks_is_not_a_laz_file(tmp_path, name):
    """Its points would be unpacked without any of the checks."""
    WRITERS[name](tmp_path / name)
    data = bytearray((tmp_path / name).read_bytes())
    (start,) = struct.unpack_from("<I", data, 96)
    (table,) = struct.unpack_from("<q", data, start)
    data[table + 4 : table + 8] = bytes(4)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match="covers 0 of 1500 points"):
        read_points(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.ply", b"", "it is empty"),
        ("a.ply", b"plx\n", 'does not begin with "ply"'),
        ("a.ply", b"ply\nformat ascii 1.0\nelement vertex 5\nend_header\n", "x, y and z are needed"),
        ("a.ply", PLY.format("ascii", 0).encode(), "empty"),
        ("a.ply", PLY.format("ascii", 3).encode() + b"1 2 3\n4 5 6\n", "cut short: it has 2 points of 3"),
        ("a.ply", PLY.format("ascii", 2).encode() + b"1 2 3\n4 five 6\n", "five"),
        ("a.ply", PLY.format("binary_little_endian", 2).encode() + bytes(23), "24 bytes, 23 are left"),
        ("a.ply", PLY.format("binary_little_endian", 10**12).encode(), "1000000000000; expected 20000000 or"),
        ("a.ply", PLY.format("binary_middle_endian", 1).encode(), "header has the line 'format"),
        ("a.ply", PLY.format("ascii", -1).encode(), "counts '-1' elements"),
        ("a.ply", b"ply\n" + b"comment\n" * 5000, "does not end"),
        ("a.pcd", b"VERSION .7\n", "no header"),
        ("a.pcd", PCD.format(0, "ascii").encode(), "empty"),
        ("a.pcd", PCD.format(2, "ascii").encode() + b"1 2 3\n", "cut short"),
        ("a.pcd", PCD.format(2, "binary").encode() + bytes(20), "24 bytes, 20 are left"),
        ("a.pcd", PCD.format(10**12, "binary").encode(), "expected 20000000 or fewer"),
        (
            "a.pcd",
            PCD.format(2, "binary_compressed").encode() + struct.pack("<II", 4, 2**32 - 1),
            "4294967295 bytes of",
        ),
        (
            "a.pcd",
            PCD.format(2, "binary_compressed").encode() + struct.pack("<II", 4, 24) + b"\x20\xff\0\0",
            "damaged",
        ),
        (
            "a.pcd",
            PCD.format(2, "binary").replace("COUNT 1 1 1", "COUNT 1 9 1").encode() + bytes(99),
            "9 numbers a point",
        ),
        ("a.pcd", PCD.format(2, "binary").replace("F F F", "F F Q").encode() + bytes(99), "the type Q"),
        ("a.pcd", PCD.format(2, "ascii").replace("x y z", "x y w").encode(), "x, y and z are needed"),
        ("a.xyz", b"", "empty"),
        ("a.xyz", b"1 2 3\n4 five 6\n", "line 2 is '4 five 6'; expected x y z"),
        ("a.xyz", b"1 2\n3 4\n", "line 1"),
        ("a.xyz", b"\xff\xfe\x00", "cannot be read"),
        ("a.xyz", b"1 2 3 " * 10_000, "line 1 is 10000 characters or longer"),
        ("a.npy", b"no array", "cannot be read"),
        ("a.npz", b"no archive", "cannot be read"),
        ("a.bin", b"\0" * 28, "16 a point"),
        ("a.bin", b"", "empty"),
        ("a.las", b"", "it is empty"),
        ("a.las", b"LASF", "no header"),
        ("a.las", b"LASF" + b"\xff" * 400, "extended records, which are missing"),
        ("a.laz", b"LASF" + bytes(400), "records before the points"),
    ],
)
def test_broken_files_are_reported(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_points(path)
    assert name in str(caught.value)


def test_arrays_of_another_kind_are_reported(tmp_path):
    np.save(tmp_path / "flat.npy", np.zeros(30))
    np.save(tmp_path / "narrow.npy", np.zeros((30, 2)))
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    np.save(tmp_path / "text.npy", np.array([["a", "b", "c"]]))
    np.save(tmp_path / "complex.npy", np.zeros((30, 3), complex))
    np.savez(tmp_path / "other.npz", xyz=np.zeros((30, 2)))
    for name in ("flat.npy", "narrow.npy", "objects.npy", "text.npy", "complex.npy", "other.npz"):
        with pytest.raises(InputError, match=name):
            read_points(tmp_path / name)


def test_files_that_cannot_be_opened_are_reported(tmp_path):
    for suffix in {name[name.index(".") :] for name in WRITERS}:
        (tmp_path / f"folder{suffix}").mkdir()
        (tmp_path / f"loop{suffix}").symlink_to(tmp_path / f"loop{suffix}")
        for name in ("folder", "loop", "absent"):
            with pytest.raises(InputError, match=f"{name}{suffix}"):
                read_points(tmp_path / f"{name}{suffix}")


def test_las_headers_are_not_believed(tmp_path):
    for name, place, content, message in [
        ("old.las", 107, b"\xff\xff\xff\x7f", "2147483647; expected 20000000 or fewer"),
        ("old.las", 107, b"\xdd\x05\0\0", "cut short: 1501 points"),
        ("old.las", 100, b"\xff\xff\xff\xff", "4294967295 records"),
        ("new.las", 243, b"\xff\xff\xff\xff", "extended records"),
        ("new.las", 247, b"\xff" * 8, "expected 20000000 or fewer"),
        ("old.laz", 107, b"\xff\xff\xff\x7f", "expected 20000000 or fewer"),
        ("old.laz", 105, b"\x15", "does not fit its points"),
        ("old.laz", 229, b"other", "does not describe its compression"),
        ("new.laz", 375 + 54 + 32, b"\0\0", "does not fit its points"),
        ("new.laz", 375 + 54 + 12, bytes(4), "does not fit its points"),
        ("new.laz", 475 + 8 + 36 + 4, b"\xff\xff\xff\xff", "layers that are missing"),
    ]:
        WRITERS[name](tmp_path / name)
        data = bytearray((tmp_path / name).read_bytes())
        data[place : place + len(content)] = content
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=message):
            read_points(tmp_path / name)


@pytest.mark.parametrize(
    "name",
    [
        "binary.ply",
        "text.ply",
        "binary.pcd",
        "text.pcd",
        "packed.pcd",
        "plain.xyz",
        "single.npy",
        "packed.npz",
        "kitti.bin",
        "old.las",
        "new.las",
        "old.laz",
        "new.laz",
    ],
)
def test_damaged_bytes_are_reported(tmp_path, name):
    """Bytes changed, lost or put in at random, headers above all: points or one error, little memory."""
    WRITERS[name](tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    rng, path, errors = np.random.default_rng(0), tmp_path / f"damaged{name}", []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(120):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(min(400, len(data)) if rng.random() < 0.7 else len(data)))
            match rng.integers(4):
                case 0:
                    data[place:place] = bytes(rng.choice(list(b"0123456789"), rng.integers(1, 12)).tolist())
                case 1:
                    del data[place : place + int(rng.integers(1, 30))]
                case _:
                    data[place] = int(rng.choice([0, 255, rng.integers(256)]))
        if rng.random() < 0.2:
            del data[int(rng.integers(len(data))) :]
        path.write_bytes(data)
        try:
            points = read_points(path)
        except InputError as error:
            errors.append(str(error))
        else:
            assert points.shape[1] == 3
    assert len(errors) > 5
    assert all(path.name in error for error in errors)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
