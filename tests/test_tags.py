# SPDX-License-Identifier: Apache-2.0
"""What a tag means in its registry against what runs from a machine's cache."""

import json
import time

import pytest

import kit
from containerd import Containerd, app
from engines import docker, docker_image  # noqa: F401
from hubkit import SOON, Hub, Source, wait_for, with_hub, within  # noqa: F401
from image import OCI, sha256
from nodekit import NODE, Agent
from registries import PASSWORD, USER, Fake, Real, basic
from small import feeds  # noqa: F401

pytestmark = pytest.mark.usefixtures("with_hub")


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    made = Real(tmp_path_factory.mktemp("registry"), "plain")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def lies(docker, tmp_path_factory):  # noqa: F811
    """What lies in the engine from the beginning: once that is read, what is pulled is news."""
    docker_image(docker, tmp_path_factory.mktemp("image"), "lies:1", {"left-pad": "9.0.0"})
    return "lies:1"


@pytest.fixture
def hub(tmp_path, feeds):
    with Hub(tmp_path / "hub", feeds=feeds) as started:
        yield started


def moved(hub, ref, state="firing"):
    return [a for a in hub.alerts(rule="tag-moved", state=state) if a["title"].startswith(ref + " ")]


def tags(hub, ref):
    return hub.get("/api/v1/tags", ref=ref)


def means(hub, ref, digest, agent):
    """Waits until the registry's word on the tag is this."""
    def there():
        items = [i for i in tags(hub, ref)["items"] if i["source"].endswith("/tags")]
        return items and items[0]["digest"] == digest
    wait_for(there, 30, 0.05, lambda: "%s %s" % (tags(hub, ref), agent.said()))


def read(hub, ref, agent):
    wait_for(lambda: [i for i in hub.items("/api/v1/cached") if i["ref"] == ref and i["read"]], 30, 0.05,
             agent.said)


@pytest.mark.real
def test_a_node_starts_what_the_tag_is_no_more(tmp_path, program, registry, docker, lies, hub):  # noqa: F811
    """R24: pulled by Docker; the tag moves in the registry; a start from the cache is alerted of soon, as
    node and both digests; over when the tag is back, and when the use ends"""
    one, two = (app(program, {"left-pad": v}) for v in ("1.0.0", "2.0.0"))
    ref, first = registry.push("shop/app", "1", one)
    with Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        read(hub, lies, agent)
        docker.run("pull", ref)
        means(hub, ref, first, agent)
        read(hub, ref, agent)
        docker.start(ref, "well")
        wait_for(lambda: tags(hub, ref)["running"], 30, 0.05, agent.said)
        _, second = registry.push("shop/app", "1", two)
        assert first != second and not moved(hub, ref)
        docker.start(ref, "late")
        alert = within(lambda: moved(hub, ref), SOON, 0.02, agent.said)[0]
        text = hub.get("/api/v1/alerts/%d" % alert["id"])["details"]["text"]
        assert text == "%s runs %s from its cache; the tag is %s." % (NODE, first[:19], second[:19])
        # What the command shows.
        asked = ["--hub", "http://127.0.0.1:%d" % hub.port, "--token-file", hub.state + "/admin.token"]
        shown = json.loads(kit.run("tags", ref, "-o", "json", *asked).out)
        assert [(i["digest"], i["uses"]) for i in shown["items"]] == [(second, 0), (first, 2)]
        assert {u["name"] for u in shown["stale"]} == {"well", "late"} and shown["trouble"] is None
        cached = [i for i in hub.items("/api/v1/cached") if i["ref"] == ref]
        assert [i["stale"] for i in cached] == [True]
        table = kit.run("tags", ref, *asked)
        assert table.code == 0 and second[:19] in table.out and "USES" in table.out
        # Back again: seen when something begins.
        registry.push("shop/app", "1", one)
        docker.start(ref, "again")
        wait_for(lambda: not moved(hub, ref), 30, 0.05, agent.said)
        assert [i["digest"] for i in tags(hub, ref)["items"]][:2] == [first, second]
        # And over with the last use.
        registry.push("shop/app", "1", two)
        docker.run("restart", "-t", "0", "again")
        wait_for(lambda: moved(hub, ref), 60, 0.05, agent.said)
        docker.run("rm", "-f", "well", "late", "again")
        wait_for(lambda: not moved(hub, ref), 30, 0.05, agent.said)
        hub.restart()
        assert [i["digest"] for i in tags(hub, ref)["items"]][:2] == [second, first]


