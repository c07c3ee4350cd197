# SPDX-License-Identifier: Apache-2.0
"""The agent of a machine against a real dockerd, and a hub that is another process."""

import calendar
import contextlib
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import threading
import time

import pytest

import kit
import small
from engines import docker, docker_image  # noqa: F401
from hubkit import SOON, Hub, wait_for, with_hub, within  # noqa: F401
from nodekit import CLUSTER, NODE, Agent, Cut, Engine, TlsHub, disturb, fingerprint
from registries import certificate, free_port

pytestmark = pytest.mark.usefixtures("with_hub")

BAD = {"old-core": "1.0.0", "old-web": "1.2.0"}


@pytest.fixture(scope="module")
def feeds(tmp_path_factory):
    """Advisories on what the image of the tests has."""
    return small.write_bad(tmp_path_factory.mktemp("feeds"), BAD)


@pytest.fixture(scope="module")
def image(docker, tmp_path_factory):  # noqa: F811
    docker_image(docker, tmp_path_factory.mktemp("image"), "shop:1", BAD)
    return "shop:1"


@pytest.fixture
def hub(tmp_path, feeds):
    with Hub(tmp_path / "hub", feeds=feeds) as started:
        yield started


def running(hub, ref):
    return {u["container"] for u in hub.who_runs(ref, running="true")}


def test_a_use_from_its_start_to_its_end(tmp_path, docker, image, hub):  # noqa: F811
    """R14 R31: what dockerd starts is a use at a hub elsewhere at once, and over when it stops"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        container = docker.start(image, "web")
        within(lambda: running(hub, image) == {container}, SOON, 0.01, agent.said)
        use = hub.who_runs(image, running="true")[0]
        assert (use["cluster"], use["node"], use["name"]) == (CLUSTER, NODE, "web")
        docker.run("kill", "web")
        within(lambda: not running(hub, image), SOON, 0.01, agent.said)
        docker.run("rm", "web")
        assert agent.stop() == 0


def findings_of(report):
    return {(f["id"], f["component"], f["status"]) for f in report["findings"]}


def test_an_image_is_read_where_it_lies(tmp_path, docker, image, hub, feeds):  # noqa: F811
    """R16 R20: the agent reads the engine's image, the hub judges it as a scan does"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        found = wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["read"]], 120, 0.1, agent.said)
        answer = hub.get("/api/v1/images/" + found[0]["digest"])
    db = str(tmp_path / "db")
    assert kit.run("db", "build", "--from", feeds, "--out", db).code == 0
    done = kit.scan("docker:" + image, "--db", db, cache=tmp_path / "cache",
                    env={"DOCKER_HOST": "unix://" + docker.socket})
    report = done.json
    assert report["complete"] and answer["complete"]
    assert findings_of(answer) == findings_of(report) and len(report["findings"]) == 2
    assert {c["purl"] for c in answer["components"]} == {c["purl"] for c in report["components"]}


def test_a_token_is_for_one_place(tmp_path, docker, image, hub):  # noqa: F811
    """An agent whose token is another node's is refused, and says so"""
    token = hub.make_token("other", "agent", cluster=CLUSTER, node="node-b").token
    with Agent(tmp_path / "node", hub, "--docker", docker.socket, token=token) as agent:
        agent.wait_said("does not speak for that place")
        assert hub.items("/api/v1/images") == []


@pytest.fixture
def tls_hub(tmp_path, feeds):
    """It takes client certificates, of one authority, too."""
    folder = str(tmp_path)
    authority = certificate(folder, "authority")
    cert, key = certificate(folder, "hub")
    with TlsHub(tmp_path / "hub", feeds=feeds, args=["--tls-cert", cert, "--tls-key", key, "--client-ca",
                                                     authority[0]]) as hub:
        hub.authority, hub.cert = authority, cert
        yield hub


