"""A GPU that isn't there: its tensors compute on the CPU but say that they are elsewhere, on ``meta``.

It shows, on any machine, where code forgets to move a tensor: what mixes them with others is refused.
Numbers, speed and kernels are the CPU's; gradients are not recorded.
"""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

MOVES = {"aten::copy_", "aten::_to_copy"}
TAKES_OTHERS_INDICES = {"aten::index.Tensor", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}


class Pretender(torch.Tensor):
    """Wraps the tensor that holds the numbers."""

    @staticmethod
    def __new__(cls, inner):
        wrapper = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device="meta",
        )
        wrapper.inner = inner
        return wrapper

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return _computed(operation, args, kwargs or {})

    def tolist(self):
        return self.inner.tolist()

    def new_tensor(self, values):
        return Pretender(self.inner.new_tensor(values))

    def __getitem__(self, index):
        return Pretender(self.inner[_inner(index)])

    def __setitem__(self, index, value):
        self.inner[_inner(index)] = _inner(value)

    def __repr__(self, *, tensor_contents=None):
        return f"Pretender({self.inner})"


class _Makes(TorchFunctionMode):
    """``torch.tensor`` fills memory by itself, unseen by the dispatcher."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.tensor and kwargs.get("device") is not None:
            asked = kwargs.pop("device")
            return function(*args, **kwargs).to(asked)
        return function(*args, **kwargs)


class PretendedGpu(TorchDispatchMode):
    """Context in which ``device="meta"`` works as a GPU would."""

    def __enter__(self):
        self.makes = _Makes()
        self.makes.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.makes.__exit__(*error)

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return _computed(operation, args, kwargs or {})


def _inner(tree):
    """The same with the tensors that hold the numbers."""
    return tree_map(lambda leaf: leaf.inner if isinstance(leaf, Pretender) else leaf, tree)


def _computed(operation, args, kwargs):
    name = operation.name()
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    moved = any(isinstance(tensor, Pretender) for tensor in tensors)
    if moved and name not in MOVES:
        must = tensors[:1] if name in TAKES_OTHERS_INDICES else tensors
        strangers = [tuple(t.shape) for t in must if not isinstance(t, Pretender) and t.dim()]
        if strangers:
            raise RuntimeError(f"{name} mixes devices: tensors of {strangers} were not moved")
    if kwargs.get("device") is not None:
        moved = torch.device(kwargs["device"]).type == "meta"
        kwargs = kwargs | {"device": torch.device("cpu")}
    result = operation(*_inner(args), **_inner(kwargs))
    if not moved:
        return result
    return tree_map(lambda leaf: Pretender(leaf) if isinstance(leaf, torch.Tensor) else leaf, result)
