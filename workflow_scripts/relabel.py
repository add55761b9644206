r"""Turn the fits of one shard into pseudo labels of its points.

    python workflow_scripts/relabel.py --points results/demo/points/train/NAME.parquet --params fit.parquet \
        --body results/demo/body/neutral.npz --template results/demo/body/template.npz \
        --output pseudo_labels.parquet
"""

from _common import call, parser_of, run, settings_from
from sshmr.config.relabel import RelabelConfig
from sshmr.stages import relabel


def main():
    parser = parser_of(__doc__, "relabel")
    parser.add_argument("--points", required=True, help="the points table")
    parser.add_argument("--params", required=True, help="the fits of the same frames")
    parser.add_argument("--body", required=True, help="the body that was fitted (.npz)")
    parser.add_argument("--template", required=True, help="the template picked from that body (.npz)")
    parser.add_argument("--output", required=True, help="the pseudo labels (.parquet)")
    arguments = parser.parse_args()
    call(relabel, arguments, config=settings_from(arguments, RelabelConfig, "relabel"))


if __name__ == "__main__":
    run(main)
