# SPDX-License-Identifier: Apache-2.0
"""A hub of the tests' own: started, asked, told events, killed; and who receives its messages.

    with Hub(folder, feeds=feeds, sink=receiver.url) as hub:
        node = Source(hub, "node-1")
        node.send(node.began("c1", ref="app:1", digests=[digest]))
        hub.items("/api/v1/who-runs", query="CVE-2026-0001")

As a program, `hubkit.py receive PORT FILE` takes CloudEvents and writes each to FILE before it
answers, so that it can be killed and nothing that it took is forgotten.
"""

import gzip
import http.client
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from urllib.parse import quote, urlencode

import pytest

import kit
from registries import free_port

STATE = "admin.token"
# The hub closes a connection that says nothing for 15 s; what is written then would be lost with it.
IDLE_S = 10


# How long something takes is measured by `make bench`. That it comes by its own event, and not by the next round of
# asking, shows within SOON seconds also where other tests keep the machine busy; what has to come at all is waited for
# as long as PATIENCE at least.
SOON, PATIENCE = 10, 30


def wait_for(what, seconds=PATIENCE, pause=0.01, said="it did not come"):
    """What what() gives once it is true."""
    seconds = max(seconds, PATIENCE)
    return within(what, seconds, pause, said)


def within(what, seconds, pause=0.01, said="it did not come"):
    """The same, and no later than in so many."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < end, "%s within %g s" % (said() if callable(said) else said, seconds)
        time.sleep(pause)


def rfc3339(seconds=None):
    at = datetime.fromtimestamp(time.time() if seconds is None else seconds, timezone.utc)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def have_hub():
    return kit.run("help", "hub", timeout=20).code == 0


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "<%d %s>" % (self.status, self.body[:300])


class Refused(AssertionError):
    def __init__(self, answer, what):
        super().__init__("%s: %r" % (what, answer))
        self.answer = answer


class Client:
    """A caller with a token; one connection a thread. tls: an ssl.SSLContext; source: the address that it
    calls from."""

    scheme = "http"

    def __init__(self, port, token=None, timeout=60, tls=None, source=None):
        self.port, self.token, self.timeout, self.tls, self.source = port, token, timeout, tls, source
        self.local = threading.local()

    def connection(self):
        if getattr(self.local, "it", None) is None:
            how = {"timeout": self.timeout, "source_address": (self.source, 0) if self.source else None}
            self.local.it = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, **how) \
                if self.tls else http.client.HTTPConnection("127.0.0.1", self.port, **how)
        return self.local.it

    def forget(self):
        if getattr(self.local, "it", None) is not None:
            self.local.it.close()
        self.local.it = None

    def request(self, method, path, body=None, headers=None, **query):
        """An Answer, whatever the status; OSError where there is nobody."""
        if query:
            path += "?" + urlencode({k: v for k, v in query.items() if v is not None})
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", "Bearer " + self.token)
        if time.monotonic() - getattr(self.local, "used", 0) > IDLE_S:
            self.forget()
        for again in (True, False):
            try:
                self.connection().request(method, path, body, headers)
                answer = self.connection().getresponse()
                self.local.used = time.monotonic()
                return Answer(answer.status, answer.headers, answer.read())
            except (http.client.HTTPException, OSError):
                self.forget()
                # A hub that was started again has closed it; what writes is not sent twice on
                # that account alone.
                if not again or method != "GET":
                    raise
        return None

    def call(self, method, path, body=None, headers=None, **query):
        while True:
            answer = self.request(method, path, body, headers, **query)
            if answer.status != 429:
                break
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        if answer.status // 100 != 2:
            raise Refused(answer, "%s %s" % (method, path))
        return answer.json if answer.body else None

    def get(self, path, **query):
        return self.call("GET", path, **query)

    def post(self, path, what):
        return self.call("POST", path, json.dumps(what).encode())

    def put(self, path, what):
        body = what if isinstance(what, bytes) else json.dumps(what).encode()
        return self.call("PUT", path, body)

    def delete(self, path):
        return self.call("DELETE", path)

    def pages(self, path, **query):
        query.setdefault("limit", 1000)
        while True:
            page = self.get(path, **query)
            yield page
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def items(self, path, **query):
        """All items, of every page."""
        return [item for page in self.pages(path, **query) for item in page["items"]]

    def who_runs(self, query, **more):
        return self.items("/api/v1/who-runs", query=query, **more)

    def alerts(self, **query):
        return self.items("/api/v1/alerts", **query)

    def alert_of(self, advisory, **query):
        """The one alert of an advisory, with its log and uses; None where there is none."""
        found = self.alerts(advisory=advisory, **query)
        assert len(found) <= 1, found
        return self.get("/api/v1/alerts/%d" % found[0]["id"]) if found else None

    def events(self, lines, packed=False):
        """lines: dicts, or NDJSON as bytes."""
        if not isinstance(lines, bytes):
            lines = b"".join(json.dumps(e).encode() + b"\n" for e in lines)
        headers = {"Content-Type": "application/x-ndjson"}
        if packed:
            lines, headers["Content-Encoding"] = gzip.compress(lines, 1), "gzip"
        return self.call("POST", "/api/v1/events", lines, headers)

    def metrics(self):
        text = self.request("GET", "/metrics").body.decode()
        rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
        return {row[0]: float(row[1]) for row in rows}


class Clock:
    """The hub's clock is the machine's and what this file says."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "clock")
        self.offset_ms = 0
        self.move()

    def move(self, days=0.0, seconds=0.0):
        self.offset_ms += int(days * 86400000 + seconds * 1000)
        with open(self.path + ".new", "w", encoding="ascii") as f:
            f.write("%d\n" % self.offset_ms)
        os.replace(self.path + ".new", self.path)

    def now(self):
        return time.time() + self.offset_ms / 1000


