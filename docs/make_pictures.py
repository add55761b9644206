r"""Make the pictures of README.md and docs/viewing.md, from the demo's results.

    python -m docs.make_pictures results/demo

Needs the extra `test` and a Chromium with its driver, which takes the photographs of the pages.
"""

import argparse
import tempfile
import threading
from pathlib import Path

from PIL import Image

from sshmr.config.report import ReportConfig
from sshmr.report.frame_errors import frame_errors
from sshmr.report.page import write_report
from sshmr.report.pictures import choose
from sshmr.viewing.film import COLOURS, Panel, default_panels, pictures, write_film, write_picture
from sshmr.viewing.frames import Run
from sshmr.viewing.render import side_by_side
from sshmr.viewing.serve import ShownRun, make_server
from tests.browser import Browser

FOLDER = Path(__file__).parent / "pictures"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="the demo's results")
    parser.add_argument("--output", type=Path, default=FOLDER, help="where they go")
    arguments = parser.parse_args()
    make(Run(arguments.run), arguments.output)


def make(run, output):
    """All pictures, into the folder ``output``."""
    last = max(round_ for round_, _ in run.stages)
    chosen, _ = choose(run, frame_errors(run, [(last, "fit")]), "test", last, 3)
    median, worst = chosen[1], chosen[2]

    write_picture(
        output / "strip.png",
        next(pictures(run, median.sequence, [median.row], default_panels(run), height=360)),
    )
    tiles = [
        next(pictures(run, worst.sequence, [worst.row], [Panel("fit", last)], colour, 280))
        for colour in COLOURS
    ]
    write_picture(output / "colours.png", side_by_side(tiles))
    rows = list(range(median.sequence.frames))
    panels = [Panel("cloud"), Panel("fit", last)]
    write_film(output / "film.webp", pictures(run, median.sequence, rows, panels, height=180), 10)
    photograph(run, last, output)


def photograph(run, last, output):
    """Pictures of the pages in a browser."""
    server = make_server(ShownRun(run.results), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "report.html"
        write_report(run.folder, ReportConfig(), page)
        browser = Browser(Path(scratch) / "profile")
        try:
            browser.open(f"http://127.0.0.1:{server.server_port}/", 1100, 640)
            browser.wait("return window.sshmrView && !sshmrView.busy()")
            browser.click('#colours [data-key="correspondence"]')
            browser.wait("return !sshmrView.busy()")
            shrink(browser, output / "view.png")
            browser.open(page.as_uri(), 1100, 900)
            browser.wait("return window.sshmrFigures")
            browser.ask("document.getElementById('frames').scrollIntoView()")
            browser.wait("return !sshmrFigures[0].waiting")
            shrink(browser, output / "report.png")
        finally:
            browser.close()
            server.shutdown()


def shrink(browser, path):
    """Photograph the page in 256 colours: a third of the size."""
    browser.photograph(path)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
