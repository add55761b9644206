"""A run that simulates several layouts: each shard goes through its own layout's reader."""

import pandas as pd
import pytest

from sshmr.data.tables import provenance

CAPTURE = (
    "layouts: [behave, clouds], sequences: 2, test_sequences: 0, frames: 2, depth: {width: 256, height: 192}"
)


@pytest.mark.slow
def test_each_shard_is_read_by_its_layouts_reader_and_noticed_when_made_anew(clone):
    arguments = ("extract", "--configfile", "config/smoke.yaml", "--config", f"capture={{{CAPTURE}}}")
    done = clone.run(*arguments)
    assert done.returncode == 0, done.stdout[-4000:]
    rows = {}
    for path in clone.results.glob("points/train/seq*_simulated_001.parquet"):
        told = provenance(path)
        assert told["simulated"]
        rows[told["source"]] = pd.read_parquet(path)
    assert list(rows["behave"]["view"]) == [0, 1, 2, 3]
    assert rows["behave"]["pose"].notna().all()
    assert list(rows["clouds"]["frame"]) == [0, 1]
    assert rows["clouds"]["pose"].isna().all()
    assert clone.plan(*arguments) == {}
    manifest = clone.results / "capture" / "seq001_simulated_001" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("sha256", "sha-256"))
    assert clone.plan(*arguments) == {"extract": 1, "extract_shard": 1}