class Hub(Client):
    """Started by `with` or start(); its state stays in folder until the test's own end."""

    def __init__(self, folder, store=None, feeds=None, sink=None, config=None, policy=None, db=None,
                 clock=None, args=(), port=None, path=None, env=None, settings=""):
        super().__init__(port or free_port())
        self.folder = str(folder)
        self.state = os.path.join(self.folder, "state")
        self.store, self.feeds, self.sink, self.policy, self.db = store, feeds, sink, policy, db
        self.clock, self.args, self.path, self.env = clock, list(args), path, env or {}
        self.config = config
        self.log = os.path.join(self.folder, "hub.log")
        self.child = None
        os.makedirs(self.folder, exist_ok=True)
        if sink:
            self.config = os.path.join(self.folder, "hub.yaml")
            with open(self.config, "w", encoding="ascii") as f:
                f.write("%ssinks:\n  hook:\n    kind: webhook\n    url: %s\n" % (settings, sink))

    def command(self):
        line = [self.path or kit.program("rummage"), "hub", "--state-dir", self.state,
                "--listen", "127.0.0.1:%d" % self.port, "--node", "test-node"]
        for option, value in (("--store", self.store), ("--feed-dir", self.feeds), ("--db", self.db),
                              ("--hub-config", self.config), ("--policy", self.policy)):
            if value:
                line += [option, str(value)]
        return line + [str(a) for a in self.args]

    def start(self, ready=True, seconds=60):
        environment = dict(os.environ, NO_COLOR="1", LC_ALL="C.UTF-8",
                           XDG_CACHE_HOME=os.path.join(self.folder, "cache"))
        if self.clock:
            environment["RUMMAGE_TEST_CLOCK"] = self.clock.path
        environment.update(self.env)
        self.forget()
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=environment, start_new_session=True)
        self.wait(seconds, "/readyz" if ready else "/healthz")
        token = os.path.join(self.state, STATE)
        if self.token is None and os.path.exists(token):
            with open(token, encoding="ascii") as f:
                self.token = f.read().strip()
        return self

    def wait(self, seconds=60, path="/readyz"):
        def answers():
            assert self.child.poll() is None, "the hub ended with %d: %s" % (self.child.poll(), self.said())
            try:
                return self.request("GET", path).status == 200
            except (OSError, http.client.HTTPException):
                return False

        wait_for(answers, seconds, said=lambda: "the hub is not ready: " + self.said())

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-3000:]

    def kill(self):
        """As if the power went: the hub and its workers."""
        if self.child and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
        self.forget()

    def stop(self, seconds=30):
        """SIGTERM; its exit code."""
        self.forget()
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.child.returncode

    def restart(self, **how):
        self.stop()
        return self.start(**how)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    def make_token(self, name, role, **place):
        made = self.post("/api/v1/tokens", dict({"name": name, "role": role}, **place))
        return Client(self.port, made["token"], tls=self.tls)

    def memory_bytes(self):
        """Proportional set size of the hub's own process."""
        with open("/proc/%d/smaps_rollup" % self.child.pid, encoding="ascii") as f:
            return sum(int(line.split()[1]) for line in f if line.startswith("Pss:")) * 1024

    def peak_bytes(self):
        with open("/proc/%d/status" % self.child.pid, encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) * 1024


