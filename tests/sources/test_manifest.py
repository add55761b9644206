"""The mark of simulated data."""

import pytest

from sshmr.body.model import BodyModel, open_body_path
from sshmr.errors import InputError
from sshmr.sources.manifest import Maker, maker_of, write_manifest


def test_simulated_data_say_which_body_made_them(tmp_path):
    body = BodyModel.load(open_body_path("male"))
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "cloud.xyz").write_text("1 2 3")
    write_manifest(tmp_path, "clouds", body)
    assert maker_of(tmp_path) == Maker(body.name, body.digest)


@pytest.mark.parametrize("content", ["[]", "{}", '{"simulated": "no"}', '{"name": "an app"}'])
def test_a_manifest_of_another_program_marks_nothing(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    assert maker_of(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100000])
def test_an_unreadable_manifest_is_reported(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(InputError, match=r"manifest\.json"):
        maker_of(tmp_path)
