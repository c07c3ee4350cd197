# SPDX-License-Identifier: Apache-2.0
"""`rummage db push` and `db pull`: the advisory database in a registry, in real ones and in one that lies."""

import hashlib
import http.client
import json
import os
import signal
import struct
import subprocess
import threading

import pytest

import kit
from dbkit import (KEY, PATCH, TYPE, WHOLE, access, build, dbs, fake, fetched, home,  # noqa: F401
                   layer_digests, manifest_of, pull, push, read, refused, serve_manifest,
                   serve_whole, zstd)
from image import OCI, sha256
from registries import PASSWORD, USER, Fake, Real

# Real registries

@pytest.fixture(scope="module", params=["plain", "basic", "tls", "mutual", "token"])
def real(request, tmp_path_factory):
    registry = Real(tmp_path_factory.mktemp("registry"), request.param)
    yield registry
    registry.stop()


@pytest.mark.real
def test_push_and_pull(real, dbs, home, tmp_path):
    """R37: a database goes into a registry and comes out as it was; again, nothing is moved"""
    ref, out = real.host + "/team/db:1", str(tmp_path / "out.db")
    args, how = access(real)
    how["env"] = home
    assert "pushed" in push(ref, dbs[0], *args, **how).out
    assert "nothing new" in push(ref, dbs[0], *args, **how).out
    assert "pulled" in pull(ref, out, *args, **how).out
    assert read(out) == read(dbs[0])
    assert "nothing new" in pull(ref, out, *args, **how).out
    # The next one, by a patch; and by its digest.
    push("registry:" + ref, dbs[1], *args, **how)
    pull(ref, out, *args, **how)
    assert read(out) == read(dbs[1])
    answer = real.ask("GET", "/v2/team/db/manifests/1", headers={"Accept": OCI + "manifest.v1+json"})
    digest = answer.getheader("Docker-Content-Digest")
    pull("%s/team/db@%s" % (real.host, digest), str(tmp_path / "by-digest.db"), *args, **how)
    assert read(tmp_path / "by-digest.db") == read(dbs[1])


@pytest.mark.real
def test_who_is_not_let_in(real, dbs, home, tmp_path):
    """R37: who may not push or pull is told why, and what to do"""
    if real.mode == "plain":
        pytest.skip("lets everybody in")
    ref, out = real.host + "/team/closed:1", str(tmp_path / "out.db")
    ca = ["--ca-cert", real.ca] if real.ca else []
    for done in (push(ref, dbs[0], *ca, code=kit.FAILED, env=home),
                 pull(ref, out, *ca, code=kit.FAILED, env=home)):
        assert ("log in" in done.err) != (real.mode == "mutual"), done
    if real.mode != "mutual":
        done = push(ref, dbs[0], *ca, "--username", USER, "--password-stdin", stdin=b"wrong\n",
                    code=kit.FAILED, env=home)
        assert "refuses the credentials" in done.err and "wrong" not in done.err
    assert not os.path.exists(out)


@pytest.mark.real
def test_pushing_wants_more_than_pulling(dbs, home, tmp_path):
    """R37: a token to pull is no token to push; everybody may pull what is public"""
    registry = Real(tmp_path, "token")
    try:
        ref, out = registry.host + "/pub/db:1", str(tmp_path / "out.db")
        done = push(ref, dbs[0], code=kit.FAILED, env=home)
        assert "log in" in done.err, done
        push(ref, dbs[0], "--username", USER, "--password-stdin", stdin=PASSWORD.encode() + b"\n",
             env=home)
        assert any("pull%2Cpush" in path for path in registry.tokens.asked)
        pull(ref, out, env=home)
        assert read(out) == read(dbs[0])
    finally:
        registry.stop()


