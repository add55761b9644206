"""Shared by all scripts: parser, settings, errors without tracebacks, torch's device and threads.

Importing this puts the repository's root on the path, so that the scripts run the sources beside them.
"""

import argparse
import inspect
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sshmr.config.mapping import from_mapping
from sshmr.errors import InputError
from sshmr.runtime import keep_freed_memory, wait_briefly

wait_briefly()


def parser_of(text, section=None):
    """An argument parser that shows a script's docstring; with a section's name, it has ``--settings``."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    if section:
        parser.add_argument(
            "--settings", nargs="+", default=[], help=f"the config's section `{section}` as JSON, in pieces"
        )
    return parser


def settings_from(arguments, kind, section):
    """The settings object of a section, from the JSON in ``--settings``; later pieces win."""
    return from_mapping(kind, pieces(arguments), section)


def pieces(arguments):
    """The mapping that the JSON texts in ``--settings`` say together."""
    merged = {}
    for text in arguments.settings:
        for key, value in json.loads(text).items():
            inner = merged.get(key)
            merged[key] = {**inner, **value} if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def call(stage, arguments, **more):
    """Call a stage with those arguments that it has, and some more."""
    known = inspect.signature(stage).parameters
    return stage(**{name: value for name, value in vars(arguments).items() if name in known} | more)


def run(main):
    """Call ``main``; an error that the user can correct is printed in one message, without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    try:
        main()
    except InputError as error:
        raise SystemExit(f"Error: {error}") from None
    except json.JSONDecodeError as error:
        raise SystemExit(f"Error: --settings: it is not JSON ({error}).") from None


def add_torch_arguments(parser):
    """Add ``--device`` and ``--threads``."""
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: the GPU where there is one"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads that torch uses")


def use_one_thread():
    """Use one thread of torch: shards are processed in parallel."""
    import torch

    torch.set_num_threads(1)


def device_from(arguments):
    """Set torch's threads and how memory is kept; return the device.

    Raises:
        InputError: when CUDA is requested and torch finds none.
    """
    import torch

    from sshmr.device import choose_device, describe_device, own_gpu

    if arguments.threads < 1:
        raise InputError("--threads", found=f"it is {arguments.threads}", expected="1 or more")
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    device = own_gpu(choose_device(arguments.device))
    print(f"Device: {describe_device(device)}")
    return device
