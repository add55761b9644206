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


onstart:
    LOCKS.append(lock_folder(".", ".snakemake/sshmr.lock"))
    if not workflow.local_exec:
        start_on_cluster()


# What can be asked for by name: `snakemake fit` makes every fit of every round and all that comes before,
# `snakemake --forcerun fit` makes them again. A target holds no work; the rules it names do.


# Everything: the whole loop, its measures and the report.
rule all:
    default_target: True
    input:
        f"{RUN}/measures.parquet",
        f"{RUN}/report.html",


rule body:
    """Body, template and pose prior."""
    input:
        forced("body", "body_model", "body_template", "pose_prior"),
        expand(f"{RUN}/body/{{name}}.npz", name=[*GENDERS, "template", "prior"]),


rule capture:
    """The simulated recordings; nothing where the data are real."""
    input:
        forced("capture", "simulate_sequence", "simulate_data_set"),
        [simulated_file(f"{RUN}/capture", shard, layout) for shard, layout in LAYOUTS.items()],


rule extract:
    """The points tables of every split."""
    input:
        forced("extract", "extract_shard"),
        tables("points"),


rule bootstrap:
    """Round 0: fits from a standing body, and their labels."""
    input:
        forced("bootstrap", "bootstrap_shard"),
        tables("round_0/fit"),
        tables("round_0/labels", splits=["train"]),


rule train:
    """The network of every round."""
    input:
        forced("train", "train_round"),
        expand(f"{RUN}/round_{{round}}/train/checkpoint.pt", round=LATER_ROUNDS),


rule infer:
    """The network's predictions of every round."""
    input:
        forced("infer", "infer_shard"),
        tables("round_{round}/infer", LATER_ROUNDS),


rule fit:
    """The fits of every round."""
    input:
        forced("fit", "bootstrap_shard", "fit_shard"),
        tables("round_{round}/fit", ROUNDS),


rule relabel:
    """The pseudo labels of every round."""
    input:
        forced("relabel", "relabel_shard"),
        tables("round_{round}/labels", ROUNDS, ["train"]),


rule evaluate:
    """The measures of every round."""
    input:
        forced("evaluate", "evaluate_round", "merge_measures"),
        f"{RUN}/measures.parquet",


rule report:
    """The run's report."""
    input:
        forced("report", "report_page"),
        f"{RUN}/report.html",
