#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rpm_formats.py FORMAT IN OUT - the headers of an SQLite rpm database, written in another format.

sqlite-by-rpm: rpm's own file with all its tables, in smaller pages; sqlite-512: Packages alone, with pages so small that trees and chains get deep;
bdb-*: Berkeley DB hash (db_page.h), in either byte order, its hash pages sorted or not; ndb: rpmpkg.c.
"""
import os
import sqlite3
import struct
import sys
import zlib


def headers(path):
    db = sqlite3.connect(path)
    rows = db.execute("SELECT hnum, blob FROM Packages ORDER BY hnum").fetchall()
    db.close()
    return rows


def write_sqlite(rows, path, page):
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA page_size = {page}")
    # A table before it, and one that is named alike: neither is to be taken for it.
    db.execute("CREATE TABLE 'Name' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)")
    db.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    db.execute("CREATE INDEX 'Name_hnum_idx' ON 'Name' (hnum ASC)")
    db.execute("CREATE TABLE 'PackagesOld' (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
    db.execute("INSERT INTO PackagesOld VALUES (1, x'00')")
    db.executemany("INSERT INTO Packages VALUES (?, ?)", rows)
    # Freed pages, which must not be read.
    db.execute("INSERT INTO Packages VALUES (99, ?)", (rows[0][1].replace(b"plain", b"gone!"),))
    db.execute("DELETE FROM Packages WHERE hnum = 99")
    db.commit()
    db.close()


def shrink(source, path):
    with open(source, "rb") as whole, open(path, "wb") as out:
        out.write(whole.read())
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("PRAGMA page_size = 512")
    db.execute("VACUUM")
    db.close()


def bdb_page(order, page, number, kind, entries, items, next_page=0, used=0):
    """items lie from the end downwards; the index says where each begins."""
    head = struct.pack(order + "8xIIIHHBB", number, 0, next_page, entries, used, 0, kind)
    assert len(head) == 26
    index, body, end = b"", bytearray(page), page
    for item in items:
        end -= len(item)
        body[end:end + len(item)] = item
        index += struct.pack(order + "H", end)
    body[:26] = head
    body[26:26 + len(index)] = index
    assert 26 + len(index) <= end
    return bytes(body)


def write_bdb(rows, path, order, kind, page=1024):
    pages, chains = {}, []
    pairs = [(struct.pack(order + "I", 0), struct.pack(order + "I", len(rows) + 1))]
    number = 3
    for hnum, blob in rows:
        key = struct.pack(order + "I", hnum)
        if len(blob) < page // 4:
            pairs.append((key, blob))
            continue
        first, room = number, page - 26
        parts = [blob[i:i + room] for i in range(0, len(blob), room)]
        for i, part in enumerate(parts):
            follow = number + 1 if i + 1 < len(parts) else 0
            body = bytearray(bdb_page(order, page, number, 7, 1, [], follow, len(part)))
            body[26:26 + len(part)] = part
            pages[number] = bytes(body)
            number += 1
        pairs.append((key, struct.pack(order + "B3xII", 3, first, len(blob))))
    for at, some in ((1, pairs[: len(pairs) // 2]), (2, pairs[len(pairs) // 2:])):
        items = []
        for key, value in some:
            items.append(b"\x01" + key)
            items.append(value if value[:1] == b"\x03" and len(value) == 12 else b"\x01" + value)
        pages[at] = bdb_page(order, page, at, kind, len(items), items)
    meta = bytearray(page)
    struct.pack_into(order + "8xIIIIBBBx", meta, 0, 0, 0x61561, 9, page, 0, 8, 0)
    struct.pack_into(order + "I", meta, 32, number - 1)
    pages[0] = bytes(meta)
    # Two buckets, pages 1 and 2, so that rpm's own reader (backend bdb_ro) finds them as well.
    struct.pack_into(order + "IIIIII", meta, 72, 1, 1, 0, 10, len(pairs), 0)
    struct.pack_into(order + "32I", meta, 96, *[1] * 32)
    # A page that is free again, with old content in it.
    pages[number - 1 + 1] = pages[1][:25] + b"\0" + pages[1][26:]
    struct.pack_into(order + "I", meta, 32, number)
    pages[0] = bytes(meta)
    with open(path, "wb") as out:
        for i in range(len(pages)):
            out.write(pages[i])


def write_ndb(rows, path):
    slots, blobs, block = [], b"", 4096 // 16
    for hnum, blob in rows:
        body = b"BlbS" + struct.pack("<III", hnum, 7, len(blob)) + blob
        body += b"\0" * (-(len(body) + 12) % 16)
        body += struct.pack("<II", zlib.adler32(body), len(blob)) + b"BlbE"
        slots.append(struct.pack("<4sIII", b"Slot", hnum, block, len(body) // 16))
        blobs += body
        block += len(body) // 16
    slots.insert(2, struct.pack("<4sIII", b"Slot", 0, 0, 0))
    slots += [struct.pack("<4sIII", b"Slot", 0, 0, 0)] * (256 - 2 - len(slots))
    with open(path, "wb") as out:
        out.write(struct.pack("<4sIIIII8x", b"RpmP", 0, 7, 1, len(rows) + 1, 0) + b"".join(slots) + blobs)


def main():
    form, source, path = sys.argv[1:]
    rows = headers(source)
    if os.path.exists(path):
        os.unlink(path)
    if form == "sqlite-by-rpm":
        shrink(source, path)
    elif form == "sqlite-512":
        write_sqlite(rows, path, 512)
    elif form == "ndb":
        write_ndb(rows, path)
    else:
        kind = 2 if form == "bdb-unsorted" else 13
        write_bdb(rows, path, ">" if form == "bdb-big" else "<", kind)


main()