def index_of(*images):
    """An index that has these."""
    rows = [{"mediaType": OCI + "manifest.v1+json", "digest": sha256(i.manifest()), "size": len(i.manifest()),
             "platform": {"os": i.os, "architecture": i.arch}} for i in images]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": rows}).encode()


@pytest.mark.real
@pytest.mark.parametrize("version", [1, 2], ids=["containerd1", "containerd2"])
def test_an_index_is_not_its_manifest(tmp_path, program, registry, hub, version):
    """R13 R24: the tag is an index, what runs is known by its manifest: no alert until the tag moves to another
    index; pulled again, it is over"""
    one, two = (app(program, {"left-pad": v}) for v in ("3.0.0", "4.0.0"))
    name = "shop/many%d" % version
    index = (OCI + "index.v1+json", index_of(one))
    ref, first = registry.push(name, "1", one, [index])
    with Containerd(tmp_path / "c", version) as it, \
            Agent(tmp_path / "node", hub, "--containerd", it.socket) as agent:
        # As if it had been carried here: nobody said that it is of the index.
        it.add(one, ref)
        read(hub, ref, agent)
        means(hub, ref, first, agent)
        it.run(ref, "web")
        wait_for(lambda: tags(hub, ref)["running"], 30, 0.05, agent.said)
        _, second = registry.push(name, "1", two, [(OCI + "index.v1+json", index_of(two))])
        assert not moved(hub, ref) and not tags(hub, ref)["stale"]
        it.run(ref, "late")
        alert = within(lambda: moved(hub, ref), SOON, 0.02, agent.said)[0]
        text = hub.get("/api/v1/alerts/%d" % alert["id"])["details"]["text"]
        assert text == "%s runs %s from its cache; the tag is %s." % (NODE, first[:19], second[:19])
        it.ctr("images", "pull", "--plain-http", ref)
        it.stop("web")
        it.stop("late")
        it.run(ref, "new")
        wait_for(lambda: not moved(hub, ref) and tags(hub, ref)["running"], 30, 0.05, agent.said)
        it.stop("new")


@pytest.mark.real
def test_the_registry_is_away(tmp_path, program, docker, lies, hub):  # noqa: F811
    """R17 R24: a registry that does not answer is said, once, and nothing is alerted of"""
    own = Real(tmp_path, "plain")
    try:
        ref, first = own.push("shop/away", "1", app(program, {"left-pad": "5.0.0"}))
        with Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
            read(hub, lies, agent)
            docker.run("pull", ref)
            means(hub, ref, first, agent)
            own.stop()
            docker.start(ref, "alone")
            agent.wait_said("cannot be asked what its tags mean")
            wait_for(lambda: tags(hub, ref)["trouble"], 30, 0.05, agent.said)
            docker.start(ref, "alone-too")
            wait_for(lambda: tags(hub, ref)["items"][0]["uses"] == 2, 30, 0.05, agent.said)
            assert not moved(hub, ref) and agent.said().count("cannot be asked") == 1
            docker.run("rm", "-f", "alone", "alone-too")
    finally:
        own.stop()


