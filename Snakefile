"""The loop as a graph of files: docs/workflow.md has the map, config.yaml every setting."""

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


# What can be asked for by name: `snakemake fit` makes every fit of every round and all that comes before,
# `snakemake --forcerun fit` makes them again. A target holds no work; the rules it names do.


# Everything: the whole loop, its measures and the report.
rule all:
    default_target: True
    input:
        RUN.measures,
        RUN.report,


rule body:
    """Body, template and pose prior."""
    input:
        forced("body", "body_model", "body_template", "pose_prior"),
        BODIES,
        RUN.template,
        RUN.prior,


rule capture:
    """The simulated recordings; nothing where the data are real."""
    input:
        forced("capture", "simulate_shard"),
        [RUN.simulated(shard) for shard in SPLIT_OF],


rule extract:
    """The points tables of every split."""
    input:
        forced("extract", "extract_shard"),
        tables(RUN.points_of),


rule bootstrap:
    """Round 0: fits without training, and their pseudo labels."""
    input:
        forced("bootstrap", "bootstrap_shard"),
        tables(RUN.params_of, 0, "fit"),
        tables(RUN.pseudo_labels_of, 0, splits=["train"]),


rule train:
    """The network of every round."""
    input:
        forced("train", "train_round"),
        [RUN.checkpoint(number) for number in LATER_ROUNDS],


rule infer:
    """The network's predictions of every round that has a network."""
    input:
        forced("infer", "infer_shard"),
        [tables(RUN.params_of, number, "network") for number in PREDICTED_ROUNDS],


rule fit:
    """The fits of every round."""
    input:
        forced("fit", "bootstrap_shard", "fit_shard"),
        [tables(RUN.params_of, number, "fit") for number in ROUNDS],


rule relabel:
    """The pseudo labels of every round."""
    input:
        forced("relabel", "relabel_shard"),
        [tables(RUN.pseudo_labels_of, number, splits=["train"]) for number in ROUNDS],


rule evaluate:
    """The measures of every round."""
    input:
        forced("evaluate", "evaluate_part", "merge_measures"),
        RUN.measures,


rule report:
    """The run's report."""
    input:
        forced("report", "report_page"),
        RUN.report,


rule pretrain:
    """The network that ships, trained on synthetic people; no part of the loop."""
    input:
        forced("pretrain", "pretrain_network"),
        f"{RUN.root}/pretrain/weights.safetensors",
