"""The params of the rules: the settings that can change a stage's output, so that a key reruns what it
affects.

Other keys affect only memory, threads or processes, or they choose the shards, which Snakemake sees
by the files. ``NO_RESULT`` is passed to the scripts separately.
"""

from sshmr.config.source import SOURCES

NO_RESULT = {
    "fit": ["batch"],
    "infer": ["batch"],
    "evaluate": ["batch"],
    "train": ["accumulate", "processes"],
}
"""Keys that change no result. Of train's two, the product does (``shares``)."""

LIDAR = ("sloper4d", "clouds")
PLAN = ["layouts", "sequences", "test_sequences", "subjects", "test_subjects"]
"""Keys of the simulated capture that choose the sequences."""

SELECTION = ["sequences", "test_sequences", "test_fraction"]
"""Keys of each source that choose the shards, but do not change their content."""

DRAW = ["train_clips", "test_clips", "seed", "exclude"]
"""SURREAL's keys that pick clips; a simulated shard uses all of its clips."""


def bootstrap_unused(pretrained):
    """Keys of the fit that round 0 does not use; ``pretrained``: whether a network's predictions start it."""
    later = ["shared_shape_weight", "smooth_weight", "neighbours"]
    return later if pretrained else ["refine", *later]


def without(mapping, keys):
    """The mapping without some of its keys."""
    return {key: value for key, value in mapping.items() if key not in keys}


def section(config, name, unused=()):
    """A section without the keys that change no result, and without those that a rule does not use."""
    return without(config[name], [*NO_RESULT.get(name, ()), *unused])


def capture(config, layout):
    """Of the simulated capture of one sequence."""
    chosen = without(config["capture"], [*PLAN, "depth" if layout in LIDAR else "lidar"])
    if layout == "surreal":
        chosen = without(chosen, ["depth", "sensor_height", "distance"])
    elif layout == "behave":
        chosen = without(chosen, ["sensor_height", "distance"])
    if layout in LIDAR:
        # Distances from the sensor are spread evenly over all sequences.
        chosen["sequences"] = config["capture"]["sequences"]
    if config["capture"]["motion"]:
        # Motions of the file are distributed over the subjects.
        chosen |= {key: config["capture"][key] for key in PLAN if key != "layouts"}
    return chosen


def extract(config, kind, simulated):
    """The params of the extraction of one shard: the common keys, and those of its kind of source."""
    own = without(config["extract"][kind], SELECTION)
    if simulated and kind == "surreal":
        own = without(own, DRAW)
    return {**without(config["extract"], [*SOURCES, "shard_frames"]), kind: own}


def train(config):
    """Of a round's training."""
    shares = config["train"]["processes"] * config["train"]["accumulate"]
    return {"network": config["network"], "train": section(config, "train"), "shares": shares}


def pretrain(config):
    """Of the training on synthetic people."""
    return {name: config[name] for name in ("network", "pretrain", "infer")}