@pytest.mark.real
def test_other_tools_can_read_it(dbs, home, tmp_path):
    """The manifest says what it is, and the layer is a zstd file of the database"""
    registry = Real(tmp_path, "plain")
    try:
        push(registry.host + "/db:1", dbs[0], env=home)
        headers = {"Accept": OCI + "manifest.v1+json"}
        m = json.loads(answer_of(registry, "/v2/db/manifests/1", headers))
        assert m["artifactType"] == TYPE and m["mediaType"] == OCI + "manifest.v1+json"
        assert [layer["mediaType"] for layer in m["layers"]] == [WHOLE]
        said = kit.run("db", "status", "--db", dbs[0], "-o", "json").json
        notes = m["annotations"]
        assert notes["org.opencontainers.image.created"] == said["built"]
        assert notes[KEY + "digest"] == said["digest"] and notes[KEY + "format"] == "1"
        assert notes[KEY + "advisories"] == str(said["advisories"])
        assert notes[KEY + "packages"] == str(said["packages"])
        packed = answer_of(registry, "/v2/db/blobs/" + m["layers"][0]["digest"], {})
        assert len(packed) == m["layers"][0]["size"]
        assert zstd(packed, "-d") == read(dbs[0])
    finally:
        registry.stop()


def answer_of(registry, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", registry.port)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    data = answer.read()
    assert answer.status == 200, data
    connection.close()
    return data


# Patches

def test_patches(fake, dbs, home, tmp_path):
    """R37: who has the last database, or one before it, fetches what changed and not the whole"""
    ref, out = fake.host + "/db:1", str(tmp_path / "out.db")
    pull_log = []
    push(ref, dbs[0], env=home)
    pull(ref, out, env=home)
    for k in (1, 2, 3):
        push(ref, dbs[k], env=home)
        pull_log.append(layer_digests(fake, PATCH))
    assert [len(digests) for digests in pull_log] == [1, 2, 3]
    sizes = {layer["digest"]: layer["size"] for layer in manifest_of(fake)["layers"]}
    whole = layer_digests(fake, WHOLE)[0]
    assert all(sizes[patch] * 10 < sizes[whole] for patch in pull_log[-1]), sizes
    fake.log.clear()
    pull(ref, out, env=home)  # from the first to the last, in order
    assert fetched(fake) == pull_log[-1][::-1]
    assert read(out) == read(dbs[3])
    with open(out, "wb") as f:
        f.write(read(dbs[2]))
    fake.log.clear()
    pull(ref, out, env=home)
    assert fetched(fake) == [pull_log[-1][0]] and read(out) == read(dbs[3])
    # Of another origin, there is no way but the whole; as where what is there is no database.
    for content in (read(build(os.path.join(dbs.folder), str(tmp_path / "x.db"), 7)), b"junk"):
        with open(out, "wb") as f:
            f.write(content)
        fake.log.clear()
        pull(ref, out, env=home)
        assert fetched(fake) == [whole] and read(out) == read(dbs[3])


def test_patches_are_not_carried_for_ever(fake, dbs, home):
    """The way by patches is never longer than the whole"""
    ref = fake.host + "/db:1"
    for k in range(20):
        push(ref, dbs[k], env=home)
    layers = manifest_of(fake)["layers"]
    patches = [layer["size"] for layer in layers if layer["mediaType"] == PATCH]
    assert 1 < len(patches) <= 16
    assert sum(patches) < [layer["size"] for layer in layers if layer["mediaType"] == WHOLE][0]


@pytest.mark.parametrize("how", ["gone", "other-bytes", "cut", "not-a-patch", "of-another", "bomb"])
def test_bad_patch(how, fake, dbs, home, tmp_path):
    """R37: a patch that cannot be used costs a remark and the whole; what comes is right"""
    ref, out = fake.host + "/db:1", str(tmp_path / "out.db")
    push(ref, dbs[0], env=home)
    pull(ref, out, env=home)
    push(ref, dbs[1], env=home)
    digest = layer_digests(fake, PATCH)[0]
    data = fake.blobs.pop(digest)
    if how == "other-bytes":
        fake.blobs[digest] = data[:-1] + bytes([data[-1] ^ 1])
    elif how == "cut":
        fake.blobs[digest] = data[:-9]
    elif how != "gone":
        # One that is what its digest says, and of no use.
        bad = {"not-a-patch": b"junk" * 9, "of-another": zstd(read(dbs[0])[:3000]),
               # RFC 8878: a frame that says it makes 3 GiB, and one last, empty block.
               "bomb": b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 3 << 30) + b"\1\0\0"}[how]
        fake.blobs[sha256(bad)] = bad
        m = manifest_of(fake)
        for layer in m["layers"]:
            if layer["digest"] == digest:
                layer["digest"], layer["size"] = sha256(bad), len(bad)
        serve_manifest(fake, m)
    done = pull(ref, out, env=home)
    assert "instead of what changed" in done.err, done
    assert read(out) == read(dbs[1])


