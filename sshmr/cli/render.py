"""``sshmr render``: pictures and films of a run, without a display."""

from pathlib import Path
from typing import Annotated

import typer


def render(
    run: Annotated[Path, typer.Argument(help="A run's folder, such as results/demo.")],
    output: Annotated[Path, typer.Argument(help="A picture (.png) or a film (.mp4, .gif, .webp).")],
    sequence: Annotated[str, typer.Option(help="Sequence; default: the first test sequence.")] = "",
    frame: Annotated[
        int | None, typer.Option(help="Frame number in the source, for a picture; default: the first.")
    ] = None,
    panel: Annotated[
        list[str] | None,
        typer.Option(
            help="cloud, truth, 2 (fit of round 2) or 2:network; several are shown side by side. "
            "If none is named: the cloud, the bootstrap and the last round's fit."
        ),
    ] = None,
    colour: Annotated[str, typer.Option(help="plain, correspondence, error or confidence.")] = "plain",
    height: Annotated[int, typer.Option(min=64, max=2160, help="Height of a panel in pixels.")] = 480,
    azimuth: Annotated[float, typer.Option(help="Degrees to the right of the sensor.")] = 0.0,
    fps: Annotated[float, typer.Option(min=1, max=60, help="Frames per second of a film.")] = 10.0,
) -> None:
    """Draw a picture of one frame or a film of a sequence.

    Examples:

    sshmr render results/demo strip.png

    sshmr render results/demo walk.mp4 --panel cloud --panel 3 --colour error
    """
    import math

    from sshmr.errors import InputError
    from sshmr.progress import track
    from sshmr.viewing import film
    from sshmr.viewing.frames import Run

    if output.suffix not in (".png", *film.FILMS):
        raise InputError(
            output, found=f'the ending is "{output.suffix}"', expected=f".png, {', '.join(film.FILMS)}"
        )
    if colour not in film.COLOURS:
        raise InputError("--colour", "the colour", f'"{colour}"', f"one of {', '.join(film.COLOURS)}")
    opened = Run(run)
    tests = [known for known in opened.sequences if known.split == "test"]
    chosen = opened.sequence(sequence) if sequence else (tests or opened.sequences)[0]
    panels = [film.parse_panel(text, opened) for text in panel] if panel else film.default_panels(opened)
    look = (panels, colour, height, math.radians(azimuth))
    if output.suffix == ".png":
        row = 0 if frame is None else opened.row_of(chosen, frame)
        film.write_picture(output, next(film.pictures(opened, chosen, [row], *look)))
    else:
        rows = list(range(chosen.frames))
        shots = film.pictures(opened, chosen, rows, *look)
        film.write_film(output, track(shots, f"Draw {chosen.name}", total=len(rows)), fps)
    typer.echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
