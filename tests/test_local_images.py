# SPDX-License-Identifier: Apache-2.0
"""Images that no registry has: committed, loaded, imported, in real engines."""

import os
import time

import pytest

import kit
from containerd import Containerd, app
from engines import debian, demo_feeds, docker, import_root, podman  # noqa: F401
from hubkit import SOON, Hub, receiver, wait_for, with_hub  # noqa: F401
from image import File
from nodekit import Agent
from registries import Real

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

# The rules that hold without a file, and nothing that is held back.
POLICY = """group: 0s
max-per-minute: 10000
rules:
  - name: no-registry
    when: no-registry
"""


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def image_of(hub, ref):
    found = [i for i in hub.items("/api/v1/images") if i["ref"] == ref]
    return found and found[-1]


def wait_image(hub, ref, said=None, **want):
    """The image of this name once it was read and its members are these."""
    def there():
        found = image_of(hub, ref)
        return found and found["read"] and all(found[k] == v for k, v in want.items()) and found
    return wait_for(there, 60, 0.02, lambda: "%r %s" % (image_of(hub, ref), (said or hub.said)()))


def wait_child(hub, ref, parents, said=None, **want):
    def there():
        found = image_of(hub, ref)
        return found and found["difference"] and found["parent"]["ref"] in parents and \
            all(found[k] == v for k, v in want.items()) and found
    return wait_for(there, 60, 0.02, lambda: "%r %s" % (image_of(hub, ref), (said or hub.said)()))


def alert_of(hub, ref):
    found = [a for a in hub.alerts(rule="no-registry") if a["details"]["details"]["ref"] == ref]
    return found and found[0]


def test_docker(tmp_path, docker, debian, demo_feeds, receiver, policy):  # noqa: F811
    """R12: docker commit, load and import: named with parent and difference within seconds; started, it is told"""
    import_root(docker, debian, "shop/base:1")
    with Hub(tmp_path / "hub", feeds=demo_feeds, sink=receiver.url, policy=policy,
             args=["--docker", docker.socket]) as hub:
        base = wait_image(hub, "shop/base:1", origin="import")
        assert base["parent"] is None and base["difference"] is None and not alert_of(hub, "shop/base:1")
        docker.start("shop/base:1", "web")
        fired = receiver.wait(60, rule="no-registry")
        assert fired.item("no-registry")["title"] == "shop/base:1 exists in no registry"
        docker.run("exec", "web", "sh", "-c",
                   "dpkg --purge --force-all diffutils; cp /usr/bin/head /dropped; echo >> /usr/bin/tac; rm /usr/bin/uniq")
        began = time.monotonic()
        docker.run("commit", "web", "shop/child:1")
        child = wait_child(hub, "shop/child:1", ["shop/base:1"], origin="commit")
        took = time.monotonic() - began
        print("commit to parent and difference: %.1f s" % took)
        assert took <= SOON
        assert child["parent"]["digest"] == base["digest"] and child["parent"]["how"] == "container"
        web = docker.run("inspect", "-f", "{{.Id}}", "web").stdout.decode().strip()
        assert child["made_of"] == web
        assert child["difference"]["packages"] == {"came": 0, "went": 1, "changed": 0}
        counts = child["difference"]["executables"]
        assert counts["came"] == 1 and counts["changed"] == 1 and counts["went"] >= 2
        found = hub.get("/api/v1/difference", image=child["digest"])
        assert found["against"] == base["digest"] and found["left_out"] == 0
        rows = {(r["kind"], r["was"] or r["now"]): r for r in found["items"]}
        gone, = [r for r in found["items"] if r["kind"] == "package"]
        assert gone["was"].startswith("pkg:deb/debian/diffutils@") and gone["now"] is None
        assert rows["executable", "dropped"]["was"] is None and rows["executable", "dropped"]["now_sha256"]
        changed = rows["executable", "usr/bin/tac"]
        assert changed["was_sha256"] != changed["now_sha256"] and changed["now"] == "usr/bin/tac"
        assert rows["executable", "usr/bin/uniq"]["now"] is None
        same = hub.get("/api/v1/difference", image=child["digest"], against=child["digest"])
        assert same["items"] == []
        # Nothing runs it yet; then it does.
        assert not alert_of(hub, "shop/child:1")
        began = time.time()
        docker.start("shop/child:1", "child")
        alert = wait_for(lambda: alert_of(hub, "shop/child:1"), 60, 0.05, hub.said)
        assert "committed from a container" in alert["details"]["text"] and "shop/base:1" in alert["details"]["text"]
        told = wait_for(lambda: [m for m in receiver.messages(rule="no-registry")
                                 if "shop/child:1" in m.item("no-registry")["title"]], 60, 0.05)
        assert told[0].at - began <= SOON
        table = kit.run("images", "--hub", "http://127.0.0.1:%d" % hub.port, "--token-file",
                        os.path.join(hub.state, "admin.token"), env={"HOME": str(tmp_path)}, timeout=60).out
        row, = [line for line in table.splitlines() if "shop/child:1" in line]
        assert "commit" in row and "packages +0 -1 ~0" in row and "shop/base:1" in row, table
        docker.run("rm", "-f", "child", "web")
        wait_for(lambda: not hub.alerts(rule="no-registry"), 60, 0.1, hub.said)


