"""What the workflow's later stages would have written for ``make_run``'s run."""

import json
import time

import pandas as pd

from sshmr import stages
from sshmr.config.evaluate import EvaluateConfig
from sshmr.tables.run_folder import RunFolder


def finish(run):
    """Add measures, timings and training histories; returns the run."""
    folder = RunFolder(run.results)
    for round_ in range(run.rounds + 1):
        for part, shards in folder.parts().items():
            stages.evaluate(folder, round_, shards, EvaluateConfig(), folder.frame_measures(round_, part))
        benchmark = run.results / "timings" / f"round_{round_}" / "fit" / "test" / "sit.tsv"
        benchmark.parent.mkdir(parents=True)
        benchmark.write_text("s\tmax_rss\tio_in\n75.0\t2048.0\t-\n")
    started = {"started": time.time() - 600, "cores": 2}
    (run.results / "timings" / "start.json").write_text(json.dumps(started))
    stages.merge_measures(folder, EvaluateConfig())
    for round_ in range(1, run.rounds + 1):
        folder.history(round_).parent.mkdir()
        history = {"epoch": [1, 2, 3], "pseudo_label": [3.0, 2.0, 1.5], "learning_rate": [1e-3] * 3}
        pd.DataFrame(history).to_parquet(folder.history(round_))
    return run