def test_no_patch_from_a_damaged_one(fake, dbs, home, tmp_path):
    """A push whose predecessor cannot be read says so, and is whole"""
    ref, out = fake.host + "/db:1", str(tmp_path / "out.db")
    push(ref, dbs[0], env=home)
    whole = layer_digests(fake, WHOLE)[0]
    data = fake.blobs[whole]
    fake.blobs[whole] = data[:-1] + bytes([data[-1] ^ 1])
    done = push(ref, dbs[1], env=home)
    assert "no patch from the database before" in done.err, done
    assert layer_digests(fake, PATCH) == []
    pull(ref, out, env=home)
    assert read(out) == read(dbs[1])


# A registry that lies to who pulls

@pytest.fixture(name="pushed")
def made_pushed(fake, dbs, home, tmp_path):
    """A registry with a database, and an older one here."""
    out = str(tmp_path / "out.db")
    push(fake.host + "/db:1", dbs[1], env=home)
    with open(out, "wb") as f:
        f.write(read(dbs[0]))
    return fake.host + "/db:1", out


def test_wrong_bytes(fake, pushed, home):
    """R37: bytes that are not what their digest says are refused; what there was stays"""
    ref, out = pushed
    digest = layer_digests(fake, WHOLE)[0]
    data = fake.blobs[digest]
    fake.blobs[digest] = data[:500] + bytes([data[500] ^ 1]) + data[501:]
    refused(ref, out, env=home)
    fake.blobs[digest] = zstd(zstd(data, "-d"), "-1")[:len(data)].ljust(len(data), b"x")
    refused(ref, out, env=home)
    fake.blobs[digest] = data + b"more"
    refused(ref, out, "promises", env=home)
    fake.blobs[digest] = data[:-5]
    refused(ref, out, env=home)
    del fake.blobs[digest]
    refused(ref, out, "404", env=home)
    fake.blobs[digest] = data
    pull(ref, out, env=home)


def test_broken_transfer_is_taken_up(fake, pushed, dbs, home):
    """R37: a transfer that breaks off goes on where it was; one that always does is an error"""
    ref, out = pushed
    digest = layer_digests(fake, WHOLE)[0]
    cuts = [1000, 3000]

    def behave(h, kind, name):
        if kind != "blobs" or name != digest or h.command != "GET" or not cuts:
            return False
        data, first = fake.blobs[name], int((h.headers.get("Range") or "bytes=0-")[6:-1])
        h.send(206 if first else 200, data[first:first + cuts.pop(0)],
               [("Content-Length", str(len(data) - first))] +
               ([("Content-Range", "bytes %d-%d/%d" % (first, len(data) - 1, len(data)))]
                if first else []))
        h.cut()
        return True

    fake.behave = behave
    pull(ref, out, env=home)
    assert read(out) == read(dbs[1])
    ranges = [headers.get("Range") for path, headers in fake.asked(digest) if headers.get("Range")]
    assert ranges == ["bytes=1000-", "bytes=4000-"]


def test_lying_sizes(fake, pushed, dbs, home):
    """R37: what unpacks to more or less than was promised, or to more than is taken, is refused"""
    ref, out = pushed
    file = read(dbs[1])
    packed = zstd(file)
    serve_whole(fake, packed, bytes=len(file) - 1)
    refused(ref, out, "unpacks to more", env=home)
    serve_whole(fake, packed, bytes=len(file) + 1)
    refused(ref, out, "unpacks to less", env=home)
    serve_whole(fake, packed, bytes=3 << 30)
    refused(ref, out, "larger than what is taken", env=home)
    serve_whole(fake, packed[:-20], bytes=len(file))
    refused(ref, out, env=home)
    bomb = zstd(bytes(100 << 20), "--stream-size=%d" % (100 << 20))
    serve_whole(fake, bomb, bytes=len(file))
    done = refused(ref, out, "unpacks to more", env=home)
    assert done.peak_bytes < 100 << 20
    # An honest bomb, beyond the ratio of what anything packs to.
    serve_whole(fake, bomb, bytes=100 << 20)
    refused(ref, out, "expands too much", env=home)
    m = manifest_of(fake)
    m["layers"][0]["size"] = 2 << 30
    serve_manifest(fake, m)
    refused(ref, out, "larger than what is taken", env=home)
    serve_whole(fake, file, bytes=len(file))
    refused(ref, out, "not such a stream", env=home)


