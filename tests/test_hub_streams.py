# SPDX-License-Identifier: Apache-2.0
"""Subscribers of a hub's changes that die, do not read, or are too many; what the others get is in
test_hub_api.py."""

import os
import socket
import struct

import pytest

from hubkit import Hub, Source, wait_for, with_hub  # noqa: F401
from small import write_record
from synth import Small
from test_hub_api import Stream

pytestmark = pytest.mark.usefixtures("with_hub")


@pytest.fixture
def feeds(tmp_path):
    write_record(tmp_path / "feeds", "CVE-2026-5000", "old-core", "2.0.0")
    return tmp_path / "feeds"


def subscriber(hub, source, after=0, receive=None):
    """A socket that has asked for changes."""
    s = socket.socket()
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    s.settimeout(20)
    s.bind((source, 0))
    s.connect(("127.0.0.1", hub.port))
    s.sendall(("GET /api/v1/changes?after=%d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
               % (after, hub.token)).encode())
    return s


def held_by(hub):
    """Descriptors and threads of the hub."""
    return tuple(len(os.listdir("/proc/%d/%s" % (hub.child.pid, what))) for what in ("fd", "task"))


def comes_down(hub, before):
    def down():
        now = held_by(hub)
        return now[0] <= before[0] + 5 and now[1] <= before[1]

    wait_for(down, 120, 0.25, said=lambda: "it holds %r, and before %r" % (held_by(hub), before))


def die(s, how):
    if how == "reset":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def test_subscribers_that_die(tmp_path, feeds):
    """R32: subscribers that go, however they go, leave no descriptor, no thread and no place behind"""
    with Hub(tmp_path / "hub", feeds=feeds) as hub:
        hub.get("/healthz")
        before = held_by(hub)
        for how in ("reset", "close", "reset"):
            held = [subscriber(hub, "127.0.0.%d" % (2 + i % 3)) for i in range(120)]
            for s in held:
                assert s.recv(4096).startswith(b"HTTP/1.1 200")
            assert held_by(hub)[0] >= before[0] + 120 and held_by(hub)[1] <= before[1]
            for s in held:
                die(s, how)
            comes_down(hub, before)
        assert hub.get("/healthz")


def test_subscribers_that_do_not_read(tmp_path, feeds):
    """R32: a subscriber that takes nothing is dropped; its page is all that it cost, and others hear everything"""
    with Hub(tmp_path / "hub", feeds=feeds) as hub:
        image = Small("shop/web:1", {"old-core": "1.0.0"}).put(hub)
        node = Source(hub, "node-1")
        reading = Stream(hub)
        before = held_by(hub)
        held = [subscriber(hub, "127.0.0.2", receive=4096) for _ in range(20)]
        for _ in range(12):
            node.send(*[node.began("%064x" % (node.seq + 1), image.name, image.digests, labels={"x": "y" * 400})
                        for _ in range(1000)])
        wait_for(lambda: len(reading.got) >= 12000, 120)
        peak = hub.memory_bytes()
        comes_down(hub, before)
        assert hub.memory_bytes() <= peak + (8 << 20)
        for s in held:
            s.close()
        reading.close()


def test_there_are_so_many_subscribers(tmp_path, feeds):
    """R32: more subscribers than there is room for are told to come later, and may when others have gone"""
    with Hub(tmp_path / "hub", feeds=feeds) as hub:
        hub.get("/healthz")
        before, held = held_by(hub), []
        for i in range(200):
            held.append(subscriber(hub, "127.0.0.%d" % (2 + i // 80)))
            assert held[-1].recv(4096).startswith(b"HTTP/1.1 200")
        refused = hub.request("GET", "/api/v1/changes")
        assert refused.status == 503 and int(refused.headers["Retry-After"]) >= 1 and "subscribers" in refused.json["error"]
        for s in held:
            die(s, "reset")
        comes_down(hub, before)
        again = subscriber(hub, "127.0.0.2")
        assert again.recv(4096).startswith(b"HTTP/1.1 200")
        again.close()
