# SPDX-License-Identifier: Apache-2.0
"""What is done in a container after it started, where the engine is containerd or Podman."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time

import pytest

from containerd import Containerd
from engines import Podman, build_deb, debian, demo_feeds, import_root  # noqa: F401
from hubkit import SOON, receiver, wait_for, with_hub  # noqa: F401
from image import Image
from nodekit import Machine

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

NAME = "example.test/shop/debian:1"
POLICY = """group: 0s
max-per-minute: 10000
rules:
  - name: finding
    severity: low
  - name: drift
    when: drift
  - name: refused
    when: exec
    how: [new, memfd]
    enforce: true
    workloads: [guarded]
  - name: started
    when: exec
    how: [new, writable, memfd]
"""


class OnContainerd:
    """ids: whether they are of their namespace, as people give them, or whole, as the CRI does."""

    def __init__(self, folder, version, root):
        self.it = Containerd(folder, version)
        self.execs = itertools.count()
        image = Image()
        image.cmd = ["sleep", "100000"]
        with open(root, "rb") as f:
            image.layer(f.read())
        self.it.add(image, NAME)
        self.args = ["--containerd", self.it.socket]

    def start(self, name):
        self.it.run(NAME, name)
        return "default/" + name

    def run(self, name, script, check=True):
        return self.it.ctr("tasks", "exec", "--exec-id", "e%d" % next(self.execs), name, "sh", "-c", script,
                           check=check)

    def put(self, path, name, to):
        rows = self.it.ctr("tasks", "ls").stdout.decode().splitlines()
        pid = next(row.split()[1] for row in rows if row.split()[0] == name)
        shutil.copy(path, "/proc/%s/root%s" % (pid, to))

    def remove(self, name):
        self.it.stop(name)

    def close(self):
        self.it.close()


class OnPodman:
    def __init__(self, folder, root):
        self.it = Podman(folder)
        import_root(self.it, root, NAME)
        self.it.serve()
        self.args = ["--podman", self.it.socket]

    def start(self, name):
        return self.it.start(NAME, name)

    def run(self, name, script, check=True):
        return self.it.run("exec", name, "sh", "-c", script, check=check)

    def put(self, path, name, to):
        self.it.run("cp", path, "%s:%s" % (name, to))

    def remove(self, name):
        self.it.run("rm", "-f", "-t", "0", name, check=False)

    def close(self):
        self.it.close()


class Rootless(Podman):
    """Another user's, without a control group."""

    def __init__(self, folder):
        if shutil.which("setpriv") is None:
            pytest.skip("no program called setpriv")
        self.user = next((p.pw_uid for p in pwd.getpwall() if 1000 <= p.pw_uid < 60000), None)
        if self.user is None:
            pytest.skip("no user who is not root")
        self.folder, self.run_root = folder, folder + "/run"
        self.socket, self.child = folder + "/p.sock", None
        os.mkdir(self.run_root)
        self.write("containers.conf", self.CONF)
        self.write("storage.conf", '[storage]\ndriver = "overlay"\ngraphroot = "%s/root"\nrunroot = "%s"\n'
                   '[storage.options]\nignore_chown_errors = "true"\n' % (folder, self.run_root))
        for path in (folder, self.run_root):
            os.chown(path, self.user, self.user)
        self.env = {"PATH": os.environ["PATH"], "HOME": folder, "XDG_RUNTIME_DIR": self.run_root,
                    "CONTAINERS_CONF": folder + "/containers.conf",
                    "CONTAINERS_STORAGE_CONF": folder + "/storage.conf"}
        self.command = ["setpriv", "--reuid", str(self.user), "--regid", str(self.user), "--clear-groups", "podman",
                        "--tmpdir", folder + "/tmp"]
        if self.run("info", check=False, cwd=folder).returncode != 0:
            pytest.skip("podman does not start here for a user")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as f:
            f.write(text)

    def run(self, *args, **how):
        return super().run(*args, **dict({"cwd": self.folder}, **how))


class OnRootless(OnPodman):
    def __init__(self, root):
        folder = tempfile.mkdtemp(prefix="rmgrl", dir="/var/tmp")
        os.chmod(folder, 0o755)
        self.it = Rootless(folder)
        import_root(self.it, root, NAME)
        self.it.serve()
        self.args = ["--podman", self.it.socket]
        if self.it.run("run", "--rm", "--network=none", NAME, "true", check=False).returncode != 0:
            self.close()
            pytest.skip("podman starts no container here for a user")

    def put(self, path, name, to):
        near = shutil.copy(path, self.it.folder)
        os.chmod(near, 0o644)
        super().put(near, name, to)


