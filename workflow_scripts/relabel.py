r"""Turn the fits of one shard into point labels.

    python workflow_scripts/relabel.py --points results/demo/points/train/NAME.parquet --params fit.parquet \
        --body results/demo/body/neutral.npz --template results/demo/body/template.npz --output labels.parquet
"""

import argparse
import json

from _common import run
from sshmr.body.model import BodyModel
from sshmr.body.template import Template
from sshmr.config.mapping import from_mapping
from sshmr.config.relabel import RelabelConfig
from sshmr.fit.pseudo_labels import relabel
from sshmr.tables.schemas import labels_schema, provenance, read_params, read_points, write_table


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", required=True, help="the points table")
    parser.add_argument("--params", required=True, help="the fits of the same frames")
    parser.add_argument("--body", required=True, help="the body that was fitted (.npz)")
    parser.add_argument("--template", required=True, help="the template picked from that body (.npz)")
    parser.add_argument("--settings", default="{}", help="the config's section `relabel` as JSON")
    parser.add_argument("--output", required=True, help="the labels table (.parquet)")
    arguments = parser.parse_args()
    settings = json.loads(arguments.settings)
    config = from_mapping(RelabelConfig, settings, "relabel")
    body = BodyModel.load(arguments.body)
    points = read_points(arguments.points)
    template = Template.load(arguments.template, body)
    columns = relabel(points, read_params(arguments.params), body, template, config)
    simulated = provenance(arguments.points).get("simulated")
    about = {"stage": "relabel", "settings": settings, "simulated": simulated}
    write_table(arguments.output, columns, labels_schema(points["points"].shape[1]), about)


if __name__ == "__main__":
    run(main)
