# SPDX-License-Identifier: Apache-2.0
"""One image has one set of facts, wherever it is read: registry, layouts, archives, engines, stores on disk."""

import contextlib
import glob
import os
import shutil
import socket
import subprocess
import tarfile
import threading

import pytest

import kit
from containerd import Containerd
from engines import Docker, Podman
from image import Entry, File, Folder, Gone, Image, Link, elf
from layerfacts import exact_facts, facts, large, layered, strip
from registries import Real, need

pytestmark = pytest.mark.real


def far(path):
    """The address of an engine whose store cannot be seen: its socket, by way of a port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve():
        while True:
            near, _ = listener.accept()
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(path)
            for pair in ((near, engine), (engine, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return "tcp://127.0.0.1:%d" % listener.getsockname()[1]


class Everywhere:
    """The services of this machine that can hold an image, each the test's own; those that do not start are
    left out, and said."""

    def __init__(self, folder):
        self.folder, self.absent, self.made = folder, [], {}
        for name, make in (("registry", lambda d: Real(d, "plain")), ("docker", Docker), ("podman", Podman),
                           ("containerd", Containerd)):
            at = folder / name
            at.mkdir()
            try:
                self.made[name] = make(at)
            except pytest.skip.Exception as why:
                self.absent.append("%s: %s" % (name, why))
        if "podman" in self.made:
            self.made["podman"].serve()

    def close(self):
        for name, service in self.made.items():
            (service.stop if name == "registry" else service.close)()

    def load(self, archive, number):
        """Puts an OCI archive everywhere; {where: (reference, options, environment)}."""
        host = "example.test/same/image%d:1" % number
        copies = self.folder / ("copies%d" % number)
        copies.mkdir()
        archive = archive.removeprefix("oci-archive:")
        layout, saved = "%s/layout:1" % copies, "%s/saved.tar" % copies
        self.copy("oci-archive:" + archive, "oci:" + layout)
        self.copy("oci:" + layout, "docker-archive:%s:%s" % (saved, host))
        refs = {"oci-dir": ("oci-dir:" + layout, (), {}),
                "docker-archive": ("docker-archive:" + saved, (), {})}
        for name, service in self.made.items():
            refs.update(getattr(self, "load_" + name)(service, host, layout, saved))
        return refs

    @staticmethod
    def copy(*args):
        # Platforms of other machines are copied all the same.
        subprocess.run(["skopeo", "copy", "--all", "--dest-tls-verify=false", "--insecure-policy", *args], check=True,
                       capture_output=True)

    def load_registry(self, registry, host, layout, _):
        ref = registry.host + "/" + host.split("/", maxsplit=1)[1]
        self.copy("oci:" + layout, "docker://" + ref)
        return {"registry": ("registry:" + ref, ("--insecure-registry", registry.host), {})}

    @staticmethod
    def load_docker(docker, host, _, saved):
        docker.run("load", "-i", saved)
        return {"docker, from disk": ("docker:" + host, ("--engine", docker.socket), {}),
                "docker, as it saves it": ("docker:" + host, (), {"DOCKER_HOST": far(docker.socket)})}

    @staticmethod
    def load_podman(podman, host, layout, _):
        done = podman.run("pull", "oci:" + layout).stdout.decode().split()[-1]
        podman.run("tag", done, host)
        return {"podman, by its socket": ("podman:" + host, ("--engine", podman.socket), {}),
                "podman, as it saves it": ("podman:" + host, (), {"CONTAINER_HOST": far(podman.socket)}),
                "podman, from disk": ("podman:" + host, ("--engine", podman.root), {}),
                "crio, from disk": ("crio:" + host, ("--engine", podman.root), {})}

    def load_containerd(self, containerd, host, layout, _):
        packed = "%s.tar" % layout.rsplit(":", 1)[0]
        self.copy("oci:" + layout, "oci-archive:%s:%s" % (packed, host))
        containerd.ctr("images", "import", "--all-platforms", packed)
        return {"containerd": ("containerd:" + host, (), {"CONTAINERD_ADDRESS": containerd.socket})}


    @contextlib.contextmanager
    def folders(self, refs, layers):
        """The same images while only the folders are there that their layers were unpacked into."""
        left = {}
        if "containerd" in refs:
            it = self.made["containerd"]
            left["containerd, from snapshots"] = refs["containerd"]
            for layer in layers:
                it.ctr("content", "rm", layer["digest"])
        records = []
        if "podman" in self.made:
            records = glob.glob(self.made["podman"].root + "/overlay-layers/*.tar-split.gz")
            left["crio, from folders"] = refs["crio, from disk"]
        for record in records:
            os.rename(record, record + ".away")
        try:
            yield left
        finally:
            for record in records:
                os.rename(record + ".away", record)


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory):
    need("skopeo")
    made = Everywhere(tmp_path_factory.mktemp("all"))
    yield made
    made.close()


def images():
    """{name: how an archive of it is had from a folder}."""
    found = {"made": lambda folder: layered().write_archive(folder / "made.tar", tag="1")}
    for name, (ref, _) in kit.ready_images().items():
        found[name] = lambda folder, ref=ref: ref
    return found


def read(ref, cache, args=(), env=None, **how):
    shutil.rmtree(cache, ignore_errors=True)
    # For whatever platform it is.
    run = kit.scan(ref, *args, cache=cache, env=dict({"CONTAINER_HOST": "", "DOCKER_HOST": ""}, **(env or {})), **how)
    assert run.code in (0, kit.INCOMPLETE), (ref, run.err)
    return run


def rows(run):
    """What is found, without the layers' names."""
    return {key: sorted(repr(strip(c)) for c in run.json[key]) for key in ("components", "executables")}