def test_damaged_database(fake, pushed, dbs, home):
    """R37: a database whose hash or references do not fit, or that is another one, is refused"""
    ref, out = pushed
    file = bytearray(read(dbs[1]))
    file[3000] ^= 1
    serve_whole(fake, zstd(bytes(file)), bytes=len(file))
    refused(ref, out, "damaged", env=home)
    # The hash fits, a reference leads nowhere.
    file = bytearray(read(dbs[1]))
    off = struct.unpack_from("<Q", file, 72 + 16 * 5)[0]  # rules
    struct.pack_into("<I", file, off, 0x7fffffff)
    file[32:64] = hashlib.sha256(file[64:]).digest()
    serve_whole(fake, zstd(bytes(file)), bytes=len(file), digest="sha256:" + bytes(file[32:64]).hex())
    refused(ref, out, "damaged", env=home)
    other = read(dbs[2])
    serve_whole(fake, zstd(other), bytes=len(other))
    refused(ref, out, "not the database that the manifest is about", env=home)
    serve_whole(fake, zstd(b"junk" * 100), bytes=400)
    refused(ref, out, "not an advisory database", env=home)


def test_lying_manifests(fake, pushed, dbs, home):
    """R37: a manifest of something else, or that is not what was promised, is refused by name"""
    ref, out = pushed
    good = manifest_of(fake)
    image = {"schemaVersion": 2, "config": {"mediaType": OCI + "config.v1+json", "size": 2,
                                            "digest": good["config"]["digest"]}, "layers": []}
    for m, words in ((image, "an image, no advisory database"),
                     (dict(good, artifactType="text/plain"), "'text/plain', no advisory database"),
                     (dict(good, layers=[]), "no layer is the whole database"),
                     (dict(good, annotations={}), "without what it has to say"),
                     (dict(good, annotations=dict(good["annotations"], **{KEY + "format": "2"})),
                      "has format 2, this program reads 1"), ([], "neither")):
        serve_manifest(fake, m)
        refused(ref, out, words, env=home)
    serve_manifest(fake, good)
    fake.manifests["1"] = (OCI + "manifest.v1+json", b"x" * (9 << 20))
    refused(ref, out, "limit", env=home)

    def behave(h, kind, name):
        if kind != "manifests":
            return False
        h.send(200, json.dumps(good).encode(),
               [("Content-Type", OCI + "manifest.v1+json"),
                ("Docker-Content-Digest", "sha256:" + "0" * 64)])
        return True

    fake.behave = behave
    refused(ref, out, "the registry says the manifest is", env=home)
    # That it is what is here already is all that a manifest needs to say.
    fake.behave = None
    serve_manifest(fake, good)
    with open(out, "wb") as f:
        f.write(read(dbs[1]))
    fake.log.clear()
    assert "nothing new" in pull(ref, out, env=home).out
    assert fetched(fake) == []


