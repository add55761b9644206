r"""Register the body to every cloud of one shard.

    python workflow_scripts/fit.py --points results/demo/points/train/NAME.parquet \
        --body results/demo/body/neutral.npz --template results/demo/body/template.npz \
        --prior results/demo/body/prior.npz --output fit.parquet
"""

from _common import add_torch_arguments, call, device_from, parser_of, run, settings_from
from sshmr.config.fit import FitConfig
from sshmr.stages import fit


def main():
    parser = parser_of(__doc__, "fit")
    parser.add_argument("--points", required=True, help="the points table")
    parser.add_argument("--body", required=True, help="the body to fit (.npz)")
    parser.add_argument("--template", required=True, help="the template picked from that body (.npz)")
    parser.add_argument("--prior", required=True, help="the pose prior (.npz)")
    parser.add_argument("--initial", help="the network's predictions; without them, from typical poses")
    parser.add_argument(
        "--search", action="store_true", help="with --initial: search as well where it leaves doubt"
    )
    parser.add_argument("--previous", help="the fits of the round before, as further starts")
    parser.add_argument("--output", required=True, help="the params table (.parquet)")
    add_torch_arguments(parser)
    arguments = parser.parse_args()
    device = device_from(arguments)
    call(fit, arguments, config=settings_from(arguments, FitConfig, "fit"), device=device)


if __name__ == "__main__":
    run(main)