class Source:
    """A watcher: makes events in order. `again()` is one that lost its memory and starts over."""

    def __init__(self, hub, node, cluster="c1", runtime="docker", name=None, epoch=1):
        self.hub, self.node, self.cluster, self.runtime = hub, node, cluster, runtime
        self.name = name or node + "/" + runtime
        self.epoch, self.seq, self.clock = epoch, 0, None

    def event(self, kind, at=None, **more):
        self.seq += 1
        now = self.clock.now() if self.clock else None
        return dict({"type": kind, "source": self.name, "epoch": self.epoch, "seq": self.seq,
                     "at": rfc3339(now if at is None else at), "cluster": self.cluster,
                     "node": self.node}, **more)

    @staticmethod
    def image(ref, digests):
        return {k: v for k, v in (("ref", ref), ("digests", list(digests))) if v}

    def began(self, container, ref="", digests=(), workload=None, namespace="shop", **more):
        if workload:
            kind, _, name = workload.rpartition("/")
            more["workload"] = {"kind": kind or "Deployment", "name": name}
        return self.event("use.began", container=container, name="main", namespace=namespace,
                          runtime=self.runtime, image=self.image(ref, digests), **more)

    def ended(self, container, **more):
        return self.event("use.ended", container=container, **more)

    def seen(self, ref="", digests=()):
        return self.event("image.seen", image=self.image(ref, digests))

    def tag(self, ref, digest):
        return self.event("tag.resolved", image=self.image(ref, [digest]))

    def declared(self, workload, images, namespace="shop", **more):
        kind, _, name = workload.rpartition("/")
        return self.event("workload.declared", namespace=namespace,
                          workload={"kind": kind or "Deployment", "name": name},
                          images=[self.image(*i) for i in images], **more)

    def snapshot(self, *events):
        """The events of everything that is there; each is a function that makes one."""
        yield self.event("snapshot.began")
        for make in events:
            yield make()
        yield self.event("snapshot.ended")

    def again(self):
        self.epoch, self.seq = self.epoch + 1, 0

    def send(self, *events):
        return self.hub.events(list(events))


class Message:
    def __init__(self, line):
        self.at, self.id, self.event = line["at"], line["id"], line["event"]
        self.data = self.event["data"]
        self.kind = self.event["type"].rpartition(".")[2]
        self.items = self.data["items"]

    def item(self, rule):
        return next(i for i in self.items if i.get("rule") == rule)

    def advisories(self):
        return {i.get("advisory", "") for i in self.items}

    def __repr__(self):
        return "<%s %s: %s>" % (self.kind, self.id, self.data.get("title"))


class Taker(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        at = time.time()
        status = self.server.take(at, self.headers, body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Receiver(http.server.ThreadingHTTPServer):
    """Who is told: a webhook that keeps what came, and when. It can be slow, or refuse."""

    daemon_threads = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Taker)
        self.url = "http://127.0.0.1:%d/hook" % self.server_address[1]
        self.lines, self.status, self.pause_s, self.tried = [], 200, 0, 0
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, at, headers, body):
        self.tried += 1
        if self.pause_s:
            time.sleep(self.pause_s)
        if self.status // 100 == 2:
            with self.lock:
                self.lines.append({"at": at, "id": headers["webhook-id"], "event": json.loads(body)})
        return self.status

    def messages(self, kind=None, advisory=None, rule=None):
        with self.lock:
            found = [Message(line) for line in self.lines]
        return [m for m in found if kind in (None, m.kind)
                and (advisory is None or advisory in m.advisories())
                and (rule is None or any(i.get("rule") == rule for i in m.items))]

    def wait(self, seconds=10, **which):
        """The first message of which; waits for it."""
        found = wait_for(lambda: self.messages(**which), seconds, pause=0.005,
                         said=lambda: "no message %r; there are %r" % (which, self.messages()))
        return found[0]

    def close(self):
        self.shutdown()
        self.server_close()


class FileReceiver(Receiver):
    """Writes down what it takes before it answers."""

    def __init__(self, port, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        super().__init__(port)

    def take(self, at, headers, body):
        line = {"at": at, "id": headers["webhook-id"], "event": json.loads(body)}
        os.write(self.file, json.dumps(line).encode() + b"\n")
        return 200


class ReceiverProcess:
    """A receiver that can be killed."""

    def __init__(self, folder):
        self.path, self.port = os.path.join(str(folder), "received"), free_port()
        self.url = "http://127.0.0.1:%d/hook" % self.port
        self.child = None
        self.start()

    def start(self):
        self.child = subprocess.Popen([sys.executable, os.path.abspath(__file__), "receive",
                                       str(self.port), self.path], stdin=subprocess.DEVNULL)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def restart(self):
        self.kill()
        self.start()

    def messages(self):
        try:
            with open(self.path, encoding="utf-8") as f:
                lines = f.read().split("\n")
        except FileNotFoundError:
            return []
        return [Message(json.loads(line)) for line in lines if line.endswith("}")]


@pytest.fixture(scope="session")
def with_hub(rummage):
    """Skips where the program was built without the hub."""
    if not have_hub():
        pytest.skip("this program has no hub")
    return rummage


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sink():
    """A receiver for as long as the hub of a module's tests."""
    made = Receiver()
    yield made
    made.close()


def main():
    if sys.argv[1:2] != ["receive"] or len(sys.argv) != 4:
        sys.exit(__doc__)
    FileReceiver(int(sys.argv[2]), sys.argv[3])
    signal.pause()


if __name__ == "__main__":
    main()


__all__ = ["Clock", "Client", "Hub", "Receiver", "ReceiverProcess", "Refused", "Source", "quote",
           "receiver", "rfc3339", "sink", "wait_for", "with_hub"]
