# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of our own for the tests: Debian's server, run without privileges on a loopback port
in a folder of its own. As a program: `python3 tests/postgres.py` starts one, prints its URL, and
ends it with its standard input."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from registries import free_port

USER = "rummage"


def programs():
    """The folder of initdb and postgres, newest version first; "" where there is none."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb") + glob.glob("/usr/pgsql-*/bin/initdb")
    on_path = shutil.which("initdb")
    if on_path:
        found.append(os.path.realpath(on_path))
    found.sort(key=lambda p: [int(n) for n in p.replace("-", "/").split("/") if n.isdigit()])
    return os.path.dirname(found[-1]) if found else ""


def somebody():
    """postgres refuses to run as root; whom to run it as: (uid, gid) or None for ourselves."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
        except KeyError:
            continue
    pytest.skip("no unprivileged user to run PostgreSQL as")
    return None


def children(pid):
    """Processes whose parent it is; PostgreSQL's have process groups of their own."""
    with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
        return [int(word) for word in f.read().split()]


class Server:
    """A server with an empty database; fsync stays on, as in life."""

    def __init__(self):
        self.bin = programs()
        if not self.bin:
            pytest.skip("no PostgreSQL server")
        self.who = somebody()
        self.folder = tempfile.mkdtemp(prefix="rummage-pg-")
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "log")
        self.port = free_port()
        self.url = "postgresql://%s@127.0.0.1:%d/postgres" % (USER, self.port)
        self.child = None
        if self.who:
            os.chown(self.folder, *self.who)
        self.run("initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale",
                 "--no-sync")
        self.start()

    def become(self):
        os.setsid()
        if self.who:
            os.setgroups([])
            os.setgid(self.who[1])
            os.setuid(self.who[0])

    def run(self, program, *args):
        done = subprocess.run([os.path.join(self.bin, program), *args], capture_output=True, text=True,
                              preexec_fn=self.become, cwd=self.folder, timeout=120, check=False,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [os.path.join(self.bin, "postgres"), "-D", self.data, "-p", str(self.port),
                 "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
                 "-c", "max_connections=40", "-c", "shared_buffers=64MB"],
                stdout=log, stderr=log, preexec_fn=self.become, cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
        end = time.monotonic() + 60
        while time.monotonic() < end:
            ready = subprocess.run([os.path.join(self.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p",
                                    str(self.port)], check=False)
            if ready.returncode == 0:
                return
            assert self.child.poll() is None, self.said()
            time.sleep(0.05)
        raise AssertionError("PostgreSQL does not answer: " + self.said())

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]

    def database(self, name):
        """The URL of a new, empty database."""
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, name)
        return "postgresql://%s@127.0.0.1:%d/%s" % (USER, self.port, name)

    def sql(self, text, database="postgres"):
        return self.run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database,
                        "-Atqc", text).strip()

    def load(self, path, database):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        subprocess.run([os.path.join(self.bin, "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", USER,
                        "-d", database, "-q", "-v", "ON_ERROR_STOP=1"], input=text, text=True, check=True,
                       capture_output=True)

    def kill(self):
        """As if the power went: the server and all that it started."""
        if self.child is None or self.child.poll() is not None:
            return
        pids = [self.child.pid] + children(self.child.pid)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()
        while any(os.path.exists("/proc/%d" % pid) for pid in pids[1:]):
            time.sleep(0.01)  # what still holds the shared memory would keep a new server away

    def restart(self):
        self.kill()
        self.start()

    def close(self):
        self.kill()  # nobody wants its data any more
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres():
    """A running server: postgres.database(NAME) gives the URL of an empty database."""
    server = Server()
    yield server
    server.close()


def main():
    server = Server()
    try:
        print(server.url, flush=True)
        sys.stdin.read()
    finally:
        server.close()


if __name__ == "__main__":
    main()
