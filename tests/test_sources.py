# SPDX-License-Identifier: Apache-2.0
"""Sources: one image, read from everywhere, is the same; and whoever serves it cannot make it another."""

import gzip
import http.client
import http.server
import io
import json
import os
import shutil
import socket
import socketserver
import stat
import subprocess
import tarfile
import threading
import time

import pytest

import kit
import registries
from image import OCI, File, Folder, Hard, Image, Link, alpine_release, apk_row, elf, gzip_of, \
    sha256, tar_of
from registries import PASSWORD, USER, Fake, Real, basic

SOUND = {("musl", "1.2.2-r3"), ("zlib", "1.2.11-r3"), ("curl", "7.79.1-r0")}
DOCKER = "application/vnd.docker."


def sample(platform="linux/amd64", packages=tuple(sorted(SOUND)), bulk=0):
    """Two layers; bulk bytes that do not compress make the second one large."""
    first, second = packages[:-1], packages
    image = Image(platform)
    image.layer([File("etc/os-release", alpine_release()), Folder("bin"),
                 File("bin/busybox", elf(), 0o755), Link("bin/sh", "busybox"),
                 File("lib/apk/db/installed", "".join(apk_row(*p) for p in first))])
    image.layer([File("lib/apk/db/installed", "".join(apk_row(*p) for p in second)),
                 File("opt/bulk", os.urandom(bulk))], created_by="RUN apk add")
    return image


def found(done):
    assert done.code == kit.OK, (done, done.out[-1500:])
    assert done.json["complete"] is True
    return {(c["name"], c["version"]) for c in done.json["components"] if c["type"] == "apk"}


def failed(done, *words):
    """Ended with 1, and every word is said."""
    assert not done.killed and done.code == kit.FAILED, (done, done.out[-1500:])
    for word in words:
        assert word.lower() in done.err.lower(), done


def incomplete(done, *words):
    assert not done.killed and done.code == kit.INCOMPLETE, (done, done.out[-1500:])
    assert done.json["complete"] is False
    for word in words:
        assert word.lower() in done.said().lower(), done.notes()


@pytest.fixture
def home(tmp_path):
    """A home without credentials; environment for scan(env=...)."""
    path = tmp_path / "home"
    path.mkdir()
    return {"HOME": str(path), "XDG_RUNTIME_DIR": "", "DOCKER_CONFIG": "", "XDG_CONFIG_HOME": "",
            "REGISTRY_AUTH_FILE": "", "no_proxy": "127.0.0.1,localhost"}


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


# Real registries

@pytest.fixture(scope="module", params=["plain", "basic", "tls", "mutual", "token"])
def real(request, tmp_path_factory):
    registry = Real(tmp_path_factory.mktemp("registry"), request.param)
    yield registry
    registry.stop()


def access(registry):
    """Arguments and standard input by which a registry lets us in."""
    args, stdin = [], None
    if registry.mode in ("basic", "tls", "token"):
        args, stdin = ["--username", USER, "--password-stdin"], PASSWORD.encode() + b"\n"
    if registry.ca:
        args += ["--ca-cert", registry.ca]
    if registry.mode == "mutual":
        args += ["--client-cert", registry.client[0], "--client-key", registry.client[1]]
    return args, stdin


@pytest.mark.real
def test_registry(real, scan, home):
    """R16: an image from a registry, by tag and by digest"""
    ref, digest = real.push("team/app", "1", sample())
    args, stdin = access(real)
    done = scan(ref, *args, stdin=stdin, env=home)
    assert found(done) == SOUND
    target = done.json["target"]
    assert target["manifest"] == digest and target["index"] is None
    assert target["source"] == "registry"
    by_digest = scan("registry:%s/team/app@%s" % (real.host, digest), *args, stdin=stdin, env=home)
    assert found(by_digest) == SOUND
    failed(scan(ref + "-no", *args, stdin=stdin, env=home), "unknown", "404")


@pytest.mark.real
def test_registry_refuses(real, scan, home):
    """R16: who is not let in is told why, and what to do"""
    ref, _ = real.push("team/app", "1", sample())
    if real.mode == "plain":
        pytest.skip("lets everybody in")
    if real.mode in ("tls", "mutual"):
        failed(scan(ref, env=home), "certificate")
    args = ["--ca-cert", real.ca] if real.ca else []
    if real.mode != "mutual":
        failed(scan(ref, *args, env=home), "log in")
        wrong = scan(ref, *args, "--username", USER, "--password-stdin", stdin=b"wrong\n", env=home)
        failed(wrong, "refuses the credentials", "command line")
        assert "wrong" not in wrong.err


@pytest.mark.real
def test_token_for_everybody(scan, home, tmp_path):
    """R16: a public image behind a token server needs no credentials"""
    registry = Real(tmp_path, "token")
    try:
        ref, _ = registry.push("pub/app", "1", sample())
        assert found(scan(ref, env=home)) == SOUND
        assert "scope=repository%3Apub%2Fapp%3Apull" in registry.tokens.asked[-1]
    finally:
        registry.stop()


