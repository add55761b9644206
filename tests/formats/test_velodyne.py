"""Packets of a simulated VLP-16, laid out by hand as its manual has them."""

import struct

import numpy as np
import pytest

from sshmr.config.extract import CloudsConfig
from sshmr.errors import InputError
from sshmr.formats.bags import messages
from sshmr.formats.points import read_points
from sshmr.sources.cloud_files import cloud_files

START = 1_316_652_689.0
PACKETS_A_SECOND = 754
TURN = 75
"""Packets in 0.1 s: 12 blocks of two firings, 0.4 degrees each."""


def packet(number):
    """1,206 bytes: every laser sees a wall 5 m away. Source: VLP-16 user manual, 63-9243, chapter 9."""
    blocks = b""
    for block in range(12):
        azimuth = (number * 12 + block) * 40 % 36_000
        blocks += struct.pack("<HH", 0xEEFF, azimuth) + struct.pack("<HB", 2500, 80) * 32
    microseconds = round(1e6 * (START % 3600 + number / PACKETS_A_SECOND))
    return blocks + struct.pack("<IBB", microseconds, 0x37, 0x22)


def write(path, packets, port=2368):
    """Source: libpcap's file format; Ethernet, IPv4 and UDP headers without checksums."""
    content = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
    for number in range(packets):
        data = packet(number)
        udp = struct.pack(">HHHH", port, port, 8 + len(data), 0)
        ip = struct.pack(
            ">BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0, 64, 17, 0, b"\xc0\xa8\1\xc9", b"\xff" * 4
        )
        frame = b"\xff" * 12 + b"\x08\x00" + ip + udp + data
        time = START + number / PACKETS_A_SECOND
        content += struct.pack("<IIII", int(time), round(time % 1 * 1e6), len(frame), len(frame)) + frame
    path.write_bytes(content)


def test_each_turn_is_a_cloud_with_its_time(tmp_path):
    write(tmp_path / "walk.pcap", 5 * TURN)
    found = messages(tmp_path / "walk.pcap")
    assert len(found) >= 4
    times = np.array([float(path.name) for path in found])
    np.testing.assert_allclose(np.diff(times[1:-1]), TURN / PACKETS_A_SECOND, atol=5e-3)
    assert START < times[0] < times[-1] < START + 1
    for path in (found[2], found[1], found[2]):  # forwards, and back
        points = read_points(path)
        assert len(points) > 20_000
        np.testing.assert_allclose(np.linalg.norm(points, axis=1), 5, atol=0.1)
    (files,) = cloud_files(tmp_path, CloudsConfig()).values()
    assert [file.path for file in files] == found
    assert [file.time for file in files] == pytest.approx(times)


def test_other_packets_are_reported(tmp_path):
    (tmp_path / "broken.pcap").write_bytes(b"\xd4\xc3\xb2\xa1 broken")
    write(tmp_path / "other.pcap", 0)
    for name in ("broken", "other"):
        with pytest.raises(InputError, match=rf"{name}\.pcap.*ouster-cli"):
            messages(tmp_path / f"{name}.pcap")
