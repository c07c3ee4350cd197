# SPDX-License-Identifier: Apache-2.0
"""The chart's DaemonSet on a real node: the container image, with the rights that the chart gives it and no others,
sees there what an agent beside the containers sees."""

import json
import os
import subprocess

import pytest

import kit
from chart import can_make_image, template
from hubkit import wait_for, with_hub  # noqa: F401
from kubelet import deployment, machine, shell_layer  # noqa: F401
from image import File, Folder, Image
from nodekit import TlsHub, fingerprint
from registries import certificate

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]
PARTS = ("node.drift=true", "node.profile=true", "node.execs=true", "node.enforce=true")
POLICY = """group: 0s
max-per-minute: 10000
rules:
  - {name: drift, when: drift}
  - {name: started, when: exec, how: [new, writable]}
  - {name: refused, when: exec, how: [memfd], enforce: true}
"""


def daemon_set(hub, machine, folder):  # noqa: F811
    """What the chart gives, for a machine whose folders are elsewhere."""
    objects = template(*PARTS, "node.host=false", "hub.enabled=false", "agents.hub=https://127.0.0.1:%d" % hub.port,
                       "image.repository=localhost/rummage", "image.tag=t1", "clusterName=blue", "networkPolicy.enabled=false",
                       "node.env.RUMMAGE_NODE_CONTAINERD=/run/containerd/c.sock", "node.env.RUMMAGE_NODE_EAGER=true",
                       "node.env.RUMMAGE_NODE_NO_TAGS=true", "node.resources.limits.cpu=2")
    there = {"/run/containerd": os.path.dirname(machine.containerd.socket), "/": "/", "/var/lib/rummage-node": str(folder / "state")}
    for o in objects:
        for volume in o.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", []):
            if "hostPath" in volume:
                volume["hostPath"]["path"] = there.pop(volume["hostPath"]["path"])
    assert not there
    return objects


@pytest.fixture(scope="module")
def pod(machine, tmp_path_factory):  # noqa: F811
    can_make_image()
    folder = tmp_path_factory.mktemp("d")
    named = str(folder / "rummage.tar")
    subprocess.run([os.path.join(kit.TOP, "tools", "make-image"), kit.BUILD, named, "localhost/rummage:t1"], check=True)
    machine.containerd.load(named, "k8s.io")
    machine.containerd.add(Image().layer([*shell_layer(), Folder("srv")]).layer([File("srv/x", "x")]), "localhost/web:1", "k8s.io")
    cert, key = certificate(str(folder), "hub")
    (folder / "policy.yaml").write_text(POLICY)
    hub = TlsHub(folder / "hub", policy=folder / "policy.yaml", args=["--tls-cert", cert, "--tls-key", key])
    hub.cert = cert
    hub.start(ready=False)
    try:
        machine.create("v1", "namespaces", None, {"metadata": {"name": "rummage"}})
        machine.create("v1", "namespaces", None, {"metadata": {"name": "shop"}})
        machine.create("v1", "secrets", "rummage", {"metadata": {"name": "rummage-agents"}, "stringData": {
            "token": hub.make_token("agents", "agent", cluster="blue").token, "fingerprint": fingerprint(cert)}})
        for o in daemon_set(hub, machine, folder):
            machine.apply("rummage", o)
        found = wait_for(lambda: machine.running("rummage"), 120, 0.3, lambda: machine.explain("rummage"))
        yield hub, machine, found[0]["metadata"]["name"]
    finally:
        machine.kubectl("-n", "rummage", "delete", "daemonset", "--all", "--wait=true", check=False)
        hub.kill()


def test_nothing_is_missing_there(pod):
    """With the capabilities, the seccomp profile and the namespaces of the chart's own pod."""
    _, machine, name = pod
    code, said = machine.kubectl("-n", "rummage", "exec", name, "--", "/usr/bin/rummage", "node", "--install-check", "-o",
                                 "json", check=False)
    rows = json.loads(said[said.index('{"schema"'):said.rindex("}") + 1])["checks"]
    assert code == 0 and not [r for r in rows if r["state"] in ("missing", "unknown")], rows
    assert {"hub", "runtime", "capability", "fanotify", "process-events", "processes", "sandbox"} <= {r["check"] for r in rows}


