import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sshmr.errors import InputError
from sshmr.tables.schemas import (
    params_schema,
    points_schema,
    provenance,
    pseudo_labels_schema,
    read_frame_ids,
    read_params,
    read_points,
    read_pseudo_labels,
    row_count,
    valid_mask,
    write_table,
)


@pytest.fixture
def columns():
    """Three frames of five points, the last without labels."""
    rng = np.random.default_rng(0)
    pose = rng.normal(size=(3, 72)).astype(np.float32)
    pose[2] = np.nan
    return {
        "frame_id": ["a/1", "a/2", "a/3"],
        "sequence": ["a"] * 3,
        "frame": [1, 2, 3],
        "view": [0, 0, 0],
        "split": ["train"] * 3,
        "points": rng.normal(size=(3, 5, 3)).astype(np.float32),
        "n_points": [5, 4, 2],
        "offset": np.zeros((3, 3), np.float32),
        "source": ["a.pkl"] * 3,
        "pose": pose,
    }


def test_points_come_back_as_they_went_in(tmp_path, columns):
    path = tmp_path / "points.parquet"
    write_table(path, columns, points_schema(5), {"simulated": True})
    read = read_points(path, truth=True)
    np.testing.assert_array_equal(read["points"], columns["points"])
    np.testing.assert_array_equal(read["pose"], columns["pose"])
    assert read["frame_id"] == columns["frame_id"]
    assert read["gender"] == [None, None, None]
    assert np.isnan(read["joints"]).all()
    assert np.isnan(read["sensor"]).all()
    assert valid_mask(read).sum(1).tolist() == [5, 4, 2]
    assert provenance(path)["simulated"] is True


def test_ground_truth_is_read_only_on_request(tmp_path, columns):
    write_table(tmp_path / "p.parquet", columns, points_schema(5), {})
    assert {"pose", "betas", "transl", "joints", "gender"}.isdisjoint(read_points(tmp_path / "p.parquet"))


def test_row_groups_stay_within_256_frames(tmp_path):
    count = 600
    columns = {"frame_id": [str(i) for i in range(count)]}
    columns |= {"trust": np.ones(count), "segment": np.zeros((count, 4)), "weight": np.ones((count, 4))}
    write_table(tmp_path / "l.parquet", columns, pseudo_labels_schema(4), {})
    metadata = pq.read_metadata(tmp_path / "l.parquet")
    assert metadata.num_row_groups == 3
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert read_pseudo_labels(tmp_path / "l.parquet")["segment"].shape == (count, 4)


def test_an_empty_shard_is_a_table_of_no_rows(tmp_path):
    schema = params_schema()
    columns = {
        "frame_id": [],
        "pose": np.zeros((0, 72)),
        "betas": np.zeros((0, 10)),
        "transl": np.zeros((0, 3)),
    }
    write_table(tmp_path / "f.parquet", columns, schema, {})
    assert read_params(tmp_path / "f.parquet")["pose"].shape == (0, 72)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.pop("points"), '"points" is missing'),
        (lambda c: c.update(points=c["points"][:, :4]), "12 values; expected 15 values"),
        (lambda c: c.update(frame=[1, 2]), "2 rows; expected 3 rows"),
    ],
)
def test_what_does_not_fit_the_schema_is_named_and_nothing_is_left_behind(tmp_path, columns, change, says):
    change(columns)
    with pytest.raises(InputError, match=says):
        write_table(tmp_path / "p.parquet", columns, points_schema(5), {})
    assert list(tmp_path.iterdir()) == []


def test_broken_and_foreign_files_are_distinguished(tmp_path, columns):
    with pytest.raises(InputError, match="no such file"):
        read_points(tmp_path / "none.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(InputError, match=r"torn\.parquet: not readable"):
        read_points(tmp_path / "torn.parquet")
    pd.DataFrame({"frame_id": ["a"]}).to_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(InputError, match='column "pose" is missing'):
        read_params(tmp_path / "foreign.parquet")
    write_table(tmp_path / "p.parquet", columns, points_schema(5), {})
    pd.read_parquet(tmp_path / "p.parquet").to_parquet(tmp_path / "loose.parquet")
    with pytest.raises(InputError, match="a list of fixed size"):
        read_points(tmp_path / "loose.parquet")


def test_damaged_tables_of_a_run_are_reported(tmp_path, columns):
    path = tmp_path / "damaged.parquet"
    write_table(path, columns, points_schema(5), {})
    whole = pq.read_table(path)
    numbers = pa.array([[0.0] * 71] * len(whole), pa.list_(pa.float32(), 71))
    texts = pa.array([["a"] * 72] * len(whole), pa.list_(pa.string(), 72))
    for values in (numbers, texts):
        place = whole.schema.get_field_index("pose")
        pq.write_table(whole.set_column(place, "pose", values), path)
        with pytest.raises(InputError, match=r'damaged\.parquet: column "pose" is of type'):
            read_points(path, truth=True)
    for about in (b"{", b"[1]", b"\xff"):
        pq.write_table(whole.replace_schema_metadata({b"sshmr": about}), path)
        with pytest.raises(InputError, match=r'damaged\.parquet: metadata "sshmr" is damaged'):
            provenance(path)
    content = path.read_bytes()
    for end in (0, 3, 60, len(content) - 9):
        path.write_bytes(content[:end])
        for read in (read_points, read_frame_ids, provenance, row_count):
            with pytest.raises(InputError, match=r"damaged\.parquet: not readable.*Delete this file"):
                read(path)


def test_a_killed_write_leaves_the_old_file_whole(tmp_path, columns, monkeypatch):
    path = tmp_path / "points.parquet"
    write_table(path, columns, points_schema(5), {})
    before = path.read_bytes()

    def torn(table, where, **options):
        where.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pq, "write_table", torn)
    with pytest.raises(KeyboardInterrupt):
        write_table(path, columns, points_schema(5), {})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["points.parquet"]
