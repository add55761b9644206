"""Check the compression of a .laz file before it is unpacked.

The decompressor reserves the memory that the file states, and ends the process if it cannot.

Sources: Isenburg, "LASzip: lossless compression of LiDAR data", PE&RS 2013; the LASzip specification's record
22204; the layout of layers as found in files that lazrs writes.
"""

import struct
from types import ModuleType
from typing import BinaryIO

LAYERS = {10: 9, 11: 1, 12: 2, 13: 1}
"""Layers of each item that is compressed in layers: point, colour, colour and infrared, wave."""
VARIABLE = 2**32 - 1
"""The size of chunks that differ in size: each states its own."""
EXTRA_BYTES = 14
"""The item that has a layer for each of its bytes."""


def check_laz(
    stream: BinaryIO, lazrs: ModuleType, header_size: int, records: int, start: int, width: int, number: int
) -> None:
    """Compare the compression's description, its table of chunks and the sizes in each chunk with the file.

    Args:
        stream: the file, binary. lazrs: the decompressor's module.
        header_size: bytes of the header, followed by ``records`` variable length records.
        start: where the points begin. width: bytes of a point. number: of points.

    Raises:
        ValueError: with what is wrong.
    """
    record = _record(stream, header_size, records)
    chunk_size, count = struct.unpack_from("<I", record, 12)[0], struct.unpack_from("<H", record, 32)[0]
    items = [struct.unpack_from("<HHH", record, 34 + 6 * number) for number in range(count)]
    if not items or not chunk_size or sum(size for _, size, _ in items) != width:
        raise ValueError("its description of the compression does not fit its points")
    size = stream.seek(0, 2)
    stream.seek(start)
    (table,) = struct.unpack("<q", stream.read(8).ljust(8, b"\0"))
    if not start + 8 <= table <= size - 8:
        raise ValueError("it is cut short: its table of chunks is missing")
    stream.seek(table + 4)
    (chunks,) = struct.unpack("<I", stream.read(4))
    if chunks > table - start:
        raise ValueError(f"its table counts {chunks} chunks, more than it has bytes")
    stream.seek(start)
    table_of_chunks = lazrs.read_chunk_table(stream, lazrs.LazVlr(record))
    sizes = [size for _, size in table_of_chunks]
    held = sum(count if chunk_size == VARIABLE else chunk_size for count, _ in table_of_chunks)
    if held < number:
        raise ValueError(f"its table of chunks covers {held} of {number} points")
    if sum(sizes) > table - start - 8:
        raise ValueError("its table has chunks after the last point")
    layers = sum(size if kind == EXTRA_BYTES else LAYERS.get(kind, 0) for kind, size, _ in items)
    if layers:
        _check_layers(stream, start + 8, sizes, width, layers)


def _record(stream: BinaryIO, header_size: int, records: int) -> bytes:
    """The variable length record that describes the compression."""
    stream.seek(header_size)
    for _ in range(records):
        head = stream.read(54)
        number, length = struct.unpack_from("<HH", head, 18)
        content = stream.read(length)
        if head[2:18].rstrip(b"\0") == b"laszip encoded" and number == 22204:
            return content
    raise ValueError("it does not describe its compression")


def _check_layers(stream: BinaryIO, place: int, sizes: list[int], width: int, layers: int) -> None:
    """Each chunk: a point as it is, the number of points, the size of each layer, the layers."""
    for size in sizes:
        stream.seek(place + width + 4)
        stated = struct.unpack(f"<{layers}I", stream.read(4 * layers).ljust(4 * layers, b"\xff"))
        if width + 4 + 4 * layers + sum(stated) > size:
            raise ValueError("its chunks list layers that are missing")
        place += size
