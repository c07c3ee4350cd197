# SPDX-License-Identifier: Apache-2.0
"""Hostile images: each ends within bounds; exit code 0 only where nothing was lost, else 1 or 3 with
a message that says what and where. Every image is made here."""

import hashlib
import json
import os
import random
import signal
import struct
import subprocess
import tarfile
import time
import zlib

import pytest

import kit
from image import (OCI, Entry, File, Folder, Gone, Hard, Image, Link, Opaque, alpine_release,
                   apk_row, deb_row, debian_release, elf, gzip_of, sha256, tar_of, zip_of)

MIB = 1 << 20
BASE_MIB = 96  # what any scan may take, beside what the image makes it hold


def base(img=None, packages=(("musl", "1.2.2-r3"), ("zlib", "1.2.11-r3"))):
    """An image whose first layer is sound and has two packages."""
    img = img or Image()
    rows = "".join(apk_row(n, v) for n, v in packages)
    return img.layer([File("etc/os-release", alpine_release()), File("lib/apk/db/installed", rows),
                      Folder("bin"), File("bin/busybox", elf(), 0o755), Link("bin/sh", "busybox")])


def packages(done, kind="apk"):
    return {(c["name"], c["version"]) for c in done.json["components"] if c["type"] == kind}


SOUND = {("musl", "1.2.2-r3"), ("zlib", "1.2.11-r3")}


def bounded(done, held_mib=0, seconds=60):
    assert not done.killed, "no end within the time bound"
    assert done.code in (kit.OK, kit.FAILED, kit.INCOMPLETE), done
    assert done.seconds < seconds, done
    assert done.peak_bytes < (BASE_MIB + held_mib) * MIB, done
    done.out.encode("utf-8")


def whole(done, **bounds):
    bounded(done, **bounds)
    assert done.code == kit.OK, (done, done.out[-2000:])
    assert done.json["complete"] is True
    assert done.notes("lost") == []


def lost(done, *words, **bounds):
    """Not whole, and one of the words (in any case) is said."""
    bounded(done, **bounds)
    assert done.code in (kit.FAILED, kit.INCOMPLETE), (done, done.out[-2000:])
    if done.code == kit.INCOMPLETE:
        assert done.json["complete"] is False and done.notes("lost")
    said = done.said().lower()
    assert said.strip()
    if words:
        assert any(w.lower() in said for w in words), said


# Paths and links.

def test_path_traversal(scan, tmp_path):
    """R36: names that climb out of the image touch nothing and are said"""
    canary = tmp_path / "canary"
    img = base().layer(tar_of([File("../../../../../../.." + str(canary), "x"), File(str(canary), "x"),
                               File("a/../../b", "x"), Link("out", "/"), File("out/" + str(canary), "x"),
                               Hard("hard", "../../../etc/passwd")]))
    done = scan(img.write_layout(tmp_path / "img"))
    bounded(done)
    assert not canary.exists()
    assert packages(done) == SOUND
    assert done.code == kit.INCOMPLETE or done.json["notes"]


def test_link_loops(scan, tmp_path):
    """R6: links that lead in circles end, and hide nothing"""
    img = base().layer([Link("a", "b"), Link("b", "a"), Link("self", "self"), Link("up", ".."),
                        Link("usr/lib/x", "../../usr/lib/x/y"), Hard("h1", "h2"), Hard("h2", "h1"),
                        Link("opt", "/opt/opt")])
    done = scan(img.write_layout(tmp_path / "img"))
    bounded(done)
    assert packages(done) == SOUND


def test_database_behind_link(scan, tmp_path):
    """R6: a database reached by a link of a lower layer is found; one link further too"""
    img = Image().layer([File("etc/os-release", alpine_release()), Folder("usr/lib"),
                         Link("lib", "usr/lib")])
    img.layer([File("lib/apk/db/installed", apk_row("musl", "1.2.2-r3"))])
    done = scan(img.write_layout(tmp_path / "img"))
    whole(done)
    assert packages(done) == {("musl", "1.2.2-r3")}


