# SPDX-License-Identifier: Apache-2.0
"""Docker Swarm: a dockerd that is a manager, its services updated, rolled back, scaled to nothing and removed, told
to a hub by its own watcher and by an agent."""

import os
import signal
import subprocess
import time

import pytest

from engines import Docker, docker, docker_image  # noqa: F401
from hubkit import SOON, Hub, receiver, wait_for, with_hub  # noqa: F401
from nodekit import Agent, Cut
from registries import Real, free_port
from small import write_bad, write_record
from watching import Watching

pytestmark = pytest.mark.usefixtures("with_hub")

BAD = {"old-core": "1.0.0", "old-web": "1.2.0"}
GOOD = {"new-core": "2.0.0"}

POLICY = """group: 0s
max-per-minute: 10000
rules:
  - name: finding
    severity: low
  - name: rollback
    when: rollback
"""


@pytest.fixture
def feeds(tmp_path):
    """What shop:1 has is critical; nothing that shop:2 has."""
    return write_bad(tmp_path / "feeds", BAD)


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture(scope="module")
def images(docker, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("image")
    docker_image(docker, folder, "shop:1", BAD)
    docker_image(docker, folder, "shop:2", GOOD)
    docker_image(docker, folder, "shop:fails", GOOD, "/bin/nothing")
    return docker


BRIDGE = "docker_gwbridge"  # Swarm makes it, and leaves it behind


@pytest.fixture(scope="module", autouse=True)
def links():
    before = os.listdir("/sys/class/net")
    yield
    if BRIDGE not in before and BRIDGE in os.listdir("/sys/class/net"):
        subprocess.run(["ip", "link", "del", BRIDGE], check=False)


def init(engine):
    """Makes the engine a manager, if it is none; where others may join it."""
    port = free_port()
    done = engine.run("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr",
                      "127.0.0.1:%d" % port, check=False)
    if done.returncode != 0:
        pytest.skip("no swarm can be made here: %s" % done.stderr.decode())
    return port


def leave(engine):
    engine.run("swarm", "leave", "--force", check=False)


@pytest.fixture
def manager(images):
    """A swarm without services, of one node."""
    leave(images)
    images.port = init(images)
    yield images
    leave(images)
    wait_for(lambda: not images.run("ps", "-q").stdout.strip(), 60, 0.2)


def service(engine, verb, *args, resolve=False):
    """Nobody waits for its tasks; those end at once, and no registry is asked, unless it is to name the image."""
    how = ["-d"]
    if verb in ("create", "update"):
        how += ([] if resolve else ["--no-resolve-image"]) + ["--stop-signal", "SIGKILL"]
    if verb == "create":
        how += ["--network", "host", "--restart-delay", "100ms"]
    engine.run("service", verb, *(how if verb != "rm" else []), *args)


@pytest.fixture(params=["hub", "node"])
def told(request, tmp_path, manager, feeds, policy, receiver):  # noqa: F811
    """A hub that is told of the swarm: by its own watcher, or by an agent."""
    args = ["--docker", manager.socket] if request.param == "hub" else []
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, policy=policy, args=args) as hub:
        hub.say = hub.said
        if request.param == "hub":
            wait_for(lambda: all_read(hub), 90, 0.1, hub.said)
            yield hub
        else:
            with Agent(tmp_path / "node", hub, "--docker", manager.socket) as agent:
                hub.say = agent.said
                wait_for(lambda: all_read(hub), 90, 0.1, agent.said)
                yield hub


def all_read(hub):
    found = hub.items("/api/v1/images")
    return len(found) >= 3 and all(i["read"] for i in found)


def running(hub, ref):
    return {u["container"] for u in hub.who_runs(ref, running="true")}


def dormant(hub):
    return {w["workload"] for w in hub.items("/api/v1/dormant")}