def test_docker_load_and_agent(tmp_path, docker, debian, demo_feeds, policy):  # noqa: F811
    """R12: an agent tells of it as well: what is loaded is known by its layers, and is no more once it was pushed"""
    import_root(docker, debian, "shop/base:2")
    docker.start("shop/base:2", "two")
    docker.run("exec", "two", "sh", "-c", "cp /usr/bin/head /dropped")
    docker.run("commit", "two", "shop/loaded:2")
    saved = str(tmp_path / "saved.tar")
    docker.run("save", "-o", saved, "shop/loaded:2")
    docker.run("rmi", "shop/loaded:2")
    docker.run("rm", "-f", "two")
    with Hub(tmp_path / "hub", feeds=demo_feeds, policy=policy) as hub, \
            Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        wait_image(hub, "shop/base:2", agent.said, origin="import")
        began = time.monotonic()
        docker.run("load", "-i", saved)
        loaded = wait_child(hub, "shop/loaded:2", ["shop/base:1", "shop/base:2"], agent.said, origin="load")
        took = time.monotonic() - began
        print("load to parent and difference, by an agent: %.1f s" % took)
        # The two have the same layers.
        assert took <= SOON and loaded["parent"]["how"] == "layers"
        assert loaded["difference"]["text"] == "packages +0 -0 ~0, executables +1 -0 ~0"
        docker.start("shop/loaded:2", "loaded")
        alert = wait_for(lambda: alert_of(hub, "shop/loaded:2"), 60, 0.05, agent.said)
        assert "loaded from an archive" in alert["details"]["text"]
        registry = Real(str(tmp_path), "plain")
        try:
            name = "127.0.0.1:%d/shop/loaded:2" % registry.port
            docker.run("tag", "shop/loaded:2", name)
            docker.run("push", name)
            wait_for(lambda: not alert_of(hub, "shop/loaded:2"), 60, 0.05, agent.said)
            assert [i["origin"] for i in hub.items("/api/v1/images") if i["digest"] == loaded["digest"]] == ["registry"]
        finally:
            registry.stop()
        docker.run("rm", "-f", "loaded")


def test_podman(tmp_path, podman, debian, demo_feeds, policy):  # noqa: F811
    """R12: podman commit, load and import, which name no image"""
    podman.serve()
    import_root(podman, debian, "localhost/shop/base:1")
    with Hub(tmp_path / "hub", feeds=demo_feeds, policy=policy, args=["--podman", podman.socket]) as hub:
        wait_image(hub, "localhost/shop/base:1", origin="import")
        podman.start("localhost/shop/base:1", "web")
        wait_for(lambda: alert_of(hub, "localhost/shop/base:1"), 60, 0.05, hub.said)
        podman.run("exec", "web", "cp", "/usr/bin/head", "/dropped")
        began = time.monotonic()
        podman.run("commit", "web", "docker.io/shop/child:1")
        child = wait_child(hub, "docker.io/shop/child:1", ["localhost/shop/base:1"], origin="commit")
        took = time.monotonic() - began
        print("podman commit to parent and difference: %.1f s" % took)
        assert child["difference"]["executables"] == {"came": 1, "went": 0, "changed": 0}
        saved = str(tmp_path / "saved.tar")
        podman.run("exec", "web", "cp", "/usr/bin/head", "/dropped2")
        podman.run("commit", "web", "docker.io/shop/other:1")
        podman.run("save", "-o", saved, "docker.io/shop/other:1")
        wait_child(hub, "docker.io/shop/other:1", ["localhost/shop/base:1"], origin="commit")
        podman.run("rmi", "docker.io/shop/other:1")
        podman.run("load", "-i", saved)
        podman.start("docker.io/shop/child:1", "child")
        wait_for(lambda: alert_of(hub, "docker.io/shop/child:1"), 60, 0.05, hub.said)
        podman.run("rm", "-f", "-t", "0", "web", "child")


@pytest.mark.parametrize("version", [1, 2], ids=["containerd1", "containerd2"])
def test_containerd(tmp_path_factory, tmp_path, program, demo_feeds, policy, version):  # noqa: F811
    """R12: what is imported into containerd has no registry; what is pulled has one, also where it was imported"""
    it = Containerd(tmp_path_factory.mktemp("c"), version)
    registry = Real(str(tmp_path), "plain")
    try:
        base = app(program, {"left-pad": "1.0.0"})
        child = app(program, {"left-pad": "1.0.0"}, layers=[
            [File("srv/node_modules/right-pad/package.json", '{"name":"right-pad","version":"2.0.0"}')]])
        with Hub(tmp_path / "hub", feeds=demo_feeds, policy=policy, args=["--containerd", it.socket]) as hub:
            it.add(base, "example.test/shop/base:1")
            wait_image(hub, "example.test/shop/base:1", origin="import")
            began = time.monotonic()
            it.add(child, "example.test/shop/child:1")
            found = wait_child(hub, "example.test/shop/child:1", ["example.test/shop/base:1"], origin="import")
            print("import to parent and difference: %.1f s" % (time.monotonic() - began))
            assert found["parent"]["how"] == "layers"
            assert found["difference"]["packages"] == {"came": 1, "went": 0, "changed": 0}
            it.run("example.test/shop/child:1", "web")
            wait_for(lambda: alert_of(hub, "example.test/shop/child:1"), 60, 0.05, hub.said)
            registry.push("shop/child", "1", child)
            it.ctr("images", "pull", "--plain-http", "127.0.0.1:%d/shop/child:1" % registry.port)
            wait_for(lambda: not alert_of(hub, "example.test/shop/child:1"), 60, 0.05, hub.said)
            other = app(program, {"left-pad": "3.0.0"})
            registry.push("shop/other", "1", other)
            name = "127.0.0.1:%d/shop/other:1" % registry.port
            it.ctr("images", "pull", "--plain-http", name)
            wait_image(hub, name, origin="registry")
            it.run(name, "other")
            wait_for(lambda: hub.who_runs(name, running="true"), 60, 0.05, hub.said)
            assert not hub.alerts(rule="no-registry")
    finally:
        registry.stop()
        it.close()
