# SPDX-License-Identifier: Apache-2.0
"""Images read from containerd's own store: the same is found as anywhere else, whatever of them is left."""

import json
import os
import shutil
import subprocess

import pytest

import kit
from containerd import Containerd
from image import File, Image, sha256
from engines import docker  # noqa: F401
from hubkit import wait_for
from layerfacts import facts, found, layered, strip
from registries import Real, need

pytestmark = pytest.mark.real

NAME = "example.test/shop/app:1"


@pytest.fixture(scope="module", params=[1, 2], ids=["containerd1", "containerd2"])
def it(request, tmp_path_factory):
    made = Containerd(tmp_path_factory.mktemp("ctd"), request.param)
    yield made
    made.close()


def look(it, name, cache, *args, **env):
    """A scan of containerd:NAME, with an empty cache folder of its own."""
    shutil.rmtree(cache, ignore_errors=True)
    return kit.scan("containerd:" + name, *args, cache=cache, env=dict(env, CONTAINERD_ADDRESS=it.socket))


def test_the_same_from_everywhere(it, tmp_path):
    """R16: facts of each layer are the same from archive, content store, snapshot and, where these are,
    registry and Docker's socket"""
    image = layered()
    archive = image.write_archive(tmp_path / "image.tar", tag=NAME)
    cache = str(tmp_path / "cache")

    want = kit.scan(archive, cache=cache)
    want_facts = facts(cache)
    assert len(want_facts) == 3
    assert [c["name"] for c in want.json["components"]] == ["busybox", "b"]

    it.load(tmp_path / "image.tar")
    for ref in (NAME, "default/" + NAME, sha256(image.manifest()), sha256(image.config())):
        run = look(it, ref, cache)
        assert found(run) == found(want)
        assert facts(cache) == want_facts
        assert sha256(image.manifest()) in json.dumps(run.json["target"])
    assert all(layer["diff_id_verified"] for layer in run.json["layers"])

    for layer in image.layers:
        it.ctr("content", "rm", layer["digest"])
    run = look(it, NAME, cache)
    assert found(run) == found(want)
    assert facts(cache) == want_facts
    assert not any(layer["diff_id_verified"] for layer in run.json["layers"])

    # Nothing but the snapshot is left, as of an image whose name went on to another.
    chain = image.diff_ids[0]
    for diff_id in image.diff_ids[1:]:
        chain = sha256((chain + " " + diff_id).encode())
    run = look(it, chain, cache)
    assert run.json["components"] and facts(cache) == want_facts
    for key in ("components", "executables"):
        assert [c.get("name", c.get("path")) for c in run.json[key]] == \
            [c.get("name", c.get("path")) for c in want.json[key]]


def test_the_same_from_a_registry(tmp_path):
    """R16: facts of each layer are the same from a registry"""
    need("skopeo")
    image = layered()
    archive = image.write_archive(tmp_path / "image.tar", tag="1")
    want, cache = kit.scan(archive, cache=str(tmp_path / "one")), str(tmp_path / "two")
    (tmp_path / "registry").mkdir()
    registry = Real(tmp_path / "registry", "plain")
    try:
        ref = registry.host + "/shop/app:1"
        subprocess.run(["skopeo", "copy", "--dest-tls-verify=false", "oci-archive:%s:1" % (tmp_path / "image.tar"),
                        "docker://" + ref], check=True, capture_output=True)
        run = kit.scan("registry:" + ref, "--insecure-registry", registry.host, cache=cache)
    finally:
        registry.stop()
    assert found(run) == found(want)
    assert facts(cache) == facts(str(tmp_path / "one"))


