"""A network and a training small enough for a test."""

import pytest

SETTINGS = {
    "network": {
        "grid": 0.15,
        "depths": [1, 1],
        "widths": [8, 16],
        "heads": [2, 2],
        "decoder_depths": [1],
        "decoder_widths": [16],
        "decoder_heads": [2],
        "patch": 32,
        "features": 16,
        "head_width": 16,
        "head_layers": 1,
    },
    "train": {
        "epochs": 3,
        "batch": 4,
        "points": 64,
        "matched_points": 32,
        "validation": 0.2,
        "initial": "none",
    },
}


@pytest.fixture
def settings():
    return {section: dict(values) for section, values in SETTINGS.items()}
