"""The command line: each command is a function in its own module, registered here.

Nothing that is imported here loads torch or Open3D, so that ``--help`` and tab completion answer at once.
"""

import typer

from sshmr.cli.body import inspect
from sshmr.cli.doctor import doctor
from sshmr.cli.evaluate import evaluate
from sshmr.cli.export import export
from sshmr.cli.fit import fit
from sshmr.cli.init import init
from sshmr.cli.people import people
from sshmr.cli.predict import predict
from sshmr.cli.render import render
from sshmr.cli.report import report
from sshmr.cli.result import reported
from sshmr.cli.simulate import simulate
from sshmr.cli.track import track
from sshmr.cli.view import view
from sshmr.cli.weights import weights
from sshmr.runtime import wait_briefly

app = typer.Typer(
    name="sshmr",
    help="Posed human body meshes from partial point clouds.\n\n"
    "Exit codes: 0 all done; 1 an error of the program; 2 wrong usage or input; 3 done, but some clouds were "
    "skipped; 130 stopped by Ctrl-C.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

for command in (
    init, people, fit, track, predict, export, weights, view, render, report, evaluate, simulate, doctor,
):  # fmt: skip
    app.command()(reported(command))

body = typer.Typer(help="Body model files.", no_args_is_help=True)
body.command()(reported(inspect))
app.add_typer(body, name="body")


def main() -> None:
    """Entry point of the console script."""
    wait_briefly()
    app(prog_name="sshmr")
