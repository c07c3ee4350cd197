# SPDX-License-Identifier: Apache-2.0
"""What lies on a machine: every image of every store, what it is called there, when it was used last."""

import json
import time

import pytest

import kit
from containerd import Containerd, app
from engines import docker, docker_image  # noqa: F401
from hubkit import SOON, Hub, Source, wait_for, with_hub  # noqa: F401
from image import sha256
from nodekit import NODE, Agent
from postgres import postgres  # noqa: F401
from small import feeds  # noqa: F401

pytestmark = pytest.mark.usefixtures("with_hub")

BAD = {"lodash": "4.17.4"}  # write_feeds() has an advisory on it


@pytest.fixture(scope="module", params=[1, 2], ids=["containerd1", "containerd2"])
def it(request, tmp_path_factory):
    made = Containerd(tmp_path_factory.mktemp("ctd"), request.param)
    yield made
    made.close()


@pytest.fixture
def hub(tmp_path, feeds):
    with Hub(tmp_path / "hub", feeds=feeds) as started:
        yield started


def once(*args):
    done = kit.run("node", "--once", "-o", "json", "--node", NODE, *args)
    assert done.code == 0, done
    return done.json


def by_ref(items):
    return {i["ref"]: i for i in items}


@pytest.mark.real
def test_every_image_of_every_namespace(it, program):
    """R22 R24: whatever lies in the store is told and read, used or not, side-loaded, Docker's own too"""
    for n, ns in enumerate(("default", "k8s.io", "buildkit", "moby")):
        it.add(app(program, {"left-pad": "3.%d.0" % n}), "example.test/%s:1" % ns.split(".", maxsplit=1)[0], ns)
    it.ctr("images", "tag", "example.test/default:1", "example.test/default:stable")
    it.run("example.test/moby:1", "f" * 64, "moby")
    try:
        seen = once("--containerd", it.socket)
        found = by_ref(seen["images"])
        assert set(found) == {"example.test/%s:1" % ns for ns in ("default", "k8s", "buildkit", "moby")}
        assert found["example.test/default:1"]["names"] == ["example.test/default:1",
                                                            "example.test/default:stable"]
        for image in found.values():
            assert image["inventory"] == "complete" and image["components"] == 1 and image["size"] > 0
        assert seen["runtimes"][0]["listed"] and "Docker runs" in seen["runtimes"][0]["why"]
        found = by_ref(once("--cri", it.socket)["images"])
        assert list(found) == ["example.test/k8s:1"] and found["example.test/k8s:1"]["components"] == 1
    finally:
        it.stop("f" * 64, "moby")


def cached(hub, ref=None, **query):
    items = hub.items("/api/v1/cached", **query)
    return [i for i in items if ref is None or i["ref"] == ref]


def until(hub, ref, agent, what=lambda i: True, seconds=30):
    """The one item of this reference, once it is as it should be."""
    def there():
        found = [i for i in cached(hub, ref) if what(i)]
        assert len(found) <= 1, found
        return found
    return wait_for(there, seconds, 0.05, lambda: "%s %s" % (cached(hub), agent.said()))[0]


@pytest.mark.real
@pytest.mark.parametrize("kind", ["containerd", "cri"])
def test_from_the_pull_to_the_removal(it, program, hub, tmp_path, kind):
    """R15 R22 R24: pulled and not run: read at once, listed with its findings as unused; run: used; stopped:
    when it was used last; removed: gone"""
    name, ns = "example.test/shop/%s:1" % kind, "k8s.io"
    with Agent(tmp_path / "node", hub, "--" + kind, it.socket) as agent:
        agent.wait_said("watches")
        image = it.add(app(program, dict(BAD, **{"x-" + kind: "1.0.0"})), name, ns)
        added = time.monotonic()
        item = until(hub, name, agent)
        print("%s: an image that was put there is told after %.2f s" % (kind, time.monotonic() - added))
        assert time.monotonic() - added <= SOON
        item = until(hub, name, agent, lambda i: i["read"])
        assert item["names"] == [name] and item["node"] == NODE and item["size"] > 0
        assert item["image"] == sha256(image.config()) and item["runtime"] == "containerd"
        assert item["running"] == 0 and item["last_used"] is None and item["findings"]["critical"] == 1
        assert cached(hub, name, unused="true", vulnerable="true", node=NODE) == [item]
        assert not cached(hub, name, node="another") and cached(hub, name, severity="high")
        # Another name for it, and one name less.
        it.ctr("images", "tag", name, name + "-b", ns=ns)
        until(hub, name, agent, lambda i: i["names"] == [name, name + "-b"])
        it.ctr("images", "rm", name + "-b", ns=ns)
        until(hub, name, agent, lambda i: i["names"] == [name])
        if kind == "containerd":
            it.run(name, "web", ns)
            until(hub, name, agent, lambda i: i["running"] == 1)
            assert not cached(hub, name, unused="true")
            it.stop("web", ns)
            item = until(hub, name, agent, lambda i: i["running"] == 0 and i["last_used"])
            assert cached(hub, name, unused="true") == [item]
        it.ctr("images", "rm", name, ns=ns)
        gone = time.monotonic()
        wait_for(lambda: not cached(hub, name), 20, 0.05, agent.said)
        print("%s: a removed one is gone after %.2f s" % (kind, time.monotonic() - gone))


