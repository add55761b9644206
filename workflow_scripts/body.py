"""Write one gender of the body into the run's folder: the shipped one, or SMPL's or SMPL-H's own file.

python workflow_scripts/body.py --body open --gender neutral --output results/demo/body/neutral.npz
"""

from _common import parser_of, run
from sshmr.body.prepare import bring_body


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--body", required=True, help="open, or a folder with SMPL's official files")
    parser.add_argument("--gender", required=True, choices=("neutral", "male", "female"))
    parser.add_argument("--output", required=True, help="the body (.npz in SMPL's layout)")
    arguments = parser.parse_args()
    note = bring_body(arguments.body, arguments.gender, arguments.output)
    if note:
        print(note)


if __name__ == "__main__":
    run(main)
