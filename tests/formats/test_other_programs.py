"""Files as other programs write them: each is read, or refused with the word that helps."""

import numpy as np
import pytest
import trimesh

from sshmr.errors import InputError
from sshmr.formats.points import read_cloud, read_points
from sshmr.formats.suffixes import holds_points

POINTS = (np.random.default_rng(0).normal(0, 0.4, (1500, 3)) + np.array([3.0, 0.5, -2.0])).round(4)


def bin_file(path, columns):
    rng = np.random.default_rng(1)
    more = np.c_[rng.uniform(0, 255, 1500), rng.integers(0, 32, 1500)]
    np.c_[POINTS, more][:, :columns].astype("<f4").tofile(path)


def pcd_with_padding(path):
    """As PCL writes a cloud that came from a LiDAR's driver: fields that only pad, some of no length."""
    head = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\n"
        "FIELDS x y z _ intensity _ timestamp _ ring _\nSIZE 4 4 4 1 4 1 8 1 2 1\nTYPE F F F U F U F U U U\n"
        "COUNT 1 1 1 4 1 0 1 6 1 12\nWIDTH 1500\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\n"
        "POINTS 1500\nDATA binary\n"
    )
    kinds = [("xyz", "<f4", 3), ("a", "u1", 4), ("i", "<f4"), ("t", "<f8"), ("b", "u1", 6), ("r", "<u2")]
    record = np.zeros(1500, [*kinds, ("c", "u1", 12)])
    record["xyz"] = POINTS
    path.write_bytes(head.encode() + record.tobytes())


def ply(path, header, rows):
    path.write_bytes(f"ply\nformat {header}end_header\n".encode() + rows)


def ply_with_lists(path, even=True):
    names = "".join(f"property float {axis}\n" for axis in "xyz")
    lengths = [2 if even else row % 3 for row in range(1500)]
    rows = b"".join(
        point.tobytes() + bytes([length]) + bytes(4 * length)
        for point, length in zip(POINTS.astype("<f4"), lengths, strict=True)
    )
    ply(path, f"binary_little_endian 1.0\nelement vertex 1500\n{names}property list uchar int view\n", rows)


def ply_text_with_lists(path):
    names = "".join(f"property float {axis}\n" for axis in "xyz")
    lines = [f"{row % 3} {'7 ' * (row % 3)}{x} {y} {z}\n" for row, (x, y, z) in enumerate(POINTS)]
    head = f"ascii 1.0\nelement vertex 1500\nproperty list uchar int view\n{names}"
    ply(path, head, "".join(lines).encode())


def ply_faces_first(path):
    names = "".join(f"property float {axis}\n" for axis in "XYZ")
    faces = b"".join(bytes([n]) + np.arange(n, dtype="<i4").tobytes() for n in (3, 4))
    listed = "element face 2\nproperty list uchar int vertex_indices\n"
    head = f"binary_little_endian 1.0\n{listed}element vertex 1500\n{names}"
    ply(path, head, faces + POINTS.astype("<f4").tobytes())


def structured(path):
    array = np.zeros(1500, [("intensity", "f4"), ("x", "f8"), ("y", "f8"), ("z", "f8"), ("red", "u1")])
    array["x"], array["y"], array["z"] = POINTS.T
    np.save(path, array)


def text(path, separator=" ", decimal=".", head="", columns=(0, 1, 2)):
    rows = [[f"{value:.4f}".replace(".", decimal) for value in row] for row in np.c_[POINTS, POINTS]]
    rows = [[row[column] for column in columns] for row in rows]
    path.write_text(head + "".join(separator.join(row) + "\n" for row in rows))


