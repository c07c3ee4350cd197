# SPDX-License-Identifier: Apache-2.0
"""The limits that a user sets: reaching one is a lost note that names it, exit code 3, and never a clean
result; without it the same image is whole."""

import random
import stat
import threading

import pytest

import kit
from image import File, Image, alpine_release, apk_row, gzip_of, sha256, tar_of, zip_of
from registries import Fake

MIB = 1 << 20
SOUND = {"musl", "zlib"}


def names(done):
    return {c["name"].split(":")[-1] for c in done.json["components"]}


def base():
    """A first layer that no limit below is for, in which two packages are."""
    return Image().layer([File("etc/os-release", alpine_release()),
                          File("lib/apk/db/installed", apk_row("musl", "1.2.2-r3")
                               + apk_row("zlib", "1.2.11-r3"))])


def jar(name, *members):
    """A Java archive with a pom.properties of its own."""
    pom = "groupId=org.example\nartifactId=%s\nversion=1.0\n" % name
    return zip_of({"META-INF/maven/org.example/%s/pom.properties" % name: pom, **dict(members)})


def whole(done, more):
    assert done.code == kit.OK, (done, done.out[-1500:])
    assert done.json["complete"] is True and done.notes("lost") == []
    assert SOUND | set(more) <= names(done)


def cut(done, code, *words, missing=()):
    """Incomplete, with a note of this code that names the limit and its value."""
    assert not done.killed and done.code == kit.INCOMPLETE, (done, done.out[-1500:])
    assert done.json["complete"] is False
    texts = [n["text"] for n in done.notes("lost") if n["code"] == code]
    assert texts, done.notes()
    for word in words:
        assert any(str(word) in t for t in texts), texts
    assert SOUND <= names(done) and not set(missing) & names(done)


def node(name):
    return File("opt/node_modules/%s/package.json" % name, '{"name":"%s","version":"1.0.0"}' % name)


def bulk_image():
    """3 MiB before a package, in a layer of their own."""
    return base().layer([File("opt/bulk", random.Random(1).randbytes(3 * MIB)), node("behind")])


def many_image():
    return base().layer([node("m%d" % i) for i in range(40)])


def nested_image():
    inner = jar("inner")
    return base().layer([File("opt/outer.jar", jar("outer", ("lib/middle.jar", jar(
        "middle", ("lib/inner.jar", inner)))))])


# option, value, image, code of the note, words of it, what is then missing and else there
LIMITS = {
    "max-bytes": ("1M", bulk_image, "layer-limit", ["max-bytes", MIB], ["behind"]),
    "max-file-bytes": ("400K", lambda: base().layer([File("opt/big.jar", jar(
        "big", ("data", random.Random(2).randbytes(MIB))))]),
        "file-too-large", ["max-file-bytes", 400 << 10], ["big"]),
    "max-files": ("20", many_image, "too-many-entries", ["max-files", 20], ["m39"]),
    "max-depth": ("1", nested_image, "java-archive", ["max-depth", 1, "inner.jar"], ["inner"]),
}


@pytest.mark.parametrize("option", sorted(LIMITS))
def test_limit(option, scan, tmp_path):
    """R36: a limit that is reached is said with its value, and what it cut is not kept for others"""
    value, make, code, words, missing = LIMITS[option]
    ref = make().write_layout(tmp_path / "img")
    cut(scan(ref, "--" + option, value), code, *words, missing=missing)
    # The same cache, a scan without the limit: nothing of the one that was cut may be in it.
    whole(scan(ref), missing)
    # What was read whole is known: no limit has to be applied to it.
    whole(scan(ref, "--" + option, value), missing)
    cut(scan(ref, "--" + option, value, "--no-cache"), code, *words, missing=missing)


@pytest.mark.parametrize("option", sorted(LIMITS))
def test_limit_is_a_setting(option, scan, tmp_path):
    """R36: limits come from settings as from options, and a larger one lets the image through"""
    value, make, code, _, missing = LIMITS[option]
    ref = make().write_layout(tmp_path / "img")
    name = "RUMMAGE_SCAN_" + option.upper().replace("-", "_")
    cut(scan(ref, "--no-cache", env={name: value}), code, missing=missing)
    whole(scan(ref, "--no-cache", "--" + option, "900M"), missing)


def test_limit_of_uncompressed_layer(scan, tmp_path):
    """R36: --max-bytes holds for layers that are not compressed"""
    tar = tar_of([File("opt/bulk", bytes(3 * MIB)), node("behind")])
    ref = base().raw_layer(tar, sha256(tar)).write_layout(tmp_path / "img")
    cut(scan(ref, "--max-bytes", "1M"), "layer-limit", "max-bytes", missing=["behind"])
    whole(scan(ref), ["behind"])


