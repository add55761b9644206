r"""Pick the template's vertices from the neutral body, once for all clouds and rounds.

d=results/demo/body
    python workflow_scripts/template.py --body $d/neutral.npz --output $d/template.npz
"""

import argparse
import json

from _common import run
from sshmr.body.model import BodyModel
from sshmr.body.template import build_template
from sshmr.config.mapping import from_mapping
from sshmr.config.template import TemplateConfig


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--body", required=True, help="the neutral body (.npz in SMPL's layout)")
    parser.add_argument("--settings", default="{}", help="the config's section `template` as JSON")
    parser.add_argument("--output", required=True, help="the template (.npz)")
    arguments = parser.parse_args()
    settings = from_mapping(TemplateConfig, json.loads(arguments.settings), "template")
    build_template(BodyModel.load(arguments.body), settings.points).save(arguments.output)


if __name__ == "__main__":
    run(main)