def test_mutual_tls(tmp_path, docker, image, tls_hub):  # noqa: F811
    """R39: a hub is trusted by its certificate or its fingerprint, an agent by its certificate alone"""
    hub = tls_hub
    shown = certificate(str(tmp_path), "machine", ca=hub.authority, client=True)
    hub.post("/api/v1/tokens", {"name": "cert:localhost", "role": "agent", "cluster": CLUSTER, "node": NODE})
    how = ["--docker", docker.socket, "--client-cert", shown[0], "--client-key", shown[1]]
    with Agent(tmp_path / "stranger", hub, *how, token=False) as agent:
        agent.wait_said("self-signed certificate")
    with Agent(tmp_path / "liar", hub, *how, "--hub-fingerprint", fingerprint(shown[0]), token=False) as agent:
        agent.wait_said("another certificate than the one that is trusted")
    assert not hub.items("/api/v1/images")
    with Agent(tmp_path / "node", hub, *how, "--ca-cert", hub.cert, token=False) as agent:
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        assert agent.stop() == 0
    container = docker.start(image, "tls")
    with Agent(tmp_path / "node", hub, *how, "--hub-fingerprint", fingerprint(hub.cert), token=False) as agent:
        wait_for(lambda: running(hub, image) == {container}, 60, 0.05, agent.said)
    docker.run("rm", "-f", "tls")


