# SPDX-License-Identifier: Apache-2.0
"""Programs that are started in containers: seen, told, and refused, in real engines."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from engines import debian, demo_feeds, docker, import_root  # noqa: F401
from hubkit import SOON, Clock, receiver, wait_for, with_hub  # noqa: F401
import nodekit

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

OBSERVE = """group: 0s
max-per-minute: 10000
rules:
  - name: started
    when: exec
    how: [new, writable, mounted, unowned, setuid, memfd, unjudged]
"""
ENFORCE = OBSERVE.replace("  - name: started", """  - name: refused
    when: exec
    how: [new, writable, memfd]
    enforce: true
    workloads: [guarded]
  - name: started""")
PAUSE = """#include <unistd.h>
int main(int n, char **v) { (void)v; if (n > 1) pause(); return 0; }
"""
MEMFD = """#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int n, char **v, char **env)
{
	char buf[65536], *const args[] = {"hidden", "x", NULL};
	int in = open(v[1], O_RDONLY), out = memfd_create("hidden", 0);
	ssize_t got;
	while ((got = read(in, buf, sizeof buf)) > 0)
		if (write(out, buf, (size_t)got) != got)
			return 3;
	fexecve(out, args, env);
	return n ? 4 : 5;
}
"""


def compiled(folder, name, source):
    if shutil.which("cc") is None:
        pytest.skip("no compiler")
    path = os.path.join(str(folder), name)
    with open(path + ".c", "w", encoding="ascii") as f:
        f.write(source)
    subprocess.run(["cc", "-static", "-o", path, path + ".c"], check=True)
    return path


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    return {"pause": compiled(folder, "pause", PAUSE), "hide": compiled(folder, "hide", MEMFD)}


@pytest.fixture(scope="module")
def image(docker, debian, programs, tmp_path_factory):  # noqa: F811
    """Debian, and programs that no package owns."""
    folder = tmp_path_factory.mktemp("image")
    path = str(folder / "root.tar")
    shutil.copy(debian, path)
    os.makedirs(folder / "opt/app")
    shutil.copy(programs["hide"], folder / "opt/app/server")
    shutil.copy(programs["pause"], folder / "opt/app/pause")
    subprocess.run(["tar", "-C", str(folder), "-rf", path, "opt/app"], check=True)
    import_root(docker, path, "shop/app:1")
    return "shop/app:1"


class Machine(nodekit.Machine):
    def __init__(self, folder, through, docker, image, policy, *args, **hub):  # noqa: F811
        self.docker, self.image, self.names = docker, image, []
        self.policy = folder / "policy.yaml"
        self.policy.write_text(policy)
        super().__init__(folder, through, "--docker", docker.socket, "--execs", *args, policy=self.policy, **hub)

    def begin(self, name, *args, command=()):
        """A container that the hub knows of; its id."""
        self.docker.run("rm", "-f", name, check=False)
        self.names.append(name)
        ident = self.docker.start(self.image, name, *args, command=command)
        wait_for(lambda: [i for i in self.hub.who_runs(self.image, running="true") if i["container"] == ident],
                 20, 0.05, self.said)
        return ident

    def run(self, name, *command, check=True):
        return self.docker.run("exec", name, *command, check=check)

    def put(self, path, name, to):
        self.docker.run("cp", path, "%s:%s" % (name, to))

    def found(self, name):
        details = [(a, a["details"]["details"]) for a in self.hub.alerts()]
        return {d.get("path"): dict(d, text=a["details"]["text"], title=a["title"])
                for a, d in details if d.get("name") == name and d["kind"] == "run"}

    def wait(self, name, path, seconds=60):
        return wait_for(lambda: self.found(name).get(path), seconds, 0.05,
                        lambda: "%r %s" % (self.found(name), self.said()))

    def rule(self, policy):
        """Another policy is taken while the hub runs."""
        self.policy.write_text(policy)
        os.kill(self.hub.child.pid, signal.SIGHUP)

    def __exit__(self, *_):
        for name in self.names:
            self.docker.run("rm", "-f", name, check=False)
        super().__exit__()


@pytest.fixture(params=["node", "hub"])
def through(request):
    return request.param


@pytest.fixture
def machine(tmp_path, through, docker, image, demo_feeds, receiver):  # noqa: F811
    with Machine(tmp_path, through, docker, image, OBSERVE, feeds=demo_feeds, sink=receiver.url) as made:
        yield made


def sha256_of(path):
    return subprocess.run(["sha256sum", path], check=True, capture_output=True).stdout.decode().split()[0]


def test_dropped_program(machine, programs, receiver):  # noqa: F811
    """R2: a binary dropped into a container and started is told soon, with hash, ancestry, image"""
    web = machine.begin("web")
    took = []
    for attempt in range(3):
        path = "/dropped-%d" % attempt
        machine.put(programs["pause"], "web", path)
        began = time.time()
        machine.run("web", path)
        message = wait_for(lambda: [m for m in receiver.messages(rule="started")
                                    if any(path[1:] in i["title"] for i in m.items)], 60, 0.005)[0]
        took.append(message.at - began)
    item = message.items[0]
    assert min(took) <= SOON, took
    assert sha256_of(programs["pause"]) in item["text"] and item["image"] == "shop/app:1"
    told = machine.found("web")["dropped-2"]
    assert told["sha256"] == sha256_of(programs["pause"]) and told["how"] == ["new"]
    assert told["container"] == web and told["image"].startswith("sha256:")
    assert "its image has no such file" in told["text"]
    # While it runs it can be asked for the processes above it.
    machine.put(programs["pause"], "web", "/stays")
    machine.docker.run("exec", "-d", "web", "sh", "-c", "/stays x; true")
    told = machine.wait("web", "stays")
    assert "sh(" in told["ancestry"], told
    machine.docker.run("rm", "-f", "web")
    wait_for(lambda: not machine.found("web"), 30, 0.1)


def test_kinds_of_odd_programs(machine, programs):
    """R17 R18: each process counts, whatever started it; each is odd in its own way"""
    machine.begin("web", "--tmpfs", "/scratch:rw,exec", "-v", "%s:/mounted:ro" % programs["pause"],
                  command=("/opt/app/server", "/opt/app/pause"))
    # It has put itself into memory: what has no file is seen as a process.
    hidden = machine.wait("web", "memfd:hidden")
    assert hidden["how"] == ["memfd"] and hidden["sha256"] == sha256_of(programs["pause"])
    machine.run("web", "/opt/app/pause")
    unowned = machine.wait("web", "opt/app/pause")
    assert unowned["how"] == ["unowned"] and "no package owns it" in unowned["text"]
    machine.begin("other", "--tmpfs", "/scratch:rw,exec", "-v", "%s:/mounted:ro" % programs["pause"])
    machine.run("other", "sh", "-c", "cp /mounted /scratch/copy; /scratch/copy; /mounted; passwd --help >&2;"
                "cp /usr/bin/env /usr/bin/tac; tac true; chmod 700 /usr/bin/id; id;"
                "cp /mounted /gone; /gone x & sleep 1; rm /gone")
    assert machine.wait("other", "scratch/copy")["how"] == ["writable"]
    assert machine.wait("other", "mounted")["how"] == ["mounted"]
    assert machine.wait("other", "usr/bin/passwd")["how"] == ["setuid"]
    tac = machine.wait("other", "usr/bin/tac")
    assert tac["how"] == ["new"] and "other bytes" in tac["text"]
    assert machine.wait("other", "gone")["how"] == ["new"]
    # What the image has and a package owns is as it should be, and so are its loader and its shell.
    assert set(machine.found("other")) == {"scratch/copy", "mounted", "usr/bin/passwd", "usr/bin/tac", "gone"}


def test_guards_are_said(machine, programs):
    """R18: whether the root is read-only and seccomp is on"""
    machine.begin("open", "--security-opt", "seccomp=unconfined")
    machine.put(programs["pause"], "open", "/x")
    machine.run("open", "/x")
    text = machine.wait("open", "x")["text"]
    assert "root can be written to" in text and "seccomp is off" in text
    machine.begin("closed", "--read-only", "-v", "%s:/mounted:ro" % programs["pause"])
    machine.run("closed", "/mounted")
    text = machine.wait("closed", "mounted")["text"]
    assert "root is read-only" in text and "seccomp is on" in text


def test_each_file_is_told_once(machine, programs, receiver):  # noqa: F811
    """R2: a file that is started a thousand times is told once, and what comes after it is not lost"""
    machine.begin("web")
    machine.put(programs["pause"], "web", "/again")
    machine.run("web", "sh", "-c", "for i in $(seq 300); do /again; done; for i in $(seq 40); do"
                " cp /again /one-$i; echo $i >> /one-$i; /one-$i; done")
    wait_for(lambda: len(machine.found("web")) == 41, 60, 0.1, lambda: repr(machine.found("web").keys()))
    items = [i["title"] for m in receiver.messages(rule="started") for i in m.items]
    assert sum("again" in t for t in items) == 1


def test_refused(tmp_path, through, docker, image, demo_feeds, receiver, programs):  # noqa: F811
    """R18: a dropped file is not let run where a rule says so; when the agent is killed everything runs"""
    with Machine(tmp_path, through, docker, image, ENFORCE, "--enforce", feeds=demo_feeds,
                 sink=receiver.url) as machine:
        machine.begin("guarded")
        machine.begin("free")
        for name in ("guarded", "free"):
            machine.put(programs["pause"], name, "/dropped")

        def runs(name):
            return machine.run(name, "/dropped", check=False).returncode == 0

        wait_for(lambda: not runs("guarded"), 60, 0.1, machine.said)
        refused = machine.run("guarded", "sh", "-c", "/dropped; echo $?", check=False)
        assert b"not permitted" in refused.stderr and refused.stdout.strip() == b"126", refused
        told = machine.wait("guarded", "dropped")
        assert "refused" in told["how"] and "was not let run" in told["title"]
        assert runs("free")
        assert "refused" not in machine.wait("free", "dropped")["how"]
        # What the image has runs as before.
        for _ in range(20):
            machine.run("guarded", "true")
        # Another policy is taken while it runs.
        machine.rule(OBSERVE)
        wait_for(lambda: runs("guarded"), 60, 0.2, machine.said)
        machine.rule(ENFORCE)
        wait_for(lambda: not runs("guarded"), 60, 0.2, machine.said)
        # Many are asked about at once while it is killed.
        busy = docker.popen("exec", "guarded", "sh", "-c", "while true; do true; env true; done")
        time.sleep(1)
        machine.kill()
        try:
            assert runs("guarded")
            for _ in range(10):
                assert machine.run("guarded", "env", "true").returncode == 0
            assert busy.poll() is None
        finally:
            busy.kill()
            busy.wait()


SILENT = ENFORCE + """  - name: silent
    when: silent