def test_dormant_services(told, manager, feeds, receiver):  # noqa: F811
    """R14 R35 R38: a service scaled to nothing is dormant, judged while it sleeps and known before it starts, and gone
    when it is removed"""
    hub = told
    service(manager, "create", "--name", "tax", "--replicas", "2", "shop:2")
    wait_for(lambda: len(running(hub, "shop:2")) == 2, 60, 0.05, hub.say)
    assert {u["workload"] for u in hub.who_runs("shop:2", running="true")} == {"Service/tax"}
    assert dormant(hub) == set()
    service(manager, "scale", "tax=0")
    wait_for(lambda: dormant(hub) == {"Service/tax"}, 60, 0.05, hub.say)
    write_record(feeds, "CVE-2026-7100", "new-core", "3.0.0")
    use = receiver.wait(60, advisory="CVE-2026-7100").items[0]["uses"][0]
    assert use["dormant"] is True and use["workload"] == "Service/tax", use
    alert = hub.alert_of("CVE-2026-7100")
    service(manager, "scale", "tax=1")
    found = wait_for(lambda: hub.who_runs("CVE-2026-7100", running="true"), 60, 0.01, hub.say)
    assert [u["workload"] for u in found] == ["Service/tax"]
    assert hub.alert_of("CVE-2026-7100")["id"] == alert["id"] and dormant(hub) == set()
    service(manager, "rm", "tax")
    wait_for(lambda: {u["state"] for u in hub.who_runs("CVE-2026-7100")} == {"cached"} and not dormant(hub),
             60, 0.05, hub.say)


def is_rollback(item, name="web"):
    assert ("Service/%s rolled back from shop:" % name) in item["title"], item
    assert "0 critical" in item["before"] and "2 critical" in item["after"], item


def steps(hub, workload="Service/web"):
    return [r["what"] for r in hub.items("/api/v1/timeline", workload=workload) if r["what"] != "ended"]


def test_rollback(told, manager, receiver):  # noqa: F811
    """R14 R33: docker service rollback is told within seconds, by the service's name, with before and after"""
    hub = told
    service(manager, "create", "--name", "web", "--replicas", "2", "shop:1")
    wait_for(lambda: len(running(hub, "shop:1")) == 2, 60, 0.05, hub.say)
    service(manager, "update", "--image", "shop:2", "web")
    wait_for(lambda: len(running(hub, "shop:2")) == 2, 60, 0.05, hub.say)
    assert not receiver.messages(rule="rollback")
    began = time.time()
    service(manager, "rollback", "web")
    message = receiver.wait(60, rule="rollback")
    assert message.at - began <= SOON, message.at - began
    is_rollback(message.item("rollback"))
    wait_for(lambda: len(running(hub, "shop:1")) == 2 and not running(hub, "shop:2"), 60, 0.05, hub.say)
    assert steps(hub) == ["started", "updated", "rolled-back"]
    service(manager, "update", "--image", "shop:2", "web")
    wait_for(lambda: [m for m in receiver.messages(kind="resolved") if m.item("rollback")], 60, 0.05, hub.say)
    # The update is whole: one that is cut short may yet start a container of its own, which is a step of its own.
    wait_for(lambda: len(running(hub, "shop:2")) == 2 and not running(hub, "shop:1"), 60, 0.05, hub.say)
    # By hand, without the word.
    began = time.time()
    service(manager, "update", "--image", "shop:1", "web")
    is_rollback(wait_for(lambda: [m for m in receiver.messages(rule="rollback")
                                  if m.at > began and m.kind != "resolved"], 60, 0.05, hub.say)[0].item("rollback"))


def test_rollback_while_asleep(told, manager, receiver):  # noqa: F811
    """R33 R35: a service that runs nothing and goes back is told before a container of it starts"""
    service(manager, "create", "--name", "tax", "--replicas", "0", "shop:1")
    service(manager, "update", "--image", "shop:2", "tax")
    wait_for(lambda: [w["image"] for w in told.items("/api/v1/dormant")] != [] and not told.who_runs("shop:1", running="true"), 60, 0.05, told.say)
    service(manager, "rollback", "tax")
    is_rollback(receiver.wait(60, rule="rollback").item("rollback"), "tax")


