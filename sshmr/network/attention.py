"""Self-attention within patches: with FlashAttention's kernel if it is installed and suitable, else with
PyTorch's.

Source of the kernel: Dao, "FlashAttention-2", ICLR 2024; it computes on a GPU in half precision. PyTorch has
its own kernel, which needs patches of equal size. Gradients are always PyTorch's: FlashAttention's
differed between runs for large patches, even in its deterministic mode.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from sshmr.network.ragged import Patches, move_rows
from sshmr.runtime import find_kernel


def attend(mixed: torch.Tensor, patches: Patches, heads: int) -> torch.Tensor:
    """Every row attends to the rows of its patch: queries, keys and values (V, 3·C) → (V, C)."""
    fits = mixed.is_cuda and mixed.dtype in (torch.float16, torch.bfloat16) and not torch.is_grad_enabled()
    kernel = flash_kernel() if fits else None
    return padded(mixed, patches, heads) if kernel is None else packed(mixed, patches, heads, kernel)


def padded(mixed: torch.Tensor, patches: Patches, heads: int) -> torch.Tensor:
    """``attend`` with all patches padded to one size."""
    groups, size = patches.shape
    laid = move_rows(mixed, patches.source, patches.back)
    query, key, value = laid.view(groups, size, 3, heads, -1).permute(2, 0, 3, 1, 4)
    allowed = None if patches.valid is None else patches.valid[:, None, None, :]
    attended = scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    attended = attended.transpose(1, 2).reshape(groups * size, -1)
    return move_rows(attended, patches.back, patches.source)


def packed(
    mixed: torch.Tensor, patches: Patches, heads: int, kernel: Callable[..., torch.Tensor]
) -> torch.Tensor:
    """``attend`` with concatenated patches.

    Args:
        kernel: called with (V, 3, heads, C / heads), the patches' first rows and the last one's end as int32,
            and the largest size; returns (V, heads, C / heads).
    """
    count, (groups, size) = len(mixed), patches.shape
    source = patches.source[patches.source < count]
    back = torch.empty_like(source)
    back[source] = torch.arange(count, device=source.device)
    lengths = source.new_full((groups,), size) if patches.valid is None else patches.valid.sum(1)
    bounds = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).int()
    laid = move_rows(mixed, source, back).view(count, 3, heads, -1)
    return move_rows(kernel(laid, bounds, size).reshape(count, -1), back, source)


def flash_kernel() -> Callable[..., Any] | None:
    """``flash_attn``'s, or None where it can't be imported."""
    return find_kernel("flash_attn", "flash_attn_varlen_qkvpacked_func")
