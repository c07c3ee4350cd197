# SPDX-License-Identifier: Apache-2.0
"""The hub's API as agents, people and programs meet it: events in any order, places and roles, bodies without
end, slow clients, answers that did not change, streams, and what the document says against what is done."""

import gzip
import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
import zlib

import pytest

import kit
from hubkit import Client, Hub, Receiver, Source, receiver, rfc3339, wait_for, with_hub  # noqa: F401
from small import fire, write_record
from synth import Small

pytestmark = pytest.mark.usefixtures("with_hub")

MIB = 1 << 20


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    write_record(folder / "feeds", "CVE-2026-5000", "old-core", "2.0.0")
    with Hub(folder / "hub", feeds=folder / "feeds") as started:
        yield started


@pytest.fixture(scope="module")
def image(hub):
    return Small("shop/web:1", {"old-core": "1.0.0"}, execs=["srv/bin/tool"]).put(hub)


@pytest.fixture
def node(hub, request):
    """A source of this test's own."""
    return Source(hub, request.node.name.replace("[", "-").replace("]", "")[:60])


def running(hub, node):
    return {i["container"] for i in hub.who_runs("shop/web:1", node=node.node, running="true")}


# Events.

def test_events_are_applied_once(hub, node, image):
    """R31: what was said before, in whatever order, changes nothing"""
    events = [node.began("%064x" % i, image.name, image.digests) for i in range(4)]
    events.append(node.ended("%064x" % 0))
    said = hub.events(events)
    assert (said["applied"], said["known"], said["refused_count"]) == (5, 0, 0)
    state = running(hub, node)
    assert state == {"%064x" % i for i in (1, 2, 3)}
    for again in (events, events[::-1], events[2:4], events * 3):
        said = hub.events(again)
        assert said["applied"] == 0 and said["known"] == len(again)
        assert not said["resync"]
    assert running(hub, node) == state


def test_a_gap_asks_for_a_snapshot(hub, node, image):
    """R31: events that did not come are noticed, and a snapshot makes it good"""
    node.send(node.began("a" * 64, image.name, image.digests),
              node.began("b" * 64, image.name, image.digests))
    node.ended("a" * 64)  # lost on the way
    said = node.send(node.began("c" * 64, image.name, image.digests))
    assert said["resync"] == [node.name]
    assert running(hub, node) == {"a" * 64, "b" * 64, "c" * 64}
    hub.events(list(node.snapshot(lambda: node.began("b" * 64, image.name, image.digests),
                                  lambda: node.began("c" * 64, image.name, image.digests))))
    assert running(hub, node) == {"b" * 64, "c" * 64}
    assert node.send(node.event("heartbeat"))["resync"] == []


def test_a_snapshot_is_all_there_is(hub, node, image):
    """R31: what a snapshot does not mention is over; its scope bounds what it speaks of"""
    node.send(node.began("a" * 64, image.name, image.digests), node.seen(image.name, image.digests))
    node.send(node.event("snapshot.began"), node.event("snapshot.ended", scope="images"))
    assert running(hub, node) == {"a" * 64}
    assert not [i for i in hub.who_runs("shop/web:1", node=node.node) if i["state"] == "cached"]
    node.send(*node.snapshot())
    assert running(hub, node) == set()


def test_a_source_that_forgot_starts_an_epoch(hub, node, image):
    """R31: after a restart of a source its counting begins anew, and the old epoch says no more"""
    node.send(node.began("a" * 64, image.name, image.digests))
    late = node.ended("a" * 64)
    node.again()
    said = node.send(*node.snapshot(lambda: node.began("a" * 64, image.name, image.digests)))
    assert said["known"] <= 1 and not said["resync"]
    assert hub.events([late])["known"] == 1
    assert running(hub, node) == {"a" * 64}


def test_a_half_told_snapshot_ends_nothing(hub, node, image):
    """R31: the end of a snapshot counts only with all that it says in between"""
    node.send(node.began("a" * 64, image.name, image.digests))
    began = node.event("snapshot.began")
    node.began("a" * 64, image.name, image.digests)  # lost on the way
    said = node.send(began, node.event("snapshot.ended"))
    assert said["resync"] == [node.name] and running(hub, node) == {"a" * 64}


