# SPDX-License-Identifier: Apache-2.0
"""A whole Kubernetes of one machine: the control plane of kube.py with a scheduler, and a real kubelet whose pods run
in a real containerd 2. Pods have the machine's own network, so that nothing is changed outside: no bridge, no rule.

    def test_it(machine):
        machine.apply(...); machine.kubectl("rollout", "undo", "deployment/web", "-n", "shop")

Everything is below one folder but the control groups, which are below one of the kubelet's own in each hierarchy and
go with it, and the folder in which a kubelet expects devices: there is one kubelet at a time."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile

import pytest

from containerd import Containerd, waiting_program
from hubkit import wait_for
from image import File, Folder, Image
from kube import Cluster, Refused, program, running
from registries import free_port

NODE = "localhost"  # by which name the API server finds the kubelet, on this machine alone
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl", "crictl")
PAUSE = "localhost/pause:1"

CONFIG = """apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: %(port)d
readOnlyPort: 0
healthzPort: 0
containerRuntimeEndpoint: unix://%(socket)s
staticPodPath: %(folder)s/manifests
podLogsDir: %(folder)s/podlogs
volumePluginDir: %(folder)s/plugins
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "%(authority)s"}}
authorization: {mode: Webhook}
tlsCertFile: %(cert)s
tlsPrivateKeyFile: %(key)s
cgroupDriver: cgroupfs
cgroupRoot: /%(group)s
failCgroupV1: false
enforceNodeAllocatable: []
failSwapOn: false
oomScoreAdj: 0
makeIPTablesUtilChains: false
localStorageCapacityIsolation: false
resolvConf: ""
evictionHard: {}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
syncFrequency: 10s
fileCheckFrequency: 2s
"""
# Never used: its pods have the machine's network. That there is one is what makes a node ready.
NETWORK = '{"cniVersion":"1.0.0","name":"none","plugins":[{"type":"none"}]}'
DEVICES = ("/var/lib/kubelet",)
SYSCTLS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")


class ControlGroups:
    """One of a name in each hierarchy, and what is left below it taken away."""

    def __init__(self, name):
        self.name = name
        self.paths = [os.path.join(top, name) for top in self.tops()]
        for path in self.paths:
            os.makedirs(path, exist_ok=True)
            self.inherit(path)

    @staticmethod
    def tops():
        with open("/proc/mounts", encoding="utf-8") as f:
            return [row.split()[1] for row in f if row.split()[2] in ("cgroup", "cgroup2")]

    @staticmethod
    def inherit(path):
        """A cpuset of version 1 begins empty."""
        for name in ("cpuset.cpus", "cpuset.mems"):
            with contextlib.suppress(OSError):
                with open(os.path.join(os.path.dirname(path), name), encoding="ascii") as f:
                    text = f.read()
                with open(os.path.join(path, name), "w", encoding="ascii") as f:
                    f.write(text)

    def close(self):
        for top in self.paths:
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)


class Machine(Cluster):
    """The cluster, its node and its containerd."""

    def __init__(self, folder):
        for name in PROGRAMS:
            program(name)
        if os.geteuid() != 0:
            pytest.skip("a kubelet needs root")
        super().__init__(folder, controllers=True)
        self.certs.make("kubelet", "/CN=kubelet", "IP:127.0.0.1,DNS:localhost")
        self.server_args = ["--kubelet-certificate-authority=" + self.certs.path("ca.crt"),
                            "--kubelet-client-certificate=" + self.certs.path("admin.crt"),
                            "--kubelet-client-key=" + self.certs.path("admin.key"),
                            "--kubelet-preferred-address-types=Hostname", "--allow-privileged=true"]
        self.kubelet_port, self.containerd, self.groups, self.sysctls = free_port(), None, None, {}
        self.alone, self.left = None, []
        self.admin = self.kubeconfig(cert="admin", name="admin")

    # Processes.

    def start(self):
        self.alone = open(os.path.join(tempfile.gettempdir(), "rummage-test-kubelet"), "w", encoding="ascii")
        fcntl.flock(self.alone, fcntl.LOCK_EX)
        self.left = [path for path in DEVICES if not os.path.exists(path)]
        self.containerd = Containerd(self.path("c"), 2, network=NETWORK)
        pause = Image()
        pause.cmd = ["/bin/wait"]
        pause.layer([Folder("bin"), File("bin/wait", waiting_program(self.folder), 0o755)])
        self.containerd.add(pause, PAUSE, "k8s.io")
        super().start()
        self.start_scheduler()
        self.start_kubelet()
        wait_for(self.node_ready, 120, 0.2, lambda: self.said("kubelet"))
        return self

    def start_scheduler(self):
        self.spawn("kube-scheduler", "--kubeconfig=" + self.admin, "--bind-address=127.0.0.1",
                   "--secure-port=%d" % free_port(), "--leader-elect=false")

    def start_kubelet(self):
        self.groups = self.groups or ControlGroups("rummage-test-%d" % os.getpid())
        for name in SYSCTLS:
            with open("/proc/sys/" + name, encoding="ascii") as f:
                self.sysctls.setdefault(name, f.read())
        for name in ("manifests", "podlogs", "plugins", "kubelet.d"):
            os.makedirs(self.path(name), exist_ok=True)
        with open(self.path("kubelet.yaml"), "w", encoding="ascii") as f:
            f.write(CONFIG % {
                "port": self.kubelet_port, "socket": self.containerd.socket, "folder": self.folder,
                "authority": self.certs.path("ca.crt"), "cert": self.certs.path("kubelet.crt"),
                "key": self.certs.path("kubelet.key"), "group": self.groups.name})
        self.spawn("kubelet", "--config=" + self.path("kubelet.yaml"), "--kubeconfig=" + self.admin,
                   "--root-dir=" + self.path("kubelet.d"), "--hostname-override=" + NODE, "-v=2")

    def node_ready(self):
        with contextlib.suppress(Refused):
            return any(c["type"] == "Ready" and c["status"] == "True"
                       for c in self.get("v1", "nodes", None, NODE)["status"]["conditions"])
        return False

    def stop(self):
        """The kubelet first, which would start anew what is taken from it."""
        for name in ("kubelet", "kube-scheduler"):
            self.stop_one(name)
        super().stop()
        for name, text in self.sysctls.items():
            with open("/proc/sys/" + name, "w", encoding="ascii") as f:
                f.write(text)
        if self.containerd:
            self.crictl("rmp", "-af", check=False)
            self.containerd.close()
        with open("/proc/mounts", encoding="utf-8") as f:
            mounts = [row.split()[1] for row in f if row.split()[1].startswith(self.folder + "/")]
        for mount in sorted(mounts, reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        if self.groups:
            self.groups.close()
        for path in self.left:
            shutil.rmtree(path, ignore_errors=True)
        if self.alone:
            self.alone.close()

    def said(self, name):
        return super().said(name) if os.path.exists(self.path(name + ".log")) else ""

    # What people do.

    def crictl(self, *args, check=True):
        end = "unix://" + self.containerd.socket
        subprocess.run([program("crictl"), "-r", end, "-i", end, "-t", "30s", *args], check=check, timeout=120,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kubectl(self, *args, check=True, timeout=120, given=None):
        """Its exit code, and all that it said."""
        done = subprocess.run([program("kubectl"), "--kubeconfig", self.admin, *args], input=given, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              env=dict(os.environ, HOME=self.folder))
        assert not check or done.returncode == 0, (args, done.stdout)
        return done.returncode, done.stdout

    @contextlib.contextmanager
    def entered(self, namespace, pod, script, container="main"):
        """kubectl exec, whose shell stays in the container for as long."""
        child = subprocess.Popen([program("kubectl"), "--kubeconfig", self.admin, "-n", namespace, "exec", pod, "-c", container,
                                  "--", "/bin/sh", "-c", script + "; sleep 600"], stdin=subprocess.DEVNULL,
                                 env=dict(os.environ, HOME=self.folder), start_new_session=True)
        try:
            yield child
        finally:
            child.kill()
            child.wait()

    def apply(self, namespace, what):
        return self.kubectl("-n", namespace, "apply", "-f", "-", given=json.dumps(what))

    def pods(self, namespace, label=None):
        """Those that are not going."""
        found = self.get("v1", "pods", namespace)["items"]
        return [p for p in found if "deletionTimestamp" not in p["metadata"]
                and (label is None or p["metadata"].get("labels", {}).get("app") == label)]

    def running(self, namespace, label=None):
        return [p for p in self.pods(namespace, label)
                if any("running" in c["state"] for c in p["status"].get("containerStatuses", []))]

    def wait_pod(self, namespace, label=None, seconds=120):
        def there():
            found = self.running(namespace, label)
            return found[0] if found else None
        return wait_for(there, seconds, 0.2, lambda: self.explain(namespace))

    def explain(self, namespace):
        return "%s\n%s" % (self.kubectl("-n", namespace, "get", "pods,events", check=False)[1], self.said("kubelet"))

    def static_pod(self, name, what):
        path = os.path.join(self.path("manifests"), name + ".json")
        with open(path + ".new", "w", encoding="ascii") as f:
            json.dump(what, f)
        os.replace(path + ".new", path)
        return path


# What runs.

def needed_by(path):
    """The libraries of a program of this machine."""
    said = subprocess.run(["ldd", path], check=True, capture_output=True, text=True).stdout
    return [word for row in said.splitlines() for word in row.split() if word.startswith("/")]


def shell_layer(programs=("dash", "sleep", "cat", "cp", "chmod", "true", "id")):
    """A shell and a few programs of this machine, with what they load."""
    files = {}
    for name in programs:
        files["bin/" + ("sh" if name == "dash" else name)] = "/bin/" + name
        files.update((path[1:], path) for path in needed_by("/bin/" + name))
    folders = {"tmp", "etc", "var", "var/lib", "var/lib/dpkg"}
    for to in files:
        folders.update(to.rsplit("/", n)[0] for n in range(1, to.count("/") + 1))
    entries = [Folder(f) for f in sorted(folders)]
    for to, path in files.items():
        with open(path, "rb") as f:
            entries.append(File(to, f.read(), 0o755))
    return entries


def pod_spec(image, command="trap exit TERM; while :; do sleep 0.5; done", name="main", **more):
    """One container with a shell, on the machine's network."""
    return dict({"hostNetwork": True, "terminationGracePeriodSeconds": 2, "automountServiceAccountToken": False,
                 "containers": [{"name": name, "image": image, "command": ["/bin/sh", "-c", command]}]}, **more)


def deployment(name, image, **more):
    labels = {"app": name}
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": name},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": pod_spec(image, **more)}}}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with running(Machine(tmp_path_factory.mktemp("k"))) as made:
        yield made
