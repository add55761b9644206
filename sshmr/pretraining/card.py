"""The model card of pretrained weights."""

import json
from typing import Any

from sshmr.body.model import BodyModel, open_body_path
from sshmr.pretraining.evaluation import FAR_OFF, KINDS

MEANING = {
    "depth": "depth cameras, captured poses",
    "lidar": "LiDARs, captured poses",
    "unusual": "both, lying, seated, crawling and kneeling people",
}


def model_card(about: dict[str, Any]) -> str:
    """The model card as Markdown, from the metadata of the weights."""
    config, found = about["pretrain"], about["errors"]
    opened = about["body_digest"] == BodyModel.load(open_body_path("neutral")).digest
    rows = [
        f"| {MEANING[name]} | {found[name]:.0f} mm | {found[f'{name}_over_150_percent']:.1f} % |"
        for name in KINDS
        if name in found
    ]
    motion = config["motion"]
    poses = f"poses of `{motion}` and of the pose prior" if motion else "poses of the pose prior"
    return f"""---
license: {"apache-2.0" if opened else "other"}
library_name: sshmr
---
# Human bodies from partial point clouds, trained on synthetic people

The network of sshmr {about["version"]} after {about["epoch"]:,} steps on {about["clouds"]:,} **simulated**
clouds, without real recordings. Input: a centred cloud of one person, metres, y up. Output: the template
vertex of each point, and a body in SMPL's parameters.

**Data.** Synthetic people ({poses}) in front of simulated depth cameras and LiDARs, with clothes, occlusion,
strays, ground and nearby objects. {config["credit"] or ""}

**Body.** {"The open body that ships with sshmr (CC0)." if opened else "Not sshmr's open body."}
Digest `{about["body_digest"]}`. The weights cannot be used with another body.

**Licence.** {"Apache-2.0." if opened else "No more than the terms of the body allow."}

**Limits.** A prediction is meant as the start of a fit. Errors below are on simulated clouds.

## Errors

People that were not used in training, {config["evaluated"]} clouds of each kind, no fit.

| clouds | mean MPJPE | over {FAR_OFF:.0f} mm |
|---|---|---|
{chr(10).join(rows)}

## Made by

```bash
snakemake pretrain --configfile config/pretrain.yaml
```

```json
{json.dumps({key: about[key] for key in ("seed", "network", "pretrain")}, indent=2)}
```
"""
