#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the samples of testdata/box/facts_wire by the rules of protobuf's encoding, from the field
numbers in src/box/facts.proto. facts_wire.py DIR"""

import pathlib
import struct
import sys


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def text(field, b):
    return varint(field << 3 | 2) + varint(len(b)) + b


def hashes(field, values):
    return text(field, b"".join(struct.pack("<Q", v) for v in values))


def numbers(field, values):
    return text(field, b"".join(map(varint, values)))


def message(dirs_of_pkg=0, name=b"musl", counts=(1,), extra=b""):
    root = text(10, text(1, b"") + number(2, 1))
    lib = text(10, text(1, b"lib") + hashes(4, [7, 9]) + numbers(5, [10, 300]))
    pkg = text(12, text(1, b"apk") + text(3, name) + text(4, b"1.2.4-r2") + text(14, b"apk")
               + text(15, b"lib/db") + number(16, dirs_of_pkg))
    execs = text(13, text(1, b"lib/x") + number(2, 1) + text(3, bytes(32)) + number(4, 10) + number(5, 0o755))
    owned = text(14, text(1, b"apk") + text(2, b"musl") + text(5, b"lib/db") + number(6, 1)
                 + numbers(7, [0]) + numbers(8, counts) + hashes(9, [7]))
    note = text(16, number(1, 2) + text(2, b"code") + text(5, b"what was lost"))
    return (number(1, 1) + text(2, bytes(32)) + text(7, b"gzip") + root + lib + pkg + execs + owned
            + note + text(17, b"lib") + extra)


def main(folder):
    out = pathlib.Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    samples = {
        "ok-small": message(dirs_of_pkg=1),
        "ok-unknown-field": message(extra=text(99, b"new")),
        "bad-dir": message(dirs_of_pkg=77),
        "bad-name": message(name=b"x\x1b[2J"),
        "bad-counts": message(counts=(5,)),
        "bad-version": number(1, 99) + message()[2:],
        "bad-cut": message()[:-9],
    }
    for name, content in samples.items():
        (out / name).write_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1])
