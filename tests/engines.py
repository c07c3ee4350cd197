# SPDX-License-Identifier: Apache-2.0
"""Engines of the tests' own, and images to run in them that need no network."""

import contextlib
import glob
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

import pytest

import small


def leave(*folders):
    """Nothing of an engine stays in its folders: no process that Podman keeps for a user's namespace, no mount
    (those that end a container may make one again), no file."""
    kept = ("tmp/pause.pid", "libpod/tmp/pause.pid", "run/libpod/tmp/pause.pid")
    for path in (p for f in folders for name in kept for p in glob.glob(os.path.join(f, name))):
        with open(path, encoding="ascii") as f, contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(f.read()), signal.SIGKILL)
    for _ in range(20):
        with open("/proc/mounts", encoding="utf-8") as f:
            mounts = [line.split()[1] for line in f if line.split()[1].startswith(tuple(f + "/" for f in folders))]
        for mount in sorted(mounts, reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        if not mounts and not any(os.path.exists(folder) for folder in folders):
            break
        time.sleep(0.1)


class Docker:
    """A dockerd of the test's own; on a machine of another name, where one is given."""

    def __init__(self, folder, hostname=None):
        for program in ("dockerd", "docker"):
            if shutil.which(program) is None:
                pytest.skip("no program called " + program)
        if os.geteuid() != 0:
            pytest.skip("dockerd needs root")
        self.folder = str(folder)
        self.socket = os.path.join(self.folder, "d.sock")
        self.log = open(os.path.join(self.folder, "log"), "wb")
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', hostname] if hostname else []
        self.child = subprocess.Popen(
            [*named, "dockerd", "--data-root", self.folder + "/data", "--exec-root", self.folder + "/exec",
             "--pidfile", self.folder + "/pid", "-H", "unix://" + self.socket, "--iptables=false",
             "--ip6tables=false", "--bridge=none", "--ip-forward=false", "--ip-masq=false",
             "--userland-proxy=false"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            start_new_session=True)
        end = time.monotonic() + 30
        while self.run("version", check=False).returncode != 0:
            if self.child.poll() is not None or time.monotonic() > end:
                self.close()
                pytest.skip("dockerd does not start here")
            time.sleep(0.1)

    def run(self, *args, check=True, timeout=60, **how):
        return subprocess.run(["docker", "-H", "unix://" + self.socket, *args], check=check,
                              capture_output=True, timeout=timeout, **how)

    def popen(self, *args):
        return subprocess.Popen(["docker", "-H", "unix://" + self.socket, *args], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self, image, name, *args, command=()):
        """A container without a network; its id."""
        done = self.run("run", "-d", "--network=none", "--name", name, *args, image, *command)
        return done.stdout.decode().strip()

    def close(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.log.close()
        leave(self.folder)


class Podman:
    """Podman with a store of the test's own, and its service where that is started."""

    # runc: crun refuses the mixed cgroups that some machines have. The limits are below the hard ones that are
    # left where a machine has no CAP_SYS_RESOURCE.
    CONF = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""

    def __init__(self, folder, driver="overlay"):
        if shutil.which("podman") is None:
            pytest.skip("no program called podman")
        if os.geteuid() != 0:
            pytest.skip("podman is tested as root")
        self.folder, self.driver = str(folder), driver
        self.root, self.socket = self.folder + "/root", self.folder + "/p.sock"
        self.run_root = tempfile.mkdtemp(prefix="rmgpm")  # Podman allows 50 bytes for it
        self.child = None
        os.makedirs(self.folder, exist_ok=True)
        with open(self.folder + "/containers.conf", "w", encoding="ascii") as f:
            f.write(self.CONF)
        # Its own settings: the machine's, or none, are another matter.
        self.settings = self.folder + "/storage.conf"
        with open(self.settings, "w", encoding="ascii") as f:
            f.write('[storage]\ndriver = "%s"\ngraphroot = "%s"\nrunroot = "%s"\n' %
                    (driver, self.root, self.run_root))
        self.env = dict(os.environ, CONTAINERS_CONF=self.folder + "/containers.conf",
                        CONTAINERS_STORAGE_CONF=self.settings)
        self.command = ["podman", "--root", self.root, "--runroot", self.run_root, "--tmpdir", self.folder + "/tmp",
                        "--storage-driver", driver]
        if self.run("info", check=False).returncode != 0:
            pytest.skip("podman does not start here")

    def run(self, *args, check=True, timeout=120, **how):
        return subprocess.run([*self.command, *args], check=check, capture_output=True, timeout=timeout,
                              env=self.env, **how)

    def start(self, image, name, *args, command=()):
        """A container without a network; its id."""
        done = self.run("run", "-d", "--network=none", "--name", name, *args, image, *command)
        return done.stdout.decode().strip()

    def serve(self):
        """Its service; at .socket from now on."""
        with open(self.folder + "/log", "ab") as log:
            self.child = subprocess.Popen([*self.command, "system", "service", "-t", "0", "unix://" + self.socket],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                                          start_new_session=True)
        end = time.monotonic() + 60
        while not os.path.exists(self.socket):
            if self.child.poll() is not None or time.monotonic() > end:
                pytest.skip("podman's service does not start here")
            time.sleep(0.05)

    def silence(self):
        """Ends the service; containers go on."""
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        with contextlib.suppress(FileNotFoundError):  # it may do so itself, now
            os.unlink(self.socket)

    def close(self):
        self.run("rm", "-f", "-a", "-t", "0", check=False)
        self.silence()
        leave(self.folder, self.run_root)


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    made = Podman(tmp_path_factory.mktemp("podman"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def docker(tmp_path_factory):
    made = Docker(tmp_path_factory.mktemp("docker"))
    yield made
    made.close()


def docker_image(docker, folder, name, npm, command="/bin/wait"):
    """An image of busybox or a static sleep, with packages of npm."""
    root = os.path.join(str(folder), name.replace(":", "-"))
    os.makedirs(root + "/bin")
    source = os.path.join(str(folder), "wait.c")
    if not os.path.exists(root + "/../wait"):
        with open(source, "w", encoding="ascii") as f:
            f.write("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
        subprocess.run(["cc", "-static", "-o", root + "/../wait", source], check=True)
    shutil.copy(root + "/../wait", root + "/bin/wait")
    for package, version in npm.items():
        at = os.path.join(root, "srv/node_modules", package)
        os.makedirs(at)
        with open(at + "/package.json", "w", encoding="ascii") as f:
            json.dump({"name": package, "version": version}, f)
    tar = subprocess.run(["tar", "-C", root, "-c", "."], check=True, capture_output=True).stdout
    docker.run("import", "--change", 'CMD ["%s"]' % command, "-", name, input=tar)


# A Debian of this machine's own packages.

STATUS = "/var/lib/dpkg/status"
WITHOUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/")


def bare(dependency):
    """A dependency without its versions and architecture."""
    return re.sub(r"\(.*?\)", "", dependency).strip().split(":")[0]


class Packages:
    """What dpkg has installed here."""

    def __init__(self):
        if not os.path.exists(STATUS) or shutil.which("dpkg") is None:
            pytest.skip("this machine has no dpkg")
        with open(STATUS, encoding="utf-8") as f:
            paragraphs = f.read().split("\n\n")
        self.rows, self.provides = {}, {}
        for row in paragraphs:
            fields = dict(re.findall(r"^(\S+): (.*)$", row, re.M))
            if fields.get("Status") != "install ok installed":
                continue
            self.rows[fields["Package"]] = (row, fields)
            for name in fields.get("Provides", "").split(","):
                self.provides.setdefault(bare(name), fields["Package"])

    def closure(self, names):
        found, todo = set(), list(names)
        while todo:
            name = bare(todo.pop())
            name = name if name in self.rows else self.provides.get(name)
            if name is None or name in found:
                continue
            found.add(name)
            fields = self.rows[name][1]
            needs = (fields.get("Depends", "") + "," + fields.get("Pre-Depends", "")).split(",")
            for need in filter(str.strip, needs):
                have = [a for a in map(bare, need.split("|")) if a in self.rows or a in self.provides]
                todo += have[:1]
        return sorted(found)

    def files(self, name):
        for path in glob.glob("/var/lib/dpkg/info/%s.list" % name) + glob.glob(
                "/var/lib/dpkg/info/%s:*.list" % name):
            with open(path, encoding="utf-8") as f:
                yield from f.read().split("\n")
            yield from glob.glob(path[:-len("list")] + "*")


class Root:
    """A tar of a root file system, of files of this machine."""

    def __init__(self, path):
        self.tar, self.seen = tarfile.open(path, "w"), set()

    def add(self, path):
        if not path.startswith("/"):
            return
        top = os.path.dirname(path) == "/"
        if not top:
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if path in self.seen or path in ("/", "/.") or not os.path.lexists(path) or path.startswith(WITHOUT):
            return
        if not top:
            self.add(os.path.dirname(path))
        self.seen.add(path)
        self.tar.add(path, arcname=path.lstrip("/"), recursive=False)

    def text(self, name, text, mode=0o644):
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(text.encode()), mode
        self.tar.addfile(info, io.BytesIO(text.encode()))


def debian_root(path, names=("apt", "dpkg", "dash", "coreutils", "base-files", "libc-bin", "passwd",
                              "tar", "diffutils", "debconf")):
    """Writes a tar of a Debian in which dpkg and apt work."""
    packages, root = Packages(), Root(path)
    for link in ("/bin", "/sbin", "/lib", "/lib64"):
        root.add(link)
    chosen = packages.closure(names)
    for name in chosen:
        for file in packages.files(name):
            root.add(file)
    root.text("var/lib/dpkg/status", "\n\n".join(packages.rows[n][0] for n in chosen) + "\n")
    for file in ("/etc/passwd", "/etc/group", "/etc/ld.so.cache", "/etc/nsswitch.conf", "/usr/bin/awk",
                 "/var/lib/dpkg/available", "/var/lib/dpkg/info/format", "/var/lib/dpkg/alternatives",
                 "/var/lib/dpkg/updates", "/var/lib/dpkg/triggers", "/tmp", "/var/tmp", "/var/log", "/run"):
        root.add(file)
    root.tar.close()


@pytest.fixture(scope="session")
def debian(tmp_path_factory):
    """The path of a tar of a Debian root file system."""
    path = str(tmp_path_factory.mktemp("debian") / "root.tar")
    debian_root(path)
    yield path
    os.unlink(path)


def import_root(engine, path, name, command="sleep 100000"):
    with open(path, "rb") as f:
        engine.run("import", "--change", "CMD [%s]" % ", ".join('"%s"' % w for w in command.split()),
                   "-", name, stdin=f)


def build_deb(folder, name, version, files=None):
    """A package of dpkg's with these files; its path."""
    top = os.path.join(str(folder), name + "-" + version)
    os.makedirs(top + "/DEBIAN")
    with open(top + "/DEBIAN/control", "w", encoding="ascii") as f:
        f.write("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Tests <tests@example.invalid>\n"
                "Description: made for a test\n" % (name, version))
    for path, text in (files or {}).items():
        os.makedirs(os.path.dirname(top + "/" + path), exist_ok=True)
        with open(top + "/" + path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(top + "/" + path, 0o755)
    built = top + ".deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", top, built], check=True, capture_output=True)
    return built


@pytest.fixture(scope="session")
def demo_feeds(tmp_path_factory):
    """CVE-2026-7001 concerns the package demo before 2.0, in Debian 12."""
    folder = tmp_path_factory.mktemp("feeds")
    os.makedirs(folder / "osv" / "Debian")
    record = small.osv("CVE-2026-7001", "Debian:12", "demo", "2.0", "ECOSYSTEM", severity=[
        {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}])
    (folder / "osv" / "Debian" / "CVE-2026-7001.json").write_text(json.dumps(record))
    return folder
