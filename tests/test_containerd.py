# SPDX-License-Identifier: Apache-2.0
"""containerd as it is: what its watcher tells, and images read from its own store."""

import calendar
import json
import os
import signal
import time

import pytest

from containerd import Containerd, app
from cri import Cri
from hubkit import SOON, Hub, wait_for
from image import sha256
from small import write_feeds
from watching import Watching

pytestmark = pytest.mark.real

NAME = "example.test/shop/app:1"


@pytest.fixture(scope="module", params=[1, 2], ids=["containerd1", "containerd2"])
def it(request, tmp_path_factory):
    made = Containerd(tmp_path_factory.mktemp("ctd"), request.param)
    yield made
    made.close()


@pytest.fixture
def own(request, tmp_path):
    """One that may be killed."""
    made = Containerd(tmp_path / "c")
    yield made
    made.close()


def digests(image):
    return [sha256(image.manifest()), sha256(image.config())]


def prompt(event):
    """Told within a second of when it happened, by containerd's clock."""
    at = time.strptime(event["at"][:19], "%Y-%m-%dT%H:%M:%S")
    return event["heard"] - calendar.timegm(at) - float("0" + event["at"][19:-1])


def test_what_happens_is_told(it, program):
    """R12, R14, R15: import, start, stop, tag, removal in containerd, each told at once"""
    one, two = app(program, {"left-pad": "1.0.0"}), app(program, {"left-pad": "2.0.0"})
    with Watching("containerd", it.socket) as told:
        it.add(one, NAME)
        seen = told.wait("image.seen", ref=NAME)
        assert seen["image"]["digests"] == digests(one)
        it.run(NAME, "web")
        began = told.wait("use.began", container="default/web")
        assert began["image"] == {"ref": NAME, "digests": digests(one), "way": "import"}
        assert began["namespace"] == "default" and began["runtime"] == "containerd"
        assert began["workload"] == {"kind": "Container", "name": "web"}
        # A process in a container is no container, and its end no end.
        it.ctr("tasks", "exec", "--exec-id", "e1", "web", "/bin/missing", check=False)
        moved = told.mark()
        it.add(two, NAME)
        told.wait("tag.resolved", ref=NAME, digests=digests(two)[:1])
        told.wait("image.seen", moved, ref=NAME, digests=digests(two))
        told.wait("image.removed", moved, digests=digests(one))
        assert not told.find("use.ended")
        it.ctr("tasks", "kill", "-s", "SIGKILL", "web")
        ended = told.wait("use.ended", container="default/web")
        it.stop("web")
        told.wait("workload.removed")
        it.ctr("images", "tag", NAME, "example.test/shop/app:2")
        gone = told.mark()
        it.ctr("images", "rm", NAME)
        it.ctr("images", "rm", "example.test/shop/app:2")
        told.wait("image.removed", gone, digests=digests(two))
        assert len(told.find("image.removed", gone)) == 1
        assert all(prompt(e) < 10 for e in (seen, began, ended))


def test_every_namespace(it, program):
    """R22, R36: all namespaces are told of, Kubernetes' by what the pod is; Docker's own are left to it"""
    image = app(program, {"left-pad": "3.0.0"})
    pod = ["--label", "io.kubernetes.pod.name=web-7d4", "--label", "io.kubernetes.pod.namespace=shop",
           "--label", "io.kubernetes.container.name=app"]
    made = "0123456789abcdef" * 4
    for ns in ("default", "k8s.io", "moby", "buildkit"):
        it.add(image, NAME, ns)
    try:
        it.run(NAME, made, "k8s.io", *pod)
        it.run(NAME, "step", "buildkit")
        it.run(NAME, "f" * 64, "moby")
        with Watching("containerd", it.socket) as told:
            began = {e["container"]: e for e in told.find("use.began")}
            assert set(began) == {made, "buildkit/step"}
            assert began[made]["namespace"] == "shop" and began[made]["name"] == "app"
            assert began[made]["workload"] == {"kind": "Pod", "name": "web-7d4"}
            assert began["buildkit/step"]["namespace"] == "buildkit"
            wait_for(lambda: any("Docker runs containers here" in line for line in told.said), 30, 0.1,
                     lambda: str(told.said))
            # When it began is asked of its process.
            assert 0 <= prompt(began[made]) < 60
            it.stop(made, "k8s.io")
            told.wait("use.ended", container=made)
    finally:
        for container, ns in ((made, "k8s.io"), ("step", "buildkit"), ("f" * 64, "moby")):
            it.stop(container, ns)


def test_a_moved_tag_does_not_rename_what_runs(it, program):
    """R25: a container is what it was started from, whatever its tag means when all is listed"""
    one, two = app(program, {"left-pad": "4.0.0"}), app(program, {"left-pad": "5.0.0"})
    it.add(one, NAME)
    it.run(NAME, "old")
    try:
        it.add(two, NAME)
        with Watching("containerd", it.socket) as told:
            image = told.wait("use.began", container="default/old")["image"]
            # Nobody knows the first one's manifest any more: the chain of its layers is told.
            assert image == {"ref": NAME, "digests": [one.diff_ids[0]]}
            it.ctr("images", "tag", NAME, "example.test/shop/other:1")
            it.add(one, "example.test/shop/again:1")
            told.wait("image.seen", ref="example.test/shop/again:1")
            mark = told.mark()
            it.ctr("containers", "label", "old", "touched=1")
            assert told.wait("use.began", mark, container="default/old")["image"]["digests"] == digests(one)
    finally:
        it.stop("old")