def test_bad_lines_keep_no_others_back(hub, node, image):
    """R31: a line that cannot be read is refused by its number, the others are applied"""
    good = node.began("a" * 64, image.name, image.digests)
    lines = [json.dumps(e).encode() for e in (
        good, dict(good, type="use.invented", seq=2), dict(good, seq=0), dict(good, seq=2, at="noon"),
        {"type": "use.began"}, dict(good, seq=2, image={"digests": ["latest"]}))]
    said = hub.events(b"\n".join(lines + [b"{", b"\xff\xfe", b"", b"[]"]) + b"\n")
    assert said["applied"] == 1 and said["refused_count"] == 8, said
    assert [r["line"] for r in said["refused"]] == [2, 3, 4, 5, 6, 7, 8, 10]
    assert running(hub, node) == {"a" * 64}


def test_an_image_that_comes_later(hub, node):
    """R1: a use is told before anybody has read its image; then it is judged without being told again"""
    late = Small("shop/late:1", {"old-core": "1.0.0", "late": "1.0.0"})
    said = node.send(node.began("a" * 64, late.name, late.digests[1:]))
    assert said["unknown"] == late.digests[1:]
    assert "a" * 64 not in {r["container"] for r in hub.who_runs("CVE-2026-5000", node=node.node)}
    late.put(hub)
    assert "a" * 64 in {r["container"] for r in hub.who_runs("CVE-2026-5000", node=node.node)}


def test_packed_events(hub, node, image):
    """R31: a batch may be gzip, and what unpacks without end is refused"""
    said = hub.events([node.began("a" * 64, image.name, image.digests)], packed=True)
    assert said["applied"] == 1
    bomb = gzip.compress(b" " * (80 * MIB), 9)
    assert len(bomb) < 8 * MIB
    headers = {"Content-Encoding": "gzip"}
    assert hub.request("POST", "/api/v1/events", bomb, headers).status == 413
    assert hub.request("POST", "/api/v1/events", gzip.compress(b"{}")[:-9], headers).status == 400
    assert hub.get("/healthz")["status"] == "ok"


# Who may.

def test_agents_speak_for_their_own_place(hub, node, image):
    """R39: an agent's token is for its own node, and for nothing else"""
    agent = hub.make_token("agent-" + node.node, "agent", cluster="c1", node=node.node)
    mine = Source(agent, node.node)
    assert mine.send(mine.began("a" * 64, image.name, image.digests))["applied"] == 1
    other = Source(agent, node.node + "-other")
    said = other.send(other.began("b" * 64, image.name, image.digests))
    assert said["applied"] == 0 and said["refused_count"] == 1
    borrowed = Source(agent, node.node, name="somebody-else/docker")
    assert borrowed.send(borrowed.event("heartbeat"))["refused_count"] == 1
    abroad = Source(agent, node.node, cluster="c2", name=node.node + "/abroad")
    assert abroad.send(abroad.event("heartbeat"))["refused_count"] == 1
    assert agent.request("GET", "/api/v1/alerts").status == 403


ROLES = {
    "reader": {("GET", "/api/v1/images"), ("GET", "/metrics")},
    "agent": {("POST", "/api/v1/facts/missing"), ("GET", "/api/v1/wanted")},
    "operator": {("GET", "/api/v1/images"), ("GET", "/metrics"), ("POST", "/api/v1/exceptions")},
    "admin": {("GET", "/api/v1/images"), ("GET", "/metrics"), ("POST", "/api/v1/exceptions"),
              ("POST", "/api/v1/facts/missing"), ("GET", "/api/v1/wanted"), ("GET", "/api/v1/tokens"),
              ("POST", "/api/v1/tokens")},
}


@pytest.mark.parametrize("role", sorted(ROLES))
def test_roles(hub, role):
    """R39: what each role may, and that it may nothing else"""
    caller = hub.make_token("role-" + role, role)
    for method, path in sorted(ROLES["admin"]):
        body = b'{"digests":[]}' if "missing" in path else b"{}" if method == "POST" else None
        status = caller.request(method, path, body).status
        allowed = (method, path) in ROLES[role]
        assert (status in (200, 400)) if allowed else status == 403, (method, path, status)


def test_tokens_end(hub):
    """R39: a token that was taken back or has run out is none"""
    caller = hub.make_token("short", "reader")
    assert caller.get("/api/v1/images")
    hub.delete("/api/v1/tokens/short")
    assert caller.request("GET", "/api/v1/images").status == 401
    late = hub.make_token("late", "reader", until=rfc3339(time.time() + 5))
    assert late.request("GET", "/api/v1/images").status == 200
    wait_for(lambda: late.request("GET", "/api/v1/images").status == 401, 5, 0.2)
    with open(os.path.join(hub.state, "admin.token"), encoding="ascii") as f:
        assert f.read().strip() == hub.token
    assert os.stat(os.path.join(hub.state, "admin.token")).st_mode & 0o77 == 0
    names = {t["name"] for t in hub.get("/api/v1/tokens")["items"]}
    assert "first-admin" in names and "short" not in names


