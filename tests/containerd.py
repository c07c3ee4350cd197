# SPDX-License-Identifier: Apache-2.0
"""A containerd of the tests' own: below one folder, by one socket, nothing outside.

    with Containerd(folder) as it:
        it.add(image, "example.test/app:1")     # an Image of image.py
        it.run("example.test/app:1", "web")     # a container whose task runs

What is on the machine is used: Debian's containerd, ctr and runc; with bin/containerd2, bin/ctr2 and their shim in
RUMMAGE_REAL or in the cache folder a current one as well.
"""

import os
import shutil
import signal
import subprocess
import time

import pytest

from image import File, Folder, Image
from kube import folder_of_programs
from registries import need

CONFIG = """version = 2
root = "%(root)s"
state = "%(state)s"
oom_score = 0
disabled_plugins = [%(disabled)s]
[grpc]
  address = "%(socket)s"
[plugins."io.containerd.internal.v1.opt"]
  path = "%(folder)s/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "%(folder)s/none"
    conf_dir = "%(folder)s/none"
"""
# Version 2 of containerd reads a configuration of version 2 as well; its CRI has moved.
CONFIG_2 = """version = 3
root = "%(root)s"
state = "%(state)s"
oom_score = 0
disabled_plugins = [%(disabled)s]
[grpc]
  address = "%(socket)s"
[plugins."io.containerd.internal.v1.opt"]
  path = "%(folder)s/opt"
[plugins."io.containerd.cri.v1.images"]
  %(images)s
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "localhost/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["%(folder)s/none"]
    conf_dir = "%(folder)s/none"
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_port = "0"
"""


def programs(version):
    """(containerd, ctr, what is put before PATH) of this version, or the test is skipped."""
    if version == 1:
        need("containerd", "ctr", "runc", "containerd-shim-runc-v2")
        return "containerd", "ctr", ""
    names = ("containerd2", "ctr2", "containerd-shim-runc-v2")
    folders = [folder_of_programs(name) for name in names]
    if None in folders:
        pytest.skip("no containerd 2: RUMMAGE_REAL=DIR says where bin/containerd2 is, `make check-real` builds it")
    need("runc")
    return os.path.join(folders[0], names[0]), os.path.join(folders[1], names[1]), folders[2] + ":"


class Containerd:
    """more: tables at the end of its configuration; images: lines of the CRI's images, version 2; network: the CRI's,
    as CNI has it."""

    def __init__(self, folder, version=1, disabled=(), more="", images="", network=""):
        self.program, self.ctr_program, path = programs(version)
        if os.geteuid() != 0:
            pytest.skip("containerd needs root")
        self.folder, self.version = str(folder), version
        self.socket = os.path.join(self.folder, "c.sock")
        if len(self.socket) > 100:
            pytest.skip("the path of a socket is too long: " + self.socket)
        self.root = os.path.join(self.folder, "root")
        self.environment = dict(os.environ, PATH=path + os.environ["PATH"])
        self.child = self.log = None
        os.makedirs(self.folder + "/none", exist_ok=True)
        if network:
            with open(self.folder + "/none/10-own.conflist", "w", encoding="ascii") as f:
                f.write(network)
        with open(os.path.join(self.folder, "config.toml"), "w", encoding="ascii") as f:
            f.write((CONFIG if version == 1 else CONFIG_2) % {
                "images": images,
                "root": self.root, "state": self.folder + "/state", "folder": self.folder,
                "socket": self.socket, "disabled": ", ".join('"%s"' % d for d in disabled)} + more)
        self.start()

    def start(self):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.child = subprocess.Popen(
            [self.program, "--config", os.path.join(self.folder, "config.toml")],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=self.environment,
            start_new_session=True)
        end = time.monotonic() + 60
        while self.ctr("version", check=False).returncode != 0:
            if self.child.poll() is not None or time.monotonic() > end:
                self.close()
                pytest.skip("containerd does not start here")
            time.sleep(0.1)

    def kill(self):
        """As if it had crashed; containers run on."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self.log.close()

    def ctr(self, *args, ns="default", check=True, **how):
        done = subprocess.run([self.ctr_program, "-a", self.socket, "-n", ns, *args], check=False,
                              capture_output=True, timeout=120, env=self.environment, **how)
        assert not check or done.returncode == 0, (args, done.stderr)
        return done

    def load(self, archive, ns="default", *args):
        self.ctr("images", "import", *args, str(archive), ns=ns)

    def add(self, image, name, ns="default", *args):
        """An Image of image.py under a whole name."""
        path = os.path.join(self.folder, "image-%d.tar" % time.monotonic_ns())
        image.write_archive(path, tag=name)
        self.load(path, ns, *args)
        os.unlink(path)
        return image

    def run(self, name, container, ns="default", *args):
        """A container of an image, whose task runs on its own."""
        self.ctr("run", "-d", "--null-io", "--runc-root", self.folder + "/runc", *args, name, container,
                 ns=ns)

    def stop(self, container, ns="default"):
        """Its task is killed, and both are removed."""
        self.ctr("tasks", "kill", "-s", "SIGKILL", container, ns=ns, check=False)
        self.ctr("tasks", "delete", "-f", container, ns=ns, check=False)
        self.ctr("containers", "delete", container, ns=ns, check=False)

    def shims(self):
        """(pid, children) of what containerd left running for its containers."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    line = f.read().decode("utf-8", "replace").split("\0")
                with open("/proc/%s/task/%s/children" % (pid, pid), encoding="ascii") as f:
                    children = [int(c) for c in f.read().split()]
            except OSError:
                continue
            if "containerd-shim" in line[0] and self.socket in line:
                yield int(pid), children

    def end_tasks(self):
        """All that runs; their shims go with them."""
        for ns in self.ctr("namespaces", "ls", "-q", check=False).stdout.decode().split():
            for task in self.ctr("tasks", "ls", "-q", ns=ns, check=False).stdout.decode().split():
                self.ctr("tasks", "delete", "-f", task, ns=ns, check=False)

    def close(self):
        if self.child and self.child.poll() is None:
            self.end_tasks()
        for pid, children in list(self.shims()):
            for each in children + [pid]:
                try:
                    os.kill(each, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.log.close()
        with open("/proc/mounts", encoding="utf-8") as f:
            mounts = [line.split()[1] for line in f if line.split()[1].startswith(self.folder + "/")]
        for mount in sorted(mounts, reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def waiting_program(folder):
    """A static program that only waits."""
    need("cc")
    path = os.path.join(str(folder), "wait")
    if not os.path.exists(path):
        with open(path + ".c", "w", encoding="ascii") as f:
            f.write("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
        subprocess.run(["cc", "-static", "-Os", "-o", path, path + ".c"], check=True)
    with open(path, "rb") as f:
        return f.read()


def app(program, npm, layers=()):
    """An image that runs program and has packages of npm: {name: version}; layers go on top."""
    image = Image()
    image.cmd = ["/bin/wait"]
    files = [Folder("bin"), File("bin/wait", program, 0o755)]
    for name, version in npm.items():
        files.append(File("srv/node_modules/%s/package.json" % name,
                          '{"name":"%s","version":"%s"}' % (name, version)))
    image.layer(files)
    for layer in layers:
        image.layer(layer)
    return image
