"""A device that was asked for is used, or the error says where it is missing."""

import socket

import pytest
import torch

from sshmr.device import choose_device, describe_device
from sshmr.errors import InputError


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_an_error_that_names_machine_and_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(InputError) as caught:
        choose_device("cuda")
    for part in (socket.gethostname(), "CUDA_VISIBLE_DEVICES=3", torch.__version__):
        assert part in str(caught.value)


def test_the_log_names_the_cpu_and_its_threads(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    line = describe_device(choose_device("cpu"))
    assert line == f"cpu, threads: {torch.get_num_threads()} (on {socket.gethostname()})"
