#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes testdata/format/codec with the real tools: codec.py DIR. Needs gzip, pigz, zstd, xz, bzip2.

What ok-* hold is the text() below, as many times as codec_test.c says."""
import gzip
import os
import pathlib
import struct
import subprocess
import sys
import zlib


def text():
    return b"".join(b"%d %d\n" % (i, i * i % 977) for i in range(400))


def run(data, *command):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def member(data, flags=0, fields=b"", level=9, crc=None, length=None):
    """A gzip member by hand (RFC 1952)."""
    z = zlib.compressobj(level, zlib.DEFLATED, -15)
    head = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\3" + fields
    if flags & 2:
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    crc = zlib.crc32(data) if crc is None else crc
    length = len(data) if length is None else length
    return head + z.compress(data) + z.flush() + struct.pack("<II", crc, length)


def samples(scratch):
    t = text()
    named = scratch / "text"
    named.write_bytes(t)
    os.utime(named, (10**9, 10**9))
    gz = gzip.compress(t, 9, mtime=0)
    fields = struct.pack("<H", 6) + b"AB\x02\x00xy" + b"name\0" + b"comment\0"
    yield "ok-gzip", gz
    yield "ok-gzip-name", run(b"", "gzip", "-9Nc", str(named))
    yield "ok-gzip-all-fields", member(t, 2 | 4 | 8 | 16, fields)
    yield "ok-gzip-stored", member(t, level=0)
    yield "ok-gzip-pigz", run(t, "pigz", "-9nib", "128")
    yield "ok-gzip-two", gz + run(t, "gzip", "-1n")
    yield "ok-gzip-two-and-empty", member(b"") + gz + member(b"") + gz + member(b"")
    yield "ok-gzip-empty", run(b"", "gzip", "-n")
    yield "ok-gzip-zeros", gz + bytes(700)
    yield "bad-gzip-junk", gz + b"junk"
    yield "bad-gzip-zeros-then-junk", gz + bytes(512) + b"j"
    yield "bad-gzip-zeros-then-member", gz + bytes(512) + gz
    yield "bad-gzip-crc", member(t, crc=zlib.crc32(t) ^ 1)
    yield "bad-gzip-length", member(t, length=len(t) + 1)
    yield "bad-gzip-second-crc", gz + member(t, crc=0)
    yield "bad-gzip-reserved-flag", member(t, flags=0x20)
    broken = bytearray(member(t, 2 | 4 | 8 | 16, fields))
    broken[broken.index(b"name")] ^= 1
    yield "bad-gzip-header-crc", bytes(broken)
    yield "bad-gzip-cut", gz[:-1]

    zs = run(t, "zstd", "-19c", "--check")
    skip = struct.pack("<II", 0x184D2A50, 5) + b"12345"
    yield "ok-zstd", zs
    yield "ok-zstd-no-check", run(t, "zstd", "-3c", "--no-check")
    yield "ok-zstd-two", zs + run(t, "zstd", "-1c")
    yield "ok-zstd-skippable", skip + zs + struct.pack("<II", 0x184D2A5F, 0)
    yield "ok-zstd-empty", run(b"", "zstd", "-c")
    yield "bad-zstd-junk", zs + b"junk"
    yield "bad-zstd-zeros", zs + bytes(512)
    yield "bad-zstd-check", zs[:-1] + bytes([zs[-1] ^ 1])
    yield "bad-zstd-window", run(t * 30, "zstd", "-c", "--long=28", "--no-content-size")
    yield "bad-zstd-bomb", run(bytes(80 << 20), "zstd", "-19c", "--no-check")

    xz = run(t, "xz", "-0c")
    yield "ok-xz", xz
    yield "ok-xz-sha256", run(t, "xz", "-0c", "--check=sha256")
    yield "ok-xz-x86-filter", run(t, "xz", "-c", "--check=none", "--x86", "--lzma2=preset=0")
    yield "ok-xz-two-padded", xz + bytes(8) + xz + bytes(4)
    yield "ok-xz-empty", run(b"", "xz", "-0c")
    yield "bad-xz-padding", xz + bytes(3)
    yield "bad-xz-padding-then-stream", xz + bytes(2) + xz
    yield "bad-xz-junk", xz + b"junk"
    yield "bad-xz-crc", xz[:-20] + bytes([xz[-20] ^ 1]) + xz[-19:]
    yield "bad-xz-dictionary", run(t, "xz", "-c", "--lzma2=dict=256MiB")
    yield "bad-xz-bomb", run(bytes(80 << 20), "xz", "-1ec")

    bz = run(t, "bzip2", "-1c")
    yield "ok-bzip2", bz
    yield "ok-bzip2-two", bz + run(t, "bzip2", "-2c")
    yield "ok-bzip2-empty", run(b"", "bzip2", "-c")
    yield "bad-bzip2-junk", bz + b"junk"
    yield "bad-bzip2-crc", bz[:12] + bytes([bz[12] ^ 1]) + bz[13:]
    yield "bad-bzip2-bomb", run(bytes(80 << 20), "bzip2", "-9c")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in samples(folder):
        (folder / name).write_bytes(data)
    (folder / "text").unlink()


main()
