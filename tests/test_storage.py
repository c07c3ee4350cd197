# SPDX-License-Identifier: Apache-2.0
"""Images in the store that Podman, CRI-O and Buildah share, read from disk with nobody listening."""

import contextlib
import glob
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

import kit
from engines import Podman, docker, leave, podman  # noqa: F401
from image import File, Image, sha256
from layerfacts import facts, found, layered, strip
from registries import need

pytestmark = pytest.mark.real

NAME = "example.test/shop/app:1"


def look(store, ref, cache, *args, **env):
    """A scan of REF in a store of Podman, with an empty cache folder of its own."""
    shutil.rmtree(cache, ignore_errors=True)
    env = dict({"CONTAINERS_STORAGE_CONF": store.settings, "XDG_RUNTIME_DIR": store.folder + "/none",
                "CONTAINER_HOST": ""}, **env)
    return kit.scan(ref, *args, cache=cache, env=env)


def load(store, tmp_path, image, name=NAME):
    """Loads it; the archive that it came from."""
    archive = image.write_archive(tmp_path / "image.tar", tag=name)
    store.run("load", "-i", str(tmp_path / "image.tar"))
    return archive


def no_socket():
    if os.path.exists("/run/podman/podman.sock"):
        pytest.skip("a podman of this machine's own answers")


def test_the_same_from_disk(podman, tmp_path):  # noqa: F811
    """R16: an image that Podman has gives the same from disk, by any of its names, with every digest verified"""
    image, cache = layered(), str(tmp_path / "cache")
    archive = load(podman, tmp_path, image)
    want = kit.scan(archive, cache=cache)
    want_facts = facts(cache)
    assert len(want_facts) == 3
    config = sha256(image.config())
    for name in (NAME, "app:1", "shop/app:1", config, config[7:], config[7:20], sha256(image.manifest())):
        run = look(podman, "crio:" + name, cache)
        assert found(run) == found(want) and facts(cache) == want_facts
        assert all(layer["diff_id_verified"] for layer in run.json["layers"])
        assert run.json["target"]["manifest"] == sha256(image.manifest())
        assert run.json["target"]["source"] == "crio"
    # By the folder alone; and the second time from what is known.
    for _ in range(2):
        run = kit.scan("crio:" + NAME, "--engine", podman.root, cache=cache)
        assert found(run) == found(want)
    none = look(podman, "crio:shop/none:1", cache)
    assert none.code == kit.FAILED and "no image is called 'shop/none:1'" in none.err


def test_podman_without_a_service(podman, tmp_path):  # noqa: F811
    """R22: podman: is read from disk where no service answers, and from the service where it does"""
    no_socket()
    image, cache = layered(), str(tmp_path / "cache")
    archive = load(podman, tmp_path, image)
    want = kit.scan(archive, cache=cache)
    want_facts = facts(cache)
    run = look(podman, "podman:" + NAME, cache)
    assert found(run) == found(want) and facts(cache) == want_facts
    assert run.json["target"]["source"] == "podman"
    podman.serve()
    try:
        run = look(podman, "podman:" + NAME, cache, CONTAINER_HOST="unix://" + podman.socket)
        assert found(run) == found(want) and facts(cache) == want_facts
        # The service said where it is; it did not have to save it, which has no manifest.
        assert run.json["target"]["manifest"] == sha256(image.manifest())
    finally:
        podman.silence()
    # One that was named is meant; a store is no stand-in for it.
    gone = look(podman, "podman:" + NAME, cache, CONTAINER_HOST="unix://" + podman.socket)
    assert gone.code == kit.FAILED and "CONTAINER_HOST" in gone.err
    empty = look(podman, "podman:" + NAME, cache, CONTAINERS_STORAGE_CONF="", HOME=str(tmp_path),
                 XDG_DATA_HOME=str(tmp_path / "data"))
    if not os.path.exists("/var/lib/containers/storage"):
        assert empty.code == kit.FAILED and "no service of podman answers" in empty.err