"""
OWN = SILENT.replace("guarded", "nobody")


def silent_of(machine, source):
    found = [a for a in machine.hub.alerts(rule="silent", state="firing") if source in a["title"]]
    return found[0] if found else None


def test_refused_without_a_hub(tmp_path, docker, image, demo_feeds, receiver, programs):  # noqa: F811
    """R18: what the hub ruled holds while it is away and for the next agent; that one is killed raises an alert"""
    clock = Clock(str(tmp_path))
    with Machine(tmp_path, "node", docker, image, SILENT, "--enforce", feeds=demo_feeds, sink=receiver.url,
                 clock=clock) as machine:
        def runs():
            return machine.run("guarded", "/dropped", check=False).returncode == 0

        machine.begin("guarded")
        machine.put(programs["pause"], "guarded", "/dropped")
        wait_for(lambda: not runs(), 60, 0.1, machine.said)
        machine.wait("guarded", "dropped")
        machine.hub.kill()
        assert not runs()
        machine.agent.stop()
        assert runs() and "99 in 100" in machine.agent.said(), machine.said()
        machine.agent.start()
        wait_for(lambda: not runs(), 60, 0.1, machine.said)
        machine.hub.start()
        told = wait_for(lambda: [v for k, v in machine.hub.metrics().items() if k.startswith(
            'rummage_exec_refused_total{cluster="default",node="test-node"}')], 90, 0.5, machine.said)
        assert told[0] >= 1
        machine.agent.kill()
        for _ in range(5):
            assert runs()

        def silent():
            clock.move(seconds=20)  # at once it would be the hub that had slept
            return silent_of(machine, "test-node/execs")

        alert = wait_for(silent, 120, 0.5, machine.said)
        assert "all are let run meanwhile" in alert["details"]["text"]
        machine.agent.start()
        wait_for(lambda: not runs(), 60, 0.1, machine.said)
        wait_for(lambda: not silent_of(machine, "test-node/execs"), 60, 0.2, machine.said)


def test_rules_of_its_own(tmp_path, docker, image, demo_feeds, receiver, programs):  # noqa: F811
    """An agent's own file takes the place of the hub's rules, and is read again at SIGHUP"""
    own = tmp_path / "own.yaml"
    own.write_text(OWN)
    with Machine(tmp_path, "node", docker, image, ENFORCE, "--enforce", "--policy", own, feeds=demo_feeds,
                 sink=receiver.url) as machine:
        machine.begin("guarded")
        machine.put(programs["pause"], "guarded", "/dropped")
        assert machine.run("guarded", "/dropped").returncode == 0
        machine.wait("guarded", "dropped")
        own.write_text(ENFORCE)
        os.kill(machine.agent.child.pid, signal.SIGHUP)
        wait_for(lambda: machine.run("guarded", "/dropped", check=False).returncode != 0, 60, 0.2, machine.said)
        own.write_text("rules: [{name: x, when: exec, how: [odd]}]")
        os.kill(machine.agent.child.pid, signal.SIGHUP)
        machine.agent.wait_said("stay as they are")
        assert machine.run("guarded", "/dropped", check=False).returncode != 0
        machine.agent.stop()
        assert subprocess.run(machine.agent.command(), check=False, capture_output=True, timeout=60).returncode == 1


def test_who_stands_still_stops_nobody(tmp_path, docker, image, demo_feeds, receiver, programs):  # noqa: F811
    """R18: an agent that is stopped stops no container: its guard lets everything run, and an alert says so"""
    with Machine(tmp_path, "node", docker, image, SILENT, "--enforce", feeds=demo_feeds,
                 sink=receiver.url) as machine:
        def runs():
            return machine.run("guarded", "/dropped", check=False).returncode == 0

        machine.begin("guarded")
        machine.put(programs["pause"], "guarded", "/dropped")
        wait_for(lambda: not runs(), 60, 0.1, machine.said)
        os.kill(machine.agent.child.pid, signal.SIGSTOP)
        try:
            # docker exec has a timeout of a minute: it would be what stops it.
            assert runs()
            assert machine.run("guarded", "env", "true").returncode == 0
        finally:
            os.kill(machine.agent.child.pid, signal.SIGCONT)
        alert = wait_for(lambda: silent_of(machine, "lets programs run"), 60, 0.1, machine.said)
        assert alert["severity"] == "high" and "had stopped" in alert["details"]["text"]
        wait_for(lambda: not runs(), 90, 0.5, machine.said)
        wait_for(lambda: not silent_of(machine, "lets programs run"), 60, 0.2, machine.said)
