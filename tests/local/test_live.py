import itertools

import pytest

from sshmr.config.extract import CloudsConfig
from sshmr.errors import InputError
from sshmr.local import live


def test_a_file_is_given_once_and_only_when_it_has_stopped_growing(tmp_path, monkeypatch):
    folder = tmp_path / "recording"
    folder.mkdir()
    first, second, line = folder / "000.xyz", folder / "001.xyz", "0 0 0\n"
    first.write_text(line)
    steps = itertools.count()

    def while_waiting(_):
        """The second file appears, and grows twice."""
        if next(steps) < 3:
            with second.open("a") as file:
                file.write(line)

    monkeypatch.setattr(live.time, "sleep", while_waiting)
    found = live.new_files([str(folder)], CloudsConfig(), tmp_path / "out")
    assert next(found) == str(first)
    assert next(found) == str(second)
    assert second.read_text() == 3 * line
    third = folder / "002.xyz"
    third.write_text(line)
    assert next(found) == str(third)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        next(live.new_files([str(tmp_path / "missing")], CloudsConfig(), tmp_path))
