r"""Predict the body of every cloud of one shard.

    python workflow_scripts/infer.py --points points.parquet --checkpoint checkpoint.pt --body neutral.npz \
        --template template.npz --output infer.parquet
"""

from _common import add_torch_arguments, call, device_from, parser_of, run, settings_from
from sshmr.config.infer import InferConfig
from sshmr.stages import infer


def main():
    parser = parser_of(__doc__, "infer")
    parser.add_argument("--points", required=True, help="points table of the shard")
    parser.add_argument("--checkpoint", required=True, help="the round's checkpoint (.pt)")
    parser.add_argument("--body", required=True, help="the neutral body (.npz in SMPL's layout)")
    parser.add_argument("--template", required=True, help="the template (.npz)")
    parser.add_argument("--output", required=True, help="the predictions (.parquet)")
    add_torch_arguments(parser)
    arguments = parser.parse_args()
    call(
        infer, arguments, config=settings_from(arguments, InferConfig, "infer"), device=device_from(arguments)
    )


if __name__ == "__main__":
    run(main)
