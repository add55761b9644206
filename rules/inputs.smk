# The inputs of rules, as functions of their wildcards.


def tables(place, *what, splits=("train", "test"), part=None):
    """Every shard's table: `place` is a function of RUN, `what` its arguments before split and shard."""
    return [place(*what, *shard) for shard in (PARTS[part] if part else ALL_SHARDS) if shard.split in splits]


def memory(factor, least):
    """Megabytes as a function of the input's size: `least` plus `factor` times what the files weigh."""

    def mem_mb(wildcards, input, attempt):
        # Not input.size_mb, which warns of files that are yet to be made.
        listed = files_of(wildcards).size if "source" in input.keys() else 0
        return int((least + factor * (listed + sum(map(size_of, input))) / 1e6) * attempt)

    return mem_mb


@functools.cache
def size_of(path):
    """Bytes of a file. Snakemake asks for the memory of every job several times."""
    return Path(path).stat().st_size


def packed_of(wildcards):
    """What a shard is read from."""
    return PLAN[shard_of(wildcards)]


def members(wildcards):
    """Names of a simulated shard's sequences. The name of the shard does not show whether they changed."""
    return [sequence.name for sequence in packed_of(wildcards).sequences] if KIND == "simulated" else []


def shard_of(wildcards):
    """The shard that a job is for."""
    return Shard(SPLIT_OF.get(wildcards.shard) or wildcards.split, wildcards.shard)


@functools.cache
def state_of_shard(shard):
    """State of a shard's files that are no inputs."""
    return state_of([*PLAN[shard].files(), *(path for path in named_files(shard) if not is_watchable(path))])


def files_of(wildcards):
    """State of a shard's files, where a source has too many of them to be inputs: a param in their place."""
    return state_of_shard(shard_of(wildcards))


def source_files(wildcards):
    """What a shard is read from, but for the files that `files_of` covers."""
    if KIND == "simulated":
        return RUN.simulated(wildcards.shard)
    return [path for path in named_files(shard_of(wildcards)) if is_watchable(path)]


def named_files(shard):
    """The few files of a shard that Snakemake watches, if it can hold their names."""
    sequences = PLAN[shard].sequences
    if KIND in KINDS:
        return [path for one in sequences for path in KINDS[KIND].watched(one.root, one.name)]
    if KIND == "scenes" and EXTRACT.scenes.empty:
        return [Path(EXTRACT.scenes.empty)]
    return [Path(CLOUD_TRUTH)] if CLOUD_TRUTH else []


def is_watchable(path):
    """Whether Snakemake can hold a path: it keeps names as text, and takes braces for wildcards."""
    name = str(path)
    return os.fsencode(name).decode("utf-8", "replace") == name and not set(name) & set("{}")


def earlier_labels(wildcards):
    """The pseudo labels of one round earlier."""
    return tables(RUN.pseudo_labels_of, int(wildcards.round) - 1, splits=["train"])


def earlier_checkpoint(wildcards):
    """The network of one round earlier; the first round starts from the shipped weights, or from none."""
    number = int(wildcards.round)
    return RUN.checkpoint(number - 1) if number > 1 else PRETRAINED_WEIGHTS or []


def network_of(wildcards):
    """The network that predicts in a round: the shipped one in round 0."""
    number = int(wildcards.round)
    return RUN.checkpoint(number) if number else PRETRAINED_WEIGHTS


def predictions(wildcards):
    """What the network predicted in this round; the bootstrap may have no network.

    The fits are made from them. But where a job failed, its predictions are missing while an older fit is there.
    """
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
