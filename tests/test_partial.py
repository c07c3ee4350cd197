# SPDX-License-Identifier: Apache-2.0
"""--partial: of eStargz and zstd:chunked layers only the files that matter are fetched, and what is fetched
is checked. The layers are made here by the rules of both formats."""

import json
import os
import subprocess
import zlib

import pytest

import kit
import registries
from image import OCI, File, Folder, Hard, Image, Link, alpine_release, apk_row, elf, gzip_of, \
    sha256, tar_of
from registries import Fake
from test_sources import failed, found, home, incomplete  # noqa: F401

TOC_DIGEST = "containerd.io/snapshot/stargz/toc.digest"
CHUNKED = "io.github.containers.zstd-chunked.manifest-"
PACKAGES = {("musl", "1.2.2-r3"), ("zlib", "1.2.11-r3")}
BULK = 2 << 20
TYPES = {b"0": "reg", b"1": "hardlink", b"2": "symlink", b"5": "dir"}


def entries():
    """A large program in several chunks, what nobody wants, links, and a database behind all of it."""
    return [Folder("bin"), File("bin/busybox", elf(), 0o755), Link("bin/sh", "busybox"),
            File("bin/large", elf() + os.urandom(150000) + b"end", 0o4755),
            Hard("bin/same", "bin/large"), File("empty", ""), File("opt/bulk", os.urandom(BULK)),
            File("etc/os-release", alpine_release()), File("usr/lib/libx.so.1", elf()),
            File("etc/.wh.gone", ""),
            File("lib/apk/db/installed", "".join(apk_row(*p) for p in sorted(PACKAGES)))]


def pieces_of(files):
    """[(entry of the table, bytes of the tar before its content, content)], and the tar's end."""
    for i, e in enumerate(files):
        whole = tar_of([e])[:512]
        padding = b"\0" * (-len(files[i - 1].data) % 512) if i else b""
        row = {"name": e.path + ("/" if e.kind == b"5" else ""), "type": TYPES[e.kind],
               "mode": e.mode, "uid": 0, "gid": 0}
        if e.target:
            row["linkName"] = e.target
        if e.data:
            row.update(size=len(e.data), digest=sha256(e.data))
        yield row, padding + whole, e.data


def estargz(files, chunk=50000, least=1):
    """(blob, annotations, diff_id): a gzip member begins with every chunk of content (unless the
    last one is shorter than least) and goes on with the headers after it; then the table, which is the tar's last file, then the footer."""
    blob, table = b"", []
    pending = b""  # not compressed yet
    for row, before, data in pieces_of(files):
        pending += before
        table.append(row)
        for at in range(0, len(data), chunk):
            if len(pending) >= least:
                blob += gzip_of(pending)
                pending = b""
            part = data[at:at + chunk]
            here = row if at == 0 else {"name": row["name"], "type": "chunk", "chunkOffset": at}
            here.update(offset=len(blob), chunkDigest=sha256(part))
            if pending:
                here["innerOffset"] = len(pending)
            if at + chunk < len(data):
                here["chunkSize"] = chunk
            if at:
                table.append(here)
            pending += part
    blob += gzip_of(pending + b"\0" * (-len(files[-1].data) % 512))
    text = json.dumps({"version": 1, "entries": table}).encode()
    offset = len(blob)
    blob += gzip_of(tar_of([File("stargz.index.json", text)]))
    extra = b"SG" + (22).to_bytes(2, "little") + b"%016xSTARGZ" % offset
    blob += b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + len(extra).to_bytes(2, "little") + extra + \
        b"\x01\0\0\xff\xff" + bytes(8)
    assert zlib.decompressobj(31).decompress(blob[-51:]) == b""
    return blob, {TOC_DIGEST: sha256(text)}, sha256(zcat(blob))


def zcat(blob):
    return subprocess.run(["gzip", "-dc"], input=blob, stdout=subprocess.PIPE, check=True).stdout


def zstd_of(data):
    return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def chunked(files, chunk=50000):
    """(blob, annotations, diff_id): frames of headers and frames of chunks, the table in a
    skippable frame."""
    blob, table, tar = b"", [], b""
    for row, before, data in pieces_of(files):
        blob += zstd_of(before)
        tar += before + data
        table.append(row)
        for at in range(0, len(data), chunk):
            part = data[at:at + chunk]
            here = row if at == 0 else {"name": row["name"], "type": "chunk", "chunkOffset": at}
            here.update(offset=len(blob), chunkDigest=sha256(part), chunkSize=len(part))
            if at:
                table.append(here)
            blob += zstd_of(part)
        if data:
            row["endOffset"] = len(blob)
    end = b"\0" * (-len(files[-1].data) % 512) + b"\0" * 1024
    blob += zstd_of(end)
    text = json.dumps({"version": 1, "entries": table}).encode()
    packed = zstd_of(text)
    blob += bytes.fromhex("502a4d18") + len(packed).to_bytes(4, "little")
    where = "%d:%d:%d:1" % (len(blob), len(packed), len(text))
    return (blob + packed, {CHUNKED + "checksum": sha256(packed), CHUNKED + "position": where},
            sha256(tar + end))


