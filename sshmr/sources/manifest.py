"""The manifest of a simulated data set. Real data sets do not have this file."""

import json
from pathlib import Path
from typing import NamedTuple

from sshmr.body.model import BodyModel
from sshmr.errors import InputError
from sshmr.files import sha256_of, write_json
from sshmr.sources.shards import MANIFEST


class Maker(NamedTuple):
    """The body that simulated people have: its name and its ``digest``."""

    body_model: str
    body_digest: str


def write_manifest(root: str | Path, layout: str, body: BodyModel) -> None:
    """List the files below a simulated data set's root, with their hashes, and the ``BodyModel`` in them."""
    files = sorted(path for path in Path(root).rglob("*") if path.is_file() and path.name != MANIFEST)
    content = {
        "simulated": True,
        "layout": layout,
        "body_model": body.name,
        "body_digest": body.digest,
        "files": [
            {
                "path": path.relative_to(root).as_posix(),
                "bytes": path.stat().st_size,
                "sha256": sha256_of(path),
            }
            for path in files
        ],
    }
    write_json(Path(root) / MANIFEST, content)


def maker_of(root: str | Path) -> Maker | None:
    """The ``Maker`` of the data below a root; None where they are not simulated.

    Raises:
        InputError: when there is a manifest that cannot be read.
    """
    path = Path(root) / MANIFEST
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise InputError(path, found=f"it is not JSON ({error})", fix="Simulate the data again") from error
    # Other programs have manifests, too.
    if not isinstance(content, dict) or content.get("simulated") is not True:
        return None
    return Maker(str(content.get("body_model")), str(content.get("body_digest")))
