#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the samples of testdata/catalog/layer: one byte that says how the tar is cut into pieces,
then a small layer. layer.py DIR"""

import io
import pathlib
import sys
import tarfile

OS_RELEASE = b'ID=alpine\nVERSION_ID=3.18.5\nPRETTY_NAME="Alpine Linux v3.18"\n'
INSTALLED = b"P:musl\nV:1.2.4-r2\nA:x86_64\no:musl\nF:lib\nR:ld-musl-x86_64.so.1\n\n"
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00" + bytes(44)


def entry(tar, name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o755
    for key, value in fields.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(content))


def layer(build, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        build(tar)
    return out.getvalue()


def plain(tar):
    entry(tar, "etc/", type=tarfile.DIRTYPE)
    entry(tar, "etc/os-release", OS_RELEASE)
    entry(tar, "lib/apk/db/installed", INSTALLED)
    entry(tar, "usr/bin/tool", ELF)
    entry(tar, "usr/bin/same", type=tarfile.LNKTYPE, linkname="usr/bin/tool")
    entry(tar, "bin", type=tarfile.SYMTYPE, linkname="usr/bin")


def marks(tar):
    entry(tar, "opt/.wh..wh..opq")
    entry(tar, "opt/.wh.gone")
    entry(tar, "opt/.wh..wh.aufs")
    entry(tar, "opt/.wh.")
    entry(tar, "opt/" + "n" * 180 + "/file", b"#!/bin/sh\n")
    entry(tar, "usr/bin/tool", ELF)
    entry(tar, "usr/bin/tool", b"twice")


def astray(tar):
    entry(tar, "../../etc/passwd", b"root")
    entry(tar, "/absolute", b"x")
    entry(tar, "a/./b//c", b"x")
    entry(tar, "out", type=tarfile.LNKTYPE, linkname="../../out")
    entry(tar, "null", type=tarfile.CHRTYPE)


def main(folder):
    out = pathlib.Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    whole = layer(plain)
    (out / "ok-plain").write_bytes(b"\x40" + whole)
    (out / "ok-gnu").write_bytes(b"\x07" + layer(marks, tarfile.GNU_FORMAT))
    (out / "ok-marks").write_bytes(b"\x00" + layer(marks))
    (out / "bad-astray").write_bytes(b"\x10" + layer(astray))
    (out / "bad-cut").write_bytes(b"\x20" + whole[:3000])


if __name__ == "__main__":
    main(sys.argv[1])