def test_images_by_digest(tmp_path, manager, feeds, policy, receiver):  # noqa: F811
    """R14 R19 R33: a service whose image a registry named by digest is judged by it before any node has it, and by
    what the node pulls"""
    (tmp_path / "registry").mkdir()
    registry = Real(tmp_path / "registry", "plain")
    web = registry.host + "/shop/web"
    try:
        for tag in ("1", "2"):
            manager.run("tag", "shop:" + tag, web + ":" + tag)
            manager.run("push", web + ":" + tag)
        manager.run("rmi", web + ":2")
        with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, policy=policy,
                 args=["--docker", manager.socket]) as hub:
            wait_for(lambda: all_read(hub), 90, 0.1, hub.said)
            service(manager, "create", "--name", "web", "--replicas", "0", web + ":1", resolve=True)
            found = wait_for(lambda: hub.items("/api/v1/dormant"), 60, 0.05, hub.said)[0]
            assert found["workload"] == "Service/web" and found["findings"]["critical"] == 2, found
            service(manager, "update", "--image", web + ":2", "web", resolve=True)
            wanted = wait_for(lambda: hub.get("/api/v1/wanted")["items"], 60, 0.05, hub.said)
            assert [w["ref"].partition("@")[0] for w in wanted] == [web + ":2"], wanted
            digest = wanted[0]["digest"]
            assert wanted[0]["ref"] == web + ":2@" + digest
            service(manager, "scale", "web=1")
            use = wait_for(lambda: hub.who_runs(digest, running="true"), 60, 0.05, hub.said)[0]
            assert use["workload"] == "Service/web"
            wait_for(lambda: not hub.get("/api/v1/wanted")["items"], 60, 0.1, hub.said)
            service(manager, "update", "--image", web + ":1", "web", resolve=True)
            wait_for(lambda: hub.who_runs("CVE-2026-7000", running="true"), 60, 0.05, hub.said)
            service(manager, "update", "--image", web + ":2", "web", resolve=True)
            wait_for(lambda: hub.who_runs(digest, running="true"), 60, 0.05, hub.said)
            began = time.time()
            service(manager, "rollback", "web")
            message = wait_for(lambda: [m for m in receiver.messages(rule="rollback") if m.at > began
                                        and m.kind != "resolved"], 60, 0.05, hub.said)[0]
            is_rollback(message.item("rollback"))
    finally:
        registry.stop()
        for tag in ("1", "2"):
            manager.run("rmi", "-f", web + ":" + tag, check=False)


def test_taken_back_by_itself(told, manager, receiver):  # noqa: F811
    """R14 R33: a version that fails at its start and is taken back by the swarm is a rollback, though others of the
    old version ran all the while"""
    hub = told
    service(manager, "create", "--name", "web", "--replicas", "2", "--update-failure-action", "rollback",
            "--update-monitor", "1s", "--restart-max-attempts", "1", "shop:1")
    wait_for(lambda: len(running(hub, "shop:1")) == 2, 60, 0.05, hub.say)
    service(manager, "update", "--image", "shop:fails", "web")
    message = receiver.wait(90, rule="rollback")
    is_rollback(message.item("rollback"))
    assert "The orchestrator says so." in message.item("rollback")["text"], message
    wait_for(lambda: len(running(hub, "shop:1")) == 2, 60, 0.05, hub.say)
    assert steps(hub)[-1] == "rolled-back" and steps(hub).count("rolled-back") == 1