@pytest.mark.real
def test_docker(docker, hub, tmp_path):  # noqa: F811
    """R15 R24: the same by Docker's socket"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        docker_image(docker, tmp_path, "cache:1", BAD)
        item = until(hub, "cache:1", agent, lambda i: i["read"])
        assert item["findings"]["critical"] == 1 and item["running"] == 0
        docker.run("tag", "cache:1", "cache:2")
        until(hub, "cache:1", agent, lambda i: i["names"] == ["cache:1", "cache:2"])
        docker.start("cache:1", "web")
        until(hub, "cache:1", agent, lambda i: i["running"] == 1)
        docker.run("rm", "-f", "web")
        until(hub, "cache:1", agent, lambda i: i["running"] == 0 and i["last_used"])
        docker.run("rmi", "cache:1")
        until(hub, "cache:2", agent, lambda i: i["names"] == ["cache:2"])
        docker.run("rmi", "cache:2")
        wait_for(lambda: not cached(hub), 20, 0.05, agent.said)


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_kept_by_the_hub(tmp_path, request, feeds, store):
    """R24: names and last use of what lies on two machines stay over a restart; the command shows them"""
    where = None if store == "sqlite" else \
        request.getfixturevalue("postgres").database("cache%d" % time.monotonic_ns())
    one, two = ("sha256:%064x" % n for n in (1, 2))
    with Hub(tmp_path / "hub", store=where, feeds=feeds) as hub:
        nodes = [Source(hub, "node-%d" % n) for n in (1, 2)]
        for node in nodes:
            seen = node.seen("app:1", [one])
            seen["image"]["names"] = ["app:1", "app:latest"]
            hub.events([seen, node.seen("app:2", [two])])
        hub.events([nodes[0].began("a", "app:1", [one]), nodes[1].began("b", "app:1", [one]),
                    nodes[1].began("c", "app:2", [two])])
        hub.events([nodes[0].ended("a"), nodes[1].ended("c")])
        before = cached(hub)
        at = {(i["node"], i["ref"]): i for i in before}
        assert len(at) == 4 and at["node-1", "app:1"]["names"] == ["app:1", "app:latest"]
        assert [at[k]["running"] for k in sorted(at)] == [0, 0, 1, 0]
        assert [bool(at[k]["last_used"]) for k in sorted(at)] == [True, False, False, True]
        # Page by page it is the same list.
        assert [i for page in hub.pages("/api/v1/cached", limit=1) for i in page["items"]] == before
        assert {i["node"] for i in cached(hub, "app:1", unused="true")} == {"node-1"}
        assert not cached(hub, vulnerable="true") and len(cached(hub, image="app:2")) == 2
        moved = nodes[0].seen("app:old", [one])
        moved["image"]["names"] = ["app:old"]
        hub.events([moved])
        before = cached(hub)
        assert [i["names"] for i in before if i["node"] == "node-1"] == [["app:old"], []]
        hub.restart()
        assert cached(hub) == before
        asked = ["--hub", "http://127.0.0.1:%d" % hub.port, "--token-file", hub.state + "/admin.token"]
        table = kit.run("images", "--cached", "--unused", "--node", "node-1", *asked)
        assert table.code == 0 and "LAST-USED" in table.out and "app:old" in table.out
        shown = kit.run("images", "--cached", "-o", "json", *asked)
        assert json.loads(shown.out)["items"] == before
        assert kit.run("images", "--unused", *asked).code == 1
