#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes testdata/format/tar with GNU tar and Python's tarfile, and broken ones by hand: tar.py DIR."""
import io
import os
import pathlib
import struct
import subprocess
import sys
import tarfile
import tempfile

LONG = "/".join("folder-%d-" % i + "long" * 17 for i in range(3))  # 235 bytes


def tree(root):
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text("ID=sample\nVERSION_ID=1\n")
    (root / "empty").write_text("")
    (root / "etc/block").write_bytes(b"b" * 512)
    (root / "etc/more").write_bytes(b"m" * 513)
    (root / "tool").write_text("#!/bin/sh\n")
    (root / "tool").chmod(0o4755)
    (root / "link").symlink_to("etc/os-release")
    (root / "hard").hardlink_to(root / "etc/os-release")
    os.mkfifo(root / "fifo")


def long_names(root):
    tree(root)
    (root / LONG).mkdir(parents=True)
    (root / LONG / "leaf").write_text("deep\n")
    (root / "long-link").symlink_to(LONG + "/leaf")
    (root / "k\u00f6ln").write_text("u\n")
    pathlib.Path(os.fsdecode(os.fsencode(str(root)) + b"/bad-\xff-utf8")).write_text("n\n")


def sparse(root, pieces):
    root.mkdir()
    with open(root / "sparse", "wb") as f:
        for i in range(pieces):
            f.seek(1024 * (2 * i + 1))
            f.write(bytes([65 + i % 26]) * 512)
        f.truncate(1024 * 2 * pieces + 77)
    (root / "after").write_text("still in step\n")


def gnu_tar(root, *options):
    command = ["tar", "-C", str(root), "-c", "-b1", "--sort=name", "--mtime=@1000000000", "--owner=u:7",
               "--group=g:8", *options, "."]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def python_tar(fmt, members, pax_headers=None):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=fmt, pax_headers=pax_headers or {}) as t:
        for member, data in members:
            member.size = len(data)
            t.addfile(member, io.BytesIO(data))
    return out.getvalue().rstrip(b"\0") + bytes(1536)


def info(name, **fields):
    member = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(member, key, value)
    return member


def padded(data):
    return data + bytes(-len(data) % 512)


def block(name, size=b"00000000000\0", letter=b"0", link=b"", magic=b"ustar\x0000", prefix=b"", signed=False):
    """A header by hand; size is the raw field."""
    b = bytearray(512)
    b[0:len(name)] = name
    b[100:124] = b"0000644\0" b"0000000\0" b"0000000\0"
    b[124:136] = size.ljust(12, b"\0")
    b[136:148] = b"00000000000\0"
    b[156:157] = letter
    b[157:157 + len(link)] = link
    b[257:265] = magic
    b[345:345 + len(prefix)] = prefix
    return seal(b, signed)


def seal(b, signed=False):
    b = bytearray(b)
    b[148:156] = b" " * 8
    total = sum(x - 256 if signed and x > 127 else x for x in b)
    b[148:156] = b"%06o\0 " % total
    return bytes(b)


def octal(n):
    return b"%011o\0" % n


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    n = len(body)
    while n != len(b"%d" % n) + len(body):
        n = len(b"%d" % n) + len(body)
    return b"%d" % n + body


def text(letter, data):
    return block(b"././@meta", octal(len(data)), letter) + padded(data)


def file(name, data, **kw):
    return block(name, octal(len(data)), **kw) + padded(data)


END = bytes(1024)
PAX = ["--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"]


def old_sparse(pairs, real, data, more=False):
    b = bytearray(block(b"s", octal(len(data)), b"S", magic=b"ustar  \0"))
    for i, (offset, length) in enumerate(pairs):
        b[386 + 24 * i:386 + 24 * i + 24] = octal(offset) + octal(length)
    b[482] = more
    b[483:495] = octal(real)
    return seal(b) + (b"" if more else padded(data))