@pytest.mark.real
def test_by_the_pulls_credentials(tmp_path, program, docker, hub):  # noqa: F811
    """R24: a private registry is asked with what docker login left; without it, that is said"""
    own = Real(tmp_path, "basic")
    try:
        ref, first = own.push("shop/private", "1", app(program, {"left-pad": "6.0.0"}))
        login = tmp_path / "login"
        login.mkdir()
        (login / "config.json").write_text(json.dumps(
            {"auths": {own.host: {"auth": basic(USER, PASSWORD).split()[1]}}}))
        docker.run("--config", str(login), "pull", ref)
        with Agent(tmp_path / "stranger", hub, "--docker", docker.socket, node="node-b",
                   env={"DOCKER_CONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)}) as agent:
            docker.start(ref, "private")
            wait_for(lambda: "wants to know who asks" in (tags(hub, ref)["trouble"] or ""), 30, 0.05, agent.said)
        with Agent(tmp_path / "node", hub, "--docker", docker.socket, env={"DOCKER_CONFIG": str(login)}) as agent:
            docker.run("restart", "-t", "0", "private")
            means(hub, ref, first, agent)
            assert tags(hub, ref)["trouble"] is None
        docker.run("rm", "-f", "private")
    finally:
        own.stop()


def test_each_reference_once_for_all(tmp_path, program, feeds):
    """R24: the hub asks for all machines: one question for a reference, however many begin; 429 is waited out"""
    image, busy = app(program, {"left-pad": "7.0.0"}), []

    def behave(handler, kind, name):
        if kind != "manifests" or len(busy) >= 2:
            return False
        busy.append(time.monotonic())
        handler.send(429, b"{}", [("Retry-After", "3")])
        return True

    fake = Fake(behave)
    try:
        ref = fake.push("shop/app", "1", image)
        with Hub(tmp_path / "hub", feeds=feeds, args=["--tags"]) as hub:
            nodes = [Source(hub, "node-%d" % n) for n in range(20)]
            wait_for(lambda: hub.items("/api/v1/alerts") is not None, 10)
            for turn in range(3):
                for node in nodes:
                    hub.events([node.began("c%d-%d" % (turn, nodes.index(node)), ref,
                                           [sha256(image.config()), sha256(image.manifest())])])
            wait_for(lambda: any(i["source"] == "test-node/tags" for i in tags(hub, ref)["items"]), 60, 0.05,
                     hub.said)
            asked = [m for m in fake.methods("/manifests/1")]
            assert asked[:2] == ["HEAD", "HEAD"] and len(asked) <= 6, asked
            assert busy[1] - busy[0] >= 3
            assert not moved(hub, ref) and "GET" not in fake.methods("/manifests/")
    finally:
        fake.stop()


def test_they_are_not_asked(tmp_path, program, feeds):
    """Nobody is asked for what is not of a registry, nor where that is not wished for"""
    fake = Fake()
    try:
        ref = fake.push("shop/app", "1", app(program, {"left-pad": "8.0.0"}))
        digest = "sha256:" + "5" * 64
        with Hub(tmp_path / "hub", feeds=feeds, args=["--no-tags"]) as hub:
            node = Source(hub, "node-1")
            answer = hub.events([node.began("a", ref, [digest])])
            assert answer["tags"] == []
            # One who asks is told what to ask.
            asker = Source(hub, "node-1", name="node-1/tags")
            told = hub.events([asker.event("snapshot.began"), asker.event("snapshot.ended")])["tags"]
            assert [t["ref"] for t in told] == []  # of Docker, and pulled by nobody: it has its own digest alone
            other = "sha256:" + "6" * 64
            told = hub.events([node.began("b", ref, [digest, other])])["tags"]
            assert told == [{"ref": ref, "known": [digest, other]}]
            assert hub.events([node.began("c", ref, [digest, other])])["tags"] == []
            assert hub.events([node.began("d", ref + "@" + digest, [digest, other]),
                               node.began("e", "localhost/x:1", [digest, other])])["tags"] == []
        assert not fake.log
    finally:
        fake.stop()
