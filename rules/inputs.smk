# What rules read, as functions of their wildcards.


def tables(place, *what, splits=("train", "test"), part=None):
    """Every shard's table: `place` is a function of RUN, `what` its arguments before split and shard."""
    return [place(*what, *shard) for shard in (PARTS[part] if part else ALL_SHARDS) if shard.split in splits]


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
        return simulated_root(RUN.capture, wildcards.shard, LAYOUTS[wildcards.shard])
    return config["source"]["root"]


def source_files(wildcards):
    """What a shard is read from."""
    if KIND == "simulated":
        return simulated_file(RUN.capture, wildcards.shard, LAYOUTS[wildcards.shard])
    if KIND == "sloper4d":
        return sloper4d_pickle(config["source"]["root"], wildcards.shard)
    if KIND == "behave":
        return info_file(config["source"]["root"], wildcards.shard)
    if KIND == "surreal":
        return clip_files(CLIPS[wildcards.split, wildcards.shard])
    beside = [CLOUD_TRUTH] if CLOUD_TRUTH else []
    if KIND == "scenes" and EXTRACT.scenes.empty:
        beside = [EXTRACT.scenes.empty]
    files = [real_file(file.path) for file in CLOUDS[wildcards.shard]]
    # Snakemake keeps names as text; a file whose name is none is read, but not watched.
    return [path for path in dict.fromkeys(files) if is_text(path)] + beside


def earlier(place, *what):
    """An input of a later round: the training tables of one round earlier."""
    return lambda wildcards: tables(place, int(wildcards.round) - 1, *what, splits=["train"])


def earlier_checkpoint(wildcards):
    """The network of one round earlier; the first round starts from the shipped weights, or from none."""
    number = int(wildcards.round)
    return RUN.checkpoint(number - 1) if number > 1 else PRETRAINED_WEIGHTS or []


def network_of(wildcards):
    """The network that predicts in a round: the shipped one in round 0."""
    number = int(wildcards.round)
    return RUN.checkpoint(number) if number else PRETRAINED_WEIGHTS


def predictions(wildcards):
    """What the network predicted in this round; the bootstrap may have no network."""
    number = int(wildcards.round)
    return (
        tables(RUN.params_of, number, "network", part=wildcards.part) if number or PRETRAINED_WEIGHTS else []
    )


def forced(target, *rules_at_work):
    """An input function without files: `--forcerun fit` names a target, this passes it on to the rules at work."""

    def force(wildcards):
        if target in workflow.dag_settings.forcerun:
            workflow._dag.forcerules.update(workflow.get_rule(name) for name in rules_at_work)
        return []

    return force
