# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes control plane of the tests' own on loopback: etcd, kube-apiserver and, where it is asked for,
kube-controller-manager; nodes that do as kubelets do, without containers; and a front that can be closed.

    def test_it(cluster):
        cluster.create("apps/v1", "deployments", "shop", deployment("web", "app:1"))
        Watching("kubernetes", cluster.kubeconfig(token=ADMIN))

The programs are taken from $RUMMAGE_REAL/bin, else from the cache folder that `make check-real` fills; tests
skip, saying so, where they are absent."""

import base64
import contextlib
import copy
import fcntl
import hashlib
import http.client
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from hubkit import wait_for
from registries import free_port

ADMIN, NOBODY = "admin-token", "nobody-token"
VERSION = "1.36.3"
SET = 20  # pods of one Deployment, of those that are filled in
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
# What tools/build-real builds: folder in the cache, version, programs.
BUILT = ((VERSION, VERSION, PROGRAMS + ("kube-scheduler", "kubelet", "kubectl")),
         ("containerd-2.2.9", "2.2.9", ("containerd2", "containerd-shim-runc-v2", "ctr2")),
         ("cri-tools-1.34.0", "1.34.0", ("crictl",)),
         ("helm-3.18.6", "3.18.6", ("helm",)),
         ("kwok-0.8.0", "0.8.0", ("kwok",)))
SLOW = ("kwok",)  # is needed, and built, where RUMMAGE_SLOW=1 alone


def cache(folder=VERSION):
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(home, "rummage-real", folder)


def building():
    """The file that tools/build-real holds a lock of while it builds."""
    return os.path.join(cache(""), "building")


def is_being_built():
    with contextlib.suppress(OSError), open(building(), "rb") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def folder_of_programs(name="kube-apiserver"):
    """Where this one is. Where tests have an end (RUMMAGE_UNTIL), they wait for it while it is being built."""
    until = float(os.environ.get("RUMMAGE_UNTIL") or 0)
    while find(name) is None and time.time() < until and is_being_built():
        time.sleep(1)
    return find(name)


def find(name):
    for where in [os.environ.get("RUMMAGE_REAL")] + [cache(f) for f, _, names in BUILT if name in names]:
        if where and os.path.exists(os.path.join(where, "bin", name)):
            return os.path.join(where, "bin")
    return None


def program(name):
    folder = folder_of_programs(name)
    path = folder and os.path.join(folder, name)
    if not path or not os.access(path, os.X_OK):
        pytest.skip("no %s: RUMMAGE_REAL=DIR says where it is, `make check-real` builds it" % name)
    return path


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(ref):
    """Where no image is meant, what a reference is taken to be."""
    return "sha256:" + sha("image " + ref)


class Certs:
    """An authority, and what it signed."""

    def __init__(self, folder):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", "/CN=authority", "-keyout", self.path("ca.key"), "-out", self.path("ca.crt"))
        self.run("genrsa", "-out", self.path("sa.key"), "2048")
        self.run("rsa", "-in", self.path("sa.key"), "-pubout", "-out", self.path("sa.pub"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *args):
        subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def make(self, name, subject, names="DNS:localhost"):
        with open(self.path(name + ".ext"), "w", encoding="ascii") as f:
            f.write("subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n" % names)
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                 "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        self.run("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path("ca.crt"), "-CAkey",
                 self.path("ca.key"), "-CAcreateserial", "-days", "30", "-extfile", self.path(name + ".ext"),
                 "-out", self.path(name + ".crt"))


class Refused(AssertionError):
    def __init__(self, status, body):
        super().__init__("%d %s" % (status, body[:400]))
        self.status = status


class Cluster:
    def __init__(self, folder, controllers=False):
        self.folder = str(folder)
        self.controllers = controllers
        self.port, self.etcd_port, self.peer_port = free_port(), free_port(), free_port()
        self.certs = Certs(os.path.join(self.folder, "pki"))
        self.certs.make("server", "/CN=kube-apiserver", "IP:127.0.0.1,DNS:localhost")
        self.certs.make("admin", "/O=system:masters/CN=admin")
        self.children, self.nodes, self.serial, self.server_args = {}, [], 0, []
        with open(self.path("tokens.csv"), "w", encoding="ascii") as f:
            f.write('%s,admin,1,"system:masters"\n%s,nobody,2,""\n' % (ADMIN, NOBODY))
        self.tls = ssl.create_default_context(cafile=self.certs.path("ca.crt"))
        self.local = threading.local()

    def path(self, name):
        return os.path.join(self.folder, name)

    # Processes.

    def spawn(self, name, *args, env=None):
        with open(self.path(name + ".log"), "ab") as log:
            self.children[name] = subprocess.Popen(
                [program(name), *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=env)

    def said(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]

    def start_etcd(self):
        own, peer = "http://127.0.0.1:%d" % self.etcd_port, "http://127.0.0.1:%d" % self.peer_port
        self.spawn("etcd", "--name", "one", "--data-dir", self.path("etcd"), "--listen-client-urls", own,
                   "--advertise-client-urls", own, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                   "--initial-cluster", "one=" + peer, "--unsafe-no-fsync",
                   "--quota-backend-bytes", str(4 << 30))
        wait_for(lambda: self.etcd_answers(), 60, 0.1, lambda: self.said("etcd"))

    def etcd_answers(self):
        try:
            return self.etcd("/v3/maintenance/status", {}) is not None
        except OSError:
            return False

    def etcd(self, path, what):
        c = http.client.HTTPConnection("127.0.0.1", self.etcd_port, timeout=60)
        c.request("POST", path, json.dumps(what), {"Content-Type": "application/json"})
        answer = c.getresponse()
        body = answer.read()
        c.close()
        if answer.status != 200:
            raise Refused(answer.status, body.decode())
        return json.loads(body)

    def start_server(self):
        self.spawn("kube-apiserver", "--etcd-servers=http://127.0.0.1:%d" % self.etcd_port, "--bind-address=127.0.0.1",
                   "--secure-port=%d" % self.port, "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
                   "--tls-cert-file=" + self.certs.path("server.crt"),
                   "--tls-private-key-file=" + self.certs.path("server.key"),
                   "--client-ca-file=" + self.certs.path("ca.crt"), "--token-auth-file=" + self.path("tokens.csv"),
                   "--authorization-mode=RBAC", "--service-account-issuer=https://issuer.test",
                   "--service-account-key-file=" + self.certs.path("sa.pub"),
                   "--service-account-signing-key-file=" + self.certs.path("sa.key"),
                   "--service-cluster-ip-range=10.96.0.0/16", "--cert-dir=" + self.path("own"), "--profiling=false",
                   "--disable-admission-plugins=ServiceAccount", *self.server_args)
        wait_for(self.ready, 120, 0.1, lambda: self.said("kube-apiserver"))

    def ready(self):
        try:
            return self.request("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def start_controllers(self):
        self.spawn("kube-controller-manager", "--kubeconfig=" + self.kubeconfig(cert="admin"),
                   "--bind-address=127.0.0.1", "--secure-port=%d" % free_port(), "--leader-elect=false",
                   "--service-account-private-key-file=" + self.certs.path("sa.key"),
                   "--root-ca-file=" + self.certs.path("ca.crt"), "--kube-api-qps=200", "--kube-api-burst=400")

    def stop_one(self, name):
        child = self.children.pop(name, None)
        if child is None:
            return
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def start(self):
        for name in PROGRAMS[:3 if self.controllers else 2]:
            program(name)
        self.start_etcd()
        self.start_server()
        if self.controllers:
            self.start_controllers()
        return self

    def stop(self):
        for node in self.nodes:
            node.close()
        for name in reversed(PROGRAMS):
            self.stop_one(name)

    def restart_server(self):
        self.stop_one("kube-apiserver")
        self.start_server()

    def kill_server(self):
        child = self.children.pop("kube-apiserver")
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    @contextlib.contextmanager
    def another_server(self):
        """A second one of the same cluster, on a port of its own."""
        other = copy.copy(self)
        other.port, other.children, other.nodes, other.local = free_port(), {}, [], threading.local()
        try:
            other.start_server()
            yield other
        finally:
            other.stop_one("kube-apiserver")

    # Questions.

    def connection(self):
        if getattr(self.local, "it", None) is None:
            self.local.it = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.tls)
        return self.local.it

    def request(self, method, path, what=None, kind="application/json"):
        headers = {"Authorization": "Bearer " + ADMIN, "Content-Type": kind}
        for again in (True, False):
            try:
                self.connection().request(method, path, None if what is None else json.dumps(what), headers)
                answer = self.connection().getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError):
                self.connection().close()
                self.local.it = None
                if not again:
                    raise
        return None

    def call(self, method, path, what=None, kind="application/json"):
        status, body = self.request(method, path, what, kind)
        if status // 100 != 2:
            raise Refused(status, body.decode(errors="replace"))
        return json.loads(body)

    @staticmethod
    def at(api, resource, namespace=None, name=None, part=None):
        path = "/api/v1" if api == "v1" else "/apis/" + api
        path += "/namespaces/" + namespace if namespace else ""
        return "/".join([path, resource] + [p for p in (name, part) if p])

    def create(self, api, resource, namespace, what):
        return self.call("POST", self.at(api, resource, namespace), what)

    def get(self, api, resource, namespace=None, name=None):
        return self.call("GET", self.at(api, resource, namespace, name))

    def patch(self, api, resource, namespace, name, what, part=None):
        return self.call("PATCH", self.at(api, resource, namespace, name, part), what,
                         "application/merge-patch+json")

    def delete(self, api, resource, namespace, name):
        return self.call("DELETE", self.at(api, resource, namespace, name) + "?gracePeriodSeconds=0")

    def namespace(self):
        """A new one."""
        self.serial += 1
        name = "ns-%d" % self.serial
        self.create("v1", "namespaces", None, {"metadata": {"name": name}})
        return name

    def account(self, ns, name, role="cluster-admin"):
        """Who may do all, or what a role says, by a token of its own."""
        self.create("v1", "serviceaccounts", ns, {"metadata": {"name": name}})
        self.create("rbac.authorization.k8s.io/v1", "clusterrolebindings", None, {
            "metadata": {"name": "%s-%s" % (ns, name)},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": ns}]})

    def token(self, ns, account, secret):
        """One that is worth nothing any more once its secret is deleted."""
        bound = self.create("v1", "secrets", ns, {"metadata": {"name": secret}})
        made = self.call("POST", self.at("v1", "serviceaccounts", ns, account, "token"), {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"boundObjectRef": {
                "apiVersion": "v1", "kind": "Secret", "name": secret, "uid": bound["metadata"]["uid"]}}})
        return made["status"]["token"]

    def compact(self):
        """The server's memory of what was before is gone, once it is started anew."""
        now = int(self.etcd("/v3/maintenance/status", {})["header"]["revision"])
        self.etcd("/v3/kv/compaction", {"revision": str(now), "physical": True})

    # Who asks.

    def kubeconfig(self, server=None, token=None, token_file=None, cert=None, plugin=None, name=None):
        """A file with one way to log in."""
        cluster = {"server": server or "https://127.0.0.1:%d" % self.port,
                   "certificate-authority": self.certs.path("ca.crt")}
        user = {}
        if token:
            user["token"] = token
        if token_file:
            user["tokenFile"] = str(token_file)
        if cert:
            for key, end in (("client-certificate-data", ".crt"), ("client-key-data", ".key")):
                with open(self.certs.path(cert + end), "rb") as f:
                    user[key] = base64.b64encode(f.read()).decode()
        if plugin:
            user["exec"] = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin),
                            "interactiveMode": "Never"}
        self.serial += 1
        path = self.path("%s-%d.conf" % (name or "kubeconfig", self.serial))
        with open(path, "w", encoding="ascii") as f:
            json.dump({"clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}],
                       "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                       "current-context": "x"}, f)
        return path

    def node(self, name, digests=None):
        made = Node(self, name, digests)
        self.nodes.append(made)
        return made

    def fill(self, pods, nodes=100, images=500, prefix="fill", at_once=100):
        """Running pods, written where the server keeps them: many times faster than asking it to. Those that are
        written at once have one version, which no list can cut in two: to be done while nobody watches."""
        sets = (pods + SET - 1) // SET
        for n, make in ((nodes, self.node_row), (sets, self.deployment_row), (sets, self.set_row), (pods, self.pod_row)):
            for i in range(0, n, at_once):
                self.put([make(prefix, k, nodes, images) for k in range(i, min(n, i + at_once))])
        last = self.pod_row(prefix, pods - 1, nodes, images)[1]["metadata"]
        wait_for(lambda: self.request("GET", self.at("v1", "pods", last["namespace"], last["name"])
                                      + "?resourceVersion=0")[0] == 200, 60, 0.1)

    def put(self, rows):
        """Objects, by their keys."""
        self.replace(rows, [])

    def replace(self, rows, keys):
        """Objects for others, which go, at once."""
        self.etcd("/v3/kv/txn", {"success": [
            {"requestPut": {"key": base64.b64encode(key.encode()).decode(),
                            "value": base64.b64encode(json.dumps(value).encode()).decode()}} for key, value in rows] + [
            {"requestDeleteRange": {"key": base64.b64encode(key.encode()).decode()}} for key in keys]})

    @staticmethod
    def meta(name, **more):
        return dict({"name": name, "uid": "%s" % sha(name)[:32], "creationTimestamp": "2026-01-01T00:00:00Z"}, **more)

    def node_row(self, prefix, i, *_):
        name = "%s-node-%d" % (prefix, i)
        return "/registry/minions/" + name, {"kind": "Node", "apiVersion": "v1", "metadata": self.meta(name)}

    def set_row(self, prefix, i, _, images, kind="ReplicaSet", name=None):
        """A Deployment's, of SET pods."""
        name, ref = name or "%s-set-%d" % (prefix, i), "registry.test/app-%d:1" % (i % images)
        owner = dict(self.owner("Deployment", "%s-app-%d" % (prefix, i)))
        spec = made_of(name, ref, SET)["spec"]
        return "/registry/%ss/default/%s" % (kind.lower(), name), {
            "kind": kind, "apiVersion": "apps/v1", "spec": spec,
            "metadata": self.meta(name, namespace="default", **({"ownerReferences": [owner]} if kind == "ReplicaSet" else {}))}

    def deployment_row(self, prefix, i, nodes, images):
        return self.set_row(prefix, i, nodes, images, "Deployment", "%s-app-%d" % (prefix, i))

    def owner(self, kind, name):
        return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": self.meta(name)["uid"], "controller": True}

    def pod_row(self, prefix, i, nodes, images):
        name, namespace, ref = "%s-%d" % (prefix, i), "default", "registry.test/app-%d:1" % (i // SET % images)
        status = {"name": "main", "image": ref, "imageID": "registry.test/app@" + digest_of(ref), "ready": True,
                  "restartCount": 0, "containerID": "containerd://" + sha(name),
                  "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
        return "/registry/pods/%s/%s" % (namespace, name), {
            "kind": "Pod", "apiVersion": "v1", "metadata": self.meta(
                name, namespace=namespace, labels={"app": "x"},
                ownerReferences=[self.owner("ReplicaSet", "%s-set-%d" % (prefix, i // SET))]),
            "spec": {"nodeName": "%s-node-%d" % (prefix, i % nodes), "containers": [{"name": "main", "image": ref}]},
            "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "containerStatuses": [status]}}


class Node:
    """A node whose kubelet takes every pod that nobody has, and says that it runs; nothing does. digests: of what
    references mean here."""

    def __init__(self, cluster, name, digests=None):
        self.cluster, self.name, self.digests = cluster, name, digests or {}
        self.over, self.failed, self.serial = threading.Event(), None, 0
        cluster.create("v1", "nodes", None, {"metadata": {"name": name}})
        ready = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                  "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "x", "message": "x"}]
        cluster.patch("v1", "nodes", None, name, {"status": {
            "conditions": ready, "capacity": {"pods": "1000", "cpu": "64", "memory": "64Gi"},
            "allocatable": {"pods": "1000", "cpu": "64", "memory": "64Gi"}}}, "status")
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def close(self):
        self.over.set()
        self.thread.join(10)

    def work(self):
        while not self.over.wait(0.05):
            try:
                for pod in self.cluster.get("v1", "pods")["items"]:
                    self.look_after(pod)
            except (OSError, http.client.HTTPException, ValueError):
                continue  # the server is away
            except Refused as e:
                if e.status not in (404, 409, 429, 500, 503):
                    self.failed = e

    def look_after(self, pod):
        meta, spec = pod["metadata"], pod["spec"]
        where = ("v1", "pods", meta["namespace"], meta["name"])
        if spec.get("nodeName", self.name) != self.name or meta["name"].startswith("fill-"):
            return
        if "deletionTimestamp" in meta:
            self.cluster.delete(*where)
        elif "nodeName" not in spec:
            wanted = spec.get("affinity", {}).get("nodeAffinity")
            if wanted and self.name not in json.dumps(wanted):
                return
            self.cluster.call("POST", self.cluster.at(*where, "binding"), {
                "metadata": {"name": meta["name"]}, "target": {"kind": "Node", "name": self.name}})
        elif pod["status"].get("phase", "Pending") == "Pending":
            self.cluster.patch(*where, {"status": self.status(meta, spec)}, "status")

    def status(self, meta, spec):
        def one(container, n, over):
            ident = "containerd://" + sha(meta["uid"] + container["name"])
            ran = {"startedAt": "2026-01-01T00:00:00Z"}
            state = {"terminated": dict(ran, exitCode=0, containerID=ident, finishedAt="2026-01-01T00:00:01Z")} \
                if over else {"running": {"startedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}}
            return {"name": container["name"], "image": container["image"], "restartCount": 0, "ready": not over,
                    "imageID": "registry.test/x@" + self.digests.get(container["image"], digest_of(container["image"])),
                    "containerID": ident, "state": state}
        ready = [{"type": t, "status": "True"} for t in ("Ready", "ContainersReady", "PodScheduled", "Initialized")]
        return {"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "conditions": ready,
                "initContainerStatuses": [one(c, i, c.get("restartPolicy") != "Always")
                                          for i, c in enumerate(spec.get("initContainers", []))],
                "containerStatuses": [one(c, i, False) for i, c in enumerate(spec["containers"])]}


# What is created.

def template(image, name="main", **more):
    return {"metadata": {"labels": {"app": "x"}},
            "spec": dict({"containers": [{"name": name, "image": image}], "terminationGracePeriodSeconds": 0}, **more)}


def pod(name, image, **more):
    made = template(image, **more)
    made["metadata"]["name"] = name
    return made


def made_of(name, image, replicas=1, **more):
    """A Deployment, a StatefulSet or a DaemonSet (replicas None)."""
    spec = dict({"selector": {"matchLabels": {"app": "x"}}, "template": template(image)}, **more)
    if replicas is not None:
        spec["replicas"] = replicas
    return {"metadata": {"name": name, "labels": {"team": "blue"}}, "spec": spec}


def cronjob(name, image, schedule="0 3 * * *", suspend=False):
    job = template(image, restartPolicy="Never")
    return {"metadata": {"name": name}, "spec": {"schedule": schedule, "suspend": suspend,
                                                 "jobTemplate": {"spec": {"template": job}}}}


# The front.

class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_write(self):
        """What changes something; with busy_writes so many of these alone are put off."""
        front = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with front.lock:
            self.asked_at = time.monotonic()
            front.wrote.append((self.asked_at, self.command, self.path))
            busy = front.busy_writes > 0
            front.busy_writes -= busy
        if busy:
            self.answer(429, Retry_After="2")
            return
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.forward(front, body)

    do_PATCH = do_POST = do_DELETE = do_write

    def do_GET(self):
        front = self.server
        with front.lock:
            front.asked.append(self.path)
            self.asked_at = time.monotonic()
            front.open.add(self.connection)
            closed, busy = front.closed, front.busy > 0
            front.busy -= busy
        if front.holds and front.holds in self.path:
            front.over.wait()
            closed = True
        if closed:
            self.close_connection = True
            return
        if busy:
            self.answer(429, Retry_After="1")
        elif front.token and self.headers.get("Authorization") != "Bearer " + front.token:
            self.answer(401)
        elif front.no_streams and "sendInitialEvents" in self.path:
            self.answer(400)
        else:
            try:
                self.forward(front)
            except (OSError, http.client.HTTPException):
                self.close_connection = True  # as the server's own was

    def forward(self, front, body=None):
        far = http.client.HTTPSConnection("127.0.0.1", front.cluster.port, context=front.cluster.tls)
        who = self.headers.get("Authorization", "") if front.as_caller else "Bearer " + ADMIN
        far.request(self.command, self.path, body, {
            "Authorization": who, "Accept": self.headers.get("Accept", "application/json"),
            "Content-Type": self.headers.get("Content-Type", "application/json")})
        answer = far.getresponse()
        with front.lock:
            front.open.add(far.sock)
            if self.connection in front.open or self.command != "GET":  # it was not cut off
                front.answered.append((self.asked_at, self.path, answer.status))
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        if answer.getheader("Retry-After"):
            self.send_header("Retry-After", answer.getheader("Retry-After"))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while data := answer.read1(65536):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")
        far.close()


class Front(http.server.ThreadingHTTPServer):
    """An address of the server that can be closed, be busy (so many answers are 429), ask for another token, or
    refuse to stream lists."""

    daemon_threads = True

    def __init__(self, cluster, as_caller=False):
        super().__init__(("127.0.0.1", 0), Passing)
        self.cluster, self.lock, self.open, self.asked = cluster, threading.Lock(), set(), []
        self.closed, self.busy, self.token, self.no_streams = False, 0, None, False
        self.holds, self.over = None, threading.Event()  # what is asked with this in its path has no answer
        self.wrote, self.busy_writes = [], 0
        self.as_caller = as_caller  # the caller's own token is passed on
        self.cuts, self.answered = [], []  # when; when what was asked, and answered with which status
        self.url = "http://127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_):
        pass

    def cut(self):
        """Whatever is under way ends."""
        with self.lock:
            ends, self.open = self.open, set()
            self.cuts.append(time.monotonic())
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close_for(self, what):
        """Nobody is let in while what() is done."""
        self.closed = True
        self.cut()
        try:
            return what()
        finally:
            self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.shutdown()
        self.cut()
        self.server_close()


@contextlib.contextmanager
def running(made):
    """A cluster as it has started; where it does not, the machine is not for it, and the tests are skipped."""
    try:
        try:
            made.start()
        except (AssertionError, OSError) as e:
            pytest.skip("%s does not start here: %s" % (type(made).__name__, str(e)[-400:]))
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The server alone."""
    with running(Cluster(tmp_path_factory.mktemp("kube"))) as made:
        yield made


@pytest.fixture(scope="module")
def controlled(tmp_path_factory):
    """With controllers."""
    with running(Cluster(tmp_path_factory.mktemp("kube"), controllers=True)) as made:
        yield made
