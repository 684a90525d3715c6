"""A PNG around pixels that are deflated already (ISO/IEC 15948:2004, sections 5, 10 and 11)."""

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BITS = 8
_INDEXED = 3
# Deflated with a window of 32 KiB, without a dictionary; a multiple of 31 as it has to be (RFC 1950).
_ZLIB = b"\x78\x01"


def indexed(pixels: tuple[int, int], palette: bytes, rows: bytes) -> bytes:
    """Write a picture of so many pixels (width, height) whose colours are indexes into a palette.

    Args:
        pixels: width and height.
        palette: red, green and blue of at most 256 colours.
        rows: a raw deflate stream; each row is its filter (one byte) and an index for each pixel.

    Raises:
        zlib.error: the stream is none.
        ValueError: it is not of so many pixels.
    """
    width, height = pixels
    inflated = zlib.decompress(rows, -zlib.MAX_WBITS, (width + 1) * height)
    if len(inflated) != (width + 1) * height:
        raise ValueError(f"{len(inflated)} bytes are no rows of {width} by {height} pixels.")
    stream = _ZLIB + rows + struct.pack(">I", zlib.adler32(inflated))
    header = struct.pack(">IIBBBBB", width, height, _BITS, _INDEXED, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", stream), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
