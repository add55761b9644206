"""All settings of a run."""

from typing import Literal

from pydantic import Field

from sshmr.config.base import Settings
from sshmr.config.capture import CaptureConfig
from sshmr.config.evaluate import EvaluateConfig
from sshmr.config.extract import ExtractConfig
from sshmr.config.fit import FitConfig
from sshmr.config.infer import InferConfig
from sshmr.config.network import NetworkConfig
from sshmr.config.pretrain import PretrainConfig
from sshmr.config.relabel import RelabelConfig
from sshmr.config.report import ReportConfig
from sshmr.config.source import SourceConfig
from sshmr.config.template import TemplateConfig
from sshmr.config.threads import ThreadsConfig
from sshmr.config.train import TrainConfig

DATASET = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""Names that a run may have: they become a folder, and are typed in a shell."""


class Config(Settings):
    """All settings of a run: what config.yaml and the overlays in config/ may contain."""

    dataset: str = Field("demo", pattern=DATASET, max_length=100)
    """Name of the run. Its results are written to results/<dataset>."""
    source: SourceConfig = SourceConfig()
    body: str = Field("open", min_length=1)
    """open: the body model shipped with the package. Or a folder with the official files of SMPL or
    SMPL-H."""
    prior: str = Field("open", min_length=1)
    """open: the pose prior shipped with the package. Or a file: .npz, or SMPLify's gmm_08.pkl."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Seed of all random numbers."""
    rounds: int = Field(3, ge=1, le=1000)
    """Rounds of the loop after the bootstrap. A higher number later adds only the new rounds."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto (a GPU if there is one), cpu or cuda."""
    threads: ThreadsConfig = ThreadsConfig()
    capture: CaptureConfig = CaptureConfig()
    extract: ExtractConfig = ExtractConfig()
    template: TemplateConfig = TemplateConfig()
    fit: FitConfig = FitConfig()
    relabel: RelabelConfig = RelabelConfig()
    network: NetworkConfig = NetworkConfig()
    train: TrainConfig = TrainConfig()
    infer: InferConfig = InferConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    report: ReportConfig = ReportConfig()
    pretrain: PretrainConfig = PretrainConfig()