def test_from_the_socket_alone(it, tmp_path):
    """R16: where the store's files cannot be seen, its bytes come over the socket"""
    image = layered()
    archive = image.write_archive(tmp_path / "image.tar", tag="example.test/shop/remote:1")
    it.load(tmp_path / "image.tar")
    hidden = it.root + "/io.containerd.content.v1.content/blobs/sha256"
    want = kit.scan(archive, cache=str(tmp_path / "one"))
    # Another mount namespace, as a container's, where nothing is at that path.
    run = subprocess.run(
        ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$1" && shift && exec "$@"', "sh", hidden,
         kit.program("rummage"), "scan", "containerd:example.test/shop/remote:1", "--inventory-only", "-o",
         "json", "--engine", it.socket, "--cache-dir", str(tmp_path / "two")],
        check=False, capture_output=True, timeout=120)
    if b"unshare" in run.stderr or b"mount:" in run.stderr:
        pytest.skip("no mount namespaces here")
    done = kit.Run(run.returncode, run.stdout.decode(), run.stderr.decode(), 0, 0, 0, False)
    assert found(done) == found(want)
    assert all(layer["diff_id_verified"] for layer in done.json["layers"])


def test_namespaces(it, tmp_path):
    """R22: an image is found in whatever namespace it is; one that is named is the only one looked in"""
    one, two = Image(), Image()
    for image, version in ((one, "1.0.0"), (two, "2.0.0")):
        image.layer([File("srv/node_modules/a/package.json", '{"name":"a","version":"%s"}' % version)])
    name = "docker.io/library/app:latest"
    it.add(one, name, "k8s.io")
    it.add(two, name, "team")
    cache = str(tmp_path / "cache")

    def version(ref, **env):
        run = look(it, ref, cache, **env)
        return run.json["components"][0]["version"] if run.code == 0 else run.err

    assert version("app") == version(name) == version("k8s.io/app") == "1.0.0"
    assert version("team/" + name) == version("team/app:latest") == "2.0.0"
    assert version("app", CONTAINERD_NAMESPACE="team") == "2.0.0"
    assert version(sha256(two.manifest())) == "2.0.0"
    assert "k8s.io" in version("nothing") and "has no image 'nothing'" in version("nothing")
    assert "has no image" in version("team/" + sha256(one.manifest()))


def test_what_is_missing_is_said(it, tmp_path):
    """R8: a layer that is neither in the store nor in a snapshot is told, never left out in silence"""
    image = Image()
    image.layer([File("srv/node_modules/a/package.json", '{"name":"a","version":"0.0.1"}')])
    image.layer([File("srv/node_modules/b/package.json", '{"name":"b","version":"0.0.1"}')])
    image.write_archive(tmp_path / "image.tar", tag="example.test/half:1")
    it.load(tmp_path / "image.tar", "default", "--no-unpack")
    it.ctr("content", "rm", image.layers[0]["digest"])
    # containerd collects it at its leisure; until then its bytes are as good as any.
    blob = it.root + "/io.containerd.content.v1.content/blobs/" + image.layers[0]["digest"].replace(":", "/")
    wait_for(lambda: not os.path.exists(blob), 60, 0.1)
    run = look(it, "example.test/half:1", str(tmp_path / "cache"))
    assert run.code == kit.INCOMPLETE and not run.json["complete"]
    assert [c["name"] for c in run.json["components"]] == ["b"]
    assert {n["code"] for n in run.notes()} >= {"layer-unreadable", "containerd-snapshot"}
    # Nobody answers, or something else does.
    gone = kit.scan("containerd:x", env={"CONTAINERD_ADDRESS": str(tmp_path / "none.sock")}, cache=str(tmp_path))
    assert gone.code == kit.FAILED and "CONTAINERD_ADDRESS" in gone.err


def test_the_same_from_docker(tmp_path, docker):  # noqa: F811
    """R16: facts of each layer are the same over Docker's socket"""
    need("skopeo")
    image = layered()
    archive = image.write_archive(tmp_path / "image.tar", tag="1")
    want, cache = kit.scan(archive, cache=str(tmp_path / "one")), str(tmp_path / "two")
    subprocess.run(["skopeo", "copy", "oci-archive:%s:1" % (tmp_path / "image.tar"),
                    "docker-archive:%s:shop/app:1" % (tmp_path / "docker.tar")], check=True, capture_output=True)
    docker.run("load", "-i", str(tmp_path / "docker.tar"))
    run = kit.scan("docker:shop/app:1", "--engine", docker.socket, cache=cache)
    for key in ("components", "executables"):
        assert [strip(c) for c in run.json[key]] == [strip(c) for c in want.json[key]]
    assert facts(cache) == facts(str(tmp_path / "one"))
