"""Training loop, checkpoints and inference."""
