#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rpm_damage.py DIR SMALL - makes DIR/bad-* of the whole databases in SMALL: in each one thing is broken, and of
the table in DIR/ok-ndb it lacks exactly the package whose header that was."""
import os
import shutil
import struct
import sys

TOP, SMALL = sys.argv[1:]
THERE = ("plain", "epoch-zero", "epoch-two")
BDB, NDB = "var/lib/rpm/Packages", "usr/lib/sysimage/rpm/Packages.db"
LITE = "usr/lib/sysimage/rpm/rpmdb.sqlite"


def case(name, path, data, gone=(), notes=(), more=None):
    folder, root = os.path.join(TOP, name), os.path.join(TOP, name, "root")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.dirname(os.path.join(root, path)))
    with open(os.path.join(root, path), "wb") as out:
        out.write(data)
    if more:
        with open(os.path.join(root, path + more), "wb") as out:
            out.write(b"a log")
    with open(os.path.join(TOP, "ok-ndb", "expected.tsv"), encoding="utf-8") as table, \
            open(os.path.join(folder, "expected.tsv"), "w", encoding="utf-8") as out:
        for line in table:
            name = line.split("\t")[1]
            if name == "name" or name in THERE and gone != "all" and name not in gone:
                out.write(line)
    with open(os.path.join(folder, "notes.tsv"), "w", encoding="utf-8") as out:
        out.write("level\tcode\tpath\n")
        for code in notes:
            out.write("lost\t%s\t%s%s\n" % (code, path, more or ""))


def whole(name):
    with open(os.path.join(SMALL, name), "rb") as f:
        return bytearray(f.read())


def header_of(data, name):
    """Where the header of a package begins: at its region tag, 8 bytes before."""
    at = data.index(b"C\0" + name + b"\0")
    return data.rindex(b"\0\0\0\x3f\0\0\0\x07", 0, at) - 8


def main():
    bdb, ndb, lite = whole("ok-bdb-little"), whole("ok-ndb"), whole("ok-sqlite-512")

    data = bytearray(bdb)
    page = header_of(data, b"plain") // 1024 * 1024
    struct.pack_into("<I", data, page + 16, page // 1024)
    struct.pack_into("<H", data, page + 22, 100)
    case("bad-bdb-loop", BDB, data, ["plain"], ["rpm-no-version"])

    data = bytearray(bdb)
    data[24] = 1
    case("bad-bdb-encrypted", BDB, data, "all", ["file-unreadable"])

    data = bytearray(ndb)
    blob = header_of(data, b"plain") - 16
    assert data[blob:blob + 4] == b"BlbS"
    data[blob + 4] ^= 0xff
    case("bad-ndb-slot", NDB, data, ["plain"], ["rpm-header"])

    data = bytearray(ndb)
    data[-12] ^= 0xff
    case("bad-ndb-checksum", NDB, data, [], ["rpm-header"])

    data = bytearray(ndb)
    struct.pack_into(">I", data, header_of(data, b"plain"), 0xffffff)
    struct.pack_into("<4s", data, 0, b"RpmQ")
    case("bad-no-database", NDB, data, "all", ["file-unreadable"])

    data = bytearray(lite)
    at = data.index(b"tablePackagesPackages")
    data[at:at + 13] = b"tablePackagex"
    case("bad-sqlite-no-table", LITE, data, "all", ["file-unreadable"])

    case("bad-sqlite-log", LITE, lite, [], ["rpm-wal"], "-wal")
    case("bad-nothing-but-a-head", LITE, lite[:512], "all", ["file-unreadable", "rpm-header"])


main()