FORMS = {"estargz": (estargz, "gzip"), "estargz-shared": (lambda f: estargz(f, least=60000), "gzip"),
         "zstd-chunked": (chunked, "zstd")}


class Layered:
    """An image of one such layer in a registry."""

    def __init__(self, form, fake, files=None, spoil=None):
        make, compression = FORMS[form]
        if compression == "zstd":
            registries.need("zstd")
        self.blob, annotations, diff_id = make(files or entries())
        if spoil:
            self.blob, annotations = spoil(self.blob, annotations)
        self.image = Image()
        self.image.raw_layer(self.blob, diff_id, media_type=OCI + "layer.v1.tar+" + compression)
        self.image.layers[0]["annotations"] = annotations
        self.ref = fake.push("t/app", "1", self.image)


@pytest.fixture
def fake():
    registry = Fake()
    yield registry
    registry.stop()


def fetched(fake, layered):
    """Bytes of the layer that were asked for, and whether it was asked for whole."""
    total, whole = 0, False
    for _, headers in fake.asked(layered.image.layers[0]["digest"]):
        if "Range" not in headers:
            whole = True
            continue
        first, last = headers["Range"].removeprefix("bytes=").split("-")
        total += int(last) + 1 - int(first)
    return total, whole


def programs(done):
    return {(e["path"], e["sha256"], e["size"], e["setuid"]) for e in done.json["executables"]}


@pytest.mark.parametrize("form", FORMS)
def test_parts(form, fake, scan, home):  # noqa: F811
    """R16: only what matters is fetched, and it is what the whole layer has"""
    layered = Layered(form, fake)
    done = scan(layered.ref, "--partial", "--no-cache", env=home)
    assert found(done) == PACKAGES
    total, whole = fetched(fake, layered)
    assert not whole and total < len(layered.blob) - BULK / 2
    assert [n["code"] for n in done.notes("warn")] == ["partial"]
    assert "not verified" in done.notes("warn")[0]["text"]
    full = scan(layered.ref, "--no-cache", env=home)
    assert found(full) == PACKAGES and full.notes() == []
    assert programs(done) == programs(full)
    assert any(setuid for _, _, _, setuid in programs(done))


def test_unseen(fake, scan, home):  # noqa: F811
    """R16: executables without an execute bit are found by their names; the note tells of the others"""
    script = "#!/bin/sh\nexit\n"
    named = ["opt/run.sh", "opt/Setup.EXE", "opt/mod.ko", "usr/share/perl5/A.pm"]
    hidden = ["opt/tool.py", "opt/confmodule"]
    files = entries() + [File(p, elf() if p.endswith(".ko") else script if p != "opt/Setup.EXE" else
                              b"MZ" + bytes(100)) for p in named + hidden]
    layered = Layered("estargz", fake, files)
    full = {e["path"] for e in scan(layered.ref, "--no-cache", env=home).json["executables"]}
    done = scan(layered.ref, "--partial", "--no-cache", env=home)
    assert full - {e["path"] for e in done.json["executables"]} == set(hidden)
    assert set(named) <= full
    assert "executables, and Go modules in them, are not seen where" in done.notes("warn")[0]["text"]


@pytest.mark.parametrize("form", FORMS)
def test_not_kept(form, fake, scan, home):  # noqa: F811
    """R16: facts of parts never stand for the layer, and known facts of the layer are used"""
    layered = Layered(form, fake)
    assert found(scan(layered.ref, "--partial", env=home)) == PACKAGES
    assert found(scan(layered.ref, env=home)) == PACKAGES
    assert fetched(fake, layered)[1]
    asked = len(fake.asked("/blobs/"))
    done = scan(layered.ref, "--partial", env=home)
    assert found(done) == PACKAGES and done.notes() == []
    assert len(fake.asked("/blobs/")) == asked + 1  # the configuration


