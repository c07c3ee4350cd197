# SPDX-License-Identifier: Apache-2.0
"""The base image: named where it was seen, unknown where it was not."""

from image import File, Image, alpine_release, apk_row, gzip_of, sha256, tar_of

BASE = [File("etc/os-release", alpine_release()),
        File("lib/apk/db/installed", apk_row("musl", "1.2.2-r3"))]
APP = [File("app/node_modules/x/package.json", '{"name":"x","version":"1.0.0"}')]
UNKNOWN = {"known": False, "name": None, "digest": None, "how": "none", "layers": 0}


def origins(done):
    return {c["name"]: c["origin"] for c in done.json["components"]}


def test_chain(scan, tmp_path):
    """R5: an image built on one that was seen names it, and splits base from app"""
    base = Image().layer(BASE)
    ref = base.write_layout(tmp_path / "base")
    first = scan(ref)
    assert first.json["base"] == UNKNOWN
    done = scan(Image().layer(BASE).layer(APP).write_layout(tmp_path / "app"))
    assert done.json["base"] == {"known": True, "name": ref, "how": "chain", "layers": 1,
                                 "digest": first.json["target"]["manifest"]}
    assert [layer["origin"] for layer in done.json["layers"]] == ["base", "app"]
    assert origins(done) == {"musl": "base", "x": "app"}


def test_squashed(scan, tmp_path):
    """R5: a squashed image's base is unknown, never a guess"""
    scan(Image().layer(BASE).write_layout(tmp_path / "base"))
    done = scan(Image().layer(BASE + APP).write_layout(tmp_path / "app"))
    assert done.json["base"] == UNKNOWN
    assert origins(done) == {"musl": "unknown", "x": "unknown"}


def test_another_compression(scan, tmp_path):
    """R5: the base in another compression is named by its diff_ids, and that is said"""
    scan(Image().layer(BASE).write_layout(tmp_path / "base"))
    app = Image().layer(BASE, compress="").layer(APP)
    ref = app.write_layout(tmp_path / "app")
    done = scan(ref)
    assert (done.json["base"]["how"], done.json["base"]["layers"]) == ("diff-id", 1)
    assert " (by diff-id)\n" in scan(ref, "-o", "table").out
    assert " (by " not in scan(Image().layer(BASE).layer(APP).write_layout(tmp_path / "same"),
                               "-o", "table").out


def test_claimed(scan, tmp_path):
    """R5, R13: an image that names a clean base's diff_ids gets no base"""
    base = Image().layer(BASE)
    scan(base.write_layout(tmp_path / "base"))
    evil = tar_of([File("lib/apk/db/installed", apk_row("evil", "1-r0"))])
    for i, how in enumerate((gzip_of(evil), evil)):
        app = Image().raw_layer(how, base.diff_ids[0]).layer(APP)
        assert app.diff_ids[0] != sha256(evil)
        assert scan(app.write_layout(tmp_path / ("app%d" % i))).json["base"] == UNKNOWN


def test_annotation(scan, tmp_path):
    """R5: what an image says of its base is taken as what it says"""
    key = "org.opencontainers.image.base.name"
    done = scan(Image(labels={key: "h/base:1"}).layer(APP).write_layout(tmp_path / "app"))
    assert (done.json["base"]["name"], done.json["base"]["how"]) == ("h/base:1", "label")
    assert [layer["origin"] for layer in done.json["layers"]] == ["unknown"]
