"""Self-attention within patches, by PyTorch's kernel."""

import torch
from torch.nn.functional import scaled_dot_product_attention

from sshmr.network.ragged import Patches, move_rows


def attend(mixed: torch.Tensor, patches: Patches, heads: int) -> torch.Tensor:
    """Every row attends to the rows of its patch: queries, keys and values (V, 3·C) → (V, C)."""
    groups, size = patches.shape
    laid = move_rows(mixed, patches.source, patches.back)
    query, key, value = laid.view(groups, size, 3, heads, -1).permute(2, 0, 3, 1, 4)
    allowed = None if patches.valid is None else patches.valid[:, None, None, :]
    attended = scaled_dot_product_attention(query, key, value, attn_mask=allowed)
    attended = attended.transpose(1, 2).reshape(groups * size, -1)
    return move_rows(attended, patches.back, patches.source)
