# SPDX-License-Identifier: Apache-2.0
"""The hub's store: the unit tests on a real PostgreSQL, and what is left after a kill."""

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

import kit
from postgres import Server, postgres  # noqa: F401  (a fixture)

PRESS = os.path.join(kit.BUILD, "src", "store", "store_press")


@pytest.fixture(scope="module", autouse=True)
def built():
    if not os.path.exists(PRESS):
        pytest.skip("no program at " + PRESS)


@pytest.mark.parametrize("name", ["rows", "store", "model", "hub", "hub_history"])
def test_unit_tests_on_postgresql(postgres, name):  # noqa: F811
    """The store does the same on PostgreSQL as on SQLite"""
    url = postgres.database("unit_" + name)
    done = subprocess.run([os.path.join(kit.BUILD, name + "_test")], capture_output=True, timeout=120,
                          env=dict(os.environ, RUMMAGE_TEST_POSTGRESQL=url), check=False)
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, said
    assert said.count("test(s) run") == 2, said


class Press:
    """The program that writes numbered transactions, and the last number that was acknowledged."""

    def __init__(self, url, seconds, floor=0):
        self.child = subprocess.Popen([PRESS, url, str(seconds), str(floor)], stdout=subprocess.PIPE,
                                      text=True)
        self.last, self.words = floor, []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            if line.strip().isdigit():
                self.last = int(line)
            else:
                self.words.append(line.strip())

    def end(self, timeout):
        self.child.wait(timeout)
        self.reader.join(10)
        self.child.stdout.close()
        return self.child.returncode


def wait_until(true, press, seconds=40):
    end = time.monotonic() + seconds
    while not true() and press.child.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    assert true(), press.words


def test_server_killed_in_mid_transaction():
    """R37: PostgreSQL is killed again and again under a writer: nothing acknowledged is lost, nothing is half"""
    server = Server()
    try:
        press = Press(server.url, 300)
        rng = random.Random(7)
        for _ in range(5):
            before = press.last
            wait_until(lambda at=before: press.last > at + 3, press)
            time.sleep(rng.uniform(0, 0.3))
            server.restart()
        before = press.last
        wait_until(lambda: press.last > before, press)
        press.child.kill()
        press.end(10)
        assert any(w.startswith("lost") for w in press.words), press.words
        assert not any(w.startswith("bad") for w in press.words), press.words
        last = Press(server.url, 0, press.last)
        assert last.end(60) == 0, last.words
    finally:
        server.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_writer_killed_in_mid_transaction(tmp_path, request, kind):
    """R37: the writer is killed at random points: what it was told is kept is there, whole, and the next one leads"""
    url = "sqlite:%s" % (tmp_path / "hub.db")
    if kind == "postgresql":
        url = request.getfixturevalue("postgres").database("writer")
    rng = random.Random(11)
    floor = 0
    for _ in range(12):
        press = Press(url, 30, floor)
        wait_until(lambda p=press, at=floor: p.last > at, press)
        time.sleep(rng.uniform(0, 0.3))
        press.child.send_signal(signal.SIGKILL)
        press.end(10)
        assert not press.words, press.words
        floor = press.last
    last = Press(url, 1, floor)
    assert last.end(60) == 0, last.words
    assert last.last > floor > 0


def test_full_file_system(tmp_path):
    """R37: a full disk fails the transaction with words, and the store is of use when there is room again"""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)],
                             capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("cannot mount: " + mounted.stderr.strip())
    try:
        press = Press("sqlite:%s" % (place / "hub.db"), 40)
        wait_until(lambda: press.words, press)
        assert any("no space left in" in w for w in press.words), press.words
        subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
        at = press.last
        wait_until(lambda: press.last >= at + 50, press)
        press.child.terminate()
        press.end(10)
        last = Press("sqlite:%s" % (place / "hub.db"), 0, press.last)
        assert last.end(30) == 0, last.words
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


SCHEMAS = sorted(n for n in os.listdir(os.path.join(kit.TOP, "testdata", "store")) if n.startswith("schema-"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_stores_of_every_released_schema_open(name, tmp_path, request):
    """A store that an older Rummage made is migrated when it is opened, and has all its rows"""
    path = os.path.join(kit.TOP, "testdata", "store", name)
    if name.endswith(".pg.sql"):
        server = request.getfixturevalue("postgres")
        database = name.split(".")[0].replace("-", "_")
        url = server.database(database)
        server.load(path, database)
    else:
        url = "sqlite:%s" % (tmp_path / "hub.db")
        with open(path, encoding="utf-8") as f, sqlite3.connect(tmp_path / "hub.db") as db:
            db.executescript(f.read())
        db.close()
    old = Press(url, 1, 2)  # it holds what two of its transactions had written
    assert old.end(30) == 0, old.words
    assert old.last > 2