def test_tokens_and_their_record(hub):
    """R39: a token is made or taken back together with its record in the audit log, or neither is"""
    kept = hub.make_token("kept", "reader")
    before = (hub.get("/api/v1/tokens")["items"], hub.items("/api/v1/audit"))
    db = sqlite3.connect(os.path.join(hub.state, "hub.db"), timeout=30, isolation_level=None)
    db.execute("CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    try:
        body = json.dumps({"name": "unrecorded", "role": "admin"})
        assert hub.request("POST", "/api/v1/tokens", body).status == 503
        assert hub.request("DELETE", "/api/v1/tokens/kept").status == 503
        assert (hub.get("/api/v1/tokens")["items"], hub.items("/api/v1/audit")) == before
        assert kept.request("GET", "/api/v1/images").status == 200
    finally:
        db.execute("DROP TRIGGER broken")
        db.close()
    hub.delete("/api/v1/tokens/kept")
    last = hub.items("/api/v1/audit")[-1]
    assert (last["action"], last["subject"], last["actor"]) == ("token.delete", "kept", "first-admin")
    assert hub.get("/api/v1/audit/verify")["good"]


def test_bodies_are_meant(hub):
    """R39: a member that is misspelt, or of another kind, makes no token and no exception wider than was meant"""
    until = rfc3339(time.time() + 86400)
    for path, good, wrong in (
            ("tokens", {"name": "meant", "role": "agent", "node": "a", "until": until},
             ({"node": ["a"]}, {"node": {}}, {"nod": "a"}, {"until": 7}, {"cluster": True})),
            ("exceptions", {"owner": "me", "reason": "so", "advisory": "CVE-1", "until": until, "namespace": "a"},
             ({"namespace": ["a"]}, {"workloads": "a"}, {"purl": 1}))):
        for each in wrong:
            answer = hub.request("POST", "/api/v1/" + path, json.dumps(dict(good, **each)))
            assert answer.status == 400 and list(each)[0] in answer.json["error"], (each, answer)
        assert hub.request("POST", "/api/v1/" + path, json.dumps(dict(good, node=None) if path == "tokens" else good)
                           ).status == 200
    assert [t["name"] for t in hub.get("/api/v1/tokens")["items"]].count("meant") == 1


def test_nobody_may_nothing(hub):
    """R39: without a token, 401; with a wrong one too, and soon only after a while"""
    with Hub(os.path.join(hub.folder, "guessed"), feeds=hub.feeds) as victim:
        nobody = Client(victim.port)
        answer = nobody.request("GET", "/api/v1/alerts")
        assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert nobody.request("GET", "/metrics").status == 401
        assert nobody.request("GET", "/healthz").status == 200
        guess = Client(victim.port, "rmg_" + "A" * 43)
        statuses = [guess.request("GET", "/api/v1/alerts").status for _ in range(30)]
        assert statuses[0] == 401 and statuses[-1] == 429, statuses


# Requests that mean no good, or are merely slow.

def raw(hub, data, seconds=10):
    with socket.create_connection(("127.0.0.1", hub.port), timeout=seconds) as s:
        try:
            s.sendall(data)
            return s.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            return b""


@pytest.mark.parametrize("path, size", [
    ("/api/v1/events", 9 * MIB), ("/api/v1/facts/missing", 2 * MIB), ("/api/v1/exceptions", 65 * 1024),
    ("/api/v1/tokens", 65 * 1024)])
def test_bodies_are_bounded(hub, path, size):
    """R39: a body beyond its path's bound is refused, said so or not in advance"""
    answer = None
    try:
        answer = hub.request("POST", path, b"x" * size)
    except OSError:
        hub.forget()  # refused before all of it was taken
    assert answer is None or answer.status == 413, answer
    auth = "Authorization: Bearer %s\r\n" % hub.token
    said = raw(hub, ("POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: 99999999999\r\n\r\n" % (path, auth)).encode())
    assert said == b"" or b" 413 " in said.split(b"\r\n")[0], said
    long = ("POST %s HTTP/1.1\r\nHost: x\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (path, auth)).encode() \
        + (b"10000\r\n" + b"y" * 65536 + b"\r\n") * (size // 65536 + 2) + b"0\r\n\r\n"
    said = raw(hub, long)
    assert said == b"" or b" 413 " in said.split(b"\r\n")[0], said
    assert hub.get("/healthz")


def test_paths_and_parameters(hub):
    """R39: what is not there is 404, another method 405, a misspelt filter 400 and never ignored"""
    for method, path, status in (
            ("GET", "/api/v1/nothing", 404), ("GET", "/", 404), ("DELETE", "/api/v1/images", 405),
            ("GET", "/api/v1/images?colour=red", 400), ("GET", "/api/v1/who-runs", 400),
            ("GET", "/api/v1/images?limit=x", 400), ("GET", "/api/v1/images?cursor=x", 400),
            ("GET", "/api/v1/images?severity=dreadful", 400), ("GET", "/api/v1/alerts/999999", 404),
            ("GET", "/api/v1/alerts/x", 404), ("GET", "/api/v1/images/sha256:" + "0" * 64, 404),
            ("GET", "/api/v1/timeline?workload=nobody", 404), ("GET", "/api/v1/who-runs?query=pkg:x", 400),
            ("GET", "/api/v1/changes?after=x", 400), ("GET", "/api/v1/../../etc/passwd", 404),
            ("GET", "/api/v1/alerts?state=sad", 400), ("DELETE", "/api/v1/exceptions/99", 404)):
        answer = hub.request(method, path)
        assert answer.status == status and "error" in answer.json, (method, path, answer)


def test_inventories_that_are_none(hub, image):
    """R39: an image that is told of badly is refused by what was said, and nothing is judged anew for it"""
    good = {"manifest": image.digests[1], "config": image.config, "layers": []}
    for wrong in ([], {"layers": []}, dict(good, manifest="latest"), dict(good, config="sha256:" + "0" * 2000),
                  dict(good, index="x"), dict(good, layers={}), dict(good, layers=[{"digest": "x"}]),
                  dict(good, ref="a\nb"), dict(good, platform="\u0000"), dict(good, revision="\x1b[0m")):
        answer = hub.request("PUT", "/api/v1/images/" + image.config, json.dumps(wrong))
        assert answer.status == 400 and answer.json["error"], (wrong, answer)
    assert hub.get("/api/v1/images/" + image.config)["complete"]


def test_slow_clients_hold_up_nobody(hub, image):
    """R39: a slow-loris and readers that do not read keep nobody else waiting"""
    auth = "Authorization: Bearer %s\r\n" % hub.token
    held = []
    try:
        for i in range(300):
            s = socket.create_connection(("127.0.0.1", hub.port), 10, ("127.0.0.%d" % (2 + i % 3), 0))
            s.sendall(b"GET /api/v1/images HTTP/1.1\r\nHost: x\r\nX-Slow: " if i % 2 else
                      ("GET /api/v1/changes HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n").encode() if i % 10 == 0
                      else ("POST /api/v1/events HTTP/1.1\r\nHost: x\r\n" + auth +
                            "Content-Length: 1000\r\n\r\n{").encode())
            held.append(s)
        quick = Client(hub.port, hub.token, timeout=10)
        times = []
        for _ in range(30):
            started = time.monotonic()
            assert quick.request("GET", "/api/v1/images").status == 200
            times.append(time.monotonic() - started)
        assert sorted(times)[len(times) // 2] < 2, times
    finally:
        for s in held:
            s.close()


def test_rate(hub):
    """R39: one caller cannot take all; another is still answered"""
    greedy = hub.make_token("greedy", "reader")
    statuses = [greedy.request("GET", "/api/v1/exceptions").status for _ in range(2500)]
    if 429 not in statuses:
        pytest.skip("this machine asks too slowly to be bounded")
    assert hub.request("GET", "/api/v1/exceptions").status == 200
    time.sleep(1.1)
    assert greedy.request("GET", "/api/v1/exceptions").status == 200


# Answers.

def questions():
    """The paths of all GET that are lists or documents: what is said twice is then the same."""
    with open(os.path.join(kit.TOP, "src", "serve", "route.def"), encoding="utf-8") as f:
        paths = re.findall(r'^X\(\w+, "GET", "([^"{]+)"', f.read(), re.M)
    more = {"/api/v1/who-runs": "?query=shop/web:1", "/api/v1/timeline": "?workload=once/web",
            "/api/v1/difference": "?image=DIGEST&against=DIGEST", "/api/v1/others": "?image=DIGEST"}
    return [p + more.get(p, "") for p in paths if p not in ("/metrics", "/api/v1/changes")]


@pytest.fixture(scope="module")
def settled(hub, image):
    """Something in every list, and nothing that moves."""
    node = Source(hub, "settled", cluster="once")
    node.send(node.began("a" * 64, image.name, image.digests, "web", "once"),
              node.declared("CronJob/night", [(image.name, image.digests)], "once", replicas=0),
              node.tag(image.name, image.digests[0]), node.seen("other/unread:1", ["sha256:" + "9" * 64]))
    hub.post("/api/v1/exceptions", {"advisory": "CVE-2026-5999", "purl": "pkg:npm/x@1.0.0", "owner": "o",
                                    "reason": "r", "until": "2099-01-01T00:00:00Z"})
    wait_for(lambda: hub.alerts(advisory="CVE-2026-5000"), 30)
    return hub


@pytest.mark.parametrize("path", questions() + ["/api/v1/images/DIGEST", "/api/v1/alerts/ID"])
def test_what_has_not_changed_is_not_sent(settled, image, path):
    """R30: ETag and 304, on every list, whatever the moment of asking"""
    hub = settled
    path = path.replace("DIGEST", image.digests[0]).replace("ID", "%d" % hub.alerts()[0]["id"])
    first = hub.request("GET", path)
    assert first.status == 200 and first.headers["ETag"].startswith('W/"'), first
    assert first.headers["Vary"] == "Accept-Encoding" and first.headers["Cache-Control"] == "no-cache"
    time.sleep(0.005)
    for tags in ("%s", '"0", %s', '"a,b" , %s', "%s".replace("W/", ""), "*"):
        again = hub.request("GET", path, headers={"If-None-Match": tags.replace("%s", first.headers["ETag"])})
        assert again.status == 304 and again.body == b"", "as_of makes each answer another one"
        for name in ("ETag", "Vary", "Cache-Control"):
            assert again.headers[name] == first.headers[name]
    for tags in ('"0"', 'W/"0"', first.headers["ETag"][:-2] + '"', ""):
        assert hub.request("GET", path, headers={"If-None-Match": tags}).status == 200, tags
    head = hub.request("HEAD", path)
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", first.headers["ETag"])


def test_what_has_changed_is_sent(settled, image, node):
    """R30: a tag is another one as soon as the list is"""
    path = "/api/v1/who-runs?query=shop/web:1&node=" + node.node
    tags = set()
    for i in range(3):
        answer = settled.request("GET", path)
        tags.add(answer.headers["ETag"])
        old = {"If-None-Match": answer.headers["ETag"]}
        assert settled.request("GET", path, headers=old).status == 304
        node.send(node.began("%064x" % i, image.name, image.digests))
        again = settled.request("GET", path, headers=old)
        assert again.status == 200 and len(again.json["items"]) == i + 1
    assert len(tags) == 3


def test_answers_are_packed(settled, image, node):
    """R30: gzip where the caller takes it and it pays, the same bytes, and the same tag"""
    hub = settled
    node.send(*[node.began("%064x" % i, image.name, image.digests) for i in range(200)])
    path = "/api/v1/who-runs?query=shop/web:1&limit=1000"
    for path in ("/api/v1/openapi.json", path):
        plain = hub.request("GET", path)
        assert plain.headers["Content-Encoding"] is None
        for takes in ("gzip", "br, gzip;q=0.5", "*", "x-gzip, identity"):
            packed = hub.request("GET", path, headers={"Accept-Encoding": takes})
            assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] == "Accept-Encoding"
            body = json.loads(zlib.decompress(packed.body, 31))
            assert dict(body, as_of=None) == dict(plain.json, as_of=None)
            assert packed.headers["ETag"] == plain.headers["ETag"]
            assert int(packed.headers["Content-Length"]) == len(packed.body) < len(plain.body) // 4
        for takes in ("", "br", "gzip;q=0", "identity, *;q=0", "gzip;q=0.0, *"):
            answer = hub.request("GET", path, headers={"Accept-Encoding": takes})
            assert answer.headers["Content-Encoding"] is None and len(answer.body) == len(plain.body), takes
        again = hub.request("GET", path, headers={"Accept-Encoding": "gzip", "If-None-Match": plain.headers["ETag"]})
        assert again.status == 304 and again.headers["Content-Encoding"] is None
    short = hub.request("GET", "/healthz", headers={"Accept-Encoding": "gzip"})
    assert short.headers["Content-Encoding"] is None and short.headers["Vary"] == "Accept-Encoding"
    refused = hub.request("GET", "/api/v1/images?limit=x", headers={"Accept-Encoding": "gzip"})
    assert refused.status == 400 and refused.headers["ETag"] is None


def test_methods(hub):
    """R30: 405 says which methods there are; HEAD is answered as GET, without a body"""
    for method, path, allowed in (("DELETE", "/api/v1/images", "GET, HEAD"), ("PUT", "/api/v1/tokens", "GET, HEAD, POST"),
                                  ("GET", "/api/v1/events", "POST"), ("OPTIONS", "/api/v1/alerts/1", "GET, HEAD, POST")):
        answer = hub.request(method, path, b"x" * 100 if method == "PUT" else None)
        assert answer.status == 405 and answer.headers["Allow"] == allowed, answer
    assert hub.request("HEAD", "/api/v1/nothing").status == 404
    assert hub.request("POST", "/api/v1/nothing", b"x" * 100).status == 404
    stream = hub.request("HEAD", "/api/v1/changes")
    assert stream.status == 200 and stream.headers["Content-Type"].startswith("text/event-stream")


class Stream:
    """Server-sent events as they come."""

    def __init__(self, hub, after=None, header=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
        headers = {"Authorization": "Bearer " + hub.token, "Accept": "text/event-stream"}
        if header is not None:
            headers["Last-Event-ID"] = str(header)
        self.connection.request("GET", "/api/v1/changes" + ("?after=%d" % after if after is not None else ""),
                                headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.headers["Content-Type"].startswith("text/event-stream")
        self.got = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        event = {}
        try:
            for line in self.answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name in ("id", "event", "data"):
                    event[name] = value
                elif not line.strip() and event:
                    self.got.append((int(event["id"]), event.get("event"), json.loads(event["data"])))
                    event = {}
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass

    def close(self):
        self.connection.sock.shutdown(socket.SHUT_RDWR)


def test_stream_of_changes(hub, node, image):
    """R32: changes come in the order of their numbers, none twice, and go on after the last that was seen"""
    stream = Stream(hub)
    for i in range(20):
        node.send(node.began("%064x" % i, image.name, image.digests))
    wait_for(lambda: len([g for g in stream.got if node.name in json.dumps(g[2])]) >= 20, 10)
    numbers = [g[0] for g in stream.got]
    assert numbers == sorted(set(numbers))
    stream.close()
    for how in ({"after": numbers[-5]}, {"header": numbers[-5]}):
        later = Stream(hub, **how)
        wait_for(lambda s=later: len(s.got) >= 4, 10)
        assert [g[0] for g in later.got[:4]] == numbers[-4:]
        later.close()


def test_metrics(hub, node, image):
    """R30: /metrics is text that Prometheus reads, and its series do not grow with the fleet"""
    before = hub.metrics()
    node.send(*[node.began("%064x" % i, image.name, image.digests) for i in range(50)])
    after = hub.metrics()
    assert set(before) == set(after)
    assert after["rummage_uses"] - before["rummage_uses"] == 50
    assert after["rummage_events_total"] - before["rummage_events_total"] == 50
    grown = after['rummage_memory_bytes{part="uses"}'] - before['rummage_memory_bytes{part="uses"}']
    assert 50 * 96 <= grown < 50 * 400, grown
    text = hub.request("GET", "/metrics").body.decode()
    described, typed = set(), set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            described.add(line.split()[2])
        elif line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            assert kind in ("gauge", "counter") and (kind == "counter") == name.endswith("_total")
            typed.add(name)
        else:
            assert re.fullmatch(r"[a-z_]+(\{part=\"[a-z]+\"\})? -?[0-9.e+-]+", line), line
            assert line.split()[0].split("{")[0] in described & typed
    promtool = subprocess.run(["sh", "-c", "command -v promtool"], capture_output=True, check=False)
    if promtool.returncode == 0:
        said = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True,
                              check=False)
        assert b"error" not in said.stderr.lower(), said.stderr


def test_health_and_readiness(tmp_path):
    """R39: alive from the start, ready once there is a database"""
    feeds = tmp_path / "feeds"
    os.makedirs(feeds / "osv" / "npm")
    hub = Hub(tmp_path / "hub", feeds=feeds)
    try:
        hub.start(ready=False)
        answer = hub.request("GET", "/readyz")
        assert answer.status == 503 and "error" in answer.json
        write_record(feeds, "CVE-2026-5001", "x", "1.0.0")
        hub.wait(15)
        assert hub.get("/readyz")["leader"] in (True, False)
    finally:
        hub.kill()


def test_document(hub):
    """R30: the OpenAPI document is valid, and says which paths there are"""
    document = hub.get("/api/v1/openapi.json")
    with open(os.path.join(kit.TOP, "src", "serve", "route.def"), encoding="utf-8") as f:
        table = set(re.findall(r'^X\(\w+, "(\w+)", "([^"]+)"', f.read(), re.M))
    said = {(method.upper(), path) for path, of in document["paths"].items() for method in of}
    assert said == table
    names = [of["operationId"] for path in document["paths"].values() for of in path.values()]
    assert len(names) == len(set(names))
    for path, of in document["paths"].items():
        for operation in of.values():
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            done = "202" if operation["operationId"] == "hooks" else "200"
            assert declared == set(re.findall(r"\{(\w+)\}", path)) and done in operation["responses"]
            said = operation["responses"][done]["content"].get("application/json")
            asked = operation.get("requestBody", {}).get("content", {}).get("application/json")
            for content in (said, asked):  # src/serve/shape.def has a row for it
                assert content is None or content["schema"]["type"] == "object", path
    try:
        from openapi_spec_validator import validate_spec
    except ImportError:
        return
    validate_spec(document)


def schemathesis():
    home = os.path.join(kit.CACHE_HOME, "rummage", "schemathesis", "bin", "schemathesis")
    found = os.environ.get("RUMMAGE_SCHEMATHESIS") or shutil.which("schemathesis") or home
    if not os.path.exists(found):
        pytest.skip("no schemathesis; docs/HACKING.md says where it comes from")
    return found


@pytest.mark.slow
def test_fuzz_document_against_what_is_done(hub, image, tmp_path):
    """R39: the API, fuzzed from its own document by schemathesis, answers as the document says"""
    # Not the stream, which has no end, nor the end of the token that it comes with: it learns names from answers.
    node = Source(hub, "fuzzed")
    node.send(node.began("1" * 64, image.name, image.digests, "Deployment/web"), node.tag(image.name, image.manifest),
              node.declared("CronJob/season", [(image.name, image.digests)]))
    hub.post("/api/v1/exceptions", {"owner": "me", "reason": "it is", "advisory": "CVE-2026-5000",
                                    "until": rfc3339(time.time() + 86400), "purl": "pkg:npm/other"})
    known = {"digest": image.digests, "image": image.digests + [image.name], "ref": [image.name],
             "workload": ["web", "Deployment/web", "shop/CronJob/season"], "namespace": ["shop"], "cluster": ["c1"],
             "query": ["CVE-2026-5000", "pkg:npm/old-core", "old-core@1.0.0", "/srv/bin/tool", image.name,
                       image.manifest],
             "state": ["open", "firing", "resolved", "waiting"], "id": [a["id"] for a in hub.alerts()] or [1]}
    (tmp_path / "known.json").write_text(json.dumps(known))
    checks = ("not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
              "response_headers_conformance")
    # A line of events that is wrong is refused by its number, and the others are taken.
    for which, more in (("--exclude-path", ",negative_data_rejection"), ("--include-path", "")):
        done = subprocess.run(
            [schemathesis(), "run", "http://127.0.0.1:%d/api/v1/openapi.json" % hub.port, "--url",
             "http://127.0.0.1:%d" % hub.port, "-H", "Authorization: Bearer " + hub.token, which, "/api/v1/events",
             "--exclude-path", "/api/v1/changes", "--exclude-path", "/api/v1/tokens/{name}", "--checks", checks + more,
             "--max-examples", os.environ.get("RUMMAGE_FUZZ_EXAMPLES", "60"), "--phases",
             "examples,coverage,fuzzing", "--rate-limit", "150/s", "--suppress-health-check", "all"],
            capture_output=True, text=True, timeout=1500, check=False, cwd=tmp_path,
            env=dict(os.environ, SCHEMATHESIS_HOOKS="fuzz_hooks", FUZZ_KNOWN=str(tmp_path / "known.json"),
                     PYTHONPATH=os.path.dirname(os.path.abspath(__file__))))
        assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]
    assert hub.get("/healthz")


# Coming and going.

def test_term_drains(tmp_path, image):
    """R39: at SIGTERM what was begun is ended and what was taken is on disk; exit code 0"""
    feeds = tmp_path / "feeds"
    write_record(feeds, "CVE-2026-5000", "old-core", "2.0.0")
    hub = Hub(tmp_path / "hub", feeds=feeds).start()
    try:
        image.put(hub)
        node, acknowledged, over = Source(hub, "node-1"), [0], threading.Event()

        def tell():
            try:
                while True:
                    node.send(*[node.began("%064x" % (node.seq + 1), image.name, image.digests)
                                for _ in range(20)])
                    acknowledged[0] = node.seq
            except (OSError, http.client.HTTPException, AssertionError):
                over.set()

        threading.Thread(target=tell, daemon=True).start()
        wait_for(lambda: acknowledged[0] > 200, 10)
        assert hub.stop() == 0
        assert over.wait(10)
        told = acknowledged[0]
        hub.start()
        found = {int(i["container"], 16) for i in hub.who_runs(image.name)}
        assert found >= set(range(1, told + 1)) and len(found) - told in (0, 20)
    finally:
        hub.kill()


def test_two_hubs_of_one_store(tmp_path):
    """R39: a second hub on an SQLite store that is in use does not start, or does no harm"""
    feeds = tmp_path / "feeds"
    write_record(feeds, "CVE-2026-5000", "old-core", "2.0.0")
    with Hub(tmp_path / "hub", feeds=feeds) as first:
        second = Hub(tmp_path / "hub2", feeds=feeds, store="sqlite:" + os.path.join(first.state, "hub.db"))
        try:
            second.start()
        except AssertionError:
            assert second.child.poll() == 1 and second.said()
        finally:
            second.kill()
        assert first.get("/readyz")["leader"] is True


def test_a_slow_sink_holds_up_no_other(tmp_path):
    """R32: a sink that hangs or refuses keeps only its own messages; they come once it takes them again"""
    feeds = tmp_path / "feeds"
    write_record(feeds, "CVE-2026-5002", "other", "2.0.0")
    good, bad = Receiver(), Receiver()
    bad.status = 500
    config = tmp_path / "hub.yaml"
    config.write_text("sinks:\n  good:\n    kind: webhook\n    url: %s\n  bad:\n    kind: webhook\n    url: %s\n"
                      % (good.url, bad.url))
    try:
        with Hub(tmp_path / "hub", feeds=feeds, config=config) as hub:
            advisory = fire(hub, feeds, Source(hub, "node-1"), 1)
            good.wait(5, advisory=advisory)
            wait_for(lambda: bad.tried, 5)
            waiting = wait_for(lambda: [w for w in hub.items("/api/v1/outbox", state="waiting") if w["error"]], 5)
            assert [w["sink"] for w in waiting] == ["bad"] and "500" in waiting[0]["error"], waiting
            bad.status = 200
            bad.wait(20, advisory=advisory)
            assert len(good.messages()) == 1
    finally:
        good.close()
        bad.close()


def test_what_is_on_its_way_is_sent_once(tmp_path, receiver):  # noqa: F811
    """R32 R39: at SIGTERM a sink that takes its time is let take what it has begun to: it is not told again"""
    feeds = tmp_path / "feeds"
    write_record(feeds, "CVE-2026-5002", "other", "2.0.0")
    receiver.pause_s = 1.5
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url) as hub:
        fire(hub, feeds, Source(hub, "node-1"), 1)
        wait_for(lambda: receiver.tried)
        assert hub.stop() == 0
        hub.start()
        wait_for(lambda: hub.items("/api/v1/outbox", state="sent"), said=hub.said)
        assert receiver.tried == 1


def test_dead_letters(tmp_path, receiver):  # noqa: F811
    """R32: what a sink refuses for good is kept, shown, and sent again when somebody asks"""
    feeds = tmp_path / "feeds"
    write_record(feeds, "CVE-2026-5002", "other", "2.0.0")
    receiver.status = 400
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url) as hub:
        advisory = fire(hub, feeds, Source(hub, "node-1"), 1)
        dead = wait_for(lambda: hub.items("/api/v1/outbox", state="dead"), 10)
        wait_for(lambda: hub.metrics()["rummage_outbox_dead"] == 1, 5)
        receiver.status = 200
        hub.post("/api/v1/outbox/%d" % dead[0]["id"], {})
        receiver.wait(10, advisory=advisory)
        wait_for(lambda: not hub.items("/api/v1/outbox"), 5)