@pytest.fixture(scope="module", params=["containerd1", "containerd2", "podman", "rootless"])
def engine(request, tmp_path_factory, debian):  # noqa: F811
    if request.param.startswith("containerd"):
        made = OnContainerd(tmp_path_factory.mktemp("e"), int(request.param[-1]), debian)
    else:
        made = OnRootless(debian) if request.param == "rootless" else OnPodman(tmp_path_factory.mktemp("e"), debian)
    yield made
    made.close()


@pytest.fixture
def machine(tmp_path, engine, demo_feeds, receiver):  # noqa: F811
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with Machine(tmp_path, "node", *engine.args, "--drift", "--execs", "--enforce", feeds=demo_feeds,
                 sink=receiver.url, policy=policy) as started:
        wait_for(lambda: [i for i in started.hub.items("/api/v1/images") if i["read"]], 120, 0.1, started.said)
        yield started


@pytest.fixture
def start(engine, machine):
    names = []

    def begin(name):
        names.append(name)
        ident = engine.start(name)
        wait_for(lambda: [u for u in machine.hub.who_runs(NAME, running="true") if u["container"] == ident], 30,
                 0.05, machine.said)
        return ident

    yield begin
    for name in names:
        engine.remove(name)


def found(machine, ident, rule):
    """{path or title: alert} of a container."""
    alerts = [a for a in machine.hub.alerts(rule=rule) if a["details"]["details"]["container"] == ident]
    return {a["details"]["details"].get("path") or a["title"]: a for a in alerts}


def test_changes(engine, machine, start, tmp_path):
    """R10 R11 R12: what is written in a container is told and judged, and closed when that goes"""
    web = start("web")
    engine.run("web", "cp /usr/bin/head /dropped; cat /usr/bin/tail >> /usr/bin/tac; chmod 700 /usr/bin/env;"
                      "chown 1:1 /usr/bin/id; touch /usr/bin/uniq")
    engine.put(build_deb(tmp_path, "demo", "1.0", {"usr/bin/demo": "#!/bin/sh\n"}), "web", "/demo.deb")
    engine.run("web", "dpkg -i /demo.deb")

    def all_there():
        paths = found(machine, web, "drift")
        return {"dropped", "usr/bin/tac"} <= set(paths) and any("demo@1.0" in a["title"] for a in paths.values()) \
            and paths

    paths = wait_for(all_there, 60, 0.1, lambda: "%r %s" % (found(machine, web, "drift"), machine.said()))
    assert not {"usr/bin/env", "usr/bin/id", "usr/bin/uniq"} & set(paths)
    use, = wait_for(lambda: machine.hub.who_runs("CVE-2026-7001", running="true"), 60, 0.1, machine.said)
    assert use["container"] == web + "/changes"
    alert = wait_for(lambda: machine.hub.alert_of("CVE-2026-7001"), 30, 0.1, machine.said)
    assert alert["state"] == "firing"
    engine.remove("web")
    wait_for(lambda: not machine.hub.alerts(advisory="CVE-2026-7001"), 60, 0.1, machine.said)
    wait_for(lambda: not found(machine, web, "drift"), 60, 0.1, machine.said)


def test_programs(engine, machine, start, receiver):  # noqa: F811
    """R2 R12 R18: a program that was dropped into a container is told of when it starts, or not let run"""
    web, guarded = start("web"), start("guarded")
    took = []
    for attempt in range(3):
        path = "dropped-%d" % attempt
        engine.run("web", "cp /usr/bin/true /%s" % path)
        began = time.time()
        engine.run("web", "/" + path)
        message = wait_for(lambda: [m for m in receiver.messages(rule="started")
                                    if any(path in i["title"] for i in m.items)], 60, 0.005, machine.said)[0]
        took.append(message.at - began)
    assert min(took) <= SOON, took
    told = found(machine, web, "started")["dropped-2"]["details"]["details"]
    digest = subprocess.run(["sha256sum", "/usr/bin/true"], check=True, capture_output=True).stdout.decode()
    assert told["sha256"] == digest.split()[0] and told["how"] == ["new"] and told["image"].startswith("sha256:")
    engine.run("guarded", "cp /usr/bin/true /dropped")
    wait_for(lambda: engine.run("guarded", "/dropped", check=False).returncode != 0, 60, 0.1, machine.said)
    assert engine.run("guarded", "true").returncode == 0
    alert = wait_for(lambda: found(machine, guarded, "refused").get("dropped"), 60, 0.1, machine.said)
    assert "refused" in alert["details"]["details"]["how"]
    machine.kill()
    assert engine.run("guarded", "/dropped").returncode == 0