def test_limit_of_zip_member(scan, tmp_path):
    """R36: --max-file-bytes holds for what an archive unpacks to"""
    packed = jar("outer", ("lib/filler.jar", zip_of({"data": bytes(2 * MIB)}, stored=True)))
    ref = base().layer([File("opt/outer.jar", packed)]).write_layout(tmp_path / "img")
    assert len(packed) < MIB
    cut(scan(ref, "--max-file-bytes", "1M", "--no-cache"), "java-archive", MIB)


@pytest.mark.parametrize("option", sorted(LIMITS))
def test_limit_of_rootfs(option, scan, tmp_path):
    """R36: limits hold for a root file system in a folder"""
    value, make, code, words, missing = LIMITS[option]
    root = tmp_path / "root"
    for tar in kit.layers_of(make().write_layout(tmp_path / "img")):
        tar.extractall(root)
    # Of a folder only what somebody wants is read.
    (root / "opt" / "app").write_bytes(b"#!/bin/sh\n" + bytes(3 * MIB))
    done = scan("rootfs:%s" % root, "--" + option, value)
    assert done.code == kit.INCOMPLETE, done
    texts = [n["text"] for n in done.notes("lost") if n["code"] == code]
    assert texts and all(any(str(w) in t for t in texts) for w in words), done.notes()
    whole(scan("rootfs:%s" % root), missing)


def test_limit_of_compressed_archive(scan, tmp_path):
    """R36: an archive that is compressed as a whole is unpacked up to --max-bytes"""
    bulk_image().write_archive(tmp_path / "a.tar")
    (tmp_path / "a.tar.gz").write_bytes(gzip_of((tmp_path / "a.tar").read_bytes(), 1))
    done = scan("oci-archive:%s" % (tmp_path / "a.tar.gz"), "--max-bytes", "1M")
    assert done.code == kit.FAILED and "max-bytes" in done.err and str(MIB) in done.err, done
    whole(scan("oci-archive:%s" % (tmp_path / "a.tar.gz")), ["behind"])


def slow_worker(path, seconds):
    """A worker that thinks for a while before it begins."""
    path.write_text("#!/bin/sh\n/bin/sleep %d\nexec '%s'\n" % (seconds, kit.program("rummage-parse")))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"RUMMAGE_WORKER": str(path)}


def test_seconds_of_worker(scan, tmp_path):
    """R36: --max-seconds ends waiting for a worker; layers that were not read are lost notes"""
    ref = many_image().write_layout(tmp_path / "img")
    env = slow_worker(tmp_path / "worker", 20)
    done = scan(ref, "--max-seconds", "1", env=env)
    assert done.code == kit.INCOMPLETE and done.json["complete"] is False, done
    assert done.seconds < 15, done
    lost = [n for n in done.notes("lost") if n["code"] == "time-limit"]
    assert len(lost) == 2 and all("the 1 seconds" in n["text"] and "max-seconds" in n["text"] for n in lost)
    whole(scan(ref), ["m39"])


@pytest.fixture(name="fake")
def fake_registry():
    fake = Fake()
    yield fake
    fake.stop()


def test_seconds_of_registry(fake, scan, tmp_path):
    """R36: --max-seconds is for the whole image, its download included; what came in time is kept"""
    image = bulk_image()
    ref = fake.push("t/app", "1", image)
    big, over = max(image.layers, key=lambda layer: layer["size"])["digest"], threading.Event()

    def slow(_h, _kind, name):
        return name == big and not over.wait(20)

    fake.behave = slow
    done = scan(ref, "--max-seconds", "2", env={"HOME": str(tmp_path)})
    over.set()
    cut(done, "time-limit", "the 2 seconds", missing=["behind"])
    assert done.seconds < 15, done
    whole(scan(ref, env={"HOME": str(tmp_path)}), ["behind"])


def test_seconds_of_manifest(fake, scan, tmp_path):
    """R36: where the time is over before there is a manifest, there is no result"""
    ref, over = fake.push("t/app", "1", base()), threading.Event()
    fake.behave = lambda _h, kind, _name: kind == "manifests" and not over.wait(20)
    done = scan(ref, "--max-seconds", "1", env={"HOME": str(tmp_path)})
    over.set()
    assert done.code == kit.FAILED and "max-seconds" in done.err, done