def test_crash_and_restart(own, program):
    """R31: containerd is killed and comes back: what ended meanwhile ends, what runs is told again"""
    image = app(program, {"left-pad": "1.0.0"})
    own.add(image, NAME)
    own.run(NAME, "stays")
    own.run(NAME, "goes")
    with Watching("containerd", own.socket) as told:
        assert {e["container"] for e in told.find("use.began")} == {"default/stays", "default/goes"}
        pid = [line.split()[1] for line in own.ctr("tasks", "ls").stdout.decode().splitlines()
               if line.startswith("goes ")][0]
        own.kill()
        os.kill(int(pid), signal.SIGKILL)
        mark = told.mark()
        own.start()
        told.wait("snapshot.ended", mark)
        # What has ended is told to its end; that it began was told before, and is left out by who hears it.
        ended = [e["container"] for e in told.find("use.ended", mark)]
        assert ended == ["default/goes"]
        began = [e["container"] for e in told.find("use.began", mark)]
        assert sorted(began) == ["default/goes", "default/stays"]
        assert any("answers again" in line for line in told.said) or not told.said
        own.run(NAME, "new")
        told.wait("use.began", mark, container="default/new")


def test_many_short_lives(it, program):
    """R31: 30 containers that end at once: each has its begin and its end, none twice"""
    image = app(program, {"left-pad": "6.0.0"})
    it.add(image, NAME)
    with Watching("containerd", it.socket) as told:
        for i in range(30):
            # A program that is not there fails to start; one that is ends by a signal.
            it.run(NAME, "c%d" % i)
            it.stop("c%d" % i)
        for i in range(30):
            told.wait("use.ended", container="default/c%d" % i)
        for kind in ("use.began", "use.ended"):
            names = [e["container"] for e in told.find(kind)]
            assert sorted(names) == sorted("default/c%d" % i for i in range(30)), json.dumps(names)
        assert all(e["image"]["digests"] == digests(image) for e in told.find("use.began"))


# By Kubernetes' interface.

@pytest.mark.parametrize("kind", ["cri", "containerd"])
def test_pods(it, program, kind):
    """R14, R36: pods by the CRI and by containerd itself: sandbox and container, with their pod's name"""
    image, pause = app(program, {"left-pad": "7.0.0"}), app(program, {})
    it.add(image, NAME, "k8s.io")
    it.add(pause, "localhost/pause:1", "k8s.io")
    cri = Cri(it.socket)
    with Watching(kind, it.socket) as told:
        pod = cri.pod("web-7d4", "shop")
        container = cri.container(pod, "app", NAME, ["/bin/wait"])
        began = [told.wait("use.began", container=c) for c in (pod.id, container)]
        for event, what in zip(began, (pause, image)):
            assert event["namespace"] == "shop" and event["runtime"] == "containerd"
            assert event["workload"] == {"kind": "Pod", "name": "web-7d4"}
            assert sha256(what.config()) in event["image"]["digests"]
        assert [e["image"]["ref"] for e in began] == ["localhost/pause:1", NAME]
        assert began[1]["name"] == "app"
        cri.stop(container)
        told.wait("use.ended", container=container)
        cri.stop_pod(pod)
        told.wait("use.ended", container=pod.id)
        assert len(told.find("use.began")) == 2


def test_images_by_the_cri(it, program):
    """R15, R25: images that come, move and go between two questions"""
    one, two = app(program, {"left-pad": "8.0.0"}), app(program, {"left-pad": "9.0.0"})
    name = "example.test/shop/by-cri:1"
    with Watching("cri", it.socket) as told:
        it.add(one, name, "k8s.io")
        assert sha256(one.config()) in told.wait("image.seen", ref=name)["image"]["digests"]
        mark = told.mark()
        it.add(two, name, "k8s.io")
        told.wait("tag.resolved", mark, ref=name)
        assert sha256(two.config()) in told.wait("image.seen", mark, ref=name)["image"]["digests"]
        it.ctr("images", "rm", name, ns="k8s.io")


# Into a hub.

def running(hub, name):
    return [u["container"] for u in hub.who_runs(name, running="true")]


@pytest.mark.parametrize("kind", ["containerd", "cri"])
def test_in_a_hub(it, program, tmp_path, kind):
    """R12, R14, R15: a hub beside containerd: what is imported is read from its store, no registry is there;
    start and end of a use come at once"""
    name = "example.test/shop/hub-%s:1" % kind
    image = app(program, {"left-pad": "11.0.%d" % len(kind)})
    write_feeds(str(tmp_path / "feeds"))
    with Hub(tmp_path / "hub", feeds=tmp_path / "feeds", args=["--" + kind, it.socket]) as hub:
        it.add(image, name, "k8s.io")
        wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["ref"] == name and i["read"]], 30, 0.05,
                 hub.said)
        it.add(app(program, {}), "localhost/pause:1", "k8s.io")
        cri = Cri(it.socket)
        pod = cri.pod("hub-" + kind, "shop")
        container, took = None, []
        for _ in range(3):
            container = cri.container(pod, "app", name, ["/bin/wait"])
            began = time.monotonic()
            wait_for(lambda: container in running(hub, name), 10, 0.01, hub.said)
            took.append(time.monotonic() - began)
            [use] = [u for u in hub.who_runs(name, running="true") if u["container"] == container]
            assert use["workload"] == "Pod/hub-" + kind and use["namespace"] == "shop"
            cri.stop(container)
            began = time.monotonic()
            wait_for(lambda: container not in running(hub, name), 10, 0.01, hub.said)
            took.append(time.monotonic() - began)
        print("start and end of uses by %s: %s s" % (kind, " ".join("%.2f" % t for t in took)))
        if kind == "containerd":
            assert sorted(took)[2] <= SOON, took
        wait_for(lambda: next(hub.pages("/api/v1/coverage"))["coverage"] == 1.0, 30, 0.1, hub.said)
        cri.stop_pod(pod)
