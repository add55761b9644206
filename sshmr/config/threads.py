"""CPU threads of the workflow's jobs."""

from pydantic import Field

from sshmr.config.base import Settings


class ThreadsConfig(Settings):
    """CPU threads of one job, never more than --cores. Shards run in parallel."""

    extract: int = Field(1, ge=1, le=1024)
    """Reading one shard. Only images are read in parallel."""
    fit: int = Field(1, ge=1, le=1024)
    """Fitting one shard."""
    train: int = Field(1, ge=1, le=1024)
    """Training one round. The default network is too small to gain from more; train.processes helps it."""
    infer: int = Field(1, ge=1, le=1024)
    """Predicting one shard."""