def test_whiteouts_hide(scan, tmp_path):
    """R1: whiteouts and opaque folders take away what lower layers have, and no more"""
    img = base().layer([Gone("lib/apk/db/installed")])
    done = scan(img.write_layout(tmp_path / "gone"))
    bounded(done)
    assert packages(done) == set()
    img = base().layer([Opaque("lib/apk"), File("lib/apk/db/installed", apk_row("curl", "8.0.0-r0"))])
    done = scan(img.write_layout(tmp_path / "opaque"))
    whole(done)
    assert packages(done) == {("curl", "8.0.0-r0")}


def test_bad_names(scan, tmp_path):
    """R6: names that are not UTF-8, or hold control bytes, leave the report valid"""
    names = [b"bin/\xff\xfe\x80run", b"bin/\x1b[31mred", b"bin/\xed\xa0\x80", b"bin/new\nline",
             "bin/\u202egpj.exe".encode()]
    img = base().layer(tar_of([Entry(n.decode("utf-8", "surrogateescape"), 0o755, data=elf())
                               for n in names], form=tarfile.GNU_FORMAT))
    done = scan(img.write_layout(tmp_path / "img"))
    bounded(done)
    assert packages(done) == SOUND
    assert len(done.json["executables"]) == 1 + len(names)
    assert "\x1b" not in done.out and "\x1b" not in done.err
    table = scan(img.write_layout(tmp_path / "img"), "-o", "table")
    assert "\x1b[31m" not in table.out


# Layers that are not what they should be.

def sound_layer():
    data = random.Random(1).randbytes(200000)
    return tar_of([File("opt/data", data), File("opt/app/node_modules/x/package.json",
                                                '{"name":"x","version":"1.0.0"}')])


@pytest.mark.parametrize("keep", ["0", "1", "9", "1/4", "1/2", "3/4", "-100", "-9", "-8", "-1"])
def test_truncated(keep, scan, tmp_path):
    """R36: a layer cut short is said, wherever it is cut"""
    tar = sound_layer()
    blob = gzip_of(tar)
    if "/" in keep:
        cut = len(blob) * int(keep[0]) // int(keep[2])
    else:
        cut = int(keep) if int(keep) >= 0 else len(blob) + int(keep)
    img = base().raw_layer(blob[:cut], sha256(tar))
    done = scan(img.write_layout(tmp_path / "img"))
    lost(done, "layer", "gzip", "truncated", "ends", "short")
    if done.code == kit.INCOMPLETE:
        assert packages(done) == SOUND


@pytest.mark.parametrize("place", ["header", "early", "middle", "late", "crc", "length"])
def test_corrupt(place, scan, tmp_path):
    """R36: a layer with a flipped bit is said, wherever it is"""
    tar = sound_layer()
    blob = bytearray(gzip_of(tar))
    at = {"header": 2, "early": 40, "middle": len(blob) // 2, "late": len(blob) - 40,
          "crc": len(blob) - 7, "length": len(blob) - 2}[place]
    blob[at] ^= 0x10
    img = base().raw_layer(bytes(blob), sha256(tar))
    done = scan(img.write_layout(tmp_path / "img"))
    lost(done)


@pytest.mark.parametrize("tail", ["junk", "second member of junk", "zeros"])
def test_after_the_end(tail, scan, tmp_path):
    """R36: bytes behind the end of a layer are not passed over in silence"""
    tar = sound_layer()
    more = {"junk": b"\x01\x02junk" * 20, "second member of junk": gzip_of(b"\xff" * 1024),
            "zeros": gzip_of(bytes(10240))}[tail]
    full = tar + (bytes(10240) if tail == "zeros" else b"")
    img = base().raw_layer(gzip_of(tar) + more, sha256(full))
    done = scan(img.write_layout(tmp_path / "img"))
    bounded(done)
    if tail == "zeros":
        assert done.code == kit.OK, done
    else:
        assert done.code != kit.OK or done.json["notes"]


@pytest.mark.parametrize("cut", [100, 511, 512, 600, 1024])
def test_tar_ends_early(cut, scan, tmp_path):
    """R36: a sound gzip whose tar stops inside a file is said"""
    tar = tar_of([File("opt/data", b"x" * 5000)])[:cut]
    img = base().raw_layer(gzip_of(tar), sha256(tar))
    done = scan(img.write_layout(tmp_path / "img"))
    lost(done, "tar", "layer")


