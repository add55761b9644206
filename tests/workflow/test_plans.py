"""Dry runs: each overlay plans the jobs it should, and wrong ones are refused before any job."""

import json

import pytest

from .conftest import Clone


def make_clouds(folder):
    for sequence in ("walk", "sit"):
        (folder / sequence).mkdir(parents=True)
        for frame in range(3):
            (folder / sequence / f"{frame:04d}.xyz").write_text("0 0 0\n0 1 0\n")


def make_sloper4d(folder):
    for name in ("seq002_football_001", "seq003_street_002", "seq005_library_002", "seq007_garden_001"):
        (folder / name).mkdir(parents=True)
        with (folder / name / f"{name}_labels.pkl").open("wb") as file:
            file.truncate(2_000_000)  # as of a hundred frames


def make_behave(folder):
    names = ["Date01_Sub01_chair", "Date03_Sub03_tablesmall", "Date03_Sub06_boxlong"]
    for name in names:
        (folder / "sequences" / name).mkdir(parents=True)
        (folder / "sequences" / name / "info.json").write_text("{}")
    (folder / "split.json").write_text(json.dumps({"train": names[:2], "test": names[2:]}))


def make_surreal(folder):
    for split, sequence in (("train", "01_01"), ("train", "02_01"), ("train", "18_01"), ("test", "03_01")):
        place = folder / "cmu" / split / "run0" / sequence
        place.mkdir(parents=True)
        for clip in (1, 4):
            for kind in ("depth", "segm", "info"):
                (place / f"{sequence}_c{clip:04d}_{kind}.mat").touch()


def test_default_plans_the_whole_loop(clone):
    jobs = clone.plan("--config", "rounds=2", "capture={sequences: 5, test_sequences: 2, frames: 50}")
    assert jobs == {
        "all": 1,
        "body_model": 3,
        "body_template": 1,
        "pose_prior": 1,
        "simulate_shard": 3,
        "extract_shard": 3,
        "bootstrap_shard": 3,
        "relabel_shard": 3 * 2,
        "train_round": 2,
        "infer_shard": 3 * 3,
        "fit_shard": 2 * 3,
        "evaluate_part": 2 * 3,
        "merge_measures": 1,
        "report_page": 1,
    }


@pytest.mark.parametrize("overlay", ["medium", "paper"])
def test_overlays_without_data_plan(clone, overlay):
    assert clone.plan("--configfile", f"config/{overlay}.yaml")["train_round"] in (3, 50)


def test_layouts_take_turns_in_both_splits(clone):
    layouts = "layouts: [sloper4d, clouds], sequences: 7, test_sequences: 3, frames: 70"
    jobs = clone.plan("extract", "--config", f"capture={{{layouts}}}")
    assert jobs["simulate_shard"] == jobs["extract_shard"] == 7
    layouts = layouts.replace("70", "20")
    assert clone.plan("capture", "--config", f"capture={{{layouts}}}")["simulate_shard"] == 2 + 2


def test_motion_plans_with_motions(clone):
    (clone.folder / "data" / "motions").mkdir(parents=True)
    assert clone.plan("--configfile", "config/motion.yaml")["simulate_shard"] == 6


def test_short_clouds_share_a_shard(clone):
    make_clouds(clone.folder / "mine")
    arguments = ("extract", "--configfile", "config/clouds.yaml", "--config", "source={root: mine}")
    assert clone.plan(*arguments) == {"body_model": 3, "extract": 1, "extract_shard": 1}
    assert clone.plan(*arguments, "extract={shard_frames: 3}")["extract_shard"] == 2


def test_surreal_plans_shards_of_clips(clone):
    make_surreal(clone.folder / "SURREAL")
    arguments = ("extract", "--configfile", "config/surreal.yaml", "--config", "source={root: SURREAL}")
    assert clone.plan(*arguments) == {"body_model": 3, "extract": 1, "extract_shard": 2}
    jobs = clone.plan(*arguments, "extract={shard_frames: 5}")
    assert jobs["extract_shard"] == 4 + 2


def test_behave_follows_its_own_split(clone):
    make_behave(clone.folder / "data" / "behave")
    jobs = clone.plan("bootstrap", "--configfile", "config/behave.yaml")
    assert jobs["bootstrap_shard"] == 2
    assert jobs["relabel_shard"] == 1


def test_sloper4d_holds_a_sequence_out(clone):
    make_sloper4d(clone.folder / "data" / "SLOPER4D")
    jobs = clone.plan("bootstrap", "--configfile", "config/sloper4d.yaml")
    assert jobs["bootstrap_shard"] == 4
    assert jobs["relabel_shard"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "rouns=3"], '--config: key "rouns" is unknown; expected one of'),
        (["--configfile", "config/clouds.yaml"], "data/clouds: no such folder"),
        (
            ["--configfile", "config/smoke.yaml", "--config", "train={accumulate: 2}"],
            'keys "train.processes" times "train.accumulate" is 2 shares of a batch; expected at most 1',
        ),
    ],
)
def test_mistakes_are_reported_before_any_job(clone, arguments, message):
    done = clone.run("--dry-run", *arguments)
    assert done.returncode == 1
    assert message in done.stdout
    assert "Traceback" not in done.stdout


def test_a_folder_with_braces_is_refused(tmp_path):
    folder = tmp_path / "a {copy}"
    folder.mkdir()
    done = Clone(folder).run("--dry-run")
    assert done.returncode == 1
    assert "Snakemake takes the braces in this path for wildcards" in done.stdout


def test_the_file_at_fault_is_named(clone):
    overlay = clone.folder / "config" / "clouds.yaml"
    overlay.write_text(overlay.read_text().replace("voxel: 0.02", "voxle: 0.02"))
    done = clone.run("--dry-run", "--configfile", "config/clouds.yaml")
    assert 'config/clouds.yaml: key "extract.voxle" is unknown' in done.stdout
    assert 'Did you mean "extract.voxel"?' in done.stdout


def test_the_gpu_is_limited_even_without_the_profile(clone):
    prior = "results/smoke/body/prior.npz"
    arguments = ("--configfile", "config/smoke.yaml", "--config", "device=cuda", "--resources", "mem_mb=9000")
    done = clone.run(prior, *arguments)
    assert done.returncode == 0, done.stdout[-4000:]
    provided = next(line for line in done.stdout.splitlines() if line.startswith("Provided resources"))
    assert "gpu" in provided


def test_processes_that_train_together_share_the_threads(clone):
    arguments = ("--dry-run", "--printshellcmds", "--cores", 4, "--configfile", "config/smoke.yaml")
    shards = ("capture={sequences: 3}", "extract={shard_frames: 4}")
    done = clone.run(*arguments, "--config", "train={processes: 2}", "threads={train: 4}", *shards)
    assert done.returncode == 0, done.stdout[-4000:]
    command = next(line for line in done.stdout.splitlines() if "workflow_scripts/train.py" in line)
    assert "torchrun --standalone --nproc-per-node 2 workflow_scripts/train.py" in command
    assert "--threads 4" in command
