# SPDX-License-Identifier: Apache-2.0
"""What is done to a container after it started: seen from within, in real engines, by an agent and by a hub."""

import hashlib
import time

import pytest

from engines import build_deb, debian, demo_feeds, docker, import_root  # noqa: F401
from hubkit import SOON, receiver, wait_for, with_hub  # noqa: F401
from nodekit import Machine

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

POLICY = """group: 0s
max-per-minute: 10000
rules:
  - name: finding
    severity: low
  - name: drift
    when: drift
"""


@pytest.fixture(scope="module")
def image(docker, debian):  # noqa: F811
    import_root(docker, debian, "shop/debian:1")
    return "shop/debian:1"


@pytest.fixture(params=["node", "hub"])
def machine(request, tmp_path, docker, image, demo_feeds, receiver):  # noqa: F811
    """Somebody looks into the containers of an engine whose image has been read."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with Machine(tmp_path, request.param, "--docker", docker.socket, "--drift", feeds=demo_feeds,
                 sink=receiver.url, policy=policy) as started:
        wait_for(lambda: [i for i in started.hub.items("/api/v1/images") if i["read"] and i["ref"] == image],
                 60, 0.1, started.said)
        yield started


@pytest.fixture
def hub(machine):
    return machine.hub


class Container:
    def __init__(self, docker, machine, image, name, *args):  # noqa: F811
        self.docker, self.hub, self.name, self.said = docker, machine.hub, name, machine.said
        docker.run("rm", "-f", name, check=False)
        self.id = docker.start(image, name, *args)
        wait_for(lambda: self.hub.who_runs(image, running="true"), 20, 0.1, self.said)

    def run(self, script, **how):
        return self.docker.run("exec", self.name, "sh", "-c", script, **how)

    def remove(self):
        self.docker.run("rm", "-f", self.name)

    def alerts(self, rule="drift"):
        """What was found in it, by path or package."""
        found = [a for a in self.hub.alerts(rule=rule) if a["details"]["details"]["container"] == self.id]
        return {a["details"]["details"].get("path") or a["title"]: a for a in found}

    def wait(self, what, rule="drift", seconds=60):
        def there():
            found = [a for at, a in self.alerts(rule).items() if what in at or what in a["title"]]
            return found and found[0]
        return wait_for(there, seconds, 0.05, self.said)


@pytest.fixture
def container(docker, machine, image):  # noqa: F811
    made = []

    def make(name, *args):
        made.append(Container(docker, machine, image, name, *args))
        return made[-1]

    yield make
    for one in made:
        docker.run("rm", "-f", one.name, check=False)


def executables(run):
    return {e["path"]: (e["sha256"], e["owner"] and e["owner"].split("@")[0])
            for e in run.json["executables"]}


def test_scan_of_a_container(docker, image, scan):  # noqa: F811
    """R10: a running container is read with what was written in it, and whose layers are known costs little"""
    ident = docker.start(image, "scanned")
    docker.run("exec", "scanned", "sh", "-c",
               "touch /usr/bin/id; chmod 700 /usr/bin/env; rm /usr/bin/tail; cp /usr/bin/head /dropped")
    before = executables(scan("docker:" + image, env={"DOCKER_HOST": "unix://" + docker.socket}))
    found = scan("container:" + ident[:12])
    after = executables(found)
    assert found.json["complete"], found.json["notes"]
    assert "usr/bin/tail" not in after and after["usr/bin/id"] == before["usr/bin/id"]
    assert after.pop("dropped") == (before["usr/bin/head"][0], None)
    before.pop("usr/bin/tail")
    assert before == after
    again = scan("container:" + ident)
    assert executables(again)["dropped"] and again.json["complete"]
    assert again.json["timing_ms"]["read"] < found.json["timing_ms"]["read"]
    missing = scan("container:" + hashlib.sha256(b"none").hexdigest())
    assert missing.code == 1 and "no running container" in missing.err
    docker.run("rm", "-f", "scanned")


def test_dropped_and_deleted_executables(hub, container, receiver):  # noqa: F811
    """R10: an executable that comes, changes or goes is told with its hash within seconds"""
    web = container("web")
    web.run("sleep 1; cp /usr/bin/head /dropped; cat /usr/bin/tail >> /usr/bin/tac; rm /usr/bin/uniq")
    began = time.time()
    fired = receiver.wait(60, rule="drift")
    assert fired.at - began <= SOON
    new, changed, gone = web.wait("dropped"), web.wait("usr/bin/tac"), web.wait("usr/bin/uniq")
    digest = web.docker.run("exec", "web", "sha256sum", "/dropped", "/usr/bin/tac").stdout.decode().split()
    assert new["details"]["details"]["sha256"] == digest[0]
    assert "no package owns it" in new["details"]["text"]
    assert changed["details"]["details"]["sha256"] == digest[2] and "coreutils" in changed["details"]["text"]
    assert "deleted" in gone["details"]["text"] and gone["details"]["details"]["ref"] == "shop/debian:1"
    web.remove()
    wait_for(lambda: not web.alerts(), 30, 0.1, hub.said)


def test_touching_is_no_change(container):
    """R10: another mode, owner or time of the image's files raises nothing"""
    web = container("web")
    web.run("touch /usr/bin/id; chmod 700 /usr/bin/env; chown 1:1 /usr/bin/tail; chmod u+s /usr/bin/head;"
            "touch /var/lib/dpkg/status; mv /usr/bin/tac /usr/bin/x; mv /usr/bin/x /usr/bin/tac;"
            "echo log > /var/log/some.log; mkdir -p /srv/data; echo text > /srv/data/file")
    web.run("cp /usr/bin/head /opt-after")
    web.wait("opt-after")
    assert set(web.alerts()) == {"opt-after"}