def test_wrong_blob_digest(scan, tmp_path):
    """R13: a layer whose bytes are not those of its digest is not believed"""
    img = base()
    other = gzip_of(tar_of([File("etc/evil", "x")]))
    img.raw_layer(other, sha256(tar_of([File("etc/evil", "x")])), digest="sha256:" + "ab" * 32)
    done = scan(img.write_layout(tmp_path / "img"))
    lost(done, "digest", "abab")


def test_wrong_size(scan, tmp_path):
    """R13: a layer that is longer than its descriptor says is not believed"""
    tar = sound_layer()
    blob = gzip_of(tar)
    for size in (len(blob) - 1, len(blob) + 1, 0):
        img = base().raw_layer(blob, sha256(tar), size=size)
        lost(scan(img.write_layout(tmp_path / str(size))), "size", "long", "short", "byte")


def test_wrong_config_digest(scan, tmp_path):
    """R13: a configuration that is not what its digest says is not believed"""
    img = base()
    ref = img.write_layout(tmp_path / "img", manifest=img.manifest("sha256:" + "cd" * 32))
    lost(scan(ref), "digest", "cdcd")


def test_wrong_diff_id(scan, tmp_path):
    """R13: a diff_id that is not the digest of the layer's tar is said"""
    img = base()
    tar = sound_layer()
    img.raw_layer(gzip_of(tar), "sha256:" + "ef" * 32)
    done = scan(img.write_layout(tmp_path / "img"))
    lost(done, "diff_id", "diff-id")
    assert ("x", "1.0.0") in packages(done, "npm")


def test_borrowed_diff_id(scan, tmp_path):
    """R13: an image that names a clean layer's diff_id does not get that layer's facts"""
    clean = Image().layer([File("etc/os-release", alpine_release()),
                           File("lib/apk/db/installed", apk_row("musl", "1.2.2-r3"))])
    bad_tar = tar_of([File("etc/os-release", alpine_release()),
                      File("lib/apk/db/installed", apk_row("xz-libs", "5.6.1-r0"))])
    bad = Image().raw_layer(gzip_of(bad_tar), clean.diff_ids[0])
    clean_ref = clean.write_layout(tmp_path / "clean")
    bad_ref = bad.write_layout(tmp_path / "bad")
    for order in ((clean_ref, bad_ref), (bad_ref, clean_ref)):
        cache = tmp_path / ("cache-" + str(order[0] == bad_ref))
        for ref in order + order:
            done = scan(ref, cache=str(cache))
            if ref == clean_ref:
                whole(done)
                assert packages(done) == {("musl", "1.2.2-r3")}
            else:
                lost(done, "diff_id", "diff-id")
                assert packages(done) == {("xz-libs", "5.6.1-r0")}


def test_cache_keys(scan, tmp_path, cache):
    """R13: facts are kept under the digest of the bytes that were read, and under nothing else"""
    img = base()
    folder = tmp_path / "img"
    whole(scan(img.write_layout(folder)))
    blobs = set(os.listdir(folder / "blobs" / "sha256"))
    kept = {name[:64] for name in os.listdir(os.path.join(cache, "facts"))}
    assert kept and kept <= blobs


def test_fewer_diff_ids(scan, tmp_path):
    """R13: a configuration that lists fewer layers than the manifest is said"""
    img = base()
    img.layer([File("opt/app/node_modules/x/package.json", '{"name":"x","version":"1.0.0"}')])
    img.diff_ids.pop()
    done = scan(img.write_layout(tmp_path / "img"))
    bounded(done)
    assert "diff_id" in done.said()
    assert packages(done, "npm") == {("x", "1.0.0")}


# Indexes and manifests.

def index_of(digest, size, media="index"):
    return json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
        {"mediaType": OCI + media + ".v1+json", "digest": digest, "size": size}]}).encode()


def test_circular_index(scan, tmp_path):
    """R36: an index that contains itself ends with an error"""
    img = base()
    name = "sha256:" + "11" * 32
    size = len(index_of(name, 1000))
    img.blobs[name] = index_of(name, size + len(str(size)) - 4)
    lost(scan(img.write_layout(tmp_path / "img", index=index_of(name, len(img.blobs[name])))))


