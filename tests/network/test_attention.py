"""Attention in patches equals attention patch by patch, and so do its gradients."""

import pytest
import torch

from sshmr.network.attention import attend
from sshmr.network.ragged import cut_in_patches

HEADS, WIDTH = 3, 12


@pytest.fixture(params=[(8, (20, 9, 3)), (64, (20, 9, 3)), (4, (8, 4))])
def layout(request):
    """Rows of several clouds and their patches, full or not."""
    patch, lengths = request.param
    torch.manual_seed(0)
    starts = torch.tensor((0, *lengths)).cumsum(0)
    order = torch.cat([start + torch.randperm(n) for start, n in zip(starts, lengths, strict=False)])
    patches = cut_in_patches(order, torch.tensor(lengths), patch)
    return torch.randn(sum(lengths), 3 * WIDTH, dtype=torch.float64), patches


def by_hand(mixed, patches, heads):
    found = torch.zeros(len(mixed), WIDTH, dtype=mixed.dtype)
    for slots in patches.source.view(patches.shape):
        rows = slots[slots < len(mixed)]
        query, key, value = mixed[rows].view(len(rows), 3, heads, -1).unbind(1)
        scores = torch.einsum("qhc,khc->hqk", query, key) * query.shape[-1] ** -0.5
        attended = torch.einsum("hqk,khc->qhc", scores.softmax(-1), value)
        found = found.index_copy(0, rows, attended.reshape(len(rows), -1))
    return found


def test_patches_attend_to_their_own_rows(layout):
    torch.testing.assert_close(attend(*layout, HEADS), by_hand(*layout, HEADS))


def test_gradients_are_the_same_too(layout):
    mixed, patches = layout
    gradients = []
    for compute in (attend, by_hand):
        leaf = mixed.clone().requires_grad_()
        (compute(leaf, patches, HEADS) * torch.linspace(-1, 1, WIDTH)).sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients)
