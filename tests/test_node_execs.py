# SPDX-License-Identifier: Apache-2.0
"""Programs that are started in containers: seen, told, and refused, in real engines."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from engines import debian, demo_feeds, docker, import_root  # noqa: F401
from hubkit import Hub, receiver, wait_for, with_hub  # noqa: F401

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


class Machine:
    def __init__(self, docker, hub, image):  # noqa: F811
        self.docker, self.hub, self.image, self.names = docker, hub, image, []

    def start(self, name, *args, command=()):
        self.docker.run("rm", "-f", name, check=False)
        self.names.append(name)
        ident = self.docker.start(self.image, name, *args, command=command)
        wait_for(lambda: [i for i in self.hub.who_runs(self.image, running="true") if i["container"] == ident],
                 20, 0.05, self.hub.said)
        return ident

    def run(self, name, *command, check=True):
        return self.docker.run("exec", name, *command, check=check)

    def put(self, path, name, to):
        self.docker.run("cp", path, "%s:%s" % (name, to))

    def found(self, name):
        details = [(a, a["details"]["details"]) for a in self.hub.alerts()]
        return {d["path"]: dict(d, text=a["details"]["text"], title=a["title"])
                for a, d in details if d.get("name") == name and d["kind"] == "run"}

    def wait(self, name, path, seconds=60):
        return wait_for(lambda: self.found(name).get(path), seconds, 0.05,
                        lambda: "%r %s" % (self.found(name), self.hub.said()))

    def close(self):
        for name in self.names:
            self.docker.run("rm", "-f", name, check=False)


def machine_of(docker, tmp_path, feeds, receiver, policy, *args):  # noqa: F811
    path = tmp_path / "policy.yaml"
    path.write_text(policy)
    return Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, policy=path,
               args=["--docker", docker.socket, "--execs", *args])


@pytest.fixture
def machine(tmp_path, docker, image, demo_feeds, receiver):  # noqa: F811
    with machine_of(docker, tmp_path, demo_feeds, receiver, OBSERVE) as hub:
        made = Machine(docker, hub, image)
        yield made
        made.close()


def sha256_of(path):
    return subprocess.run(["sha256sum", path], check=True, capture_output=True).stdout.decode().split()[0]


def test_dropped_program(machine, programs, receiver):  # noqa: F811
    """R2: a binary dropped into a container and started is told within two seconds, with hash, ancestry, image"""
    web = machine.start("web")
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
    assert min(took) <= 2, took
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
    machine.start("web", "--tmpfs", "/scratch:rw,exec", "-v", "%s:/mounted:ro" % programs["pause"],
                  command=("/opt/app/server", "/opt/app/pause"))
    # It has put itself into memory: what has no file is seen as a process.
    hidden = machine.wait("web", "memfd:hidden")
    assert hidden["how"] == ["memfd"] and hidden["sha256"] == sha256_of(programs["pause"])
    machine.run("web", "/opt/app/pause")
    unowned = machine.wait("web", "opt/app/pause")
    assert unowned["how"] == ["unowned"] and "no package owns it" in unowned["text"]
    machine.start("other", "--tmpfs", "/scratch:rw,exec", "-v", "%s:/mounted:ro" % programs["pause"])
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
    machine.start("open", "--security-opt", "seccomp=unconfined")
    machine.put(programs["pause"], "open", "/x")
    machine.run("open", "/x")
    text = machine.wait("open", "x")["text"]
    assert "root can be written to" in text and "seccomp is off" in text
    machine.start("closed", "--read-only", "-v", "%s:/mounted:ro" % programs["pause"])
    machine.run("closed", "/mounted")
    text = machine.wait("closed", "mounted")["text"]
    assert "root is read-only" in text and "seccomp is on" in text


def test_each_file_is_told_once(machine, programs, receiver):  # noqa: F811
    """R2: a file that is started a thousand times is told once, and what comes after it is not lost"""
    machine.start("web")
    machine.put(programs["pause"], "web", "/again")
    machine.run("web", "sh", "-c", "for i in $(seq 300); do /again; done; for i in $(seq 40); do"
                " cp /again /one-$i; echo $i >> /one-$i; /one-$i; done")
    wait_for(lambda: len(machine.found("web")) == 41, 60, 0.1, lambda: repr(machine.found("web").keys()))
    items = [i["title"] for m in receiver.messages(rule="started") for i in m.items]
    assert sum("again" in t for t in items) == 1


def test_refused(tmp_path, docker, image, demo_feeds, receiver, programs):  # noqa: F811
    """R18: a dropped file is not let run where a rule says so; when the agent is killed everything runs"""
    with machine_of(docker, tmp_path, demo_feeds, receiver, ENFORCE, "--enforce") as hub:
        machine = Machine(docker, hub, image)
        machine.start("guarded")
        machine.start("free")
        for name in ("guarded", "free"):
            machine.put(programs["pause"], name, "/dropped")
        wait_for(lambda: machine.run("guarded", "/dropped", check=False).returncode != 0, 30, 0.1, hub.said)
        refused = machine.run("guarded", "sh", "-c", "/dropped; echo $?", check=False)
        assert b"not permitted" in refused.stderr and refused.stdout.strip() == b"126", refused
        told = machine.wait("guarded", "dropped")
        assert "refused" in told["how"] and "was not let run" in told["title"]
        assert machine.run("free", "/dropped").returncode == 0
        assert "refused" not in machine.wait("free", "dropped")["how"]
        # What the image has runs as before.
        for _ in range(20):
            machine.run("guarded", "true")
        # Another policy is taken while it runs.
        (tmp_path / "policy.yaml").write_text(OBSERVE)
        os.kill(hub.child.pid, signal.SIGHUP)
        wait_for(lambda: machine.run("guarded", "/dropped", check=False).returncode == 0, 30, 0.2, hub.said)
        (tmp_path / "policy.yaml").write_text(ENFORCE)
        os.kill(hub.child.pid, signal.SIGHUP)
        wait_for(lambda: machine.run("guarded", "/dropped", check=False).returncode != 0, 30, 0.2, hub.said)
        # Many are asked about at once while it is killed.
        busy = docker.popen("exec", "guarded", "sh", "-c", "while true; do true; env true; done")
        time.sleep(1)
        hub.kill()
        try:
            assert machine.run("guarded", "/dropped").returncode == 0
            for _ in range(10):
                assert machine.run("guarded", "env", "true").returncode == 0
            assert busy.poll() is None
        finally:
            busy.kill()
            busy.wait()
            machine.close()
