r"""Pick the template's vertices from the neutral body, once for all clouds and rounds.

d=results/demo/body
    python workflow_scripts/template.py --body $d/neutral.npz --output $d/template.npz
"""

from _common import parser_of, run, settings_from
from sshmr.config.template import TemplateConfig
from sshmr.stages import make_template


def main():
    parser = parser_of(__doc__, "template")
    parser.add_argument("--body", required=True, help="the neutral body (.npz in SMPL's layout)")
    parser.add_argument("--output", required=True, help="the template (.npz)")
    arguments = parser.parse_args()
    settings = settings_from(arguments, TemplateConfig, "template")
    make_template(arguments.body, settings.points, arguments.output)


if __name__ == "__main__":
    run(main)