def test_deep_index(scan, tmp_path):
    """R36: indexes in indexes end at a bound, which is said"""
    img = base()
    manifest = img.manifest()
    inner, media = manifest, "manifest"
    img.blobs[sha256(manifest)] = manifest
    for _ in range(40):
        outer = index_of(sha256(inner), len(inner), media)
        img.blobs[sha256(outer)] = outer
        inner, media = outer, "index"
    done = scan(img.write_layout(tmp_path / "img", manifest=manifest, index=inner))
    lost(done, "index")


@pytest.mark.parametrize("text", [
    b"", b"{", b"[]", b"null", b'{"schemaVersion":2,"manifests":{}}', b'{"manifests":[]}',
    b'{"schemaVersion":2,"manifests":[{"digest":"sha256:../../../../etc/passwd","size":1}]}',
    b'{"schemaVersion":2,"manifests":[{"digest":"md5:00","size":-1}]}',
    b"[" * 100000, b'{"a":' * 50000, b'{"schemaVersion":2,"manifests":[' + b"{}," * 100000 + b"{}]}"],
    ids=lambda t: t[:30].decode())
def test_bad_index(text, scan, tmp_path):
    """R36: an index that is none ends with an error that names it"""
    lost(scan(base().write_layout(tmp_path / "img", index=text)))


# Much of it.

def test_500_layers(scan, tmp_path):
    """R36: 500 layers are read, each of them"""
    img = base()
    for i in range(500):
        img.layer([File("opt/%d/node_modules/m%d/package.json" % (i % 7, i),
                        '{"name":"m%d","version":"1.0.%d"}' % (i, i))])
    done = scan(img.write_layout(tmp_path / "img"))
    whole(done)
    assert len(packages(done, "npm")) == 500


def header(name, size, kind=b"0", mode=0o644):
    """A tar header, made faster than tarfile does."""
    h = struct.pack("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x", name, b"%07o" % mode, b"0000000",
                    b"0000000", b"%011o" % size, b"00000000000", b" " * 8, kind, b"", b"ustar\x0000",
                    b"", b"", b"", b"", b"")
    return h[:148] + b"%06o\0 " % sum(h) + h[156:]


def many_files(n):
    out = [header(b"d/", 0, b"5", 0o755)]
    for i in range(n):
        out.append(header(b"d/%03d/%08d" % (i % 500, i), 0))
    return b"".join(out) + bytes(1024)


@pytest.mark.parametrize("count", [
    100000, pytest.param(1000000, marks=pytest.mark.slow)])
