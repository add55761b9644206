r"""Bring the pose prior into the run's folder: the shipped one, or one of your own.

python workflow_scripts/prior.py --prior open --output results/demo/body/prior.npz
"""

import argparse

import numpy as np

from _common import run
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.files import atomic_path


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prior", required=True, help="open, or a mixture: .npz or SMPLify's gmm_08.pkl")
    parser.add_argument("--output", required=True, help="the mixture (.npz: means, covars, weights)")
    arguments = parser.parse_args()
    prior = PosePrior.load(open_prior_path() if arguments.prior == "open" else arguments.prior)
    with atomic_path(arguments.output) as temporary, temporary.open("wb") as handle:
        np.savez(
            handle,
            means=prior.means.numpy(),
            covars=prior.covariances.numpy(),
            weights=prior.weights.numpy(),
        )


if __name__ == "__main__":
    run(main)
