# SPDX-License-Identifier: Apache-2.0
"""The agent's promises with each runtime as it is: what is pulled is read from the runtime's own store, with the
registry gone; what starts and stops is known at the hub soon."""

import os
import socket
import statistics
import subprocess
import threading
import time

import pytest

import kit
import small
from containerd import Containerd, app
from cri import Cri
from engines import Podman, docker  # noqa: F401
from hubkit import SOON, Hub, wait_for, with_hub  # noqa: F401
from image import File, sha256
from nodekit import Agent
from registries import PASSWORD, USER, Real

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

ADVISORY = "CVE-2026-7201"
ROUNDS = 5


@pytest.fixture
def hub(tmp_path):
    small.write_record(tmp_path / "feeds", ADVISORY, "old-core")
    with Hub(tmp_path / "hub", feeds=tmp_path / "feeds") as started:
        yield started


# One of each runtime: what the test asks of it.

class OfContainerd:
    kind = "containerd"

    def __init__(self, folder, version):
        self.it = Containerd(folder, version)
        self.watch = ["--containerd", self.it.socket]
        self.env = {"CONTAINERD_ADDRESS": self.it.socket}

    def pull(self, ref):
        self.it.ctr("images", "pull", "--plain-http", "--user", "%s:%s" % (USER, PASSWORD), ref)

    def load(self, archive, name):
        self.it.load(archive)
        return name

    def start(self, ref, name):
        self.it.run(ref, name)
        return "default/" + name

    def kill(self, name):
        self.it.ctr("tasks", "kill", "-s", "SIGKILL", name)

    def close(self):
        self.it.close()


class OfDocker:
    """Made of the module's own engine, which is not closed with it."""

    kind = "docker"

    def __init__(self, it, folder):
        self.it, self.config = it, str(folder)
        self.watch = ["--docker", it.socket]
        self.env = {"DOCKER_HOST": "unix://" + it.socket}

    def pull(self, ref):
        env = dict(os.environ, DOCKER_CONFIG=self.config)
        host = ref.partition("/")[0]
        self.it.run("login", "-u", USER, "-p", PASSWORD, host, env=env)
        self.it.run("pull", ref, env=env)
        self.it.run("logout", host, env=env)

    def load(self, archive, name):
        subprocess.run(["skopeo", "copy", "-q", "oci-archive:" + str(archive), "docker-archive:%s.d:%s" % (archive, name)],
                       check=True)
        self.it.run("load", "-i", "%s.d" % archive)
        return name

    def start(self, ref, name):
        return self.it.start(ref, name)

    def kill(self, name):
        self.it.run("kill", name)

    def close(self):
        for container in self.it.run("ps", "-aq").stdout.decode().split():
            self.it.run("rm", "-f", container)


class OfPodman:
    kind = "podman"

    def __init__(self, folder):
        self.it = Podman(folder)
        self.it.serve()
        self.watch = ["--podman", self.it.socket]
        self.env = {"CONTAINER_HOST": "unix://" + self.it.socket}

    def pull(self, ref):
        self.it.run("pull", "-q", "--tls-verify=false", "--creds", "%s:%s" % (USER, PASSWORD), ref)

    def load(self, archive, name):
        self.it.run("load", "-q", "-i", str(archive))
        return name

    def start(self, ref, name):
        return self.it.start(ref, name)

    def kill(self, name):
        self.it.run("kill", name)

    def close(self):
        self.it.close()