def test_without_the_record(tmp_path):
    """R16: where the tar cannot be made again the folder gives the same, and it is said that nothing vouches for it"""
    store = Podman(tmp_path / "podman")
    try:
        image, cache = layered(), str(tmp_path / "cache")
        want = kit.scan(load(store, tmp_path, image), cache=cache)
        want_facts = facts(cache)
        records = sorted(glob.glob(store.root + "/overlay-layers/*.tar-split.gz"))
        assert len(records) == 3
        os.unlink(records[0])
        with open(records[1], "r+b") as f:
            f.truncate(100)
        with open(records[2], "wb") as f:
            f.write(b"no record")
        run = look(store, "crio:" + NAME, cache)
        assert [n["code"] for n in run.notes()] == ["layer-folder"] * 3
        for key in ("components", "executables"):
            assert run.json[key] == want.json[key]
        assert facts(cache) == want_facts and run.json["complete"] and run.code == 0
        assert not any(layer["diff_id_verified"] for layer in run.json["layers"])
    finally:
        store.close()


def test_a_store_that_was_meddled_with(tmp_path):
    """R8: a file that was changed in the store is found as it is, and the image is not called sound"""
    store = Podman(tmp_path / "podman")
    try:
        image = Image()
        image.layer([File("srv/node_modules/a/package.json", '{"name":"a","version":"1.0.0"}'),
                     File("srv/node_modules/b/package.json", '{"name":"b","version":"1.0.0"}')])
        load(store, tmp_path, image)
        files = store.root + "/overlay/*/diff/srv/node_modules/%s/package.json"
        with open(glob.glob(files % "a")[0], "r+", encoding="ascii") as f:
            f.write('{"name":"a","version":"6.6.6"}')
        run = look(store, "crio:" + NAME, str(tmp_path / "cache"))
        assert run.code == kit.INCOMPLETE
        assert [n["code"] for n in run.notes()] == ["diff-id-mismatch"]
        assert [c["version"] for c in run.json["components"]] == ["6.6.6", "1.0.0"]
        # One that is gone, or is a link to somewhere else now.
        os.unlink(glob.glob(files % "a")[0])
        os.unlink(glob.glob(files % "b")[0])
        outside = tmp_path / "outside.json"
        outside.write_text('{"name":"o","version":"9.0.0"}', encoding="ascii")
        os.symlink(outside, os.path.dirname(glob.glob(store.root + "/overlay/*/diff/srv/node_modules/b")[0]) +
                   "/b/package.json")
        run = look(store, "crio:" + NAME, str(tmp_path / "cache"))
        assert [n["code"] for n in run.notes()] == ["layer-folder"] and run.json["components"] == []
    finally:
        store.close()


@pytest.mark.parametrize("recorded", [True, False])
def test_vfs(tmp_path, recorded):
    """R16: from the driver whose every folder has all layers, with and without the record of the tar"""
    store = Podman(tmp_path / "podman", "vfs")
    try:
        image, cache = layered(), str(tmp_path / "cache")
        want = kit.scan(load(store, tmp_path, image), cache=cache)
        want_facts = facts(cache)
        records = glob.glob(store.root + "/vfs-layers/*.tar-split.gz")
        assert len(records) == 3
        if not recorded:
            for record in records:
                os.unlink(record)
        run = look(store, "crio:" + NAME, cache)
        if recorded:
            assert found(run) == found(want) and facts(cache) == want_facts
        for key in ("components", "executables"):
            assert [strip(c) for c in run.json[key]] == [strip(c) for c in want.json[key]]
        assert run.code == 0
    finally:
        store.close()


def test_additional_stores(tmp_path):
    """R22: an image, or its lower layers, may lie in a store beside the own one"""
    shared, own = Podman(tmp_path / "shared"), Podman(tmp_path / "own")
    try:
        image, cache = layered(), str(tmp_path / "cache")
        want = kit.scan(load(shared, tmp_path, image), cache=cache)
        with open(own.settings, "a", encoding="ascii") as f:
            f.write('[storage.options]\nadditionalimagestores = ["%s", "%s"]\n' % (tmp_path / "none", shared.root))
        own.run("info")
        run = look(own, "crio:" + NAME, cache)
        # The settings name a second store that is not there: that is said.
        assert [n["code"] for n in run.notes()] == ["image-store"]
        for key in ("components", "executables", "layers"):
            assert run.json[key] == want.json[key]
    finally:
        shared.close()
        own.close()