def stored(home, host, where):
    """Credentials where other tools keep them; returns the environment."""
    entry = json.dumps({"auths": {host: {"auth": "dTpw"}}})
    top = home["HOME"]
    if where == "docker":
        write(top + "/.docker/config.json", entry)
    elif where == "podman":
        write(top + "/run/containers/auth.json", entry)
        return dict(home, XDG_RUNTIME_DIR=top + "/run")
    elif where == "repository":
        write(top + "/.config/containers/auth.json",
              json.dumps({"auths": {host: {"auth": "eDp4"}, host + "/team": {"auth": "dTpw"}}}))
    else:
        write(top + "/bin/docker-credential-here",
              "#!/bin/sh\nread host\n[ \"$1 $host\" = \"get %s\" ] || exit 1\n"
              "echo '{\"Username\":\"u\",\"Secret\":\"p\"}'\n" % host, 0o755)
        key = {"credHelpers": {host: "here"}} if where == "helper" else \
            {"auths": {host: {}}, "credsStore": "here"}
        write(top + "/.docker/config.json", json.dumps(key))
        return dict(home, PATH=top + "/bin:" + os.environ["PATH"])
    return home


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    registry = Real(tmp_path_factory.mktemp("locked"), "basic")
    yield registry
    registry.stop()


@pytest.mark.real
@pytest.mark.parametrize("where", ["docker", "podman", "repository", "helper", "store"])
def test_stored_credentials(where, locked, scan, home):
    """R16: credentials from where docker, podman and skopeo keep them"""
    ref, _ = locked.push("team/app", "1", sample())
    assert found(scan(ref, env=stored(home, locked.host, where))) == SOUND


@pytest.mark.real
def test_broken_helper(locked, scan, home):
    """R16: a credential helper that fails is named when it would have been needed"""
    ref, _ = locked.push("team/app", "1", sample())
    write(home["HOME"] + "/.docker/config.json", '{"credsStore":"nowhere"}')
    failed(scan(ref, env=home), "docker-credential-nowhere")


@pytest.mark.real
def test_certificates_of_a_host(scan, home, tmp_path):
    """R16: certificates from certs.d, as docker and podman have them"""
    registry = Real(tmp_path, "mutual")
    try:
        ref, _ = registry.push("team/app", "1", sample())
        folder = home["HOME"] + "/.config/containers/certs.d/" + registry.host
        os.makedirs(folder)
        shutil.copy(registry.ca, folder + "/ca.crt")
        shutil.copy(registry.client[0], folder + "/me.cert")
        shutil.copy(registry.client[1], folder + "/me.key")
        assert found(scan(ref, env=home)) == SOUND
        insecure = scan(ref, "--insecure-registry", registry.host, env=dict(home, HOME="/"))
        failed(insecure, "127.0.0.1")  # the server still wants to know who we are
    finally:
        registry.stop()


@pytest.mark.real
def test_pushed_by_skopeo(scan, home, tmp_path):
    """R16: what skopeo pushes, in Docker's format and OCI's"""
    registries.need("skopeo")
    registry = Real(tmp_path, "plain")
    try:
        layout = sample().write_archive(tmp_path / "app.tar")
        for form in ("oci", "v2s2"):
            ref = "%s/t/app:%s" % (registry.host, form)
            subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "-f", form,
                            "--dest-tls-verify=false", layout, "docker://" + ref], check=True)
            assert found(scan(ref, env=home)) == SOUND
    finally:
        registry.stop()


