"""Which device torch computes on."""

from sshmr.errors import InputError


def choose_device(name):
    """Torch's device for ``auto`` (the GPU where there is one), ``cpu`` or ``cuda``.

    Raises:
        InputError: when CUDA is asked for and torch sees none.
    """
    import torch  # takes seconds, and --help needs none of it

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError(
            "--device",
            found="it is cuda, but torch sees no CUDA device",
            expected="a GPU that this build of torch can use",
            fix="Set the device to cpu (or auto), or install a build of torch for your GPU",
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")
