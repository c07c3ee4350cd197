# SPDX-License-Identifier: Apache-2.0
"""What the tests of databases in registries share: databases that grow, pushes and pulls of them, and a
registry whose manifest says what a test wants."""

import hashlib
import json
import os
import subprocess

import pytest

import kit
import small
from image import OCI, sha256
from registries import PASSWORD, USER, Fake

TYPE = "application/vnd.rummage.advisories.v1"
WHOLE = "application/vnd.rummage.advisories.v1+zstd"
PATCH = "application/vnd.rummage.advisories.patch.v1+zstd"
KEY = "vnd.rummage.db."


def zstd(data, *args):
    return subprocess.run(["zstd", "-q", "-c", *args], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def record(n):
    made = small.osv("GHSA-test-%04d-0000" % n, "npm", "package-%04d" % n, "1.%d.0" % n, "SEMVER",
                     aliases=["CVE-2030-%05d" % n],
                     severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}])
    made["summary"] = hashlib.sha256(b"%d" % n).hexdigest()
    return made


def write_record(folder, n):
    path = os.path.join(folder, "osv", "npm")
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "r%d.json" % n), "w", encoding="utf-8") as f:
        json.dump(record(n), f)


def build(folder, out, built=1900000000):
    done = kit.run("db", "build", "--from", folder, "--out", out,
                   env={"SOURCE_DATE_EPOCH": str(built)})
    assert done.code == kit.OK, done.err
    return out


class Databases:
    """Databases of some hundred advisories, each of one more than that before it."""

    def __init__(self, folder):
        self.folder, self.n, self.files = str(folder), 0, []
        for n in range(400):
            write_record(self.folder, n * 2)

    def __getitem__(self, i):
        while len(self.files) <= i:
            k = len(self.files)
            write_record(self.folder, 101 + 2 * k)
            self.files.append(build(self.folder, "%s/%d.db" % (self.folder, k), 1900000000 + k))
        return self.files[i]


@pytest.fixture(scope="module")
def dbs(tmp_path_factory):
    return Databases(tmp_path_factory.mktemp("databases"))


@pytest.fixture
def home(tmp_path):
    """A home without credentials."""
    path = tmp_path / "home"
    path.mkdir()
    return {"HOME": str(path), "XDG_RUNTIME_DIR": "", "DOCKER_CONFIG": "", "XDG_CONFIG_HOME": "",
            "XDG_CACHE_HOME": str(path / "cache"), "REGISTRY_AUTH_FILE": "",
            "no_proxy": "127.0.0.1,localhost"}


@pytest.fixture
def fake():
    registry = Fake()
    yield registry
    registry.stop()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def push(ref, file, *args, code=kit.OK, **how):
    done = kit.run("db", "push", ref, "--db", file, *args, **how)
    assert done.code == code, done
    return done


def pull(ref, out, *args, code=kit.OK, **how):
    done = kit.run("db", "pull", ref, "--out", out, *args, **how)
    assert done.code == code, done
    assert not [n for n in os.listdir(os.path.dirname(out)) if ".tmp-" in n]
    return done


def refused(ref, out, *words, **how):
    """A pull that fails, says why, and leaves what there was."""
    before = read(out) if os.path.exists(out) else None
    done = pull(ref, out, code=kit.FAILED, **how)
    assert (read(out) if os.path.exists(out) else None) == before
    for word in words:
        assert word in done.err, done
    return done


def access(registry):
    """Arguments and standard input by which a registry lets us in."""
    args, how = [], {}
    if registry.mode in ("basic", "tls", "token"):
        args, how = ["--username", USER, "--password-stdin"], {"stdin": PASSWORD.encode() + b"\n"}
    if registry.ca:
        args += ["--ca-cert", registry.ca]
    if registry.mode == "mutual":
        args += ["--client-cert", registry.client[0], "--client-key", registry.client[1]]
    return args, how


def manifest_of(fake, tag="1"):
    return json.loads(fake.manifests[tag][1])


def fetched(fake):
    """Blobs that were asked for since the log was cleared."""
    return [path.rsplit("/", 1)[1] for method, path, _ in fake.log
            if method == "GET" and "/blobs/" in path]


def layer_digests(fake, kind):
    return [layer["digest"] for layer in manifest_of(fake)["layers"] if layer["mediaType"] == kind]


def serve_manifest(fake, m, tag="1"):
    data = json.dumps(m).encode()
    fake.manifests[tag] = fake.manifests[sha256(data)] = (OCI + "manifest.v1+json", data)


def serve_whole(fake, packed, **notes):
    """The manifest is about these bytes; notes are what else it claims."""
    m = manifest_of(fake)
    fake.blobs[sha256(packed)] = packed
    m["layers"][0].update(digest=sha256(packed), size=len(packed))
    m["annotations"].update({KEY + name: str(value) for name, value in notes.items()})
    serve_manifest(fake, m)
