"""The loop as a graph of files. docs/workflow.md explains it; config.yaml has all settings."""

from snakemake.utils import min_version

min_version("9.5")


configfile: f"{workflow.basedir}/config.yaml"


report: "rules/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/body.smk"
include: "rules/capture.smk"
include: "rules/extract.smk"
include: "rules/loop.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"
include: "rules/pretrain.smk"


onstart:
    LOCKS.append(lock_folder(".", ".snakemake/sshmr.lock"))
    RUN.describe(**FACTS)
    if workflow.local_exec:
        write_json(RUN.timings / "start.json", {"started": time.time(), "cores": workflow.cores})
    for shard, packed in PLAN.items():
        write_listing(RUN.listing_of(*shard), packed)
    if not workflow.local_exec:
        start_on_cluster()


# The targets: `snakemake fit` makes the fits of every round and all that they need, and `snakemake --forcerun fit`
# makes them again. A target does no work itself. Its message keeps Snakemake from printing all of its inputs.


# Everything: the whole loop, its measures and the report.
rule all:
    default_target: True
    input:
        RUN.measures,
        RUN.report,
    message:
        "Measures and report: done"


rule body:
    """Body, template and pose prior."""
    input:
        forced("body", "body_model", "body_template", "pose_prior"),
        BODIES,
        RUN.template,
        RUN.prior,
    message:
        "Body: done"


rule capture:
    """The simulated recordings; nothing where the data are real."""
    input:
        forced("capture", "simulate_shard"),
        [RUN.simulated(shard) for shard in SPLIT_OF],
    message:
        "Simulated recordings: done"


rule extract:
    """The points tables of every split."""
    input:
        forced("extract", "extract_shard"),
        tables(RUN.points_of),
    message:
        "Points tables: done"


rule bootstrap:
    """Round 0: fits without training, and their pseudo labels."""
    input:
        forced("bootstrap", "bootstrap_shard"),
        tables(RUN.params_of, 0, "fit"),
        tables(RUN.pseudo_labels_of, 0, splits=["train"]),
    message:
        "Round 0: done"


rule train:
    """The network of every round."""
    input:
        forced("train", "train_round"),
        [RUN.checkpoint(number) for number in LATER_ROUNDS],
    message:
        "Networks of all rounds: done"


rule infer:
    """The network's predictions of every round that has a network."""
    input:
        forced("infer", "infer_shard"),
        [tables(RUN.params_of, number, "network") for number in PREDICTED_ROUNDS],
    message:
        "Predictions of all rounds: done"


rule fit:
    """The fits of every round."""
    input:
        forced("fit", "bootstrap_shard", "fit_shard"),
        [tables(RUN.params_of, number, "fit") for number in ROUNDS],
    message:
        "Fits of all rounds: done"


rule relabel:
    """The pseudo labels of every round."""
    input:
        forced("relabel", "relabel_shard"),
        [tables(RUN.pseudo_labels_of, number, splits=["train"]) for number in ROUNDS],
    message:
        "Pseudo labels of all rounds: done"


rule evaluate:
    """The measures of every round."""
    input:
        forced("evaluate", "evaluate_part", "merge_measures"),
        RUN.measures,
    message:
        "Measures: done"


rule report:
    """The run's report."""
    input:
        forced("report", "report_page"),
        RUN.report,
    message:
        "Report: done"


rule pretrain:
    """The network that ships, trained on synthetic people; no part of the loop."""
    input:
        forced("pretrain", "pretrain_network"),
        f"{RUN.root}/pretrain/weights.safetensors",
    message:
        "Pretrained network: done"