@pytest.mark.parametrize("name", images())
def test_the_same_from_everywhere(everywhere, tmp_path, name):
    """R16: facts of each layer are the same, byte for byte, from registry, layouts, archives, engines and stores"""
    archive, cache = images()[name](tmp_path), str(tmp_path / "cache")
    want = read(archive, cache)
    exact, in_order = exact_facts(cache), facts(cache)
    refs = everywhere.load(archive, list(images()).index(name))
    for where, (ref, args, env) in refs.items():
        run = read(ref, cache, args, env)
        assert exact_facts(cache) == exact, where
        assert rows(run) == rows(want), where
        assert run.json["notes"] == want.json["notes"], where
        assert all(layer["diff_id_verified"] for layer in run.json["layers"]), where
    # What a folder has no order and no digest for differs in that alone.
    with everywhere.folders(refs, want.json["layers"]) as left:
        for where, (ref, args, env) in left.items():
            run = read(ref, cache, args, env)
            assert all(layer in in_order for layer in facts(cache)), where
            assert rows(run) == rows(want), where
            assert run.code == want.code and run.json["complete"] == want.json["complete"], where
            assert not any(layer["diff_id_verified"] for layer in run.json["layers"]), where
            assert [layer["digest"] for layer in run.json["layers"]] == \
                [layer["digest"] for layer in want.json["layers"]], where
    if everywhere.absent:
        pytest.skip("the same wherever it could be read; not to be had: " + "; ".join(everywhere.absent))


def odd():
    """An image that unpacking changes: links as folders, names that are no text, entries twice."""
    image = Image()
    shared = Entry("opt/first", 0o4755, data=elf())
    image.layer([Folder("usr"), Folder("usr/lib"), Link("lib", "usr/lib"),
                 File("lib/through", elf(), 0o755), shared,
                 *[Entry(name, 0o4755, tarfile.LNKTYPE, target="opt/first") for name in ("opt/second", "opt/a")],
                 File("srv/deep/er/node_modules/a/package.json", '{"name":"a","version":"1.0.0"}'),
                 File("opt/" + "n" * 150, elf("arm64"), 0o755), File("opt/caf\udce9", elf(), 0o755),
                 Entry("dev/null", 0o666, tarfile.CHRTYPE), Entry("run/pipe", 0o600, tarfile.FIFOTYPE),
                 File("./opt/dot", elf(), 0o755), large(b"1")])
    image.layer([File("opt/first", elf("arm64"), 0o755), Gone("opt/second"), Gone("srv/deep"), Link("opt/dot", "/etc"),
                 large(b"2")])
    return image


def test_odd_layers(everywhere, tmp_path):
    """R16: layers that are not as they were packed once they are unpacked"""
    cache = str(tmp_path / "cache")
    archive = odd().write_archive(tmp_path / "odd.tar", tag="1")
    want = read(archive, cache)
    exact = exact_facts(cache)
    refs = everywhere.load(archive, 100)
    for where, (ref, args, env) in refs.items():
        run = read(ref, cache, args, env)
        assert exact_facts(cache) == exact, where
        assert rows(run) == rows(want), where
    # A folder has files where they came to lie, not where the tar says.
    through = {key: sorted(row.replace("'lib/through'", "'usr/lib/through'") for row in found)
               for key, found in rows(want).items()}
    with everywhere.folders(refs, want.json["layers"]) as left:
        for where, (ref, args, env) in left.items():
            run = read(ref, cache, args, env)
            assert rows(run) == through, where
