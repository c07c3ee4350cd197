# SPDX-License-Identifier: Apache-2.0
"""The worker, looked at from outside while it works (docs/SANDBOX.md)."""

import os
import random
import re
import signal
import subprocess
import time

import pytest

import kit
from image import File, Image, gzip_of, sha256, tar_of


pytestmark = pytest.mark.skipif(kit.sanitized(), reason="ASan's runtime cannot live under seccomp")


@pytest.fixture(scope="module")
def slow_image(tmp_path_factory):
    """An image that keeps a worker busy for a moment: noise does not compress."""
    block = random.Random(1).randbytes(1 << 20)
    tar = tar_of([File("opt/noise%d" % i, block) for i in range(150)])
    img = Image().raw_layer(gzip_of(tar, 1), sha256(tar))
    return img.write_layout(tmp_path_factory.mktemp("slow") / "img")


def worker_of(pid):
    """The process below pid that is a worker, once it has entered its sandbox."""
    try:
        children = subprocess.run(["cat", "/proc/%d/task/%d/children" % (pid, pid)], capture_output=True,
                                  text=True, check=False).stdout.split()
        # Threads of the parent start workers too.
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as f:
                children += f.read().split()
        for child in children:
            if os.path.basename(os.readlink("/proc/%s/exe" % child)) == "rummage-parse":
                with open("/proc/%s/status" % child, encoding="ascii", errors="replace") as f:
                    status = dict(re.findall(r"^(\w+):[ \t]*(.*)$", f.read(), re.M))
                if status.get("Seccomp") == "2":
                    return int(child), status
    except OSError:
        pass
    return None, None


@pytest.fixture
def caught(rummage, slow_image, tmp_path):
    """A worker stopped in the middle of its work: (pid, /proc/PID/status)."""
    for _ in range(20):
        child = subprocess.Popen([rummage, "scan", slow_image, "--inventory-only", "--no-cache", "-o",
                                  "json=" + str(tmp_path / "report")], stdin=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, start_new_session=True)
        while child.poll() is None:
            pid, status = worker_of(child.pid)
            if pid:
                os.kill(pid, signal.SIGSTOP)
                yield pid, status
                os.kill(pid, signal.SIGCONT)
                assert child.wait(60) == kit.OK
                return
            time.sleep(0.001)
    pytest.skip("no worker was caught at work")


def test_given_up(caught):
    """The worker has no capabilities, gains none, is nobody, and is under seccomp"""
    _, status = caught
    assert status["NoNewPrivs"] == "1"
    for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[which], 16) == 0, which
    if os.geteuid() == 0:
        assert int(status["CapBnd"], 16) == 0
        assert set(status["Uid"].split()) == {"65534"} and set(status["Gid"].split()) == {"65534"}
        assert status["Groups"].strip() == ""


def test_holds_little(caught):
    """The worker holds no path of the machine but its own program and libraries, and few descriptors"""
    pid, _ = caught
    try:
        held = {fd: os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)}
    except PermissionError:
        pytest.skip("only root may look")
    assert len(held) <= 4, held
    allowed = r"(pipe:|socket:|anon_inode:|/memfd:rummage-ring|/dev/null)"
    assert [t for t in held.values() if not re.match(allowed, t)] == []


def test_bounded(caught):
    """The worker's memory, time, files and core are bounded by the kernel"""
    pid, _ = caught
    with open("/proc/%d/limits" % pid, encoding="ascii") as f:
        limits = {m[0].strip(): m[1] for m in re.findall(r"^(Max [a-z ]+?)\s{2,}(\S+)", f.read(), re.M)}
    assert int(limits["Max address space"]) <= 3 << 30
    assert int(limits["Max cpu time"]) <= 900
    assert limits["Max file size"] == "0" and limits["Max core file size"] == "0"
    assert int(limits["Max open files"]) <= 4


def test_level_is_reported(scan, slow_image):
    """The level that was reached is in the report; without a sandbox every report says so"""
    done = scan(slow_image, "--no-cache")
    assert re.fullmatch(r"seccomp(\+landlock/\d+)?", done.json["sandbox"])
    done = scan(slow_image, "--no-cache", "--no-sandbox")
    assert done.json["sandbox"] == "none"
    assert "no-sandbox" in {n["code"] for n in done.notes()} or "sandbox" in done.err
