"""The result of a command: lines of text or one JSON object, and an exit code."""

import dataclasses
import errno
import functools
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import typer

from sshmr.errors import InputError

FINE, BAD_INPUT, INCOMPLETE, STOPPED = 0, 2, 3, 130

GO_ON = "Free some space or choose another folder; the same command then continues"
ANOTHER = "Choose another folder, or change its permissions"
SYSTEM = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), GO_ON),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), ANOTHER),
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.EIO: "The disk cannot be read or written",
    errno.EMFILE: "Allow more open files (ulimit -n), or use fewer --jobs",
    errno.ENOTDIR: "There is a file where a folder is expected",
}
"""Errors of the system that the user can fix."""

OPTION_OF = {
    "extract.clouds.": "--",
    "extract.scenes.": "--",
    "extract.minimum_points": "extract.minimum_points (in a --config file)",
    "source.root": "the path",
    "set body: open in the config": "take --body open",
    "_pattern": "-pattern",
}
"""The package's errors name keys of the config. These are their names on the command line."""


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a command.

    Attributes:
        data: JSON-serialisable, printed with ``--json``. lines: printed without. code: the exit code.
    """

    data: dict[str, Any]
    lines: list[str]
    code: int = FINE


def reported(command: Callable[..., Result | None]) -> Callable[..., None]:
    """The command, printing its ``Result``, and errors of the input without a traceback."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        as_json, started = options.get("json", False), time.monotonic()
        try:
            result = command(*arguments, **options)
        except InputError as error:
            if as_json:
                _print_json({"command": command.__name__, "error": _fields(error)})
            print(f"Error: {as_options(str(error))}", file=sys.stderr)
            raise typer.Exit(BAD_INPUT) from None
        except OSError as error:
            if error.errno not in SYSTEM:
                raise
            place = error.filename or options.get("out") or "writing"
            text = f"{os.fspath(place)}: {os.strerror(error.errno)}. {SYSTEM[error.errno]}."
            if as_json:
                _print_json({"command": command.__name__, "error": {"path": str(place), "message": text}})
            print(f"Error: {text}", file=sys.stderr)
            raise typer.Exit(BAD_INPUT) from None
        except KeyboardInterrupt:
            print("Stopped. Finished work is kept; the same command continues from there.", file=sys.stderr)
            raise typer.Exit(STOPPED) from None
        if result is None:
            return
        if as_json:
            seconds = round(time.monotonic() - started, 3)
            _print_json({"command": command.__name__, "seconds": seconds, **result.data})
        else:
            print("\n".join(result.lines))
        raise typer.Exit(result.code)

    return run


def as_options(message: str) -> str:
    """A message of the package with keys of the config as command-line options."""
    for key, option in OPTION_OF.items():
        message = message.replace(key, option)
    return message


def _fields(error: InputError) -> dict[str, str]:
    fields = {"path": str(error.path), "message": as_options(str(error))}
    for name in ("field", "found", "expected", "fix"):
        fields[name] = as_options(str(getattr(error, name)))
    return fields


def _print_json(data: dict[str, Any]) -> None:
    print(json.dumps(data, ensure_ascii=False, default=str, allow_nan=False))