def test_from_a_registry(podman, tmp_path):  # noqa: F811
    """R16: an image that Podman pulled has its index and its compressed layers' digests from disk too"""
    need("skopeo")
    from registries import Real
    image, cache = layered(), str(tmp_path / "cache")
    archive = image.write_archive(tmp_path / "image.tar", tag="1")
    want = kit.scan(archive, cache=cache)
    (tmp_path / "registry").mkdir()
    registry = Real(tmp_path / "registry", "plain")
    try:
        ref = registry.host + "/shop/pulled:1"
        subprocess.run(["skopeo", "copy", "--dest-tls-verify=false", "oci-archive:%s:1" % (tmp_path / "image.tar"),
                        "docker://" + ref], check=True, capture_output=True)
        podman.run("pull", "--tls-verify=false", ref)
    finally:
        registry.stop()
    run = look(podman, "crio:" + ref, cache)
    assert found(run) == found(want)
    assert run.json["target"]["manifest"] == sha256(image.manifest())
    assert ref in json.dumps(podman.run("images", "--format", "json").stdout.decode())


def test_lists_that_are_no_lists(tmp_path, cache):
    """R7: a damaged or hostile store is an error that says so, not a crash and not an empty image"""
    root = tmp_path / "root"
    os.makedirs(root / "overlay-images")
    os.makedirs(root / "overlay-layers")
    listed = root / "overlay-images/images.json"

    def scan(ref="crio:x"):
        return kit.scan(ref, "--engine", str(root), cache=cache)

    assert "no image is called" in scan().err
    for text in ('{"id":"x"}', "[{", '[{"id":"' + "a" * 300 + '"}]', "[1,2,null]", '[{"id":"../../x","names":["x"]}]'):
        listed.write_text(text, encoding="ascii")
        assert scan().code == kit.FAILED
    listed.write_text('[{"id":"abc","names":["localhost/x:latest"],"layer":"l"}]', encoding="ascii")
    assert "keeps no manifest" in scan().err
    # Layers that go round, or are not there.
    image = Image()
    image.layer([File("a", "a")])
    os.makedirs(root / "overlay-images/abc")
    (root / "overlay-images/abc/manifest").write_bytes(image.manifest())
    name = "=" + __import__("base64").b64encode(sha256(image.config()).encode()).decode()
    (root / "overlay-images/abc" / name).write_bytes(image.config())
    assert "is not in the store" in scan().err
    (root / "overlay-layers/layers.json").write_text('[{"id":"l","parent":"l"}]', encoding="ascii")
    assert "more layers" in scan().err
    (root / "overlay-layers/layers.json").write_text('[{"id":"l"}]', encoding="ascii")
    run = scan()
    assert run.code == kit.INCOMPLETE and {n["code"] for n in run.notes()} >= {"layer-unreadable"}
    # A folder that leads out of the store is none of it.
    os.makedirs(root / "overlay/l")
    os.symlink("/", root / "overlay/l/diff")
    assert scan().code == kit.INCOMPLETE


class Listening:
    """A socket that leads to an engine's, and remembers what was asked."""

    def __init__(self, path, to):
        self.path, self.to, self.asked = str(path), to, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.to)
            threading.Thread(target=self.pump, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, False), daemon=True).start()

    def pump(self, source, sink, ours):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if ours:
                    self.asked.append(data.split(b"\r\n", 1)[0].decode())
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def saved(self):
        return [line for line in self.asked if "/get " in line]

    def close(self):
        self.listener.close()


