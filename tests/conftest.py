"""Which process runs which test; the shipped bodies and a small finished run."""

import functools
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import threadpoolctl
import torch

from sshmr.body.model import BodyModel, open_body_path
from sshmr.body.prior import PosePrior, open_prior_path
from sshmr.body.template import build_template, standing_pose
from sshmr.tables.schemas import params_schema, points_schema, pseudo_labels_schema, write_table
from tests.browser import CHROMIUM, DRIVER, Browser
from tests.finished_run import finish


def pytest_configure():
    """Processes that run side by side share the cores."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    threads = max(1, torch.get_num_threads() // workers)
    torch.set_num_threads(threads)
    threadpoolctl.threadpool_limits(threads)  # Of NumPy and SciPy.
    os.environ["OMP_NUM_THREADS"] = str(threads)  # Of the programs that tests start.


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """One process takes all tests of a file, and of files that share a finished run; the longest first."""
    runs = ["smoke_run", "tour", ""]

    def run_of(item):
        return next((run for run in runs if run in item.fixturenames), "")

    for item in items:
        run = run_of(item)
        item.add_marker(pytest.mark.xdist_group(run or item.path.stem))
        if run:
            item.add_marker(pytest.mark.timeout(1500))  # The first of them waits for the whole run.

    def place(item):
        return (
            runs.index(run_of(item)),
            item.get_closest_marker("slow") is None,
            "workflow" not in item.path.parts,
        )

    items.sort(key=place)


@pytest.fixture(scope="session")
def neutral_body():
    return BodyModel.load(open_body_path("neutral"))


@pytest.fixture(scope="session")
def small_body():
    body = BodyModel.load(open_body_path("neutral"), dtype=torch.float64)
    return body.subset(torch.arange(0, len(body.v_template), 20))


@pytest.fixture(scope="session")
def prior():
    return PosePrior.load(open_prior_path())


@pytest.fixture(scope="session")
def make_run(tmp_path_factory):
    """Write the folder of a small finished run, ``make_run(with_truth=…, rounds=…, frames=…)`` → ``MadeRun``.

    Two training sequences and one for testing; parameters are the truth plus noise that shrinks from round to
    round.
    """
    return lambda **options: MadeRun(tmp_path_factory.mktemp("run") / "results" / "demo", **options)


@functools.cache
def _bodies_and_template():
    bodies = {gender: BodyModel.load(open_body_path(gender)) for gender in ("neutral", "male", "female")}
    return bodies, build_template(bodies["neutral"], 256)


class MadeRun:
    """Tables as the workflow lays them out, with the truth they were made from."""

    def __init__(self, results, with_truth=True, rounds=1, frames=3, simulated=True):
        self.results, self.rounds, self.frames, self.simulated = results, rounds, frames, simulated
        (results / "body").mkdir(parents=True)
        for gender in ("neutral", "male", "female"):
            shutil.copy(open_body_path(gender), results / "body" / f"{gender}.npz")
        self.bodies, self.template = _bodies_and_template()
        self.template.save(results / "body" / "template.npz")
        shutil.copy(open_prior_path(), results / "body" / "prior.npz")
        self.shards, self.truth = {}, {}
        sequences = (("train", "walk", "male"), ("train", "wave", "female"), ("test", "sit", "female"))
        for number, (split, name, gender) in enumerate(sequences):
            self._write_shard(split, name, gender, with_truth, np.random.default_rng(number))

    def paths(self, pattern):
        """Files under the run's folder, sorted."""
        return sorted(self.results.glob(pattern))

    def write_params(self, round_, stage, name, **changes):
        """Write one shard's params: the truth, with any column replaced."""
        split = self.shards[name]
        ids = [f"demo/{name}/{frame}/0" for frame in range(self.frames)]
        columns = {
            "frame_id": ids,
            "residual": np.linspace(0.01, 0.02, self.frames),
            **self.truth[name],
            **changes,
        }
        path = self.results / f"round_{round_}" / stage / split / f"{name}.parquet"
        write_table(path, columns, params_schema(), {})
        return path

    def _write_shard(self, split, name, gender, with_truth, rng):
        count, points = self.frames, 128
        pose = standing_pose().repeat(count, 1) + torch.from_numpy(rng.normal(0, 0.15, (count, 72))).float()
        betas = torch.from_numpy(rng.normal(0, 0.5, (1, 10))).float().repeat(count, 1)
        posed = self.bodies[gender](pose, betas, torch.zeros(count, 3))
        valid = rng.integers(90, points + 1, count)
        cloud, offset = np.zeros((count, points, 3), np.float32), np.zeros((count, 3), np.float32)
        for i, vertices in enumerate(posed.vertices.numpy()):
            facing = vertices[vertices[:, 2] > np.median(vertices[:, 2])]
            seen = facing[rng.choice(len(facing), valid[i], replace=False)]
            offset[i] = seen.mean(0)
            cloud[i, : valid[i]] = seen - offset[i]
        truth = {"pose": pose.numpy(), "betas": betas.numpy(), "transl": -offset}
        self.shards[name], self.truth[name] = split, truth
        known = {"gender": [gender] * count, "joints": posed.joints.numpy() - offset[:, None], **truth}
        table = {
            "frame_id": [f"demo/{name}/{frame}/0" for frame in range(count)],
            "sequence": [name] * count,
            "frame": np.arange(count),
            "view": np.zeros(count, int),
            "split": [split] * count,
            "points": cloud,
            "n_points": valid,
            "offset": offset,
            "source": [f"{name}.pkl"] * count,
            **(known if with_truth else {}),
        }
        path = self.results / "points" / split / f"{name}.parquet"
        write_table(path, table, points_schema(points), {"simulated": self.simulated})
        skipped = pd.DataFrame(
            {"frame_id": [f"demo/{name}/99/0"], "source": ["x"], "reason": ["too few points"]}
        )
        skipped.to_parquet(path.with_suffix(".skipped.parquet"))
        for round_ in range(self.rounds + 1):
            for stage in ("fit", "infer") if round_ else ("fit",):
                noise = rng.normal(0, 0.2 / (1 + round_), (count, 72)).astype(np.float32)
                self.write_params(round_, stage, name, pose=truth["pose"] + noise)
            if split == "train":
                self._write_pseudo_labels(
                    round_, name, cloud, valid, posed.vertices.numpy() - offset[:, None]
                )

    def _write_pseudo_labels(self, round_, name, cloud, valid, vertices):
        """Labels that name the template vertex nearest to each point on the true mesh."""
        template = torch.from_numpy(vertices)[:, self.template.vertex_ids]
        segment = torch.cdist(torch.from_numpy(cloud), template).argmin(-1).numpy().astype(np.int16)
        segment[np.arange(cloud.shape[1])[None] >= valid[:, None]] = -1
        ids = [f"demo/{name}/{frame}/0" for frame in range(self.frames)]
        weight = (segment >= 0).astype(np.float32)
        columns = {"frame_id": ids, "trust": np.ones(len(ids)), "segment": segment, "weight": weight}
        path = self.results / f"round_{round_}" / "pseudo_labels" / "train" / f"{name}.parquet"
        write_table(path, columns, pseudo_labels_schema(cloud.shape[1]), {})


@pytest.fixture(scope="session")
def finished_run(make_run):
    """A run with one round and all that the workflow leaves but the report."""
    return finish(make_run(rounds=1))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium. Tests that use it are skipped without one."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("no Chromium with its driver here; on Debian: apt-get install chromium chromium-driver")
    pytest.importorskip("selenium", reason="pip install selenium, of the extra `test`")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()
