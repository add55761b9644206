"""Attention in patches: packed or padded, by whichever kernel, it is the same."""

import pytest
import torch

from sshmr.network import attention
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


def on_gpu(patches):
    return patches._replace(
        source=patches.source.cuda(),
        back=patches.back.cuda(),
        valid=None if patches.valid is None else patches.valid.cuda(),
    )


def by_hand(laid, bounds, size):
    """What FlashAttention's kernel for patches of unlike sizes is told to compute."""
    parts = []
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        assert 0 < end - start <= size
        query, key, value = laid[start:end].unbind(1)
        scores = torch.einsum("qhc,khc->hqk", query, key) * query.shape[-1] ** -0.5
        parts.append(torch.einsum("hqk,khc->qhc", scores.softmax(-1), value))
    return torch.cat(parts)


def test_packed_patches_give_what_padded_ones_do(layout):
    mixed, patches = layout
    found = attention.packed(mixed, patches, HEADS, by_hand)
    torch.testing.assert_close(found, attention.padded(mixed, patches, HEADS))


def test_gradients_are_the_same_too(layout):
    mixed, patches = layout
    gradients = []
    for compute in (attention.padded, lambda *args: attention.packed(*args, by_hand)):
        leaf = mixed.clone().requires_grad_()
        (compute(leaf, patches, HEADS) * torch.linspace(-1, 1, WIDTH)).sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients)


@pytest.fixture
def refusing(monkeypatch):
    """A kernel that must not be asked."""

    def refuse(*_):
        raise AssertionError("asked")

    monkeypatch.setattr(attention, "flash_kernel", lambda: refuse)


@torch.no_grad()
def test_a_kernel_for_gpus_is_not_asked_on_a_cpu(layout, refusing):
    mixed, patches = layout
    attention.attend(mixed.bfloat16(), patches, HEADS)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_kernel_whose_gradients_do_not_repeat_is_not_asked_for_them(layout, refusing):
    mixed, patches = layout
    mixed = mixed.cuda().half().requires_grad_()
    attention.attend(mixed, on_gpu(patches), HEADS).sum().backward()
    with torch.no_grad(), pytest.raises(AssertionError, match="asked"):
        attention.attend(mixed, on_gpu(patches), HEADS)


@pytest.mark.skipif(
    attention.flash_kernel() is None or not torch.cuda.is_available(), reason="needs flash_attn and a GPU"
)
def test_flash_attention_gives_what_pytorch_does(layout):
    mixed, patches = layout
    mixed, patches = mixed.cuda().half(), on_gpu(patches)
    found = attention.packed(mixed, patches, HEADS, attention.flash_kernel())
    torch.testing.assert_close(found, attention.padded(mixed, patches, HEADS), atol=2e-3, rtol=2e-2)
