# What rules read, as functions of their wildcards.


def tables(stage, rounds=(None,), splits=("train", "test")):
    """Every shard's table of a stage; `stage` may contain {round}."""
    return [
        f"{RUN}/{stage.format(round=number)}/{split}/{shard}.parquet"
        for number in rounds
        for split, shard in ALL_SHARDS
        if split in splits
    ]


def memory(factor, least):
    """Megabytes as a function of the input's size: `least` plus `factor` times what the files weigh."""

    def mem_mb(wildcards, input, attempt):
        # Not input.size_mb, which warns of files that are yet to be made.
        return int((least + factor * sum(Path(path).stat().st_size for path in input) / 1e6) * attempt)

    return mem_mb


def source_kind(wildcards):
    """Which reader a shard needs."""
    return LAYOUTS.get(wildcards.shard, KIND)


def source_root(wildcards):
    """The top folder of the data that a shard is read from."""
    if KIND == "simulated":
        return simulated_root(f"{RUN}/capture", wildcards.shard, LAYOUTS[wildcards.shard])
    return config["source"]["root"]


def source_files(wildcards):
    """What a shard is read from."""
    if KIND == "simulated":
        return simulated_file(f"{RUN}/capture", wildcards.shard, LAYOUTS[wildcards.shard])
    if KIND == "sloper4d":
        return sloper4d_pickle(config["source"]["root"], wildcards.shard)
    if KIND == "behave":
        return info_file(config["source"]["root"], wildcards.shard)
    if KIND == "surreal":
        return clip_files(CLIPS[wildcards.split, wildcards.shard])
    labels = [CLOUD_LABELS] if CLOUD_LABELS else []
    return [path for _, path in CLOUDS[wildcards.shard]] + labels


def before(tail):
    """An input of a later round: the same kind of file, one round earlier."""
    return lambda wildcards: f"{RUN}/round_{int(wildcards.round) - 1}/{tail}".format(**wildcards)


def training_tables(stage):
    """An input of a later round: a stage's training tables of one round earlier."""
    return lambda wildcards: tables(stage, [int(wildcards.round) - 1], ["train"])


def earlier_checkpoint(wildcards):
    """The network of one round earlier; the first round starts from none."""
    number = int(wildcards.round)
    return [] if number == 1 else f"{RUN}/round_{number - 1}/train/checkpoint.pt"


def predictions(wildcards):
    """What the network predicted in this round; the bootstrap has no network."""
    number = int(wildcards.round)
    return [] if number == 0 else tables("round_{round}/infer", [number])


def forced(target, *rules_at_work):
    """An input function without files: `--forcerun fit` names a target, this passes it on to the rules at work."""

    def force(wildcards):
        if target in workflow.dag_settings.forcerun:
            workflow._dag.forcerules.update(workflow.get_rule(name) for name in rules_at_work)
        return []

    return force
