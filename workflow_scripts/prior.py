"""Write the pose prior into the run's folder: the shipped one, or one of your own.

python workflow_scripts/prior.py --prior open --output results/demo/body/prior.npz
"""

from _common import parser_of, run
from sshmr.stages import make_prior


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--prior", required=True, help="open, or a mixture: .npz or SMPLify's gmm_08.pkl")
    parser.add_argument("--output", required=True, help="the mixture (.npz: means, covars, weights)")
    arguments = parser.parse_args()
    make_prior(arguments.prior, arguments.output)


if __name__ == "__main__":
    run(main)
