"""``sshmr view``: a run in the browser."""

from pathlib import Path
from typing import Annotated

import typer


def view(
    run: Annotated[Path, typer.Argument(help="A run's folder, such as results/demo.")],
    port: Annotated[int, typer.Option(help="Port of the page on this machine; 0 chooses a free one.")] = 8080,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Show clouds and meshes of a run in the browser, until Ctrl-C.

    Example: sshmr view results/demo
    """
    import webbrowser

    from sshmr.viewing.frames import Run
    from sshmr.viewing.serve import HOST, make_server

    server = make_server(Run(run), port)
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
