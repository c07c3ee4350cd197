# SPDX-License-Identifier: Apache-2.0
"""What of their images containers use: real programs in a real engine."""

import json
import os
import subprocess

import kit
import pytest

import small
from containerd import Containerd, app, waiting_program
from engines import debian_root, docker, import_root  # noqa: F401
from hubkit import Hub, wait_for, with_hub, within  # noqa: F401
from nodekit import Agent

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

POLICY = """profile: 1s
rules:
  - name: finding
    severity: low
"""
NAMES = ("python3-minimal", "apt", "dpkg", "dash", "coreutils", "base-files", "libc-bin", "passwd", "tar",
         "diffutils", "grep")
MAIN = "import parcel\nimport time\nwhile True:\n    time.sleep(100)\n"


def add_python(root, name, module):
    """A distribution as pip leaves it."""
    at = "usr/local/lib/python3/site/"
    info = at + "%s-1.0.dist-info/" % name
    root.append((at + module + "/__init__.py", "VALUE = 1\n"))
    root.append((info + "METADATA", "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n" % name))
    root.append((info + "RECORD", "%s/__init__.py,,\n%s-1.0.dist-info/METADATA,,\n"
                 "%s-1.0.dist-info/RECORD,,\n" % (module, name, name)))


@pytest.fixture(scope="module")
def image(docker, tmp_path_factory):  # noqa: F811
    """Debian with Python, a program of nobody's that needs one of two distributions, and npm packages."""
    folder = tmp_path_factory.mktemp("image")
    path = str(folder / "root.tar")
    debian_root(path, NAMES)
    files = [("opt/app/main.py", MAIN)]
    add_python(files, "Parcel-Post", "parcel")
    add_python(files, "Never-Read", "never")
    for name in ("left", "right"):
        at = "opt/app/node_modules/%s/" % name
        files += [(at + "package.json", json.dumps({"name": name, "version": "1.0.0"})), (at + "index.js", "1\n")]
    for name, text in files:
        os.makedirs(os.path.dirname(str(folder / name)), exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run(["tar", "-C", str(folder), "-rf", path, *[name for name, _ in files]], check=True)
    import_root(docker, path, "shop/python:1", "/usr/bin/python3 /opt/app/main.py")
    return "shop/python:1"


@pytest.fixture(scope="module")
def feeds(tmp_path_factory):
    """Advisories on what the program needs, and on what nothing does."""
    folder = tmp_path_factory.mktemp("feeds")
    os.makedirs(folder / "osv" / "Debian")
    for ident, name in (("CVE-2026-7101", "diffutils"), ("CVE-2026-7102", "expat"), ("CVE-2026-7103", "apt")):
        record = small.osv(ident, "Debian:12", name, "99:0", "ECOSYSTEM", severity=[
            {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}])
        (folder / "osv" / "Debian" / (ident + ".json")).write_text(json.dumps(record))
    return folder


def never_used(used):
    """Known once a container was seen from its first program on."""
    return used.get("diffutils") is False


class Watched:
    def __init__(self, docker, hub, image):  # noqa: F811
        self.docker, self.hub, self.ref, self.names = docker, hub, image, []

    def start(self, name, *args, command=()):
        self.docker.run("rm", "-f", name, check=False)
        self.names.append(name)
        return self.docker.start(self.ref, name, "--env", "PYTHONPATH=/usr/local/lib/python3/site", *args,
                                 command=command)

    def image(self):
        found = [i for i in self.hub.items("/api/v1/images", image=self.ref) if i["read"]]
        return self.hub.get("/api/v1/images/" + found[0]["digest"]) if found else {}

    def used(self):
        return {c["name"]: c["used"] for c in self.image().get("components", [])}

    def wait(self, what, seconds=60):
        """Until the profile is so, and what it is then."""
        return within(lambda: what(self.used()) and self.image(), seconds, 0.1,
                      lambda: "%r %r %s" % (self.used(), self.image().get("profile"), self.hub.said()))

    def start_until(self, name, what, **how):
        """Starts containers until the profile is so, and names the last: on a machine that is busy with others a
        container's first moments may be missed, and those count."""
        names = iter([name] + ["%s-%d" % (name, i) for i in range(10)])

        def tried():
            this = next(names)
            self.start(this, **how)
            try:
                self.wait(what, 10)
            except AssertionError:
                return None
            return this

        return wait_for(tried, 90, 0.1, self.hub.said)

    def close(self):
        for name in self.names:
            self.docker.run("rm", "-f", name, check=False)


@pytest.fixture
def watched(tmp_path, docker, image, feeds):  # noqa: F811
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with Hub(tmp_path / "hub", feeds=feeds, policy=policy, args=["--docker", docker.socket, "--profile"]) as hub:
        made = Watched(docker, hub, image)
        yield made
        made.close()


def test_used_and_never(watched):
    """R19 R18 R17: what a Python program opens and maps is used, all else never, whatever runs beside it"""
    web = watched.start_until("web", never_used)
    seen = watched.wait(lambda used: used.get("Parcel-Post"))
    used = {c["name"]: c["used"] for c in seen["components"]}
    print(used, seen["profile"])
    assert used["libc6"] and used["libexpat1"] and used["python3-minimal"]
    assert [n for n in used if n.startswith("python3.") and n.endswith("-minimal") and used[n]]
    for name in ("apt", "dpkg", "passwd", "tar", "diffutils", "grep", "Never-Read", "left", "right"):
        assert used[name] is False, name
    labels = {f["id"]: f["used"] for f in seen["findings"]}
    assert labels == {"CVE-2026-7101": False, "CVE-2026-7102": True, "CVE-2026-7103": False}
    profile = seen["profile"]
    assert profile["closed"] and profile["containers"] == 1 and profile["observed_s"] >= 1

    # Who verifies all packages uses none of them, and is used; nor does who looks from outside, or for names.
    watched.docker.run("exec", web, "/usr/bin/dpkg", "--verify", check=False)
    watched.docker.run("cp", web + ":/usr/bin/apt", os.devnull, check=False)
    used = {c["name"]: c["used"] for c in watched.wait(lambda used: used["dpkg"])["components"]}
    for name in ("apt", "passwd", "grep", "Never-Read", "left"):
        assert used[name] is False, name

    # A second process, and another command of a second container, are the same image's.
    watched.docker.run("exec", web, "/usr/bin/diff", "/etc/passwd", "/etc/passwd")
    watched.wait(lambda used: used["diffutils"])
    watched.start_until("other", lambda used: used["tar"] and used["dash"] and used["coreutils"],
                        command=("/bin/sh", "-c", "tar --version; exec sleep 1000"))
    seen = watched.image()
    assert seen["profile"]["containers"] >= 2
    assert [c["used"] for c in seen["components"] if c["name"] == "Parcel-Post"] == [True]

    # Kept: by a hub that begins anew, which has seen nothing itself.
    watched.hub.restart()
    used = watched.wait(lambda used: used.get("tar") and used.get("apt") is False)
    assert used["profile"]["containers"] >= 2

def run_rummage(*args, token, check=True):
    done = subprocess.run([kit.program("rummage"), *args], capture_output=True, timeout=60,
                          env=dict(os.environ, RUMMAGE_HUB_TOKEN=token, NO_COLOR="1"), check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done


def test_agent_and_slimming(tmp_path, docker, image, feeds):  # noqa: F811
    """R18 R19: an agent's profile is the hub's; diff --unused names what is never used, with bytes and advisories"""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.replace("profile: 1s", "profile: 3s"))
    with Hub(tmp_path / "hub", feeds=feeds, policy=policy) as hub, \
            Agent(tmp_path / "node", hub, "--docker", docker.socket, "--profile") as agent:
        watched = Watched(docker, hub, image)
        try:
            agent.wait_said("watches docker")
            ask = ("diff", "--unused", image, "--hub", "http://127.0.0.1:%d" % hub.port)
            watched.start("web")
            watched.wait(lambda used: used.get("Parcel-Post"))
            if not watched.image()["profile"]["closed"]:
                done = run_rummage(*ask, token=hub.token, check=False)
                assert done.returncode in (0, 3), done.stderr.decode()
            watched.start_until("more", never_used)
            seen = watched.image()
            told = json.loads(run_rummage(*ask, "-o", "json", token=hub.token).stdout)
            unused = {p["name"]: p for p in told["unused"]}
            assert told["closed"] and told["image"] == seen["digest"]
            assert {"apt", "diffutils", "Never-Read", "left"} <= set(unused)
            assert not {"libc6", "python3-minimal", "Parcel-Post"} & set(unused)
            assert unused["diffutils"]["advisories"] == ["CVE-2026-7101"]
            assert unused["left"]["bytes"] == sum(len(t) for t in (
                json.dumps({"name": "left", "version": "1.0.0"}), "1\n"))
            assert told["saves"]["bytes"] == sum(p["bytes"] for p in told["unused"]) > 1 << 20
            assert sorted(told["saves"]["advisories"]) == ["CVE-2026-7101", "CVE-2026-7103"]
            table = run_rummage(*ask, token=hub.token).stdout.decode()
            assert "diffutils" in table and "CVE-2026-7101" in table and "libexpat1" not in table
            assert "were never used" in table

            # The agent is killed and begins anew beside a container that runs: nothing is forgotten.
            agent.kill()
            agent.start()
            watched.docker.run("exec", "web", "/usr/bin/tar", "--version")
            watched.wait(lambda used: used["tar"] or watched.docker.run("exec", "web", "/usr/bin/tar", "--version") is None)
            assert watched.used()["Parcel-Post"] and watched.used()["apt"] is False
        finally:
            watched.close()


def test_unprofiled(tmp_path, docker, image, feeds):  # noqa: F811
    """R17 R2: a program of the image that no container has ever started is told once the window has closed"""
    policy = tmp_path / "policy.yaml"
    policy.write_text("profile: 1s\ngroup: 0s\nrules:\n  - name: started\n    when: exec\n    how: [unprofiled]\n")
    with Hub(tmp_path / "hub", feeds=feeds, policy=policy,
             args=["--docker", docker.socket, "--profile", "--execs"]) as hub:
        watched = Watched(docker, hub, image)
        try:
            web = watched.start_until("web", never_used)

            def found():
                return {a["details"]["details"]["path"]: a for a in hub.alerts(rule="started")}

            def tried(programs=iter(("tar", "cmp", "sdiff", "sort", "cut", "wc", "head", "tail", "uniq", "tac"))):
                # What runs before it is known what is usual is taken for usual.
                watched.docker.run("exec", web, "/usr/bin/" + next(programs), "--version")
                try:
                    return within(found, 5, 0.1)
                except AssertionError:
                    return None

            alerts = wait_for(tried, 60, 0.1, hub.said)
            assert "nothing that runs this image has started it before" in str(alerts)
            watched.start_until("second", lambda used: watched.image()["profile"]["containers"] >= 2)
            assert not [p for p in found() if "python" in p]
        finally:
            watched.close()


def test_containerd(tmp_path, feeds):
    """R18 R19: containerd's containers are seen from their first program on as well"""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    engine = Containerd(tmp_path / "c")
    try:
        engine.add(app(waiting_program(str(tmp_path)), {"left-pad": "1.0.0"}), "localhost/shop:1")
        with Hub(tmp_path / "hub", feeds=feeds, policy=policy) as hub, \
                Agent(tmp_path / "node", hub, "--containerd", engine.socket, "--profile") as agent:
            started = []

            def profile():
                read = [i for i in hub.items("/api/v1/images") if i["read"]]
                return hub.get("/api/v1/images/" + read[0]["digest"]) if read else {}

            def known():
                image = profile()
                return image.get("profile") and image["profile"]["closed"] and image

            def tried():
                # One that starts before the agent has its eyes open says nothing of what is not used.
                started.append("c%d" % len(started))
                engine.run("localhost/shop:1", started[-1])
                try:
                    return within(known, 10, 0.1)
                except AssertionError:
                    return None

            seen = wait_for(tried, 60, 0.1, lambda: "%r %s" % (profile(), agent.said()))
            assert seen["profile"]["containers"] == 1 and seen["profile"]["executed"] == 1
            assert [c["used"] for c in seen["components"]] == [None]  # all that it has is what tells of it
    finally:
        engine.close()