@pytest.fixture(params=["containerd1", "containerd2", "docker", "podman"])
def runtime(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("r")
    if request.param == "docker":
        made = OfDocker(request.getfixturevalue("docker"), folder)
    elif request.param == "podman":
        made = OfPodman(folder)
    else:
        made = OfContainerd(folder, int(request.param[-1]))
    yield made
    made.close()


class Counter:
    """Stands where a registry was, and counts who comes."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        self.came = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.came += 1
            peer.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def heavy(program):
    """An image that takes a while to read: thousands of files, one old package."""
    image = app(program, {"old-core": "1.0.0", "left-pad": "1.0.0"})
    image.layer([File("srv/data/%d/package.json" % i, '{"name":"m%d","version":"0.0.%d"}' % (i, i) + " " * 20000)
                 for i in range(1500)])
    return image


def read(hub, digests):
    return [i for i in hub.items("/api/v1/images") if i["digest"] in digests and i["read"]]


def scan_time(runtime, ref, tmp_path):
    """Of this image in this store, nothing known of it, by the program alone."""
    began = time.monotonic()
    done = kit.scan("%s:%s" % (runtime.kind, ref), "--inventory-only", "--no-cache", cache=tmp_path / "c", env=runtime.env)
    assert done.code == 0, done
    return time.monotonic() - began


def judged(hub, digest):
    answer = hub.get("/api/v1/images/" + digest)
    assert answer["complete"] and [f["id"] for f in answer["findings"]] == [ADVISORY]
    return answer


def promptly(took, alone):
    print("at the hub after %.2f s, a scan takes %.2f s" % (took, alone))
    assert took <= alone + SOON


def test_a_pull_is_read_where_it_lies(tmp_path, runtime, program, hub):
    """R2 R4 R12 R26: pulled, then the registry is gone and its password too: inventory and findings are at the hub
    soon, and nobody has asked the registry again (what a tag means there by now is another question, --no-tags)"""
    image = heavy(program)
    digests = [sha256(image.manifest()), sha256(image.config())]
    registry, counter = Real(tmp_path, "basic"), None
    try:
        ref, _ = registry.push("shop/app", "1", image)
        with Agent(tmp_path / "node", hub, *runtime.watch, "--no-tags", node="one") as agent:
            agent.wait_said("watches")
            runtime.pull(ref)
            began = time.monotonic()
            registry.stop()
            counter = Counter(registry.port)
            [found] = wait_for(lambda: read(hub, digests), 120, 0.02, agent.said)
            took = time.monotonic() - began
            assert len(judged(hub, found["digest"])["components"]) == 1502
            assert agent.stop() == 0
        promptly(took, scan_time(runtime, ref, tmp_path))
        # Another agent, which knows nothing, reads it with the registry gone, too.
        with Agent(tmp_path / "other", hub, *runtime.watch, "--no-tags", node="two") as other:
            wait_for(lambda: [i for i in hub.items("/api/v1/images", node="two") if i["digest"] == found["digest"]], 60,
                     0.05, other.said)
        assert counter.came == 0
    finally:
        registry.child.kill()
        if counter:
            counter.close()


def test_an_import_is_read_where_it_lies(tmp_path, runtime, program, hub):
    """R12 R13: what is loaded and was in no registry is read as well, and as soon"""
    name, archive = "localhost/shop/loaded:1", tmp_path / "a.tar"
    app(program, {"old-core": "1.0.0", "right-pad": "1.0.0"}).write_archive(archive, tag=name)
    with Agent(tmp_path / "node", hub, *runtime.watch) as agent:
        agent.wait_said("watches")
        runtime.load(archive, name)
        began = time.monotonic()
        [found] = wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["ref"] == name and i["read"]], 120, 0.02,
                           agent.said)
        took = time.monotonic() - began
        judged(hub, found["digest"])
        promptly(took, scan_time(runtime, name, tmp_path))
        assert agent.stop() == 0


def test_podman_says_little(tmp_path, tmp_path_factory, program, hub):
    """R12 R15: of a commit Podman's events name no image, and of a name that goes they say the image does: both
    are looked up"""
    runtime = OfPodman(tmp_path_factory.mktemp("r"))
    name, other, child = ("localhost/shop/%s:1" % n for n in ("said", "other", "child"))

    def names():
        return {i["ref"] for i in hub.items("/api/v1/images") if i["cached"]}

    try:
        app(program, {"old-core": "1.0.0"}).write_archive(tmp_path / "a.tar", tag=name)
        with Agent(tmp_path / "node", hub, *runtime.watch) as agent:
            agent.wait_said("watches")
            runtime.load(tmp_path / "a.tar", name)
            runtime.it.run("tag", name, other)
            runtime.start(name, "web")
            runtime.it.run("commit", "-q", "web", child)
            wait_for(lambda: {child} <= names() and names() & {name, other}, 30, 0.05, agent.said)
            runtime.it.run("rmi", other)
            runtime.it.run("tag", name, "localhost/shop/late:1")
            runtime.it.run("rm", "-f", "-t", "0", "web")
            runtime.it.run("rmi", child)
            wait_for(lambda: child not in names(), 30, 0.05, agent.said)
            assert len(names()) == 1, names()
    finally:
        runtime.close()


# Start and stop.

def running(hub):
    return {u["container"] for u in hub.who_runs(ADVISORY, running="true")}


class Times:
    """How long it took until something was so at the hub; the median is what counts on a busy machine."""

    def __init__(self, what):
        self.what, self.all = what, []

    def until(self, so, agent):
        began = time.monotonic()
        wait_for(so, 30, 0.01, agent.said)
        self.all.append(time.monotonic() - began)

    def check(self):
        print("%s: %s s" % (self.what, " ".join("%.2f" % t for t in self.all)))
        assert statistics.median(self.all) <= SOON, (self.what, self.all)


def test_start_and_stop(tmp_path, runtime, program, hub):
    """R4 R14 R15: a start is a use at the hub soon, a stop its end"""
    name = "localhost/shop/short:1"
    app(program, {"old-core": "1.0.0"}).write_archive(tmp_path / "a.tar", tag=name)
    runtime.load(tmp_path / "a.tar", name)
    start, stop = Times(runtime.kind + ": start"), Times(runtime.kind + ": stop")
    with Agent(tmp_path / "node", hub, *runtime.watch) as agent:
        wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["ref"] == name and i["read"]], 120, 0.05, agent.said)
        for i in range(ROUNDS):
            container = runtime.start(name, "c%d" % i)
            start.until(lambda: container in running(hub), agent)  # pylint: disable=cell-var-from-loop
            runtime.kill("c%d" % i)
            stop.until(lambda: container not in running(hub), agent)  # pylint: disable=cell-var-from-loop
        assert agent.stop() == 0
    start.check()
    stop.check()


@pytest.mark.parametrize("version, kind", [(1, "containerd"), (2, "containerd"), (2, "cri"), (1, "cri")],
                         ids=["containerd1", "containerd2", "cri2", "cri1"])
def test_pods_start_and_stop(tmp_path, tmp_path_factory, program, hub, version, kind):
    """R4 R14 R36: the same of a pod's containers, by containerd's own events and by the CRI's; containerd 1.6 has
    none of the latter, and is asked every two seconds"""
    name = "localhost/shop/pod:1"
    start, stop = (Times("%s of containerd %d: %s" % (kind, version, what)) for what in ("start", "stop"))
    with Containerd(tmp_path_factory.mktemp("p"), version) as it:
        it.add(app(program, {}), "localhost/pause:1", "k8s.io")
        it.add(app(program, {"old-core": "1.0.0"}), name, "k8s.io")
        cri = Cri(it.socket)
        with Agent(tmp_path / "node", hub, "--" + kind, it.socket) as agent:
            wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["ref"] == name and i["read"]], 120, 0.05,
                     agent.said)
            pod = cri.pod("web-1", "shop")
            for _ in range(ROUNDS):
                container = cri.container(pod, "app", name, ["/bin/wait"])
                start.until(lambda: container in running(hub), agent)  # pylint: disable=cell-var-from-loop
                cri.stop(container)
                stop.until(lambda: container not in running(hub), agent)  # pylint: disable=cell-var-from-loop
            assert agent.stop() == 0
        cri.stop_pod(pod)
    start.check()
    stop.check()
