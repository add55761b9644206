import importlib
import re

import pytest

from sshmr.errors import InputError
from sshmr.geometry import open3d_import


def test_a_missing_system_library_is_named_with_what_installs_it(monkeypatch):
    def lacking(name):
        raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(importlib, "import_module", lacking)
    with pytest.raises(InputError, match=re.escape("open3d: cannot be loaded (libEGL.so.1")) as raised:
        open3d_import.open3d.__wrapped__()
    assert "apt-get install libegl1 libgl1" in str(raised.value)