def by_hand():
    ok = file(b"ok", b"fine\n")
    yield "ok-signed-checksum", file(b"h\xf6he", b"1", signed=True) + END
    yield "ok-v7-folder", block(b"folder/", letter=b"\0", magic=bytes(8)) + END
    yield "ok-prefix", file(b"name", b"1", prefix=b"some/folder") + END
    star = bytearray(block(b"name", octal(0), prefix=b"p" * 131 + b"123"))
    star[508:512] = b"tar\0"
    yield "ok-star", seal(star) + END
    yield "ok-no-end", ok
    yield "ok-one-zero-block", ok + bytes(512)
    yield "ok-no-padding", ok[:512 + 5]
    yield "ok-junk-after-end", ok + END + bytes(512) + b"junk"
    yield "ok-global", text(b"g", record(b"comment", b"c") + record(b"path", b"never")) + ok + END
    yield "ok-base256-size", block(b"b", b"\x80" + bytes(10) + b"\x03") + padded(b"123") + END
    yield "ok-hard-link-with-size", block(b"h", octal(9999), b"1", b"ok") + ok + END
    yield "ok-pax-last-wins", text(b"x", record(b"path", b"a") + record(b"path", b"b")) + ok + END
    yield "ok-pax-two-headers", text(b"x", record(b"path", b"a")) + text(b"x", record(b"uid", b"5")) + ok + END
    yield "ok-pax-empty-value", text(b"x", record(b"path", b"a") + record(b"path", b"")) + ok + END
    yield "ok-pax-size", text(b"x", record(b"size", b"5")) + block(b"z", octal(0)) + padded(b"12345") + ok + END
    yield "ok-pax-and-gnu-name", text(b"x", record(b"path", b"pax")) + text(b"L", b"gnu\0") + ok + END
    yield "ok-capability", text(b"x", record(b"SCHILY.xattr.security.capability", b"\1\0\0\2\0")) + ok + END
    yield "ok-other-type", file(b"v", b"content", letter=b"V") + ok + END
    yield "ok-sparse-all-hole", old_sparse([(0, 0)], 5000, b"") + ok + END

    yield "bad-checksum", ok[:3] + b"!" + ok[4:] + END
    yield "bad-second-checksum", ok + ok[:3] + b"!" + ok[4:] + END
    yield "bad-negative-size", block(b"n", b"\xff" * 12) + END
    yield "bad-size-text", block(b"n", b"12x") + END
    yield "bad-huge-size", block(b"n", b"\x80\0\0\0\x7f" + b"\xff" * 7) + END
    yield "bad-lone-zero-block", ok + bytes(512) + ok + END
    yield "bad-cut-header", ok + ok[:100]
    yield "bad-cut-content", ok[:512 + 3]
    yield "bad-cut-pax", text(b"x", record(b"path", b"a" * 600))[:700]
    yield "bad-pax-without-entry", ok + text(b"x", record(b"path", b"a"))
    yield "ok-second-zero-block-cut", ok + bytes(512 + 100)
    yield "bad-lone-zero-block-and-cut", ok + bytes(512) + ok[:100]
    yield "bad-pax-before-end", ok + text(b"x", record(b"path", b"a")) + END
    yield "damaged-global", text(b"g", b"99 path=a\n") + ok + END
    yield "bad-pax-size-negative", text(b"x", record(b"size", b"-1")) + ok + END
    yield "damaged-pax-length", text(b"x", b"99 path=a\n") + ok + END
    yield "damaged-pax-no-equals", text(b"x", b"7 path\n") + ok + END
    yield "damaged-pax-no-newline", text(b"x", b"9 path=ab") + ok + END
    yield "damaged-pax-nul", text(b"x", record(b"path", b"a\0b")) + ok + END
    yield "damaged-pax-uid", text(b"x", record(b"uid", b"root")) + ok + END
    yield "damaged-mode", seal(ok[:100] + b"rw-r--r-" + ok[108:512]) + ok[512:] + END
    yield "damaged-path-too-long", text(b"x", record(b"path", b"p" * 4097)) + ok + END
    yield "damaged-sparse-overlap", old_sparse([(0, 4), (2, 4)], 100, b"12345678") + ok + END
    yield "damaged-sparse-beyond-size", old_sparse([(96, 8)], 100, b"12345678") + ok + END
    yield "damaged-sparse-missing-data", old_sparse([(0, 100)], 100, b"12345678") + ok + END
    yield "damaged-sparse-more-data", old_sparse([(0, 4)], 100, b"12345678") + ok + END
    extension = bytearray(512)
    extension[0:24] = octal(512) + b"not a number"
    yield "damaged-sparse-extension", old_sparse([(0, 4)] + [(8 + i, 1) for i in range(3)], 100, b"1234567",
                                                 True) + bytes(extension) + padded(b"1234567") + ok + END
    one = record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0") + \
        record(b"GNU.sparse.name", b"real") + record(b"GNU.sparse.realsize", b"100")
    yield "damaged-sparse-1.0-letters", text(b"x", one) + file(b"s", padded(b"1\n0\nx\n") + b"1234") + ok + END
    yield "damaged-sparse-1.0-count", text(b"x", one) + file(b"s", padded(b"9999\n0\n4\n") + b"1234") + ok + END
    zero = [record(b"GNU.sparse.size", b"100"), record(b"GNU.sparse.numblocks", b"1")]
    yield "damaged-sparse-0.0-order", text(b"x", zero[0] + zero[1] + record(b"GNU.sparse.numbytes", b"4")) + \
        file(b"s", b"1234") + ok + END
    yield "damaged-sparse-0.1-count", text(b"x", zero[0] + record(b"GNU.sparse.numblocks", b"2") +
                                           record(b"GNU.sparse.map", b"0,4")) + file(b"s", b"1234") + ok + END
    yield "damaged-sparse-folder", text(b"x", one) + block(b"d", letter=b"5") + ok + END


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    made = dict(by_hand())
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        tree(scratch / "tree")
        long_names(scratch / "long")
        sparse(scratch / "few", 3)
        sparse(scratch / "many", 27)
        without = {"v7": ["--exclude=fifo"], "ustar": []}
        for fmt in without:
            made["ok-gnutar-" + fmt] = gnu_tar(scratch / "tree", "--format=" + fmt, *without[fmt])
        for fmt in ("oldgnu", "gnu", "posix"):
            made["ok-gnutar-" + fmt] = gnu_tar(scratch / "long", "--format=" + fmt, *(PAX if fmt == "posix" else []))
        made["ok-sparse-gnu"] = gnu_tar(scratch / "few", "--format=gnu", "-S", "--hole-detection=raw")
        made["ok-sparse-gnu-many"] = gnu_tar(scratch / "many", "--format=gnu", "-S", "--hole-detection=raw")
        for version in ("0.0", "0.1", "1.0"):
            made["ok-sparse-" + version] = gnu_tar(scratch / "few", "--format=posix", "-S", "--hole-detection=raw",
                                                   "--sparse-version=" + version, *PAX)
    odd = [(info("device", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b""),
           (info("disk", type=tarfile.BLKTYPE), b""),
           (info("owner", uid=3000000, gid=4000000, mode=0o6711), b"x"),
           (info("n" * 180), b"long"), (info("to", type=tarfile.SYMTYPE, linkname="l" * 150), b"")]
    made["ok-python-gnu"] = python_tar(tarfile.GNU_FORMAT, odd)
    made["ok-python-pax"] = python_tar(tarfile.PAX_FORMAT, odd, {"comment": "global"})
    made["ok-python-ustar"] = python_tar(tarfile.USTAR_FORMAT, [(info("a/" * 60 + "b" * 99), b"split")])
    for name, data in made.items():
        (folder / name).write_bytes(data)


main()