def test_many_files(count, scan, tmp_path):
    """R36: a layer of very many files stays within 100 bytes a file"""
    tar = many_files(count)
    img = base().raw_layer(gzip_of(tar, 1), sha256(tar))
    done = scan(img.write_layout(tmp_path / "img"))
    whole(done, held_mib=count * 100 // MIB)
    assert packages(done) == SOUND


def repeated_gzip(block, times, head=b"", tail=b""):
    """(gzip, sha256 of what it unpacks to) of head + block * times + tail, made without
    compressing block more than once."""
    def deflate(data):
        c = zlib.compressobj(9, zlib.DEFLATED, -15)
        return c.compress(data) + c.flush(zlib.Z_FULL_FLUSH)

    crc, size, digest = 0, 0, hashlib.sha256()
    for part in [head] + [block] * times + [tail]:
        crc, size = zlib.crc32(part, crc), size + len(part)
        digest.update(part)
    body = deflate(head) + deflate(block) * times + deflate(tail)
    end = zlib.compressobj(9, zlib.DEFLATED, -15).flush(zlib.Z_FINISH)
    return (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + body + end
            + struct.pack("<II", crc, size & 0xffffffff), "sha256:" + digest.hexdigest())


def test_gzip_bomb(scan, tmp_path):
    """R36: 2 GiB of zeros in 2 MB pass within bounds of memory and time"""
    block, times = bytes(16 * MIB), 128
    blob, diff_id = repeated_gzip(block, times, header(b"zeros", len(block) * times), bytes(1024))
    done = scan(base().raw_layer(blob, diff_id).write_layout(tmp_path / "img"))
    bounded(done)
    if done.code == kit.OK:
        assert packages(done) == SOUND
    else:
        lost(done, "limit", "ratio", "bytes")


def test_endless_status(scan, tmp_path):
    """R36: a gzip bomb that claims to be a package database is held to a bound"""
    block, times = bytes(16 * MIB), 128
    blob, diff_id = repeated_gzip(block, times, header(b"var/lib/dpkg/status", len(block) * times),
                                  bytes(1024))
    done = scan(base().raw_layer(blob, diff_id).write_layout(tmp_path / "img"))
    lost(done, "var/lib/dpkg/status", held_mib=768)


def test_200_mb_status(scan, tmp_path):
    """R36: a status file of 200 MB is read, every package of it"""
    filler = " " + "x" * 70 + "\n"
    rows = []
    for i in range(100):
        row = deb_row("p%d" % i, "1.%d-1" % i).rstrip("\n") + "\n" + filler * 27800
        rows.append(row + "\n")
    status = "".join(rows)
    img = Image().layer([File("etc/os-release", debian_release())])
    tar = tar_of([File("var/lib/dpkg/status", status)])
    img.raw_layer(gzip_of(tar, 1), sha256(tar))
    done = scan(img.write_layout(tmp_path / "img"))
    bounded(done, held_mib=2 * len(status) // MIB)
    if done.code == kit.OK:
        assert len(packages(done, "deb")) == 100
    else:
        lost(done, "var/lib/dpkg/status", held_mib=2 * len(status) // MIB)


def test_jars_in_jars(scan, tmp_path):
    """R9: jars nested without end stop at a bound, which is said"""
    jar = zip_of({"META-INF/maven/g/a/pom.properties": "groupId=g\nartifactId=a\nversion=1\n"})
    for i in range(30):
        jar = zip_of({"lib/x%d.jar" % i: jar}, stored=True)
    done = scan(base().layer([File("opt/deep.jar", jar)]).write_layout(tmp_path / "img"))
    lost(done, "opt/deep.jar")


def test_zip_bomb(scan, tmp_path):
    """R36: a jar that unpacks to gigabytes is held to a bound"""
    inner = zip_of({"a%d" % i: bytes(4 * MIB) for i in range(16)})
    jar = zip_of({"lib/i%d.jar" % i: inner for i in range(200)})
    done = scan(base().layer([File("opt/bomb.jar", jar)]).write_layout(tmp_path / "img"))
    bounded(done, held_mib=300)
    assert packages(done) == SOUND


# Fields that lie.

@pytest.mark.parametrize("field", ["negative", "huge", "letters", "checksum"])
def test_tar_size(field, scan, tmp_path):
    """R36: a tar header with an impossible size is said, never followed"""
    h = bytearray(header(b"opt/x", 5))
    if field == "negative":
        h[124:136] = b"\xff" * 12
    elif field == "huge":
        h[124:136] = b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7
    elif field == "letters":
        h[124:136] = b"notanumber!\0"
    if field != "checksum":
        h[148:156] = b" " * 8
        h[148:156] = b"%06o\0 " % sum(h)
    else:
        h[148:156] = b"000000\0 "
    tar = bytes(h) + b"hello".ljust(512, b"\0") + tar_of([File("opt/y", "y")])
    done = scan(base().raw_layer(gzip_of(tar), sha256(tar)).write_layout(tmp_path / "img"))
    lost(done, "tar", "layer")


RPM_FILES = {
    "noise": random.Random(2).randbytes(65536),
    "empty": b"",
    "bdb-cut": b"\0" * 12 + struct.pack("<IIIBBH", 0x061561, 9, 4096, 0, 8, 0) + bytes(44),
    "bdb-noise": b"\0" * 12 + struct.pack("<IIIBBH", 0x061561, 9, 4096, 0, 8, 0)
                 + random.Random(3).randbytes(4096 * 8 - 28),
    "ndb-huge": b"RpmP" + struct.pack("<III", 0, 1, 0xffffffff) + bytes(4096),
    "sqlite-cut": b"SQLite format 3\0" + bytes(84),
    "sqlite-noise": b"SQLite format 3\0\x10\x00\x01\x01\0\x40\x20\x20"
                    + random.Random(4).randbytes(4096 * 4 - 24),
}


@pytest.mark.parametrize("which", sorted(RPM_FILES))
def test_corrupt_rpmdb(which, scan, tmp_path):
    """R6: an rpm database that cannot be read is said, with its path"""
    path = {"s": "var/lib/rpm/rpmdb.sqlite", "n": "var/lib/rpm/Packages.db"}.get(
        which[0] if which not in ("noise",) else "", "var/lib/rpm/Packages")
    img = base().layer([File(path, RPM_FILES[which])])
    done = scan(img.write_layout(tmp_path / "img"))
    bounded(done)
    if which == "empty" and done.code == kit.OK:
        return
    lost(done, path)
    assert packages(done) == SOUND


@pytest.mark.parametrize("path", ["var/lib/dpkg/status", "lib/apk/db/installed"])
def test_noise_database(path, scan, tmp_path):
    """R6: a package database of noise is said, with its path, never taken for an empty one"""
    img = Image().layer([File("etc/os-release", alpine_release()),
                         File(path, random.Random(5).randbytes(100000))])
    lost(scan(img.write_layout(tmp_path / "img")), path)


# The machine around it.

def test_archive_cut(scan, tmp_path):
    """R36: an OCI archive that stops in the middle is said"""
    ref = base().layer(sound_layer()).write_archive(tmp_path / "a.tar")
    data = (tmp_path / "a.tar").read_bytes()
    for share in (1, 3, 5, 7):
        (tmp_path / "a.tar").write_bytes(data[:len(data) * share // 8])
        lost(scan(ref))


def test_missing(scan, tmp_path):
    """What is not there is said by name"""
    for ref in ("oci-dir:/nonexistent/x", "oci-archive:/nonexistent/x.tar", "rootfs:/nonexistent/x"):
        done = scan(ref)
        assert done.code == kit.FAILED and "nonexistent" in done.err, done


def test_cache_cannot_be_used(scan, tmp_path):
    """A cache that cannot be written or read costs time, not the result"""
    ref = base().write_layout(tmp_path / "img")
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    done = scan(ref, cache=str(blocked))
    whole(done)
    assert packages(done) == SOUND
    assert [n["severity"] for n in done.notes() if str(blocked) in n["text"]] == ["warn"], done.notes()


def test_read_only_cache(scan, tmp_path, cache):
    """A cache that cannot be written costs time, not the result, and is said; what is in it is used"""
    ref = base().write_layout(tmp_path / "img")
    other = base().layer(sound_layer()).write_layout(tmp_path / "other")
    whole(scan(ref))
    if subprocess.run("mount --bind '%s' '%s' && mount -o remount,ro,bind '%s'" % ((cache,) * 3),
                      shell=True, capture_output=True, check=False).returncode != 0:
        subprocess.run(["umount", cache], check=False, capture_output=True)
        pytest.skip("cannot mount here")
    try:
        done = scan(ref)
        whole(done)
        assert done.json["sandbox"] == "cache"
        done = scan(other)
        whole(done)
        assert any("Read-only file system" in n["text"] for n in done.notes("warn")), done.notes()
    finally:
        subprocess.run(["umount", cache], check=True)


def test_full_disk(scan, tmp_path):
    """A full disk under the cache costs time, not the result; a full disk under the report is said"""
    ref = base().layer(sound_layer()).write_layout(tmp_path / "img")
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(mount)],
                      capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount a small tmpfs here")
    try:
        done = scan(ref, cache=str(mount))
        whole(done)
        assert packages(done) == SOUND
        done = scan(ref, "-o", "json=" + str(mount / "report.json"))
        assert done.code == kit.FAILED and done.err, done
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_full_output(rummage, tmp_path):
    """A report that could not be written is not success"""
    ref = base().write_layout(tmp_path / "img")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([rummage, "scan", ref, "--inventory-only", "--no-cache", "-o", "json"],
                              stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              timeout=60, check=False)
    assert done.returncode == kit.FAILED and done.stderr


def essence(done):
    return json.dumps([done.json["components"], done.json["executables"], done.json["notes"],
                       done.json["os"]], sort_keys=True)


def test_shared_cache(scan, rummage, tmp_path):
    """R20: scans side by side share a cache and agree"""
    img = base()
    for i in range(30):
        img.layer([File("opt/node_modules/m%d/package.json" % i, '{"name":"m%d","version":"1.0.0"}' % i)])
    ref = img.write_layout(tmp_path / "img")
    cache = str(tmp_path / "cache")
    env = dict(os.environ, XDG_CACHE_HOME=cache)
    running = [subprocess.Popen([rummage, "scan", ref, "--inventory-only", "-o", "json"],
                                env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL) for _ in range(6)]
    outputs = [p.communicate(timeout=120) for p in running]
    assert [p.returncode for p in running] == [kit.OK] * 6, outputs[0][1]
    reports = {json.dumps(json.loads(o)["components"], sort_keys=True) for o, _ in outputs}
    assert len(reports) == 1
    again = scan(ref, cache=cache)
    whole(again)
    assert json.dumps(again.json["components"], sort_keys=True) in reports


def cache_files(cache):
    return [os.path.join(b, n) for b, _, names in os.walk(cache) for n in names]


@pytest.mark.parametrize("how", ["cut", "flip", "empty", "noise"])
def test_torn_cache(how, scan, tmp_path):
    """R13: a damaged file in the cache is not believed"""
    ref = base().layer(sound_layer()).write_layout(tmp_path / "img")
    cache = str(tmp_path / "cache")
    first = scan(ref, cache=cache)
    whole(first)
    files = [f for f in cache_files(cache) if os.path.getsize(f)]
    assert files, "nothing was cached"
    for path in files:
        data = bytearray(open(path, "rb").read())
        if how == "flip":
            data[len(data) // 2] ^= 0x40
        data = {"cut": data[:len(data) // 2], "flip": data, "empty": b"",
                "noise": random.Random(6).randbytes(len(data))}[how]
        with open(path, "wb") as f:
            f.write(bytes(data))
    again = scan(ref, cache=cache)
    whole(again)
    assert essence(again) == essence(first)


def session_processes(sid):
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open("/proc/%s/stat" % pid, encoding="ascii", errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == sid and fields[0] != "Z":
                found.append(int(pid))
    return found


def test_kill(scan, rummage, tmp_path):
    """R39: kill -9 at any moment leaves no process behind and nothing half-written in use"""
    img = base()
    data = random.Random(7).randbytes(3 * MIB)
    for i in range(8):
        tar = tar_of([File("opt/d%d" % i, data), File("opt/node_modules/m%d/package.json" % i,
                                                      '{"name":"m%d","version":"1.0.0"}' % i)])
        img.raw_layer(gzip_of(tar, 1), sha256(tar))
    ref = img.write_layout(tmp_path / "img")
    want = scan(ref, cache=str(tmp_path / "whole"))
    whole(want)
    for step in range(12):
        cache = str(tmp_path / ("cache-%d" % step))
        env = dict(os.environ, XDG_CACHE_HOME=cache, RUMMAGE_CACHE_DIR=cache)
        child = subprocess.Popen([rummage, "scan", ref, "--inventory-only", "-o", "json"], env=env,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 stdin=subprocess.DEVNULL, start_new_session=True)
        time.sleep(want.seconds * step / 12)
        child.send_signal(signal.SIGKILL)
        child.wait()
        deadline = time.monotonic() + 5
        while session_processes(child.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert session_processes(child.pid) == []
        done = scan(ref, cache=cache)
        whole(done)
        assert essence(done) == essence(want)


def test_worker_killed(rummage, tmp_path):
    """R36: a worker that is killed makes the result incomplete, never empty"""
    block = random.Random(8).randbytes(MIB)
    tar = tar_of([File("opt/noise%d" % i, block) for i in range(200)])
    ref = base().raw_layer(gzip_of(tar, 1), sha256(tar)).write_layout(tmp_path / "img")
    child = subprocess.Popen([rummage, "scan", ref, "--inventory-only", "--no-cache", "-o", "json"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             stdin=subprocess.DEVNULL, start_new_session=True)
    shot = 0
    deadline = time.monotonic() + 30
    while child.poll() is None and time.monotonic() < deadline:
        for pid in session_processes(child.pid):
            try:
                name = os.path.basename(os.readlink("/proc/%d/exe" % pid))
            except OSError:
                continue
            if name.startswith("rummage-parse"):
                os.kill(pid, signal.SIGKILL)
                shot += 1
        time.sleep(0.005)
    out, err = child.communicate(timeout=30)
    if not shot:
        pytest.skip("no worker was seen alive")
    assert child.returncode in (kit.FAILED, kit.INCOMPLETE), err
    assert b"worker" in out + err