def test_what_happens_meanwhile(tmp_path, manager, feeds, policy, receiver):  # noqa: F811
    """R14 R33: a rollback, a removal and a new service while the hub is away, or the engine cannot be heard, are seen
    when it can"""
    cut = Cut(tmp_path / "cut.sock", manager.socket)
    args = ["--docker", cut.path]
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, policy=policy, args=args) as hub:
        wait_for(lambda: all_read(hub), 90, 0.1, hub.said)
        for name in ("web", "gone", "tax"):
            service(manager, "create", "--name", name, "--replicas", "1", "shop:1")
        wait_for(lambda: len(running(hub, "shop:1")) == 3, 60, 0.05, hub.said)
        service(manager, "update", "--image", "shop:2", "web")
        wait_for(lambda: len(running(hub, "shop:2")) == 1, 60, 0.05, hub.said)
        hub.kill()
        service(manager, "rollback", "web")
        service(manager, "rm", "gone")
        service(manager, "scale", "tax=0")
        hub.start()
        is_rollback(receiver.wait(60, rule="rollback").item("rollback"))
        wait_for(lambda: dormant(hub) == {"Service/tax"}, 60, 0.05, hub.said)
        wait_for(lambda: len(running(hub, "shop:1")) == 1, 60, 0.05, hub.said)
        cut.stop()
        service(manager, "create", "--name", "new", "--replicas", "0", "shop:2")
        service(manager, "rm", "tax")
        time.sleep(2)
        assert dormant(hub) == {"Service/tax"}
        cut.go_on()
        wait_for(lambda: dormant(hub) == {"Service/new"}, 60, 0.05, hub.said)
        assert len([m for m in receiver.messages(rule="rollback") if m.kind != "resolved"]) == 1
    cut.close()


def test_found_when_it_is_made(docker, images):  # noqa: F811
    """R14: an engine that becomes a manager while it is watched says its services at once, and nothing before"""
    leave(docker)
    with Watching("swarm", docker.socket, ready=False) as told:
        time.sleep(1)
        assert told.mark() == 0, told.events
        init(docker)
        told.wait("snapshot.ended")
        service(docker, "create", "--name", "late", "--replicas", "0", "shop:1")
        seen = told.wait("workload.declared", workload={"kind": "Service", "name": "late"})
        assert seen["images"][0]["ref"] == "shop:1" and len(seen["images"][0]["digests"]) == 1
        service(docker, "rm", "late")
        told.wait("workload.removed", workload={"kind": "Service", "name": "late"})
    leave(docker)


@pytest.fixture(params=["worker"])
def worker(request, manager, tmp_path_factory):
    """Another node, of the name w2, that has the same images; of another role, where that is asked for."""
    folder = tmp_path_factory.mktemp("worker")
    made = Docker(folder, hostname="w2")
    for image in ("shop:1", "shop:2"):
        made.run("load", input=manager.run("save", image).stdout)
    token = manager.run("swarm", "join-token", "-q", request.param).stdout.decode().strip()
    done = made.run("swarm", "join", "--token", token, "--advertise-addr", "127.0.0.2", "--listen-addr",
                    "127.0.0.2:%d" % free_port(), "127.0.0.1:%d" % manager.port, check=False)
    if done.returncode != 0:
        made.close()
        pytest.skip("a second node cannot join here: %s" % done.stderr.decode())
    made.id = made.run("info", "--format", "{{.Swarm.NodeID}}").stdout.decode().strip()
    yield made
    if made.child.poll() is None:
        leave(made)
    made.close()


def places(hub, ref):
    """Each container once, with its node."""
    uses = hub.who_runs(ref, running="true")
    assert len({u["container"] for u in uses}) == len(uses), uses
    return sorted((u["workload"], u["node"]) for u in uses)


def nodes(hub):
    return {n["node"]: (n["availability"], n["state"], n["agent"])
            for n in next(hub.pages("/api/v1/coverage"))["nodes"]}