def test_stopped(fake, pushed, home):
    """R39: Ctrl-C and kill -9 in a pull leave what there was"""
    ref, out = pushed
    before, there, go = read(out), threading.Event(), threading.Event()

    def behave(h, kind, name):
        if kind != "blobs" or h.command != "GET":
            return False
        data = fake.blobs[name]
        h.send(200, data[:len(data) // 2], [("Content-Length", str(len(data)))])
        h.wfile.flush()
        there.set()
        go.wait(60)
        return True

    fake.behave = behave
    for how in (signal.SIGINT, signal.SIGKILL):
        there.clear()
        child = subprocess.Popen([kit.program("rummage"), "db", "pull", ref, "--out", out],
                                 env=dict(os.environ, **home), stderr=subprocess.PIPE)
        assert there.wait(60)
        child.send_signal(how)
        said = child.communicate(timeout=60)[1].decode()
        assert read(out) == before
        if how == signal.SIGINT:
            assert child.returncode == kit.FAILED and "stopped" in said
            assert [n for n in os.listdir(os.path.dirname(out)) if ".tmp-" in n] == []
    go.set()
    fake.behave = None
    pull(ref, out, env=home)  # and takes away what was left


@pytest.mark.parametrize("most", [0, 1000, 20000])
def test_full_disk(most, pushed, home):
    """R39: a pull that finds no room says so and leaves what there was"""
    ref, out = pushed
    refused(ref, out, "File too large", env=home, max_file_bytes=most)


def test_mirror(fake, pushed, dbs, home, tmp_path):
    """R16: a mirror is asked first; nothing is pushed there"""
    mirror = Fake()
    try:
        ref, out = pushed
        mirror.manifests, mirror.blobs = dict(fake.manifests), dict(fake.blobs)
        fake.log.clear()
        pull(ref, str(tmp_path / "m.db"), "--mirror", "%s=%s" % (fake.host, mirror.host), env=home)
        assert read(tmp_path / "m.db") == read(dbs[1])
        assert fake.log == [] and mirror.log != []
        with open(home["HOME"] + "/rummage.yaml", "w", encoding="ascii") as f:
            f.write("registry:\n  mirrors: [\"%s=%s\"]\n" % (fake.host, mirror.host))
        mirror.log.clear()
        push(ref, dbs[2], "--config", home["HOME"] + "/rummage.yaml", env=home)
        assert mirror.log == [] and manifest_of(fake)["annotations"][KEY + "bytes"] == \
            str(os.path.getsize(dbs[2]))
    finally:
        mirror.stop()


# A registry that does not take what is pushed

def uploads(fake):
    return [method for method in fake.methods("/uploads/") if method in ("POST", "PUT")]


def test_what_is_there_is_not_sent(fake, dbs, home):
    """A blob that the registry has is not sent again"""
    push(fake.host + "/db:1", dbs[0], env=home)
    fake.log.clear()
    push(fake.host + "/db:2", dbs[0], env=home)
    assert uploads(fake) == []
    assert fake.manifests["1"] == fake.manifests["2"]


def broken(fake, times, how):
    """Breaks so many uploads."""
    left = [times]

    def behave(h, kind, name):
        if kind != "uploads" or h.command != "PUT" or left[0] == 0:
            return False
        left[0] -= 1
        return how(h)

    fake.behave = behave
    return left


def cut(h):
    h.cut()
    return True


def test_broken_upload_begins_anew(fake, dbs, home):
    """R37: an upload that broke off is begun anew, from the POST"""
    broken(fake, 2, cut)
    push(fake.host + "/db:1", dbs[0], env=home)
    assert uploads(fake)[:6] == ["POST", "PUT"] * 3
    assert "1" in fake.manifests


def test_upload_that_always_breaks(fake, dbs, home):
    """R37: an upload that breaks off each time is an error that says so; the tag means what it did"""
    push(fake.host + "/db:1", dbs[0], env=home)
    before = fake.manifests["1"]
    broken(fake, -1, cut)
    done = push(fake.host + "/db:1", dbs[1], code=kit.FAILED, env=home)
    assert "upload of" in done.err and fake.host in done.err, done
    assert fake.manifests["1"] == before


@pytest.mark.parametrize("status,words", [
    (400, "HTTP 400"), (403, "HTTP 403"), (413, "HTTP 413"), (307, "HTTP 307")])
def test_upload_refused(status, words, fake, dbs, home):
    """R37: a registry that will not have it is asked once, and its reason is shown"""
    def refuse(h):
        h.send(status, b'{"errors":[{"code":"DENIED","message":"quota is used up"}]}',
               [("Location", "http://127.0.0.1:1/elsewhere")])
        return True

    broken(fake, -1, refuse)
    done = push(fake.host + "/db:1", dbs[0], code=kit.FAILED, env=home)
    assert words in done.err and "quota is used up" in done.err, done
    assert uploads(fake) == ["POST", "PUT"] and fake.manifests == {}


@pytest.mark.parametrize("status", [404, 429, 503])
def test_upload_later(status, fake, dbs, home):
    """R37: a registry that is busy, or has lost an upload, is asked again"""
    def later(h):
        h.send(status, headers=[("Retry-After", "1")])
        return True

    broken(fake, 1, later)
    push(fake.host + "/db:1", dbs[0], env=home)
    assert uploads(fake)[:4] == ["POST", "PUT"] * 2


def test_upload_whose_answer_is_lost(fake, dbs, home):
    """R37: what arrived although its answer did not is not sent twice"""
    def lose(h):
        fake.blobs[sha256(h.body)] = h.body
        h.cut()
        return True

    broken(fake, 1, lose)
    push(fake.host + "/db:1", dbs[0], env=home)
    assert uploads(fake).count("PUT") == 2  # of it, and of the empty configuration


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/v2/x", "//evil.example/x", "", "x y"])
def test_upload_goes_nowhere_else(location, fake, dbs, home):
    """An upload goes to the registry that was named, whatever that says"""
    def behave(h, kind, name):
        if kind != "uploads" or h.command != "POST":
            return False
        h.send(202, headers=[("Location", location)])
        return True

    fake.behave = behave
    done = push(fake.host + "/db:1", dbs[0], code=kit.FAILED, env=home)
    assert "upload" in done.err, done
    assert uploads(fake) == ["POST"]


@pytest.mark.parametrize("what", ["uploads", "manifests"])
def test_registry_that_got_something_else(what, fake, dbs, home):
    """R37: a registry that says another digest than was sent is not believed"""
    def behave(h, kind, name):
        if kind != what or h.command != "PUT":
            return False
        h.send(201, headers=[("Docker-Content-Digest", "sha256:" + "0" * 64)])
        return True

    fake.behave = behave
    done = push(fake.host + "/db:1", dbs[0], code=kit.FAILED, env=home)
    assert "the registry says it is sha256:000" in done.err, done


def test_what_is_not_ours_is_not_replaced(fake, dbs, home):
    """A tag that means an image keeps meaning it"""
    serve_manifest(fake, {"schemaVersion": 2, "config": {
        "mediaType": OCI + "config.v1+json", "size": 2, "digest": "sha256:" + "0" * 64}, "layers": []})
    before = dict(fake.manifests)
    done = push(fake.host + "/db:1", dbs[0], code=kit.FAILED, env=home)
    assert "not replaced" in done.err and "an image" in done.err
    assert fake.manifests == before and uploads(fake) == []


def test_bad_pushes(fake, dbs, home, tmp_path):
    """A damaged database is not spread; a digest cannot be pushed to; without one there is advice"""
    path = str(tmp_path / "bad.db")
    data = bytearray(read(dbs[0]))
    data[-3] ^= 1
    with open(path, "wb") as f:
        f.write(data)
    assert "damaged" in push(fake.host + "/db:1", path, code=kit.FAILED, env=home).err
    digest = "@sha256:" + "0" * 64
    assert "name a tag" in push(fake.host + "/db" + digest, dbs[0], code=kit.FAILED, env=home).err
    done = kit.run("db", "push", fake.host + "/db:1", env=home)
    assert done.code == kit.FAILED and "no database" in done.err and "db pull" in done.err
    assert fake.log == []


def test_patches_that_are_gone_are_not_named(fake, dbs, home):
    """A registry that has cleared away an old patch takes the new manifest without any"""
    ref = fake.host + "/db:1"
    for k in (0, 1):
        push(ref, dbs[k], env=home)
    gone = layer_digests(fake, PATCH)[0]

    def behave(h, kind, name):
        if kind != "manifests" or h.command != "PUT" or gone.encode() not in h.body:
            return False
        h.send(400, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}')
        return True

    fake.behave = behave
    push(ref, dbs[2], env=home)
    assert layer_digests(fake, PATCH) == []
