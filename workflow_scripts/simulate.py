r"""Simulate sequences of moving people in front of a sensor, in the layout of a real data set.

    python workflow_scripts/simulate.py --bodies results/demo/body --prior results/demo/body/prior.npz \
        --sequences seq001_simulated_001 seq002_simulated_002 --folder results/demo/capture --output made.json

The output lists the files and their hashes.
"""

from _common import call, parser_of, run, settings_from, use_one_thread
from sshmr.config.capture import CaptureConfig
from sshmr.stages import simulate


def main():
    parser = parser_of(__doc__, "capture")
    parser.add_argument("--bodies", required=True, help="folder with male.npz, female.npz, neutral.npz")
    parser.add_argument("--prior", required=True, help="the pose prior (.npz)")
    parser.add_argument("--seed", type=int, default=0, help="one seed for all sequences of a run")
    parser.add_argument("--sequences", nargs="+", required=True, help="names of the sequences")
    parser.add_argument("--folder", required=True, help="where the recordings are written")
    parser.add_argument("--output", required=True, help="the list of what was made (.json)")
    arguments = parser.parse_args()
    use_one_thread()
    call(simulate, arguments, config=settings_from(arguments, CaptureConfig, "capture"))


if __name__ == "__main__":
    run(main)
