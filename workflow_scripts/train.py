"""Train a round's network on the fits and pseudo labels of the previous round, starting from its weights.

    python workflow_scripts/train.py --results results/demo --round 1

Tables are found by the run's run.json. A training that was killed continues from its last saved state.
"""

from pathlib import Path

from _common import add_torch_arguments, device_from, parser_of, pieces, run
from sshmr.errors import InputError
from sshmr.stages import train
from sshmr.tables.run_folder import RunFolder


def main():
    parser = parser_of(__doc__, "network` and `train")
    parser.add_argument("--results", dest="run", required=True, help="the run's folder")
    parser.add_argument("--round", type=int, required=True, help="1 or more")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--code", default="", help="hash of the code; a state of other code is not resumed")
    parser.add_argument("--out", type=Path, help="folder to write into; default: the round's")
    add_torch_arguments(parser)
    arguments = parser.parse_args()
    settings = pieces(arguments)
    settings.pop("shares", None)
    unknown = set(settings) - {"network", "train"}
    if unknown:
        raise InputError("--settings", f'key "{min(unknown)}"', "unknown", "network and train")
    # torchrun starts as many processes as train.processes says; they divide the threads.
    arguments.threads = max(1, arguments.threads // settings.get("train", {}).get("processes", 1))
    device = device_from(arguments)
    train(RunFolder(arguments.run), arguments.round, settings, arguments.seed, device, arguments.code,
          arguments.out)  # fmt: skip


if __name__ == "__main__":
    run(main)