def test_other_nodes(tmp_path, manager, worker, feeds, policy):
    """R14: a container on a node without an agent is told by the manager; with one, it is told once"""
    both = [("Service/web", "test-node"), ("Service/web", "w2")]
    with Hub(tmp_path / "hub", feeds=feeds, policy=policy, args=["--docker", manager.socket]) as hub:
        wait_for(lambda: all_read(hub), 90, 0.1, hub.said)
        service(manager, "create", "--name", "web", "--mode", "global", "shop:1")
        wait_for(lambda: len(hub.items("/api/v1/coverage")) == 1, 90, 0.1, hub.said)
        unread = hub.items("/api/v1/coverage")[0]
        assert unread["node"] == "w2" and unread["workload"] == "Service/web", unread
        far = worker.run("ps", "-q", "--no-trunc").stdout.decode().strip()
        assert unread["container"] == far
        assert nodes(hub) == {"test-node": ("active", "ready", True), "w2": ("active", "ready", False)}
        with Agent(tmp_path / "node", hub, "--docker", worker.socket, node="w2", cluster="default") as agent:
            wait_for(lambda: places(hub, "shop:1") == both, 90, 0.1, agent.said)
            assert len(list(hub.items("/api/v1/coverage"))) == 0
            manager.run("node", "update", "--availability", "drain", worker.id)
            wait_for(lambda: nodes(hub)["w2"] == ("drain", "ready", True), 60, 0.1, hub.said)
            wait_for(lambda: places(hub, "shop:1") == both[:1], 60, 0.1, agent.said)
            service(manager, "rm", "web")
            wait_for(lambda: places(hub, "shop:1") == [], 60, 0.1, agent.said)
        worker.child.kill()
        worker.child.wait()
        wait_for(lambda: nodes(hub)["w2"][1] == "down", 90, 0.1, hub.said)
        hub.restart()
        wait_for(lambda: set(nodes(hub)) == {"test-node", "w2"}, 60, 0.1, hub.said)
        manager.run("node", "rm", "--force", worker.id)
        wait_for(lambda: set(nodes(hub)) == {"test-node"}, 60, 0.1, hub.said)


def leads(*engines):
    """Waits until one of them leads."""
    def is_led():
        done = [e.run("node", "ls", "--format", "{{.ManagerStatus}}", check=False) for e in engines]
        return all(d.returncode == 0 and b"Leader" in d.stdout for d in done)

    wait_for(is_led, 90, 0.5)


@pytest.mark.parametrize("worker", ["manager"], indirect=True)
def test_managers(tmp_path, manager, worker, feeds, policy, receiver):  # noqa: F811
    """R14: of two managers the one that leads speaks; when the other leads nothing is lost or told twice, and a swarm
    without a leader forgets nothing"""
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, policy=policy) as hub, \
            Agent(tmp_path / "n1", hub, "--docker", manager.socket, node="n1") as one, \
            Agent(tmp_path / "n2", hub, "--docker", worker.socket, node="w2") as two:
        wait_for(lambda: all_read(hub), 90, 0.1, one.said)
        service(manager, "create", "--name", "web", "--mode", "global", "shop:1")
        service(manager, "create", "--name", "tax", "--replicas", "0", "shop:2")
        both = [("Service/web", "n1"), ("Service/web", "w2")]
        wait_for(lambda: places(hub, "shop:1") == both and dormant(hub) == {"Service/tax"}, 60, 0.1, one.said)
        said = {n["node"]: n["source"] for n in next(hub.pages("/api/v1/coverage"))["nodes"]}
        assert said == {"n1": "n1/swarm", "w2": "n1/swarm"}, said
        # Half of two is no majority.
        os.kill(worker.child.pid, signal.SIGSTOP)
        one.wait_said("warn swarm", 120)
        assert dormant(hub) == {"Service/tax"}
        os.kill(worker.child.pid, signal.SIGCONT)
        one.wait_said("the swarm answers again", 120)
        assert dormant(hub) == {"Service/tax"}
        wait_for(lambda: places(hub, "shop:1") == both, 90, 0.1, one.said)
        leads(manager, worker)
        node = manager.run("info", "--format", "{{.Swarm.NodeID}}").stdout.decode().strip()
        worker.run("node", "demote", node)
        service(worker, "rm", "web")
        service(worker, "create", "--name", "new", "--replicas", "0", "shop:1")
        wait_for(lambda: dormant(hub) == {"Service/tax", "Service/new"}, 90, 0.1, two.said)
        # The one that leads no more says so, and takes nothing with it.
        wait_for(lambda: {n["source"] for n in next(hub.pages("/api/v1/coverage"))["nodes"]} == {"w2/swarm"}, 90, 0.1,
                 one.said)
        assert dormant(hub) == {"Service/tax", "Service/new"}
        wait_for(lambda: places(hub, "shop:1") == [], 60, 0.1, one.said)
        assert not receiver.messages(rule="rollback")
