# SPDX-License-Identifier: Apache-2.0
"""A hub that answers admission beside a registry: asked as kube-apiserver asks, and by a real one through kubectl."""

import http.client
import json
import os
import re
import ssl
import subprocess

import small
from hubkit import Hub, wait_for
from image import File, Image
from kube import ADMIN, program
from registries import Real, free_port

CRITICAL, LOW = "CVE-2026-7201", "CVE-2026-7202"
POLICY = """rules:
  - {name: anything-goes, severity: low, namespaces: [lab], admission: allow}
  - {name: worst, severity: critical, admission: deny}
  - {name: rest, severity: low}
  - {name: paid-for, when: incomplete, namespaces: [pay], admission: deny}
  - {name: unread, when: incomplete}
  - {name: entered, when: entered, namespaces: [pay], except: ["/bin/probe*"], admission: deny}
"""


def image(name):
    package = json.dumps({"name": name, "version": "1.0.0"})
    return Image().layer([File("app/node_modules/%s/package.json" % name, package)])


def score(text):
    return [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/" + text}]


def write_feeds(folder):
    os.makedirs(folder + "/osv/npm")
    for ident, name, text in ((CRITICAL, "old-core", "C:H/I:H/A:H"), (LOW, "old-log", "C:N/I:N/A:L")):
        with open("%s/osv/npm/%s.json" % (folder, ident), "w", encoding="ascii") as f:
            json.dump(small.osv(ident, "npm", name, "2.0.0", "SEMVER", severity=score(text)), f)
    return folder


class Asked:
    """A hub that answers admission, a registry, and what a review says of it."""

    def __init__(self, folder, args=(), admission=0, policy=POLICY, mode="plain", **hub):
        self.folder = str(folder)
        os.makedirs(self.folder + "/registry")
        with open(self.folder + "/policy.yaml", "w", encoding="ascii") as f:
            f.write(policy)
        self.registry = Real(os.path.join(self.folder, "registry"), mode)
        self.refs, self.digests = {}, {}
        for name, package in (("clean", "left-pad"), ("bad", "old-core"), ("meh", "old-log")):
            self.refs[name], self.digests[name] = self.registry.push("shop/" + name, "1", image(package))
        self.hub = Hub(self.folder + "/hub", feeds=write_feeds(self.folder + "/feeds"),
                       policy=self.folder + "/policy.yaml",
                       args=["--admission", "127.0.0.1:%d" % admission, *args],
                       env={"RUMMAGE_REGISTRY_INSECURE": "127.0.0.1:%d" % self.registry.port}, **hub)
        self.serial = 0
        try:
            self.hub.start()
            self.port = int(wait_for(lambda: re.search(r"admission is answered at .* \(port (\d+)\)", self.hub.said()),
                                     20, said=self.hub.said).group(1))
        except BaseException:
            self.close()
            raise
        self.tls = ssl.create_default_context(cafile=self.hub.state + "/admission.crt")

    def post(self, path, body, method="POST"):
        c = http.client.HTTPSConnection("localhost", self.port, timeout=40, context=self.tls)
        c.request(method, path, body, {"Content-Type": "application/json"})
        answer = c.getresponse()
        text = answer.read()
        c.close()
        return answer.status, text

    def review(self, kind, what, namespace="shop", operation="CREATE", resource=None, sub=None, old=None, name="",
               timeout=None, path="/validate", **more):
        self.serial += 1
        request = dict({"uid": "u-%d" % self.serial, "kind": {"group": "", "version": "v1", "kind": kind},
                        "resource": {"group": "", "version": "v1", "resource": resource or kind.lower() + "s"},
                        "namespace": namespace, "name": name, "operation": operation, "object": what,
                        "oldObject": old, "userInfo": {"username": "jane"}}, **more)
        if sub:
            request["subResource"] = sub
        status, body = self.post(path + ("?timeout=%ds" % timeout if timeout else ""), json.dumps(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}))
        assert status == 200, body
        answer = json.loads(body)["response"]
        assert answer["uid"] == request["uid"]
        return answer

    def close(self):
        self.hub.kill()
        self.registry.stop()


def pod(*refs, **annotations):
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p", "annotations": annotations},
            "spec": {"containers": [{"name": "c%d" % i, "image": ref} for i, ref in enumerate(refs)]}}


def bare(name, ref):
    made = pod(ref)
    made["metadata"] = {"name": name}
    return made


def deployment(*refs):
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web"},
            "spec": {"replicas": 1, "template": {"spec": pod(*refs)["spec"]}}}


def audit(hub, action):
    return [row for row in hub.items("/api/v1/audit") if row["action"] == action]


# A real API server.

def webhooks(port, policy):
    """Each namespace has one that fails as it says: by its label."""
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
              "resources": ["pods", "pods/ephemeralcontainers"]},
             {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
              "resources": ["deployments", "deployments/scale", "statefulsets", "daemonsets"]},
              {"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["cronjobs"]},
             {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CONNECT"],
              "resources": ["pods/exec", "pods/attach"]}]
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "rummage"},
            "webhooks": [{"name": "%s.admission.rummage" % name, "admissionReviewVersions": ["v1"],
                          "sideEffects": "NoneOnDryRun", "timeoutSeconds": 10, "failurePolicy": fail,
                          "clientConfig": {"url": "https://localhost:%d/validate" % port},
                          "namespaceSelector": {"matchLabels": {"fail": name}}, "rules": rules}
                         for name, fail in policy.items()]}


def bundles(cluster):
    found = cluster.get("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", None, "rummage")
    return [w["clientConfig"].get("caBundle") for w in found["webhooks"]]


def space(cluster, fail):
    name = cluster.namespace()
    cluster.patch("v1", "namespaces", None, name, {"metadata": {"labels": {"fail": fail}}})
    return name


class Behind(Asked):
    """One that a real API server asks, of a cluster that it watches."""

    def __init__(self, cluster, folder, args=(), **how):
        self.cluster, self.config, port = cluster, cluster.kubeconfig(token=ADMIN), free_port()
        cluster.create("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", None,
                       webhooks(port, {"open": "Ignore", "closed": "Fail"}))
        super().__init__(folder, admission=port,
                         args=["--kubernetes", "c1=" + self.config, "--admission-webhooks", "rummage", *args], **how)
        wait_for(lambda: len(bundles(cluster)) == 2 and all(bundles(cluster)), 60, 0.1, self.hub.said)


def apply(real, namespace, what):
    """By kubectl, as people do."""
    done = subprocess.run([program("kubectl"), "--kubeconfig", real.config, "-n", namespace, "create", "-f", "-"],
                          input=json.dumps(what), capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def whole(name, ref, replicas=1):
    """A Deployment that the API server takes."""
    labels = {"app": name}
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": pod(ref)["spec"]}}}


def answered(real, namespace, what):
    """Once the API server has taken the certificate that it was told."""
    def tried():
        code, said = apply(real, namespace, what)
        return None if "failed calling webhook" in said else (code, said)

    return wait_for(tried, 60, 0.5, real.hub.said)
