"""Command line of the builder."""

import argparse
import sys
from pathlib import Path

import numpy as np

from sshmr.body.sources import GENDERS
from sshmr.errors import InputError
from sshmr.files import atomic_path
from tools.open_body.pipeline import Builder


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tools.open_body", description="Build the open body.")
    parser.add_argument("--output", type=Path, required=True, help="folder for open_{gender}.npz")
    parser.add_argument("--gender", choices=GENDERS, action="append", help="repeatable; default: all three")
    options = parser.parse_args(arguments)
    try:
        builder = Builder.prepare()
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    for gender in options.gender or GENDERS:
        path = options.output / f"open_{gender}.npz"
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, **builder.build(gender))
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