def test_docker_from_disk(docker, tmp_path):  # noqa: F811
    """R16 R22: Docker's image is read where it lies, and asked of the engine where that cannot be"""
    need("skopeo")
    image, cache = layered(), str(tmp_path / "cache")
    archive = image.write_archive(tmp_path / "image.tar", tag="1")
    want = kit.scan(archive, cache=cache)
    want_facts = facts(cache)
    subprocess.run(["skopeo", "copy", "oci-archive:%s:1" % (tmp_path / "image.tar"),
                    "docker-archive:%s:shop/app:1" % (tmp_path / "docker.tar")], check=True, capture_output=True)
    docker.run("load", "-i", str(tmp_path / "docker.tar"))
    ear = Listening(tmp_path / "ear", docker.socket)

    def scan():
        shutil.rmtree(cache, ignore_errors=True)
        return kit.scan("docker:shop/app:1", "--engine", ear.path, cache=cache)

    def same(run):
        return run.code == 0 and facts(cache) == want_facts and all(
            [strip(c) for c in run.json[key]] == [strip(c) for c in want.json[key]]
            for key in ("components", "executables"))

    layers = docker.folder + "/data/image/overlay2/layerdb/sha256/*/"
    try:
        run = scan()
        assert same(run) and not ear.saved() and all(layer["diff_id_verified"] for layer in run.json["layers"])
        assert run.json["target"]["config"] == sha256(image.config()) and run.json["target"]["source"] == "docker"
        # A record that is damaged: the folder; one that is not there: what the engine saves.
        records = sorted(glob.glob(layers + "tar-split.json.gz"))
        assert len(records) == 3
        with open(records[0], "rb") as f:
            kept = f.read()
        with open(records[0], "wb") as f:
            f.write(kept[:50])
        run = scan()
        assert same(run) and not ear.saved() and [n["code"] for n in run.notes()] == ["layer-folder"]
        with open(records[0], "wb") as f:
            f.write(kept)
        folder = glob.glob(layers + "cache-id")[0]
        os.rename(folder, folder + ".away")
        run = scan()
        os.rename(folder + ".away", folder)
        # The engine has what it needs in memory.
        assert same(run) and len(ear.saved()) == 1 and not run.notes()
    finally:
        ear.close()


def test_rootless():
    """R22: the store of a user who is not root, read by that user and by root; a service of its own is not needed"""
    need("podman", "setpriv")
    if os.geteuid() != 0:
        pytest.skip("another user is become by root")
    no_socket()
    home = tempfile.mkdtemp(prefix="rmguser")
    user = 4242
    as_user = ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"]
    env = {"HOME": home, "PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": home + "/run", "NO_COLOR": "1"}
    try:
        for folder in ("run", ".config/containers"):
            os.makedirs(os.path.join(home, folder))
        # One user alone, where the machine gives no others.
        with open(home + "/.config/containers/storage.conf", "w", encoding="ascii") as f:
            f.write('[storage]\ndriver = "overlay"\n[storage.options]\nignore_chown_errors = "true"\n')
        with open(home + "/.config/containers/containers.conf", "w", encoding="ascii") as f:
            f.write(Podman.CONF)
        image, cache = layered(), home + "/cache"
        want = kit.scan(image.write_archive(home + "/image.tar", tag=NAME), cache=cache)
        want_facts = facts(cache)
        shutil.rmtree(cache)
        subprocess.run(["chown", "-R", "%d:%d" % (user, user), home], check=True)
        loaded = subprocess.run([*as_user, "podman", "load", "-q", "-i", home + "/image.tar"], env=env, check=False,
                                capture_output=True, timeout=120, cwd=home)
        if loaded.returncode != 0:
            pytest.skip("podman does not start without root here: %r" % loaded.stderr[-200:])
        done = subprocess.run([*as_user, kit.program("rummage"), "scan", "podman:" + NAME, "--inventory-only", "-o",
                               "json", "--cache-dir", cache], env=env, check=False, capture_output=True, timeout=120,
                              cwd=home)
        if b"Permission denied" in done.stderr and b"rummage" in done.stderr:
            pytest.skip("another user may not run the program where it was built")
        run = kit.Run(done.returncode, done.stdout.decode(), done.stderr.decode(), 0, 0, 0, False)
        assert found(run) == found(want) and facts(cache) == want_facts
        assert run.json["target"]["source"] == "podman"
        run = kit.scan("crio:" + NAME, "--engine", home + "/.local/share/containers/storage", cache=home + "/c2")
        assert found(run) == found(want)
    finally:
        leave(home)
