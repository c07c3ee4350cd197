# SPDX-License-Identifier: Apache-2.0
"""An agent of the tests' own, as hubkit.py has hubs: started, killed, asked to end."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import kit
from hubkit import Hub, wait_for

CLUSTER, NODE = "blue", "node-a"


class Agent:
    """rummage node, told where its hub is. Its state stays in folder. token: text, None for one that is
    made for it, False for none."""

    def __init__(self, folder, hub, *args, node=NODE, cluster=CLUSTER, token=None, env=None, eager=True):
        self.folder, self.hub, self.env = str(folder), hub, env or {}
        self.args = list(args) + (["--eager"] if eager else [])
        self.node, self.cluster = node, cluster
        self.state, self.log = os.path.join(self.folder, "state"), os.path.join(self.folder, "node.log")
        self.token_file = os.path.join(self.folder, "token")
        os.makedirs(self.folder, exist_ok=True)
        self.who = [] if token is False else ["--token-file", self.token_file]
        if self.who:
            self.token(token or hub.make_token("agent-" + node, "agent", cluster=cluster, node=node).token)
        self.url = "%s://127.0.0.1:%d" % (hub.scheme, hub.port)
        self.child = None

    def token(self, text):
        with open(self.token_file, "w", encoding="ascii") as f:
            f.write(text + "\n")

    def command(self):
        return [kit.program("rummage"), "node", "--hub", self.url, *self.who, "--state-dir", self.state, "--node", self.node, "--cluster", self.cluster,
                *[str(a) for a in self.args]]

    def start(self):
        environment = dict(os.environ, NO_COLOR="1", LC_ALL="C.UTF-8",
                           XDG_CACHE_HOME=os.path.join(self.folder, "cache"), XDG_RUNTIME_DIR="")
        environment.update(self.env)
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=environment, start_new_session=True)
        return self

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-3000:]

    def wait_said(self, text, seconds=30):
        wait_for(lambda: text in self.said(), seconds, 0.02, self.said)

    def kill(self):
        """As if the power went: the agent and its workers."""
        if self.child and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()

    def stop(self, seconds=30):
        """SIGTERM; its exit code."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.child.returncode

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


class Machine:
    """A hub, and what looks at an engine for it: the hub itself, or an agent ("node"). args: of both."""

    def __init__(self, folder, through, *args, **hub):
        own = through == "hub"
        self.hub = Hub(os.path.join(str(folder), "hub"), args=args if own else (), **hub)
        self.agent, self.folder, self.args = None, str(folder), args
        if not own:
            self.hub.start()
            self.agent = Agent(os.path.join(self.folder, "node"), self.hub, *args, node="test-node",
                               cluster="default")

    def start(self):
        (self.agent or self.hub).start()
        return self

    def stop(self):
        """Who looks, and no other."""
        (self.agent or self.hub).stop()

    def kill(self):
        (self.agent or self.hub).kill()

    def said(self):
        return "%s\n%s" % (self.hub.said(), self.agent.said() if self.agent else "")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        self.hub.kill()


class Cut:
    """A socket that leads to an engine's, until it is cut: then every connection through it ends."""

    def __init__(self, path, to):
        self.path, self.to, self.open, self.lock = str(path), to, [], threading.Lock()
        self.away = False
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.away:
                near.close()
                continue
            far = socket.socket(socket.AF_UNIX)
            far.connect(self.to)
            with self.lock:
                self.open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        with self.lock:
            ends, self.open = self.open, []
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def stop(self):
        """Nobody is there, until go_on()."""
        self.away = True
        self.cut()

    def go_on(self):
        self.away = False

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()


def disturb(load, count, cut, agent, hub, away_s):
    """What happens while count containers come and go: the stream is cut three times, the agent killed twice, the
    hub away for away_s. When each of it was."""
    times = []
    for part, what in ((0.1, "cut"), (0.2, "kill"), (0.35, "away"), (0.5, "cut"), (0.6, "kill"), (0.7, "back"),
                       (0.85, "cut")):
        wait_for(lambda: load.failed or load.done() >= count * part, 600, 0.02)  # pylint: disable=cell-var-from-loop
        times.append((what, time.time()))
        if what == "cut":
            cut.cut()
        elif what == "kill":
            agent.kill()
            agent.start()
        elif what == "away":
            hub.kill()
        else:
            time.sleep(max(0, away_s - (time.time() - dict(times)["away"])))
            hub.start()
    return times


class Engine:
    """A Docker engine's API, without the client's own time. One thread."""

    def __init__(self, path):
        self.http = http.client.HTTPConnection("engine", timeout=120)
        self.http.sock = socket.socket(socket.AF_UNIX)
        self.http.sock.connect(path)

    def call(self, method, path, body=None):
        self.http.request(method, path, json.dumps(body) if body is not None else None,
                          {"Content-Type": "application/json"})
        answer = self.http.getresponse()
        data = answer.read()
        assert answer.status < 300, (method, path, answer.status, data)
        return json.loads(data) if data else None

    def start(self, image, name, remove=False):
        made = self.call("POST", "/containers/create?name=" + name,
                         {"Image": image, "NetworkDisabled": True, "HostConfig": {"AutoRemove": remove}})
        self.call("POST", "/containers/%s/start" % made["Id"])
        return made["Id"]

    def kill(self, container):
        self.call("POST", "/containers/%s/kill" % container)


class TlsHub(Hub):
    """A hub that speaks TLS, and whom its tests believe."""

    scheme = "https"

    def connection(self):
        if getattr(self.local, "it", None) is None:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.local.it = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)
        return self.local.it


def fingerprint(path):
    out = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-sha256", "-fingerprint"],
                         check=True, capture_output=True, text=True).stdout
    return "SHA256:" + out.strip().partition("=")[2]
