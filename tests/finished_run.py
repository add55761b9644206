"""What the workflow's later stages would have written for ``make_run``'s run."""

import pandas as pd

from sshmr.config.evaluate import EvaluateConfig
from sshmr.evaluation.rounds import evaluate_round
from sshmr.evaluation.tables import combine, write_measures


def finish(run):
    """Add measures, timings and training histories; returns the run."""
    for round_ in range(run.rounds + 1):
        paths = [run.paths(f"round_{round_}/{stage}/*/*.parquet") for stage in ("fit", "infer", "labels")]
        rows = evaluate_round(
            run.paths("points/*/*.parquet"), *paths, run.results / "body",
            run.template.vertex_ids.numpy(), round_, EvaluateConfig(),
        ).rows  # fmt: skip
        write_measures(run.results / f"round_{round_}" / "measures.parquet", rows)
        benchmark = run.results / "timings" / f"round_{round_}" / "fit" / "test" / "sit.tsv"
        benchmark.parent.mkdir(parents=True)
        benchmark.write_text("s\tmax_rss\tio_in\n75.0\t2048.0\t-\n")
    write_measures(run.results / "measures.parquet", combine(run.paths("round_*/measures.parquet")))
    for round_ in range(1, run.rounds + 1):
        folder = run.results / f"round_{round_}" / "train"
        folder.mkdir()
        history = {"epoch": [1, 2, 3], "pseudo_label": [3.0, 2.0, 1.5], "learning_rate": [1e-3] * 3}
        pd.DataFrame(history).to_parquet(folder / "history.parquet")
    return run