def test_it_sees_what_happens_in_containers(pod):
    hub, machine, name = pod

    def said():
        return machine.kubectl("-n", "rummage", "logs", name, check=False)[1] + hub.said()

    def told(rule):
        return json.dumps([hub.get("/api/v1/alerts/%d" % a["id"]) for a in hub.alerts(rule=rule)])

    machine.apply("shop", deployment("web", "localhost/web:1"))
    web = machine.wait_pod("shop", "web")["metadata"]["name"]
    wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["ref"] == "localhost/web:1" and i["read"]], 90, 0.3, said)
    with machine.entered("shop", web, "cp /bin/true /tmp/dropped && /tmp/dropped"):
        for rule in ("started", "drift"):
            wait_for(lambda: "tmp/dropped" in told(rule), 60, 0.3,  # pylint: disable=cell-var-from-loop
                     lambda: told(rule) + said())  # pylint: disable=cell-var-from-loop


def test_it_is_confined(pod):
    """No shell, and no file but its own that could be written to."""
    _, machine, name = pod
    assert machine.kubectl("-n", "rummage", "exec", name, "--", "/bin/sh", "-c", "true", check=False)[0] != 0
    made = machine.get("v1", "pods", "rummage", name)
    assert made["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    machine.kubectl("-n", "rummage", "exec", name, "--", "/usr/bin/rummage", "version")


def cluster_agent(hub, machine):  # noqa: F811
    """The chart's Deployment; this server gives no pod its token by itself, and has no network of pods."""
    objects = template("cluster.enabled=true", "hub.enabled=false", "node.enabled=false", "networkPolicy.enabled=false",
                       "agents.hub=https://127.0.0.1:%d" % hub.port, "image.repository=localhost/rummage", "image.tag=t1",
                       "clusterName=blue", "cluster.env.KUBERNETES_SERVICE_HOST=127.0.0.1",
                       "cluster.env.KUBERNETES_SERVICE_PORT=%d" % machine.port)
    spec = next(o for o in objects if o["kind"] == "Deployment")["spec"]["template"]["spec"]
    spec["hostNetwork"] = True
    spec["volumes"].append({"name": "who", "projected": {"sources": [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]}})
    spec["containers"][0]["volumeMounts"].append(
        {"name": "who", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True})
    return objects


def test_the_clusters_agent_has_the_rights_that_it_needs(pod):
    """As nobody, with the chart's role: nothing is missing, and it tells what does not run."""
    hub, machine, _ = pod
    for o in cluster_agent(hub, machine):
        machine.apply("rummage", o)

    def agent():
        return [p for p in machine.running("rummage") if "cluster" in p["metadata"]["name"]]

    name = wait_for(agent, 120, 0.3, lambda: machine.explain("rummage"))[0]["metadata"]["name"]
    code, said = machine.kubectl("-n", "rummage", "exec", name, "--", "/usr/bin/rummage", "cluster", "--install-check", "-o",
                                 "json", check=False)
    rows = json.loads(said[said.index('{"schema"'):said.rindex("}") + 1])["checks"]
    assert code == 0 and len([r for r in rows if r["check"] == "rbac" and r["state"] == "ok"]) == 10, rows
    machine.apply("shop", dict(deployment("asleep", "localhost/web:1"), spec=dict(
        deployment("asleep", "localhost/web:1")["spec"], replicas=0)))
    wait_for(lambda: [w for w in hub.items("/api/v1/dormant") if "asleep" in json.dumps(w)], 60, 0.3,
             lambda: machine.kubectl("-n", "rummage", "logs", name, check=False)[1] + hub.said())
