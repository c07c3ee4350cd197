# SPDX-License-Identifier: Apache-2.0
"""Who entered a running container, and what was changed then: by real engines."""

import json
import os
import subprocess
import time

import pytest

from containerd import Containerd, app
from engines import debian, demo_feeds, docker, import_root, podman  # noqa: F401
from hubkit import SOON, Hub, receiver, wait_for, with_hub  # noqa: F401
from image import File
from nodekit import Agent
from test_node_execs import compiled

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

POLICY = """group: 0s
max-per-minute: 10000
rules:
  - name: drift
    when: drift
  - name: entered
    when: entered
    except: ["/bin/nap 0.*"]
"""
# Sleeps as many tenths of a second as its first argument says.
NAP = """#include <stdlib.h>
#include <unistd.h>
int main(int n, char **v) { usleep(n > 1 ? (unsigned)(atof(v[1]) * 1e6) : 0); if (n < 2) pause(); return 0; }
"""


@pytest.fixture(scope="module")
def nap(tmp_path_factory):
    with open(compiled(tmp_path_factory.mktemp("nap"), "nap", NAP), "rb") as f:
        return f.read()


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def entries(hub, container):
    """Alerts of who entered it, by command."""
    found = [a["details"] for a in hub.alerts(rule="entered")]
    return {d["details"].get("path", ""): dict(d["details"], text=d["text"])
            for d in found if d["details"]["container"] == container}


def wait_entry(hub, container, command, seconds=60):
    return wait_for(lambda: entries(hub, container).get(command), seconds, 0.05,
                    lambda: "%r %s" % (entries(hub, container), hub.said()))


def root_of(nap, folder):
    """A tar of a root file system that has the one program."""
    os.makedirs(folder / "root/bin")
    (folder / "root/bin/nap").write_bytes(nap)
    os.chmod(folder / "root/bin/nap", 0o755)
    path = str(folder / "root.tar")
    subprocess.run(["tar", "-C", str(folder / "root"), "-cf", path, "."], check=True)
    return path


def test_exec_and_what_it_changed(tmp_path, docker, debian, demo_feeds, receiver, policy):  # noqa: F811
    """R10: exec into a container is told with its command, and the timeline has it beside what was changed then"""
    import_root(docker, debian, "shop/entered:1")
    with Hub(tmp_path / "hub", feeds=demo_feeds, sink=receiver.url, policy=policy,
             args=["--docker", docker.socket, "--drift"]) as hub:
        wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["read"]], 120, 0.1, hub.said)
        web = docker.start("shop/entered:1", "web", "--health-cmd", "true", "--health-interval", "1s")
        wait_for(lambda: hub.who_runs("shop/entered:1", running="true"), 30, 0.1, hub.said)
        began = time.time()
        docker.run("exec", "-u", "root", "web", "sh", "-c", "cp /usr/bin/head /dropped; sleep 1")
        fired = receiver.wait(60, rule="entered")
        assert fired.at - began <= SOON
        item = fired.item("entered")
        assert item["title"] == "somebody entered container web: sh -c cp /usr/bin/head /dropped; sleep 1"
        found = wait_entry(hub, web, "sh -c cp /usr/bin/head /dropped; sleep 1")
        # Docker's daemon starts it, and knows nobody; as whom it runs it does say.
        assert found["who"] == "unknown" and found["text"].startswith("as root, uid 0 on the machine"), found
        assert found["ref"] == "shop/entered:1"

        def steps():
            return [(s["what"], s["text"]) for s in hub.items("/api/v1/timeline", workload="web")]
        wait_for(lambda: [s for s in steps() if s[0] == "changed" and s[1].startswith("dropped")], 60, 0.1, hub.said)
        kinds = [s[0] for s in steps()]
        assert kinds.index("started") < kinds.index("entered") < kinds.index("changed"), steps()
        pages = list(hub.pages("/api/v1/timeline", workload="web", limit=1))
        assert [s["what"] for page in pages for s in page["items"]] == kinds
        # A terminal is somebody each time; the engine's own health check is nobody.
        for _ in range(2):
            subprocess.run(["script", "-qec", "docker -H unix://%s exec -it web true" % docker.socket, "/dev/null"],
                           check=True, stdin=subprocess.DEVNULL, capture_output=True)
        docker.run("exec", "web", "id")
        wait_entry(hub, web, "id")
        wait_for(lambda: docker.run("inspect", "-f", "{{.State.Health.Status}}", "web").stdout == b"healthy\n", 60)
        paths = set(entries(hub, web))
        assert paths == {
            "sh -c cp /usr/bin/head /dropped; sleep 1", "id"} | {p for p in paths if p.startswith("true (terminal ")}
        assert len([p for p in paths if p.startswith("true (terminal ")]) == 2, paths
        docker.run("rm", "-f", "web")
        wait_for(lambda: not hub.alerts(rule="entered"), 30, 0.1, hub.said)