WRITERS = {
    "kitti.bin": lambda path: bin_file(path, 4),
    "nuscenes.pcd.bin": lambda path: bin_file(path, 5),
    "three.bin": lambda path: bin_file(path, 3),
    "padded.pcd": pcd_with_padding,
    "lists.ply": ply_with_lists,
    "uneven.ply": lambda path: ply_with_lists(path, even=False),
    "text.ply": ply_text_with_lists,
    "faces_first.ply": ply_faces_first,
    "structured.npy": structured,
    "organised.npy": lambda path: np.save(path, POINTS.reshape(30, 50, 3)),
    "unnamed.npz": lambda path: np.savez(path, POINTS),
    "one_of_many.npz": lambda path: np.savez(path, xyz=POINTS, camera=np.eye(4), rgb=np.zeros((9, 9, 9))),
    "semicolons.xyz": lambda path: text(path, ";", ","),
    "tabs.txt": lambda path: text(path, "\t", ","),
    "blanks.asc": lambda path: text(path, " ", ","),
    "counted.pts": lambda path: text(path, head="1500\n", columns=(0, 1, 2, 3, 4)),
    "named.csv": lambda path: text(
        path, ",", head='time,"Points_m_XYZ:0","Points_m_XYZ:1","Points_m_XYZ:2"\n', columns=(5, 0, 1, 2)
    ),
    "remarks.txt": lambda path: text(path, head="# scanner 7\n// X Y Z\n"),
    "points.obj": lambda path: path.write_text("".join(f"v {x} {y} {z}\n" for x, y, z in POINTS)),
    "points.off": lambda path: path.write_text(
        "OFF\n1500 0 0\n" + "".join(f"{x} {y} {z}\n" for x, y, z in POINTS)
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_points_are_read_from_each(tmp_path, name):
    WRITERS[name](tmp_path / name)
    np.testing.assert_allclose(read_points(tmp_path / name), POINTS, atol=6e-5)


@pytest.mark.parametrize("suffix", [".obj", ".stl", ".off", ".glb", ".ply"])
def test_a_mesh_gives_points_spread_over_its_surface(tmp_path, suffix):
    mesh = trimesh.creation.box((0.4, 1.8, 0.2))
    mesh.export(tmp_path / f"scan{suffix}")
    points, remark = read_cloud(tmp_path / f"scan{suffix}")
    if suffix == ".ply":  # its vertices are points of a sensor more often than corners of a mesh
        assert len(points) == 8
        return
    assert "surface" in remark
    inside = np.abs(points) / [0.2, 0.9, 0.1]
    np.testing.assert_allclose(inside.max(axis=1), 1.0, atol=1e-5)  # on a side of the box, none within
    on_front = np.isclose(points[:, 2], 0.1).mean()
    assert on_front == pytest.approx(0.4 * 1.8 / mesh.area, abs=0.01)  # by area
    np.testing.assert_array_equal(points, read_points(tmp_path / f"scan{suffix}"))


def test_a_missing_package_is_named_with_what_to_install(tmp_path, monkeypatch):
    trimesh.creation.box().export(tmp_path / "a.obj")
    monkeypatch.setitem(__import__("sys").modules, "trimesh", None)
    with pytest.raises(InputError, match=r'pip install "sshmr\[meshes\]"'):
        read_points(tmp_path / "a.obj")


def test_a_glb_that_claims_more_than_any_scan_has_is_refused(tmp_path):
    trimesh.creation.box().export(tmp_path / "a.glb")
    data = (tmp_path / "a.glb").read_bytes()
    assert data.count(b'"count":36,') == 1
    # The JSON keeps its length: blanks elsewhere make room for the digits.
    room = data.index(b'"generator":"')
    end = data.index(b'"', room + 13)
    longer = data[: room + 13] + data[room + 13 : end][8:] + data[end:]
    (tmp_path / "a.glb").write_bytes(longer.replace(b'"count":36,', b'"count":9000000036,'))
    with pytest.raises(InputError, match="3000000012; expected 20000000 or fewer"):
        read_points(tmp_path / "a.glb")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xyz", "3,38,0,02,-2,85\n3,36,0,02,-2,85\n", "Commas are both decimal signs and separators here"),
        ("a.txt", "prose about\na scan\n", "line 2"),
        ("a.csv", "x,y,z\n1,2\n", "line 2"),
        ("a.bin", "x" * 28, "28 bytes; expected 16 a point"),
        ("a.gz", "x", "its ending"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_points(tmp_path / name)


def test_archives_with_several_arrays_list_them(tmp_path):
    np.savez(tmp_path / "a.npz", first=POINTS, second=POINTS)
    with pytest.raises(InputError, match=r"first \(1500, 3\), second \(1500, 3\)"):
        read_points(tmp_path / "a.npz")


def test_points_are_counted_before_they_are_widened(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", points=np.zeros((21_000_000, 3), np.uint8))
    with pytest.raises(InputError, match="21000000; expected 20000000 or fewer"):
        read_points(tmp_path / "a.npz")


def test_prose_is_not_a_cloud(tmp_path):
    for name, content, answer in [
        ("a.txt", "0.1 0.2 0.3\n" * 5, True),
        ("b.txt", "x;y;z\n0,1;0,2;0,3\n0,1;0,2;0,3\n", True),
        ("c.txt", "Recorded on 12 3 2024\nby us\n", False),
        ("d.csv", "file,speed\na.ply,3\n", False),
        ("e.txt", "", False),
    ]:
        (tmp_path / name).write_text(content)
        assert holds_points(tmp_path / name) is answer, name
