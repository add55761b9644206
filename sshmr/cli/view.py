"""``sshmr view``: a run in the browser."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sshmr.viewing.serve import ShownRun


def view(
    run: Annotated[Path, typer.Argument(help="A run's folder, such as results/demo.")],
    port: Annotated[int, typer.Option(help="Port of the page on this machine; 0 chooses a free one.")] = 8080,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show new frames while the run is being written.")
    ] = False,
) -> None:
    """Show clouds and meshes of a run in the browser, until Ctrl-C.

    Examples:

    sshmr view results/demo

    sshmr view out --follow
    """
    import webbrowser

    from sshmr.viewing.serve import HOST, ShownRun, make_server

    try:
        server = make_server(_followed(run) if follow else ShownRun(run), port)
    except KeyboardInterrupt:
        return
    address = f"http://{HOST}:{server.server_port}/"
    typer.echo(f"{address} shows {run}; Ctrl-C ends it.")
    if browser:
        webbrowser.open(address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        typer.echo()
    finally:
        server.server_close()


def _followed(folder: Path) -> "ShownRun":
    """The run of a folder, as soon as it has results."""
    from sshmr.errors import InputError
    from sshmr.viewing.serve import ShownRun

    waiting = False
    while True:
        try:
            return ShownRun(folder, follow=True)
        except InputError:
            if not waiting:
                typer.echo(f"Waiting for the first bodies in {folder}; Ctrl-C ends it.")
            waiting = True
            time.sleep(0.5)
