"""What every script shares: errors without tracebacks, torch's device and threads.

Importing this puts the repository's root on the path, so that the scripts run the sources beside them.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sshmr.device import choose_device, describe_device
from sshmr.errors import InputError
from sshmr.runtime import keep_freed_memory, wait_briefly

wait_briefly()


def run(main):
    """Call ``main``; what the user can mend is told in one message, without a traceback."""
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


def device_from(arguments):
    """Set torch's threads and how memory is kept; return the device.

    Raises:
        InputError: when CUDA is asked for and torch sees none.
    """
    import torch

    if arguments.threads < 1:
        raise InputError("--threads", found=f"it is {arguments.threads}", expected="1 or more")
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    device = choose_device(arguments.device)
    print(f"Device: {describe_device(device)}")
    return device