def test_a_token_may_be_replaced(tmp_path, docker, image, hub):  # noqa: F811
    """A token that the hub does not know is said, and read again from its file"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket, token="rmg_nobody") as agent:
        agent.wait_said("not known here")
        agent.token(hub.make_token("late", "agent", cluster=CLUSTER, node=NODE).token)
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        agent.wait_said("the hub answers")


def test_one_agent_per_state(tmp_path, docker, hub):  # noqa: F811
    """A second agent on one state folder is refused; what is out of reach is not"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        agent.wait_said("watches docker")
        second = subprocess.run(agent.command(), capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1 and "another agent" in second.stderr


# What happens meanwhile.

def uses(hub):
    """(container, began, ended) of every use that the hub's store has, in the order of their begins."""
    with contextlib.closing(sqlite3.connect("file:%s/hub.db?mode=ro" % hub.state, uri=True)) as db:
        return db.execute("SELECT container, began_ms, ended_ms FROM use WHERE cached = 0 "
                          "AND runtime = 'docker' ORDER BY began_ms, id").fetchall()


def in_ms(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    at = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
    return at * 1000 + int((fraction + "000")[:3])


def lived(docker, *ids):  # noqa: F811
    """{container: (started, finished)} by the engine's own word."""
    rows = json.loads(docker.run("inspect", *ids).stdout)
    return {r["Id"]: (in_ms(r["State"]["StartedAt"]), in_ms(r["State"]["FinishedAt"])) for r in rows}


def same_lives(hub, want, tolerance_ms=1000):
    """Each container has one use, from its begin to its end. What is answered from memory may be on its way to disk."""
    wait_for(all_over(hub, want))
    got = [u for u in uses(hub) if u[0] in want]
    assert sorted(u[0] for u in got) == sorted(want), "one use each"
    for container, began, ended in got:
        assert abs(began - want[container][0]) <= tolerance_ms, (container, began, want[container])
        assert abs(ended - want[container][1]) <= tolerance_ms, (container, ended, want[container])


def all_over(hub, ids):
    return lambda: set(ids) <= {u[0] for u in uses(hub) if u[2]}


def clear(docker):  # noqa: F811
    ids = docker.run("ps", "-aq").stdout.decode().split()
    if ids:
        docker.run("rm", "-f", *ids)


@pytest.fixture
def engine(docker, image):  # noqa: F811
    yield docker
    clear(docker)


def test_the_hub_is_away(tmp_path, engine, image, hub):
    """R31 R39: what starts and stops while the hub is killed has its begin and its end, with their times"""
    with Agent(tmp_path / "node", hub, "--docker", engine.socket) as agent:
        before = engine.start(image, "before")
        wait_for(lambda: running(hub, image) == {before}, 60, 0.05, agent.said)
        hub.kill()
        whole = engine.start(image, "whole")
        engine.run("kill", "before", "whole")
        lasts = engine.start(image, "lasts")
        agent.wait_said("the hub cannot be told")
        again = engine.start(image, "again")
        engine.run("kill", "again")
        engine.run("start", "again")
        hub.start()
        wait_for(lambda: running(hub, image) == {lasts, again}, 60, 0.05, agent.said)
        agent.wait_said("the hub answers")
        same_lives(hub, lived(engine, before, whole))
        wait_for(lambda: len([u for u in uses(hub) if u[0] == again]) == 2)
        engine.run("kill", "lasts", "again")
        wait_for(all_over(hub, [lasts, again]), 60, 0.05, agent.said)
        same_lives(hub, lived(engine, lasts))


def test_the_agent_is_killed(tmp_path, engine, image, hub):
    """R39: an agent killed twice: what ran meanwhile is told with its times, and nothing twice"""
    agent = Agent(tmp_path / "node", hub, "--docker", engine.socket).start()
    ids = []

    def one(name, *args):
        ids.append(engine.start(image, name, *args))
        engine.run("kill", name)

    try:
        lasts = engine.start(image, "lasts")
        one("seen")
        wait_for(all_over(hub, ids), 60, 0.05, agent.said)
        for i in range(2):
            agent.kill()
            one("unseen-%d" % i)
            ids.append(engine.start(image, "ends-%d" % i))
            agent.start()
            wait_for(lambda: ids[-1] in running(hub, image), 60, 0.05, agent.said)
            engine.run("kill", "ends-%d" % i)
            wait_for(all_over(hub, ids), 60, 0.05, agent.said)
        agent.kill()
        one("unseen-and-gone", "--rm")
        gone = ids.pop()
        agent.start()
        wait_for(all_over(hub, [gone]), 60, 0.05, agent.said)
        assert [u[0] for u in uses(hub)].count(gone) == 1
        same_lives(hub, lived(engine, *ids))
        assert [u for u in uses(hub) if u[0] == lasts] == [(lasts, lived(engine, lasts)[lasts][0], 0)]
    finally:
        agent.kill()


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_the_end_of_an_agent_loses_nothing(tmp_path, engine, image, hub):
    """SIGTERM while the hub is away: what was seen waits in the spool for the next agent"""
    agent = Agent(tmp_path / "node", hub, "--docker", engine.socket).start()
    try:
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        hub.kill()
        container = engine.start(image, "short", "--rm")
        engine.run("kill", "short")
        spool = os.path.join(agent.state, "spool")
        wait_for(lambda: any('"use.ended"' in read(os.path.join(spool, n)) for n in os.listdir(spool)),
                 60, 0.05, agent.said)
        assert agent.stop() == 0
        # So that nobody could tell of it again.
        for name in os.listdir(agent.state):
            if name.startswith("recent-"):
                os.unlink(os.path.join(agent.state, name))
        hub.start()
        agent.start()
        wait_for(all_over(hub, [container]), 60, 0.05, agent.said)
        assert len(uses(hub)) == 1
    finally:
        agent.kill()


def test_a_full_spool(tmp_path, engine, image, hub):
    """What the spool has no room for is the oldest detail, here and at the hub; uses are whole"""
    with Agent(tmp_path / "node", hub, "--docker", engine.socket, "--spool-bytes", "16K") as agent:
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        hub.kill()
        with Storm(engine.socket, image, 30) as load:
            pass
        assert not load.failed, load.failed
        agent.wait_said("the spool is full")
        hub.start()
        ids = load.kept + load.removed
        wait_for(all_over(hub, ids), 60, 0.05, agent.said)
        same_lives(hub, lived(engine, *load.kept))
        assert sorted(u[0] for u in uses(hub)) == sorted(ids)
        alert = wait_for(lambda: [a for a in hub.alerts() if a["key"].endswith(":lost")], 30, 0.05, agent.said)[0]
        assert alert["title"] == NODE + " could not keep all that it saw"
        # And the list of images is asked for again.
        engine.run("tag", image, "shop:late")
        wait_for(lambda: any(i["cached"] for i in hub.items("/api/v1/images")), 30, 0.05, agent.said)


class Storm:
    """Containers that are started and killed, by several at once, each of which remembers its own."""

    def __init__(self, path, image, count, workers=4, each_s=0.0):
        self.path, self.image, self.each_s, self.workers = path, image, each_s, workers
        self.left, self.lock = iter(range(count)), threading.Lock()
        self.kept, self.removed, self.failed = [], [], []
        self.threads = [threading.Thread(target=self.run) for _ in range(workers)]

    def run(self):
        try:
            engine, random_ = Engine(self.path), random.Random(1)
            while True:
                with self.lock:
                    number = next(self.left, None)
                if number is None:
                    return
                remove = number % 2 == 0
                began = time.monotonic()
                container = engine.start(self.image, "s-%d" % number, remove)
                time.sleep(random_.choice((0, 0, 0.05, 0.4)))
                engine.kill(container)
                (self.removed if remove else self.kept).append(container)
                time.sleep(max(0, self.each_s * self.workers - (time.monotonic() - began)))
        except Exception as e:  # pylint: disable=broad-except
            self.failed.append(e)

    def done(self):
        return len(self.kept) + len(self.removed)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self.threads:
            thread.join()


def storm(tmp_path, engine, image, hub, count, away_s, each_s=0.0):
    """The stream is cut three times, the agent killed twice, the hub away once, while containers come
    and go; then each of them has had one use, with its begin and its end."""
    cut = Cut(tmp_path / "cut.sock", engine.socket)
    agent = Agent(tmp_path / "node", hub, "--docker", cut.path).start()
    try:
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        with Storm(engine.socket, image, count, each_s=each_s) as load:
            disturb(load, count, cut, agent, hub, away_s)
        assert not load.failed, load.failed
        ids = load.kept + load.removed
        wait_for(all_over(hub, ids), 120, 0.2, agent.said)
        assert sorted(u[0] for u in uses(hub)) == sorted(ids)
        same_lives(hub, lived(engine, *load.kept))
    finally:
        agent.kill()
        cut.close()


def test_a_storm(tmp_path, engine, image, hub):
    """R31 R39: 40 containers, the stream cut thrice, the agent killed twice, the hub away: nothing is lost"""
    storm(tmp_path, engine, image, hub, 40, 0)


@pytest.mark.slow
def test_a_great_storm(tmp_path, engine, image, hub):
    """R31 R39: 500 containers in a minute, the stream cut thrice, the agent killed twice, the hub away for two"""
    storm(tmp_path, engine, image, hub, 500, 120, each_s=0.12)


# What it takes.

def status(pid, key):
    return next(line.split(":")[1].strip() for line in read("/proc/%s/status" % pid).split("\n")
                if line.startswith(key + ":"))


def test_it_takes_what_is_over(tmp_path, docker, hub):  # noqa: F811
    """Images are read by threads that only run while nothing else does; few capabilities are left"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket, eager=False) as agent:
        agent.wait_said("watches docker")
        tasks = "/proc/%d/task" % agent.child.pid

        def idle():
            rows = [read("%s/%s/stat" % (tasks, t)).rpartition(")")[2].split() for t in os.listdir(tasks)]
            return [r for r in rows if r[38] == "5" and r[16] == "19"]  # SCHED_IDLE, nice

        wait_for(idle, 20)
        keep = (1 << 5) | (1 << 6) | (1 << 7)
        for key in ("CapPrm", "CapEff", "CapBnd"):
            assert int(status(agent.child.pid, key), 16) & ~keep == 0
        assert status(agent.child.pid, "NoNewPrivs") == "1"


def test_runtimes_are_found(tmp_path, docker, image, hub):  # noqa: F811
    """R14: a runtime whose socket comes after the agent is found and watched within seconds"""
    root = tmp_path / "root"
    (root / "run").mkdir(parents=True)
    with Agent(tmp_path / "node", hub, env={"RUMMAGE_TEST_ROOT": str(root)}) as agent:
        agent.wait_said("its hub is")
        assert "watches" not in agent.said()
        os.symlink(docker.socket, root / "run/docker.sock")
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        assert agent.said().count("watches docker") == 1


def installed_unit(folder, name):
    """A unit as it is installed, for the program that is tested; what systemd-analyze needs is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    unit = folder / name
    unit.write_text(re.sub(r"ExecStart=\S+", "ExecStart=" + kit.program("rummage"),
                           read(os.path.join(kit.BUILD, "deploy", name))))
    return str(unit)


def analyze(*args):
    return subprocess.run(["systemd-analyze", *args], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", ["rummage-node.service", "rummage-hub.service"])
def test_units(tmp_path, name):
    """The units of systemd that are installed are sound"""
    done = analyze("verify", "--man=no", installed_unit(tmp_path, name))
    said = [line for line in done.stderr.split("\n") if name in line]
    assert done.returncode == 0 and not said, done.stderr


def test_the_drop_in_for_containers(tmp_path):
    """What an agent needs that looks into containers is added to its unit"""
    unit = installed_unit(tmp_path, "rummage-node.service")
    os.mkdir(unit + ".d")
    shutil.copy(os.path.join(kit.TOP, "deploy/systemd/rummage-node-inside.conf"), unit + ".d/inside.conf")
    done = analyze("verify", "--man=no", unit)
    assert done.returncode == 0 and "inside.conf" not in done.stderr, done.stderr


@pytest.mark.parametrize("name, most", [("rummage-node.service", 35), ("rummage-hub.service", 20)])
def test_units_are_confined(tmp_path, name, most):
    """R39: what the units leave open is little, by systemd's own count (0: nothing, 100: all); the agent is root"""
    unit = installed_unit(tmp_path, name)
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=%d" % most, unit)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze looks at no files: " + done.stderr.strip())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert analyze("security", "--offline=true", "--no-pager", "--threshold=5", unit).returncode != 0


# At the pull.

def test_verify_image(tmp_path, engine, image, hub):
    """R26: containerd asks as its manual says; the hub's findings decide, and what is not known by a rule"""
    with Agent(tmp_path / "node", hub, "--docker", engine.socket) as agent:
        found = wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["read"]], 120, 0.1, agent.said)
    link = str(tmp_path / "rummage-verify-image")
    os.symlink(kit.program("rummage"), link)
    reader = hub.make_token("verifier", "reader").token

    def verify(digest, *args, program=(link,), port=hub.port):
        done = subprocess.run(
            [*program, "-name", "shop:1", "-digest", digest, "-stdin-media-type",
             "application/vnd.oci.descriptor.v1+json", "--hub", "http://127.0.0.1:%d" % port, *args],
            input=json.dumps({"digest": digest}), capture_output=True, text=True, timeout=60, check=False,
            env=dict(os.environ, RUMMAGE_NODE_TOKEN=reader))
        return done.returncode, done.stdout

    known, other = found[0]["digest"], "sha256:" + "0" * 64
    code, said = verify(known)
    assert code == 2 and said.startswith("denied: 2 critical"), said
    assert verify(known, program=(kit.program("rummage"), "verify-image"))[0] == 2
    code, said = verify(other)
    assert code == 0 and said.startswith("allowed: the hub does not know")
    assert verify(other, "--fail-closed")[0] == 2
    port = free_port()
    assert verify(known, "--deadline", "2", port=port)[0] == 0
    assert verify(known, "--deadline", "2", "--fail-closed", port=port)[0] == 2


def test_once(tmp_path, engine, image):
    """R1 R22: what an agent would tell is said without a hub: uses, images, and whether they were read"""
    container = engine.start(image, "web")
    how = ["--docker", engine.socket, "--node", NODE, "--cluster", CLUSTER]
    done = kit.run("node", "--once", "-o", "json", *how, cache=tmp_path / "cache")
    assert done.code == 0, done
    assert [(u["container"], u["name"], u["inventory"]) for u in done.json["uses"]] == \
        [(container, "web", "complete")]
    found = [i for i in done.json["images"] if i["uses"]]
    assert len(found) == 1 and found[0]["ref"] == image and found[0]["components"] == len(BAD)
    assert done.json["node"] == NODE and done.json["runtimes"][0]["listed"] is True
    table = kit.run("node", "--once", *how, cache=tmp_path / "cache")
    assert table.code == 0 and "INVENTORY" in table.out and "complete" in table.out
    gone = kit.run("node", "--once", "-o", "json", "--docker", str(tmp_path / "none.sock"))
    assert gone.code == 3 and gone.json["runtimes"][0]["why"] and gone.json["uses"] == []