@pytest.mark.parametrize("form", FORMS)
def test_no_ranges(form, fake, scan, home):  # noqa: F811
    """R16: from a registry without ranges the layer is read whole, and checked"""
    layered = Layered(form, fake)
    blobs = layered.image.blobs
    fake.behave = lambda h, kind, name: kind == "blobs" and not h.send(200, blobs[name])
    done = scan(layered.ref, "--partial", "--no-cache", env=home)
    assert found(done) == PACKAGES
    assert [n["code"] for n in done.notes()] == ["partial-whole"]
    digest = layered.image.layers[0]["digest"]
    data = blobs[digest]
    fake.blobs[digest] = blobs[digest] = data[:-1] + bytes([data[-1] ^ 1])
    incomplete(scan(layered.ref, "--partial", "--no-cache", env=home), "digest")


@pytest.mark.parametrize("form", FORMS)
def test_wrong_table(form, fake, scan, home):  # noqa: F811
    """R13: a table that is not the one that the manifest names is not used"""
    def spoil(blob, annotations):
        key = TOC_DIGEST if form.startswith("estargz") else CHUNKED + "checksum"
        return blob, dict(annotations, **{key: sha256(b"another")})

    layered = Layered(form, fake, spoil=spoil)
    done = scan(layered.ref, "--partial", "--no-cache", env=home)
    assert found(done) == PACKAGES and fetched(fake, layered)[1]
    assert [n["code"] for n in done.notes()] == ["partial-whole"]


@pytest.mark.parametrize("form", FORMS)
def test_wrong_contents(form, fake, scan, home):  # noqa: F811
    """R13: content that is not what the table names is not believed"""
    files = entries()
    honest = Layered(form, fake, files)
    evil = list(files)
    evil[-1] = File("lib/apk/db/installed", apk_row("evil", "1-r0").ljust(len(files[-1].data)))
    other = FORMS[form][0](evil)[0]
    start = next(i for i in range(len(other)) if other[i] != honest.blob[i])
    blob = honest.blob[:start] + other[start:]
    blob = (blob[:len(honest.blob) - 4000] if len(blob) > len(honest.blob) else blob)
    fake.blobs[honest.image.layers[0]["digest"]] = blob[:start + 200].ljust(start + 200, b"\0") + \
        honest.blob[start + 200:]
    done = scan(honest.ref, "--partial", "--no-cache", env=home)
    assert done.code != kit.OK, done
    if done.code == kit.INCOMPLETE:
        assert all(c["name"] != "evil" for c in done.json["components"])


@pytest.mark.parametrize("form", FORMS)
def test_broken_ranges(form, fake, scan, home):  # noqa: F811
    """R16: a part that breaks off is taken up again"""
    layered = Layered(form, fake)
    digest, cuts = layered.image.layers[0]["digest"], []

    def cut(h, kind, name):
        wanted = h.headers.get("Range")
        if name != digest or wanted is None:
            return False
        first, last = (int(v) for v in wanted.removeprefix("bytes=").split("-"))
        if last - first < 50000 or len(cuts) > 2:
            return False
        cuts.append(first)
        h.send(206, layered.blob[first:first + 30000],
               [("Content-Length", str(last + 1 - first)),
                ("Content-Range", "bytes %d-%d/%d" % (first, last, len(layered.blob)))])
        h.cut()
        return True

    fake.behave = cut
    assert found(scan(layered.ref, "--partial", "--no-cache", env=home)) == PACKAGES
    assert cuts


@pytest.mark.real
def test_by_skopeo(scan, home, tmp_path):  # noqa: F811
    """R16: zstd:chunked as skopeo writes it"""
    registries.need("skopeo")
    registry = registries.Real(tmp_path, "plain")
    image = Image()
    image.layer(entries()[:3] + [File("opt/bulk", os.urandom(200000))] + entries()[-4:],
                compress="")
    try:
        ref = registry.host + "/t/app:1"
        done = subprocess.run(
            ["skopeo", "copy", "-q", "--insecure-policy", "-f", "oci", "--dest-tls-verify=false",
             "--dest-compress-format", "zstd:chunked", image.write_archive(tmp_path / "a.tar"),
             "docker://" + ref], stderr=subprocess.PIPE)
        if done.returncode:
            pytest.skip("this skopeo does not write zstd:chunked: %r" % done.stderr[-200:])
        done = scan(ref, "--partial", "--no-cache", env=home)
        assert found(done) == PACKAGES
        if "zstd" not in json.dumps(done.json["layers"]):
            pytest.skip("this skopeo did not compress anew")
        assert [n["code"] for n in done.notes("warn")] == ["partial"]
    finally:
        registry.stop()