def test_agent_tells(tmp_path, docker, nap, demo_feeds, policy):  # noqa: F811
    """R10: an agent tells its hub, also of what was done while it was away"""
    import_root(docker, root_of(nap, tmp_path), "shop/nap:1", "/bin/nap")
    with Hub(tmp_path / "hub", feeds=demo_feeds, policy=policy) as hub, \
            Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        nap1 = docker.start("shop/nap:1", "nap1")
        wait_for(lambda: hub.who_runs("shop/nap:1", running="true"), 60, 0.1, agent.said)
        docker.run("exec", "-u", "77", "nap1", "/bin/nap", "1")
        assert wait_entry(hub, nap1, "/bin/nap 1")["text"].startswith("as 77, uid 77 on the machine")
        agent.stop()
        docker.run("exec", "nap1", "/bin/nap", "0.5")
        docker.run("exec", "nap1", "/bin/nap", "1.5")
        agent.start()
        wait_entry(hub, nap1, "/bin/nap 1.5")
        assert "/bin/nap 0.5" not in entries(hub, nap1)
        docker.run("rm", "-f", "nap1")


@pytest.mark.parametrize("version", [1, 2], ids=["containerd1", "containerd2"])
def test_containerd(tmp_path_factory, tmp_path, nap, demo_feeds, policy, version):  # noqa: F811
    """R10: a process that is added to a task is seen with its command, while it runs"""
    it = Containerd(tmp_path_factory.mktemp("c"), version)
    try:
        image = app(nap, {}, layers=[[File("bin/nap", nap, 0o755)]])
        it.add(image, "example.test/shop/nap:1")
        with Hub(tmp_path / "hub", feeds=demo_feeds, policy=policy, args=["--containerd", it.socket]) as hub:
            it.run("example.test/shop/nap:1", "web")
            wait_for(lambda: hub.who_runs("example.test/shop/nap:1", running="true"), 60, 0.1, hub.said)
            it.ctr("tasks", "exec", "--exec-id", "e1", "--user", "12", "web", "/bin/nap", "2.5")
            found = wait_entry(hub, "default/web", "/bin/nap 2.5")
            assert found["text"].startswith("uid 12 on the machine") and found["who"] == "unknown"
    finally:
        it.close()


def test_podman(tmp_path, podman, nap, demo_feeds, policy):  # noqa: F811
    """R10: Podman's users start programs themselves: who it was is known"""
    import_root(podman, root_of(nap, tmp_path), "localhost/shop/nap:1", "/bin/nap")
    podman.serve()
    with Hub(tmp_path / "hub", feeds=demo_feeds, policy=policy, args=["--podman", podman.socket]) as hub:
        web = podman.start("localhost/shop/nap:1", "web")
        wait_for(lambda: hub.who_runs("localhost/shop/nap:1", running="true"), 60, 0.1, hub.said)

        def log_in():
            with open("/proc/self/loginuid", "w", encoding="ascii") as f:
                f.write("4242")
        try:
            podman.run("exec", "--user", "33", "web", "/bin/nap", "2", preexec_fn=log_in)
        except (OSError, subprocess.SubprocessError):
            pytest.skip("the kernel keeps no login uid")
        found = wait_entry(hub, web, "/bin/nap 2")
        assert found["who"] == "uid 4242" and found["text"].startswith("as 33, uid 33 on the machine"), found
        # One that has ended before anybody could ask is told all the same.
        podman.run("exec", "web", "/bin/nap", "0")
        wait_for(lambda: len(entries(hub, web)) == 2, 30, 0.1, lambda: json.dumps(entries(hub, web)))
        podman.run("rm", "-f", "-t", "0", "web")