def index_of(images, attestation=True):
    """Documents of an index over images, as BuildKit writes it."""
    listed, documents = [], []
    for image, platform in images:
        manifest = image.manifest()
        documents.append((OCI + "manifest.v1+json", manifest))
        listed.append({"mediaType": OCI + "manifest.v1+json", "digest": sha256(manifest),
                       "size": len(manifest), "platform": platform})
    if attestation:
        said = Image()
        said.raw_layer(b'{"_type":"https://example.org/Statement"}', sha256(b""),
                       media_type="application/vnd.in-toto+json")
        manifest = said.manifest()
        images[0][0].blobs.update(said.blobs)
        documents.append((OCI + "manifest.v1+json", manifest))
        listed.insert(0, {"mediaType": OCI + "manifest.v1+json", "digest": sha256(manifest),
                          "size": len(manifest),
                          "platform": {"os": "unknown", "architecture": "unknown"},
                          "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                                          "vnd.docker.reference.digest": listed[0]["digest"]}})
    documents.append((OCI + "index.v1+json", json.dumps(
        {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": listed}).encode()))
    return documents


@pytest.mark.real
def test_platforms(scan, home, tmp_path):
    """R13: an index leads to the platform's image, never to an attestation"""
    registry = Real(tmp_path, "plain")
    amd = sample("linux/amd64")
    arm = sample("linux/arm64", (("musl", "1.2.2-r3"), ("only-arm", "1-r0")))
    documents = index_of([(amd, {"os": "linux", "architecture": "amd64"}),
                          (arm, {"os": "linux", "architecture": "arm64", "variant": "v8"})])
    amd.blobs.update(arm.blobs)
    try:
        ref, digest = registry.push("team/multi", "1", amd, documents)
        done = scan(ref, "--platform", "linux/amd64", env=home)
        assert found(done) == SOUND
        assert done.json["target"]["index"] == digest
        assert done.json["target"]["platform"] == "linux/amd64"
        done = scan(ref, "--platform", "linux/arm64", env=home)
        assert ("only-arm", "1-r0") in found(done)
        assert done.json["target"]["manifest"] != done.json["target"]["index"]
        failed(scan(ref, "--platform", "linux/s390x", env=home), "linux/amd64, linux/arm64/v8")
        failed(scan("%s/team/multi@%s" % (registry.host, sha256(arm.manifest())), "--platform",
                    "linux/amd64", env=home), "linux/arm64")
    finally:
        registry.stop()


@pytest.mark.real
def test_mirror(scan, home, tmp_path):
    """R16: a mirror answers for a registry that cannot be reached, and the registry for a mirror that
    does not have the image"""
    registry, empty = Real(tmp_path, "plain"), Fake()
    try:
        ref, _ = registry.push("cache/team/app", "1", sample())
        away = "registry.invalid/team/app:1"
        assert found(scan(away, "--mirror", "registry.invalid=%s/cache" % registry.host,
                          env=home)) == SOUND
        assert found(scan(ref, "--mirror", "%s=%s" % (registry.host, empty.host), env=home)) == SOUND
        assert empty.asked("/manifests/1")
        failed(scan(away, "--mirror", "registry.invalid=" + empty.host, env=home),
               "registry.invalid")
    finally:
        registry.stop()
        empty.stop()


# A registry that misbehaves

@pytest.fixture
def fake():
    registry = Fake()
    yield registry
    registry.stop()


def largest(image):
    return max(image.blobs, key=lambda d: len(image.blobs[d]))


def test_busy(fake, scan, home):
    """R16: 429 and 503 are waited for as long as the server asks, up to a bound"""
    ref = fake.push("t/app", "1", sample())
    asked = {}

    def busy(h, kind, name):
        asked[name] = asked.get(name, 0) + 1
        if asked[name] > 1:
            return False
        h.send(429 if kind == "manifests" else 503, headers=[("Retry-After", "1")])
        return True

    fake.behave = busy
    assert found(scan(ref, env=home)) == SOUND
    fake.behave = lambda h, kind, name: not h.send(503, headers=[("Retry-After", "1")])
    started = time.monotonic()
    failed(scan(ref, env=home), "503")
    assert time.monotonic() - started < 40


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no-ranges"])
def test_broken_connections(ranges, fake, scan, home):
    """R16: a download that breaks off goes on where it was, and its digest still holds"""
    image = sample(bulk=3 << 20)
    ref = fake.push("t/app", "1", image)
    big, starts = largest(image), []

    def cut(h, kind, name):
        if name != big:
            return False
        data = image.blobs[big]
        wanted = h.headers.get("Range")
        first = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted and ranges else 0
        starts.append(first)
        if len(starts) > 4:
            return False if ranges else bool(h.send(200, data)) or True
        head = [("Content-Length", str(len(data) - first))]
        if first:
            head.append(("Content-Range", "bytes %d-%d/%d" % (first, len(data) - 1, len(data))))
        h.send(206 if first else 200, data[first:first + 400000 * (1 if ranges else len(starts))],
               head)
        h.cut()
        return True

    fake.behave = cut
    assert found(scan(ref, env=home)) == SOUND
    assert len(starts) == 5
    if ranges:
        assert starts == sorted(set(starts))  # nothing twice


def test_lying_ranges(fake, scan, home):
    """R16: bytes of another range than was asked for are not taken"""
    image = sample(bulk=1 << 20)
    ref = fake.push("t/app", "1", image)
    big, asked = largest(image), []

    def lie(h, kind, name):
        if name != big:
            return False
        data = image.blobs[big]
        asked.append(1)
        if len(asked) == 1:
            h.send(200, data[:500000], [("Content-Length", str(len(data)))])
            h.cut()
        else:
            h.send(206, data[1000:], [("Content-Range",
                                       "bytes 1000-%d/%d" % (len(data) - 1, len(data)))])
        return True

    fake.behave = lie
    failed(scan(ref, env=home), "another part")


@pytest.mark.parametrize("how", ["other bytes", "longer", "shorter"])
def test_lying_blobs(how, fake, scan, home):
    """R13: a layer whose bytes are not those that the manifest names is not believed"""
    image = sample()
    ref = fake.push("t/app", "1", image)
    digest = image.layers[1]["digest"]
    evil = gzip_of(tar_of([File("lib/apk/db/installed", apk_row("evil", "1-r0"))]))
    good = image.blobs[digest]
    fake.blobs[digest] = {"other bytes": evil.ljust(len(good), b"\0")[:len(good)],
                          "longer": good + b"\0" * 100000, "shorter": good[:-1]}[how]
    done = scan(ref, env=home)
    incomplete(done, "promises" if how != "other bytes" else "digest")
    assert all(c["name"] != "evil" for c in done.json["components"])


def test_lying_manifests(fake, scan, home):
    """R13: a manifest has the digest that it was asked by, and that the registry says it has"""
    image = sample()
    fake.push("t/app", "1", image)
    manifest = image.manifest()
    by_digest = "%s/t/app@%s" % (fake.host, sha256(manifest))
    other = sample(packages=(("evil", "1-r0"),)).manifest()
    fake.manifests[sha256(manifest)] = (OCI + "manifest.v1+json", other)
    failed(scan(by_digest, env=home), "digest", sha256(manifest))

    def misname(h, kind, name):
        if kind != "manifests":
            return False
        h.send(200, manifest, [("Docker-Content-Digest", sha256(b"")),
                               ("Content-Type", OCI + "manifest.v1+json")])
        return True

    fake.behave = misname
    failed(scan("%s/t/app:1" % fake.host, env=home), "the registry says")


def test_lying_configuration(fake, scan, home):
    """R13: a configuration that is not the one that the manifest names ends the scan"""
    image = sample()
    ref = fake.push("t/app", "1", image)
    fake.blobs[sha256(image.config())] = sample(packages=(("a", "1"),)).config().ljust(
        len(image.config()))[:len(image.config())]
    failed(scan(ref, env=home), "configuration", "digest")


@pytest.mark.parametrize("media_type,text,words", [
    (DOCKER + "distribution.manifest.v1+prettyjws", '{"schemaVersion":1,"fsLayers":[]}',
     ["schema 1", "push the image again"]),
    (OCI + "manifest.v1+json",
     '{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json",'
     '"digest":"sha256:%s","size":2},"layers":[]}' % ("0" * 64), ["artifact", "helm"]),
    (OCI + "index.v1+json", '{"schemaVersion":2,"manifests":[]}', ["no image"]),
    ("text/html", "<html>sign in</html>", []),
    (OCI + "index.v1+json", '{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}',
     ["at once"]),
], ids=["schema1", "chart", "empty", "html", "two-kinds"])
def test_not_images(media_type, text, words, fake, scan, home):
    """R16: what is no image is said to be none"""
    fake.manifests["1"] = (media_type, text.encode())
    failed(scan("%s/t/app:1" % fake.host, env=home), *words)


def want_token(h, server):
    """Answers a request with where to get a token for it."""
    h.send(401, headers=[("WWW-Authenticate", 'Bearer realm="%s",service="s"' % server)])
    return True


def test_redirect_keeps_secrets(fake, scan, home):
    """R16: where a registry sends us for a blob learns no credentials"""
    image, store = sample(), Fake()
    ref = fake.push("t/app", "1", image)
    store.blobs.update(image.blobs)

    def redirect(h, kind, name):
        if h.headers.get("Authorization") != basic(USER, PASSWORD):
            h.send(401, headers=[("WWW-Authenticate", 'Basic realm="x"')])
        elif kind == "blobs":
            h.send(307, headers=[("Location", "http://localhost:%d/x/blobs/%s"
                                  % (store.server.server_port, name))])
        else:
            return False
        return True

    fake.behave = redirect
    try:
        done = scan(ref, "--username", USER, "--password-stdin", stdin=b"p\n", env=home)
        assert found(done) == SOUND
        assert len(store.log) >= 3
        assert all("Authorization" not in headers for _, _, headers in store.log)
    finally:
        store.stop()


def test_token_expires_midway(fake, scan, home):
    """R16: a token that is refused in the middle of a download is got anew"""
    image = sample(bulk=2 << 20)
    ref = fake.push("t/app", "1", image)
    big, tokens, cuts = largest(image), [], []

    def behave(h, kind, name):
        if h.path.startswith("/token"):
            tokens.append("t%d" % len(tokens))
            h.send(200, json.dumps({"access_token": tokens[-1], "expires_in": 300}).encode())
        elif h.headers.get("Authorization") != "Bearer " + (tokens or ["none"])[-1] or (
                cuts and len(tokens) == 1):
            want_token(h, "http://%s/token" % fake.host)
        elif name == big and not cuts:
            cuts.append(1)
            h.send(200, image.blobs[big][:1 << 20],
                   [("Content-Length", str(len(image.blobs[big])))])
            h.cut()
        else:
            return False
        return True

    fake.behave = behave
    assert found(scan(ref, env=home)) == SOUND
    assert tokens == ["t0", "t1"]


def test_identity_token(fake, scan, home):
    """R16: an identity token is exchanged for one that the registry takes"""
    image = sample()
    ref = fake.push("t/app", "1", image)
    forms = []
    write(home["HOME"] + "/.docker/config.json",
          json.dumps({"auths": {fake.host: {"identitytoken": "refresh me"}}}))

    def behave(h, kind, name):
        if h.path.startswith("/token"):
            forms.append((h.command, h.body))
            h.send(200, b'{"access_token":"good"}')
        elif h.headers.get("Authorization") != "Bearer good":
            want_token(h, "http://%s/token" % fake.host)
        else:
            return False
        return True

    fake.behave = behave
    assert found(scan(ref, env=home)) == SOUND
    assert forms[0][0] == "POST" and b"refresh_token=refresh%20me" in forms[0][1]


def test_no_password_in_the_clear(scan, home):
    """R16: a token server that is not this machine's gets no password over plain http"""
    fake = Fake()
    ref = fake.push("t/app", "1", sample())
    fake.behave = lambda h, kind, name: want_token(h, "http://token.invalid/t")
    try:
        done = scan(ref, "--username", USER, "--password-stdin", stdin=b"p\n", env=home)
        failed(done, "token")
        assert all("Authorization" not in headers for _, _, headers in fake.log)
    finally:
        fake.stop()


def test_layers_side_by_side(fake, scan, home):
    """R16: several blobs are fetched at once"""
    image = sample(bulk=1 << 20)
    ref = fake.push("t/app", "1", image)
    layers = {layer["digest"] for layer in image.layers}
    waiting = []

    def slow(h, kind, name):
        if name in layers:
            waiting.append(name)
            end = time.monotonic() + 5
            while len(set(waiting)) < 2 and time.monotonic() < end:
                time.sleep(0.02)
            assert len(set(waiting)) == 2
        return False

    fake.behave = slow
    assert found(scan(ref, env=home)) == SOUND


@pytest.mark.parametrize("how", ["at once", "in the middle", "one byte further"])
def test_stalled(how, fake, scan, home):
    """R16: a registry that stalls ends with an error that says where and what to do, not with waiting"""
    image = sample(bulk=1 << 20)
    ref = fake.push("t/app", "1", image)
    big, asked, over = largest(image), [], threading.Event()

    def stall(h, kind, name):
        if name != big:
            return False
        asked.append(h.headers.get("Range"))
        if how == "at once":
            return not over.wait(30)
        # Whoever does not know ranges begins anew each time.
        most = 100000 + (len(asked) if how == "one byte further" and len(asked) < 3 else 0)
        h.send(200, image.blobs[big][:most], [("Content-Length", str(len(image.blobs[big])))])
        h.wfile.flush()
        over.wait(30)
        h.cut()
        return True

    fake.behave = stall
    done = scan(ref, "--stall-seconds", "1", env=home, timeout=60)
    over.set()
    at = {"at once": 0, "in the middle": 100000, "one byte further": 100002}[how]
    failed(done, fake.host, big, "no byte came for 1 seconds", "--stall-seconds",
           "3 attempts ended at byte %d of %d" % (at, len(image.blobs[big])))
    # Three at the last byte, the first of which may have brought something; before it, those that did.
    assert len(asked) == (4 if how == "one byte further" else 3)
    assert done.seconds < 25


def test_stalled_manifest(fake, scan, home):
    """R16: a registry that takes the connection and says nothing is told as that"""
    ref, over = fake.push("t/app", "1", sample()), threading.Event()
    fake.behave = lambda h, kind, name: not over.wait(30)
    done = scan(ref, "--stall-seconds", "1", env=home, timeout=60)
    over.set()
    failed(done, fake.host, "no byte came for 1 seconds", "--stall-seconds")
    assert done.seconds < 25


def test_nobody_there(scan, home):
    """R16: a registry that cannot be reached is named"""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        failed(scan("127.0.0.1:%d/a" % s.getsockname()[1], env=home), "connect")


@pytest.mark.parametrize("ref,words", [
    ("UPPER/Case", ["capital"]), ("https://example.com/a", ["URL"]), ("a@sha256:1", ["digest"]),
    ("./not-there.tar", ["no such file"]), ("oci-dir:/not/there", ["no such file"]),
    ("docker-archive:/dev/null", []), ("sbom:x.json", ["sbom"]), ("rootfs:/not/there", ["not/there"]),
])
def test_bad_references(ref, words, scan, home):
    """A reference that is none is refused with a reason"""
    failed(scan(ref, env=home), *words)


# Folders and archives

def docker_save(images, path, links=False):
    """An archive as "docker save" of before version 25 writes it; equal layers are links."""
    entries, listed, at = [], [], {}
    for tags, image in images:
        config, layers = image.config(), []
        for i, layer in enumerate(image.layers):
            folder = "%064x" % (len(entries) + 1)
            name = folder + "/layer.tar"
            tar = gzip.decompress(image.blobs[layer["digest"]])
            if links and tar in at.values():
                first = next(n for n, t in at.items() if t == tar)
                entries += [Folder(folder), Link(name, "../" + first)]
            else:
                at[name] = tar
                entries += [Folder(folder), File(name, tar)]
            entries.append(File(folder + "/VERSION", "1.0"))
            layers.append(name)
        entries.append(File(sha256(config)[7:] + ".json", config))
        listed.append({"Config": sha256(config)[7:] + ".json", "RepoTags": tags, "Layers": layers})
    entries += [File("manifest.json", json.dumps(listed)), File("repositories", "{}")]
    with open(str(path), "wb") as f:
        f.write(tar_of(entries))
    return str(path)


def test_layout(scan, tmp_path):
    """R16: a layout in a folder, by tag, by digest, and recognised by itself"""
    image = sample()
    ref = image.write_layout(tmp_path / "img", tag="v1")
    digest = sha256(image.manifest())
    for how in (ref, ref + ":v1", ref + "@" + digest, str(tmp_path / "img")):
        done = scan(how)
        assert found(done) == SOUND
        assert done.json["target"]["manifest"] == digest
        assert done.json["target"]["source"] == "oci-dir"
    failed(scan(ref + ":v2"), "v2", "there is: v1")


def test_layout_is_not_left(scan, tmp_path):
    """A link in a layout leads nowhere outside of it"""
    image = sample()
    ref = image.write_layout(tmp_path / "img")
    blob = tmp_path / "img" / "blobs" / image.layers[0]["digest"].replace(":", "/")
    shutil.move(str(blob), str(tmp_path / "outside"))
    os.symlink(str(tmp_path / "outside"), str(blob))
    failed(scan(ref), image.layers[0]["digest"][:19])


def test_archives(scan, tmp_path):
    """R16: an archive, plain and compressed, by its scheme and by itself"""
    path = tmp_path / "img.tar"
    ref = sample().write_archive(path)
    packed = tmp_path / "img.tar.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for how in (ref, str(path), "oci-archive:" + str(packed), str(packed)):
        done = scan(how)
        assert found(done) == SOUND
        assert done.json["target"]["source"] == "oci-archive"
    path.write_bytes(path.read_bytes()[:3000])
    failed(scan(ref), str(path))
    path.write_bytes(path.read_bytes()[:530])
    failed(scan(ref), "cut off")
    path.write_bytes(tar_of([File("hello", "x")]))
    failed(scan(str(path)), "no image")
    path.write_bytes(b"hello")
    failed(scan(str(path)), str(path))


def test_docker_archives(scan, tmp_path):
    """R16: what docker saves, several images and links included"""
    one = docker_save([(["team/app:1", "team/app:2"], sample())], tmp_path / "one.tar")
    for how in (one, "docker-archive:" + one, "docker-archive:%s:2" % one,
                "docker-archive:%s:docker.io/team/app:1" % one):
        done = scan(how)
        assert found(done) == SOUND
        assert done.json["target"]["source"] == "docker-archive"
        assert done.json["target"]["config"] == sha256(sample().config())
    failed(scan("docker-archive:%s:3" % one), "there is: team/app:1")
    other = sample(packages=(("musl", "1.2.2-r3"), ("zlib", "1.2.11-r3"), ("other", "1-r0")))
    two = docker_save([(["a:1"], sample()), (["b:1"], other)], tmp_path / "two.tar", links=True)
    failed(scan(two), "a:1, b:1")
    assert found(scan("docker-archive:%s:a:1" % two)) == SOUND
    assert ("other", "1-r0") in found(scan("docker-archive:%s:b:1" % two))


def save_of_today(image, path, name="docker.io/team/app:1", others=()):
    """What "docker save" of version 25 and later writes: a layout, with manifest.json beside it. An index
    may name images of other platforms that are not in it."""
    documents = index_of([(image, {"os": "linux", "architecture": "amd64"})])
    index = json.loads(documents[-1][1])
    index["manifests"] += others
    documents[-1] = (documents[-1][0], json.dumps(index).encode())
    for _, data in documents:
        image.blobs[sha256(data)] = data
    media_type, top = documents[-1]
    files = image.files(index=json.dumps({"schemaVersion": 2, "manifests": [{
        "mediaType": media_type, "digest": sha256(top), "size": len(top),
        "annotations": {"io.containerd.image.name": name,
                        "org.opencontainers.image.ref.name": name.rpartition(":")[2]}}]}).encode())
    files["manifest.json"] = json.dumps([{
        "Config": "blobs/" + sha256(image.config()).replace(":", "/"), "RepoTags": ["team/app:1"],
        "Layers": ["blobs/" + layer["digest"].replace(":", "/") for layer in image.layers]}]).encode()
    with open(str(path), "wb") as f:
        f.write(tar_of([File(name, data) for name, data in files.items()]))
    return str(path)


def test_docker_archives_of_today(scan, tmp_path):
    """R16: what docker saves since it has layouts, as either kind"""
    image = sample()
    path = save_of_today(image, tmp_path / "a.tar")
    for ref, source in ((path, "oci-archive"), ("docker-archive:" + path, "docker-archive"),
                        ("oci-archive:" + path, "oci-archive"),
                        ("oci-archive:%s:1" % path, "oci-archive"),
                        ("oci-archive:%s:team/app:1" % path, "oci-archive"),
                        ("docker-archive:%s:team/app:1" % path, "docker-archive")):
        done = scan(ref)
        assert found(done) == SOUND
        assert done.json["target"]["source"] == source
        assert done.json["target"]["config"] == sha256(image.config())


def test_docker_archive_lies(scan, tmp_path):
    """R13: a layer in an archive that is not what its configuration names is told"""
    image = sample()
    evil = tar_of([File("lib/apk/db/installed", apk_row("evil", "1-r0"))])
    image.blobs[image.layers[1]["digest"]] = gzip_of(evil)
    incomplete(scan(docker_save([(["a:1"], image)], tmp_path / "a.tar")), "configuration")


def test_by_skopeo(scan, tmp_path):
    """R16: what skopeo writes as archives and layouts"""
    registries.need("skopeo")
    source = sample().write_archive(tmp_path / "app.tar")
    for to in ("docker-archive:%s/d.tar:team/app:1", "oci-archive:%s/o.tar:v1", "oci:%s/dir:v1"):
        to = to % tmp_path
        subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", source, to], check=True)
        kind, path = to.split(":")[:2]
        assert found(scan({"oci": "oci-dir"}.get(kind, kind) + ":" + path)) == SOUND
        assert found(scan(path)) == SOUND


# Root file systems

def unpack(image, folder):
    for layer in image.layers:
        with tarfile.open(fileobj=io.BytesIO(image.blobs[layer["digest"]])) as tar:
            tar.extractall(str(folder), filter="fully_trusted") if hasattr(
                tarfile, "fully_trusted_filter") else tar.extractall(str(folder))
    return str(folder)


def test_rootfs(scan, tmp_path):
    """R6: a root file system in a folder has what its image has"""
    image = sample()
    image.layer([File("usr/bin/tool", elf(), 0o4755), Hard("usr/bin/same", "usr/bin/tool"),
                 File("usr/bin/script", "#!/bin/sh\n", 0o755), File("deep/" * 100 + "f", "x"),
                 File("empty", "")])
    root = unpack(image, tmp_path / "root")
    os.chmod(os.path.join(root, "usr/bin/tool"), 0o4755)
    os.mkfifo(os.path.join(root, "fifo"))
    os.symlink("/etc/passwd", os.path.join(root, "outside"))
    os.symlink("loop", os.path.join(root, "loop"))
    with open(os.path.join(root, "huge"), "wb") as f:
        f.truncate(1 << 40)  # nobody wants it, so nobody reads it
    for how in ("rootfs:" + root, root):
        done = scan(how)
        assert found(done) == SOUND
        assert done.seconds < 20
        assert done.json["target"]["source"] == "rootfs"
        have = {e["path"]: e for e in done.json["executables"]}
        assert {"usr/bin/script", "bin/busybox"} <= set(have)
        tool = have.get("usr/bin/tool") or have["usr/bin/same"]
        assert tool["setuid"] is True


def test_rootfs_unreadable(rummage, tmp_path):
    """R6: what may not be read in a root file system makes the result incomplete"""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv")
    root = unpack(sample(), tmp_path / "root")
    secret = os.path.join(root, "secret")
    os.mkdir(secret)
    os.chmod(secret, 0)
    command = [rummage, "scan", "rootfs:" + root, "--inventory-only", "-o", "json", "--no-cache"]
    if os.geteuid() == 0:
        for path in [tmp_path, *tmp_path.parents]:
            if not os.stat(path).st_mode & stat.S_IXOTH:
                os.chmod(path, os.stat(path).st_mode | stat.S_IXOTH)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + command
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                          env=dict(os.environ, HOME="/nonexistent"))
    os.chmod(secret, 0o700)
    if done.returncode == kit.FAILED and b"ermission" in done.stderr:
        pytest.skip("another user may not start the program here")
    assert done.returncode == kit.INCOMPLETE, done.stderr
    notes = [n for n in json.loads(done.stdout)["notes"] if n["severity"] == "lost"]
    assert [n["path"] for n in notes] == ["secret"]


def test_rootfs_mounts(scan, tmp_path):
    """R6: file systems of the kernel below a root file system are passed over, which is said"""
    root = unpack(sample(), tmp_path / "root")
    os.mkdir(os.path.join(root, "run"))
    if subprocess.run(["mount", "-t", "tmpfs", "none", root + "/run"],
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        with open(root + "/run/program", "wb") as f:
            f.write(elf())
        done = scan("rootfs:" + root)
        assert found(done) == SOUND
        assert all("program" not in e["path"] for e in done.json["executables"])
        assert [(n["code"], n["path"]) for n in done.notes("info")] == [("rootfs-mount", "run")]
    finally:
        subprocess.run(["umount", root + "/run"], check=True)


# Engines

def engine(request, command, sock):
    """Starts a service for a module's tests; what it mounted goes with it."""
    registries.need(command[0])
    folder = os.path.dirname(sock)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 30

    def stop():
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        with open("/proc/self/mounts", encoding="utf-8") as f:
            left = [line.split()[1] for line in f]
        for path in sorted((p for p in left if p.startswith(folder + "/")), reverse=True):
            subprocess.run(["umount", "-l", path], check=False)

    while time.monotonic() < end and child.poll() is None:
        with socket.socket(socket.AF_UNIX) as s:
            if os.path.exists(sock) and s.connect_ex(sock) == 0:
                request.addfinalizer(stop)
                return
        time.sleep(0.1)
    stop()
    pytest.skip(command[0] + " does not start here")


@pytest.fixture(scope="module")
def dockerd(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dockerd")
    sock = str(folder / "s")
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    engine(request,
           ["dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"),
            "--pidfile", str(folder / "pid"), "-H", "unix://" + sock, "--iptables=false",
            "--ip6tables=false", "--bridge=none", "--ip-forward=false", "--ip-masq=false",
            "--userland-proxy=false"], sock)
    return "unix://" + sock


@pytest.fixture(scope="module")
def podman_service(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("podman")
    sock = str(folder / "s")
    engine(request,
           ["podman", "--root", str(folder / "root"), "--runroot", str(folder / "run"), "--tmpdir",
            str(folder / "tmp"), "system", "service", "-t", "0", "unix://" + sock], sock)
    return "unix://" + sock


def load(where, variable, path):
    """Loads an archive by the engine's API, which both have."""
    class Local(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(where.removeprefix("unix://"))

    with open(path, "rb") as f:
        c = Local("engine")
        c.request("POST", "/v1.40/images/load", f.read(), {"Content-Type": "application/x-tar"})
        answer = c.getresponse()
        text = answer.read()
    if answer.status != 200 or b"error" in text:
        pytest.skip("%s does not load images here: %r" % (variable, text[:200]))


class FakeEngine(socketserver.ThreadingUnixStreamServer):
    """Answers as an engine's socket does: inspect and save of one image."""

    def __init__(self, path, name, saved):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                known = {"/images/%s/json" % name: b'{"RepoTags":["%s"]}' % name.encode(),
                         "/images/%s/get" % name: saved}
                body = known.get(self.path)
                self.send_response(200 if body else 404)
                self.end_headers()
                self.wfile.write(body or b'{"message":"No such image"}')

            def address_string(self):
                return "engine"

            def log_message(self, *args):
                pass

        super().__init__(path, Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def test_engine_of_today(scan, tmp_path):
    """R13: an engine that saves layouts gives the digests that the registry knows"""
    image = sample()
    other = {"mediaType": OCI + "manifest.v1+json", "digest": sha256(b"not here"), "size": 8,
             "platform": {"os": "linux", "architecture": "s390x"}}
    with open(save_of_today(image, tmp_path / "a.tar", others=[other]), "rb") as f:
        saved = f.read()
    engine = FakeEngine(str(tmp_path / "s"), "team/app:1", saved)
    env = {"DOCKER_HOST": "unix://%s/s" % tmp_path}
    try:
        done = scan("docker:team/app:1", "--platform", "linux/amd64", env=env)
        assert found(done) == SOUND
        assert done.json["target"]["manifest"] == sha256(image.manifest())
        assert done.json["target"]["index"]
        failed(scan("docker:team/app:1", "--platform", "linux/s390x", env=env), "not in the archive")
        failed(scan("docker:team/app:2", env=env), "no image 'team/app:2'")
    finally:
        engine.shutdown()
        engine.server_close()
    failed(scan("docker:team/app:1", env=env), "docker")
    failed(scan("docker:team/app:1", env={"DOCKER_HOST": "ssh://somewhere"}), "DOCKER_HOST")


def check_engine(scan, kind, variable, where, tmp_path):
    load(where, variable, docker_save([(["team/app:1"], sample())], tmp_path / "a.tar"))
    env = {variable: where}
    done = scan(kind + ":team/app:1", env=env)
    assert found(done) == SOUND
    assert done.json["target"]["source"] == kind
    failed(scan(kind + ":team/none:1", env=env), "no image 'team/none:1'", "pull")
    failed(scan(kind + ":team/app:1", env={variable: "unix:///not/there"}), kind)


@pytest.mark.real
def test_docker(dockerd, scan, tmp_path):
    """R12: an image that only dockerd has"""
    check_engine(scan, "docker", "DOCKER_HOST", dockerd, tmp_path)


@pytest.mark.real
def test_podman(podman_service, scan, tmp_path):
    """R12: an image that only podman has"""
    check_engine(scan, "podman", "CONTAINER_HOST", podman_service, tmp_path)


# The same everywhere

def test_same_everywhere(fake, scan, home, tmp_path):
    """R20: one image has one inventory, whatever it is read from"""
    image = sample()
    refs = [fake.push("t/app", "1", image), image.write_layout(tmp_path / "dir"),
            image.write_archive(tmp_path / "o.tar"), docker_save([(["a:1"], image)], tmp_path / "d.tar"),
            "rootfs:" + unpack(image, tmp_path / "root")]
    reports = [scan(ref, "--no-cache", env=home).json for ref in refs]
    for field in ("components", "executables"):
        rows = [sorted((r.get("purl") or r["path"], r.get("sha256")) for r in report[field])
                for report in reports]
        assert all(row == rows[0] for row in rows), (field, refs)