def test_package_installed(hub, container, docker, receiver, tmp_path):  # noqa: F811
    """R10 R11: a package that is installed in a container is told and judged, for as long as that runs"""
    web, other = container("web"), container("other")
    deb = build_deb(tmp_path, "demo", "1.0", {"usr/bin/demo": "#!/bin/sh\necho demo\n", "etc/demo.conf": "x\n"})
    docker.run("cp", deb, "web:/demo.deb")
    began = time.time()
    web.run("apt-get -o APT::Sandbox::User=root install -y /demo.deb && echo more >> /etc/debconf.conf", timeout=120)
    package = web.wait("pkg:deb/debian/demo@1.0")
    assert "does not have it" in package["details"]["text"]
    told = receiver.wait(60, advisory="CVE-2026-7001")
    assert told.at - began <= 30
    use, = [i for i in hub.who_runs("CVE-2026-7001") if i["state"] == "running"]
    assert use["container"] == web.id + "/changes" and use["workload"] == "Container/web", use
    assert use["matched"][0].startswith("pkg:deb/debian/demo@1.0")
    conf = web.wait("etc/debconf.conf")
    assert "debconf" in conf["details"]["text"] and conf["details"]["details"]["sha256"]
    assert not other.alerts()
    # What came with the package is told by the package.
    assert "usr/bin/demo" not in web.alerts()
    assert hub.alert_of("CVE-2026-7001")["state"] == "firing"
    # Another version of it is other content; the fixed one ends the finding.
    docker.run("cp", build_deb(tmp_path, "demo", "2.0"), "web:/demo2.deb")
    web.run("dpkg -i /demo2.deb")
    web.wait("pkg:deb/debian/demo@2.0")
    wait_for(lambda: not hub.alerts(advisory="CVE-2026-7001"), 60, 0.1, hub.said)
    docker.run("cp", deb, "web:/demo.deb")
    web.run("dpkg -i /demo.deb", check=False)
    wait_for(lambda: hub.alerts(advisory="CVE-2026-7001"), 60, 0.1, hub.said)
    web.remove()
    wait_for(lambda: not hub.alerts(advisory="CVE-2026-7001"), 60, 0.1, hub.said)
    wait_for(lambda: not web.alerts(), 30, 0.1, hub.said)
    assert not hub.who_runs("CVE-2026-7001", running="true")
    assert not receiver.messages(rule="rollback")


def test_package_removed(container):
    """R10: a package that is removed in a container is told"""
    web = container("web")
    web.run("dpkg --purge --force-all passwd", timeout=120)
    gone = web.wait("pkg:deb/debian/passwd")
    assert "removed" in gone["details"]["text"]


def test_agent_started_later(machine, hub, container):  # noqa: F811
    """R31: what was changed while nobody looked is found, and what is known is not told anew"""
    web = container("web")
    web.run("cp /usr/bin/head /opt-first")
    first = web.wait("opt-first")
    machine.stop()
    web.run("cp /usr/bin/tail /opt-second")
    machine.start()
    web.wait("opt-second")
    assert web.alerts()["opt-first"]["id"] == first["id"]
    assert web.alerts()["opt-first"]["times_opened"] == 1
    machine.stop()
    web.remove()
    machine.start()
    wait_for(lambda: not web.alerts(), 30, 0.1, hub.said)


def test_the_hub_is_away(tmp_path, docker, image, demo_feeds):  # noqa: F811
    """R10 R31: what is changed while the hub is away waits for it, with what was installed; and what has gone"""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with Machine(tmp_path, "node", "--docker", docker.socket, "--drift", feeds=demo_feeds, policy=policy) as machine:
        hub = machine.hub
        wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["read"] and i["ref"] == image], 60, 0.1,
                 machine.said)
        web, other = Container(docker, machine, image, "web"), Container(docker, machine, image, "other")
        try:
            other.run("cp /usr/bin/head /opt-other")
            other.wait("opt-other")
            hub.kill()
            for i, program in enumerate(("head", "tail", "id")):
                web.run("cp /usr/bin/%s /opt-%d" % (program, i))
            docker.run("cp", build_deb(tmp_path, "demo", "1.0"), "web:/demo.deb")
            web.run("dpkg -i /demo.deb")
            other.remove()
            machine.agent.wait_said("the hub cannot be told")
            hub.start()
            wait_for(lambda: {"opt-0", "opt-1", "opt-2"} <= set(web.alerts()), 120, 0.1, machine.said)
            wait_for(lambda: hub.who_runs("CVE-2026-7001", running="true"), 120, 0.1, machine.said)
            wait_for(lambda: not other.alerts(), 60, 0.1, machine.said)
        finally:
            docker.run("rm", "-f", "web", "other", check=False)
