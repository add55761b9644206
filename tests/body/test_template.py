import numpy as np
import pytest
import torch

from sshmr.body.template import Template, build_template, standing_pose
from sshmr.errors import InputError


def test_template_spreads_over_the_body_and_is_the_same_every_time(neutral_body):
    template = build_template(neutral_body, 256)
    again = build_template(neutral_body, 256)
    assert torch.equal(template.vertex_ids, again.vertex_ids)
    assert len(set(template.vertex_ids.tolist())) == 256
    whole = neutral_body(standing_pose()[None], torch.zeros(1, 10), torch.zeros(1, 3)).vertices[0]
    reach = torch.cdist(whole, whole[template.vertex_ids]).amin(1).max()
    apart = torch.cdist(template.vertices, template.vertices).fill_diagonal_(9).min()
    assert reach <= apart * 1.001, "farthest point sampling covers no worse than its points are apart"


def test_mirror_pairs_left_with_right(neutral_body):
    template = build_template(neutral_body)
    mirrored = template.vertices[template.mirror] * torch.tensor([-1.0, 1.0, 1.0])
    assert (mirrored - template.vertices).norm(dim=1).max() < 0.05


def test_template_survives_the_disk_and_refuses_another_body(tmp_path, neutral_body):
    import dataclasses

    template = build_template(neutral_body, 64)
    template.save(tmp_path / "template.npz")
    loaded = Template.load(tmp_path / "template.npz", neutral_body)
    assert torch.equal(loaded.vertex_ids, template.vertex_ids)
    assert torch.equal(loaded.vertices, template.vertices)
    other = dataclasses.replace(neutral_body, digest="0" * 64)
    with pytest.raises(InputError, match="Build the template again"):
        Template.load(tmp_path / "template.npz", other)


def test_more_vertices_than_the_body_has_is_an_error(neutral_body):
    with pytest.raises(InputError, match="1 to 6890"):
        build_template(neutral_body, 7000)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vertices": None}, 'array "vertices" is missing'),
        ({"vertex_ids": np.arange(8.0)}, 'array "vertex_ids" is of shape'),
        ({"mirror": np.array("none")}, 'array "mirror" is of shape'),
        ({"mirror": np.full(8, 8)}, "do not match each other or the body"),
        ({"vertex_ids": np.full(8, 6890)}, "do not match each other or the body"),
        ({"vertices": np.full((8, 3), np.nan)}, "do not match each other or the body"),
        ({"vertices": np.array([None])}, "of dtype object"),
    ],
)
def test_damaged_templates_are_reported(tmp_path, neutral_body, change, told):
    path = tmp_path / "template.npz"
    build_template(neutral_body, 8).save(path)
    with np.load(path) as archive:
        arrays = {**archive, **change}
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    with pytest.raises(InputError, match=rf"template\.npz.*{told}"):
        Template.load(path, neutral_body)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"template\.npz: it cannot be read"):
        Template.load(path, neutral_body)
