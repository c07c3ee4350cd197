# SPDX-License-Identifier: Apache-2.0
"""A real node of a real cluster: what the cluster says and what an agent sees on the node is one story."""

import json
import os

import pytest

import small
from hubkit import Hub, wait_for, with_hub  # noqa: F401
from image import File, Folder, Image
from kubelet import NODE, deployment, machine, pod_spec, shell_layer  # noqa: F401
from nodekit import Agent
from registries import Real

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

CVE, CLUSTER = "CVE-2026-7301", "blue"
POLICY = """group: 0s
max-per-minute: 10000
rules:
  - {name: finding, severity: low}
  - {name: rollback, when: rollback}
  - {name: drift, when: drift}
  - {name: started, when: exec, how: [new, writable, memfd]}
  - {name: entered, when: entered}
"""
STATUS = "Package: hello\\nStatus: install ok installed\\nVersion: 2.0-1\\nArchitecture: all\\n\\n"


def app(version):
    """Debian by its own words, with a package of npm that is bad before 2.0.0."""
    image = Image()
    image.layer(shell_layer())
    image.layer([File("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
                 File("var/lib/dpkg/status", "Package: base\nStatus: install ok installed\nVersion: 1.0-1\n"
                      "Architecture: all\n\n"),
                 Folder("srv"), Folder("srv/node_modules"), Folder("srv/node_modules/old-core"),
                 File("srv/node_modules/old-core/package.json", json.dumps({"name": "old-core", "version": version}))])
    return image


class Story:
    """The machine, a hub that watches its cluster, and an agent on the node."""

    def __init__(self, machine, folder):  # noqa: F811
        self.machine, self.folder = machine, str(folder)
        small.write_record(self.folder + "/feeds", CVE, "old-core")
        with open(self.folder + "/policy.yaml", "w", encoding="ascii") as f:
            f.write(POLICY)
        os.makedirs(self.folder + "/registry")
        self.registry = Real(self.folder + "/registry", "plain")
        self.refs = {}
        for tag, version in (("1", "1.0.0"), ("2", "2.0.0")):
            self.refs[tag], _ = self.registry.push("shop/web", tag, app(version))
        self.machine.containerd.add(app("3.0.0"), "localhost/tools:1", "k8s.io")
        self.hub = Hub(self.folder + "/hub", feeds=self.folder + "/feeds", policy=self.folder + "/policy.yaml",
                       args=["--kubernetes", CLUSTER + "=" + machine.admin])
        self.hub.start()
        self.agent = Agent(self.folder + "/node", self.hub, "--containerd", machine.containerd.socket, "--drift",
                           "--execs", "--insecure-registry", "127.0.0.1:%d" % self.registry.port, node=NODE,
                           cluster=CLUSTER)
        self.agent.start()
        for ref in self.refs.values():
            self.machine.crictl("pull", ref)
            wait_for(lambda: [i for i in self.hub.items("/api/v1/images")  # pylint: disable=cell-var-from-loop
                              if i["read"] and i["ref"] == ref], 90, 0.2, self.said)

    def said(self):
        return "%s\n%s" % (self.hub.said(), self.agent.said())

    def close(self):
        self.agent.kill()
        self.hub.kill()
        self.registry.stop()

    def timeline(self, workload):
        try:
            return self.hub.items("/api/v1/timeline", workload=workload)
        except AssertionError:
            return []

    def wait(self, workload, what, n=1, text="", seconds=90):
        def there():
            found = [s for s in self.timeline(workload) if s["what"] == what and text in (s["text"] or "")]
            return found if len(found) >= n else None
        return wait_for(there, seconds, 0.2, lambda: "no %s of %s: %r\n%s" % (what, workload, self.timeline(workload),
                                                                             self.said()))

    def wait_alert(self, rule, seconds=60):
        found = wait_for(lambda: self.hub.alerts(rule=rule), seconds, 0.2, self.said)
        assert len(found) == 1, "\n".join(map(repr, found))
        return self.hub.get("/api/v1/alerts/%d" % found[0]["id"])

    def workload(self, namespace, name):
        found = [w for w in self.hub.items("/api/v1/workloads") if (w["namespace"], w["workload"]) == (namespace, name)]
        return found[0] if found else None

    def uses(self, namespace):
        return [u for u in self.hub.items("/api/v1/who-runs", query="pkg:npm/old-core", running="true")
                if u["namespace"] == namespace]

    def wait_uses(self, namespace, names):
        """Until just these run; one a name."""
        def there():
            found = self.uses(namespace)
            return found if sorted(u["name"] for u in found) == names else None
        return wait_for(there, 60, 0.2, lambda: repr(self.uses(namespace)))


@pytest.fixture(scope="module")
def story(machine, tmp_path_factory):  # noqa: F811
    made = Story(machine, tmp_path_factory.mktemp("story"))
    yield made
    made.close()


def one(story, workload, what, text=""):
    """The one step of this kind."""
    found = story.wait(workload, what, text=text)
    assert len(found) == 1, "\n".join(map(repr, found))
    return found[0]


def order(steps):
    """What happened, in the order in which it is told."""
    return [s["what"] for s in steps]


def test_one_story(story):
    """R14 R33 R38: a rollout, its undoing, a debugger and an exec: one story of the cluster and of the node"""
    it, web = story.machine, "shop/Deployment/web"
    it.create("v1", "namespaces", None, {"metadata": {"name": "shop"}})
    it.apply("shop", deployment("web", story.refs["1"]))
    it.wait_pod("shop", "web")
    assert "1 critical" in one(story, web, "started")["text"]
    it.kubectl("-n", "shop", "set", "image", "deployment/web", "main=" + story.refs["2"])
    it.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout=90s")
    assert "(0 critical)" in one(story, web, "updated")["text"]
    wait_for(lambda: len(it.pods("shop", "web")) == 1, 60, 0.2)
    it.kubectl("-n", "shop", "rollout", "undo", "deployment/web")
    it.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout=90s")
    back = one(story, web, "rolled-back")
    assert back["counts"]["before"]["critical"] == 0 and back["counts"]["after"]["critical"] == 1
    assert story.wait_alert("rollback")["title"].startswith("Deployment/web rolled back")
    pod = wait_for(lambda: len(it.pods("shop", "web")) == 1 and it.running("shop", "web"), 60, 0.2)[0]
    name = pod["metadata"]["name"]
    it.kubectl("-n", "shop", "debug", name, "--image=localhost/tools:1", "-c", "look", "--", "/bin/sh", "-c", "sleep 600")
    story.wait(web, "started", n=2)
    with it.entered("shop", name, "cp /bin/true /tmp/dropped && /tmp/dropped && printf '%s' >> /var/lib/dpkg/status"
                    % STATUS):
        assert "uid 0" in one(story, web, "entered")["text"]
        assert "tmp/dropped" in one(story, web, "run")["text"]
        one(story, web, "changed", "pkg:deb/debian/hello@2.0-1")
        one(story, web, "changed", "tmp/dropped")
    steps = story.timeline(web)
    assert order(steps) == ["started", "updated", "rolled-back", "started", "entered", "run", "changed", "changed"]
    # Each is of a pod, its container and its node, the same whoever told it.
    assert [s["container"] for s in steps] == ["main"] * 3 + ["look"] + ["main"] * 4
    assert {s["pod"] for s in steps[3:]} == {name} and {s["node"] for s in steps[3:]} == {NODE}
    assert steps[2]["pod"] in (None, name)  # said by the cluster before it ran
    assert steps[4]["image"] == steps[2]["image"] == steps[0]["image"] and steps[2]["from"] == steps[1]["image"]
    # What both tell of is one use, of the one workload that there is, once the pods before are gone.
    found = [w["workload"] for w in story.hub.items("/api/v1/workloads") if w["namespace"] == "shop"]
    assert found == ["Deployment/web"]
    uses = story.wait_uses("shop", ["look", "main"])
    assert {u["workload"] for u in uses} == {"Deployment/web"}
    assert {u["workload"] for u in story.hub.items("/api/v1/who-runs", query="pkg:deb/debian/hello", running="true")} == \
        {"Deployment/web"}


def test_a_job_that_is_short(story):
    """R14 R35: a CronJob fires: its container is over before anybody can look, and is told once, from begin to end"""
    it, job = story.machine, "jobs/CronJob/tick"
    it.create("v1", "namespaces", None, {"metadata": {"name": "jobs"}})
    it.apply("jobs", {"kind": "CronJob", "apiVersion": "batch/v1", "metadata": {"name": "tick"}, "spec": {
        "schedule": "0 3 1 1 *", "jobTemplate": {"spec": {"template": {"spec": pod_spec(
            story.refs["2"], "true", restartPolicy="Never")}}}}})
    wait_for(lambda: story.workload("jobs", "CronJob/tick"), 60, 0.2, story.said)
    assert story.workload("jobs", "CronJob/tick")["state"] == "dormant"
    for n in ("one", "two"):
        it.kubectl("-n", "jobs", "create", "job", n, "--from=cronjob/tick")
        it.kubectl("-n", "jobs", "wait", "--for=condition=complete", "job/" + n, "--timeout=90s")
    # And by its clock, which knows minutes.
    it.kubectl("-n", "jobs", "patch", "cronjob/tick", "-p", '{"spec":{"schedule":"* * * * *"}}')
    fired = wait_for(lambda: [j for j in it.kubectl("-n", "jobs", "get", "jobs", "-o", "name")[1].split() if "/tick-" in j],
                     120, 0.5, story.said)[0]
    it.kubectl("-n", "jobs", "patch", "cronjob/tick", "-p", '{"spec":{"suspend":true}}')
    it.kubectl("-n", "jobs", "wait", "--for=condition=complete", fired, "--timeout=90s")
    one(story, job, "started")
    wait_for(lambda: not story.uses("jobs"), 60, 0.2, story.said)
    steps = story.timeline(job)
    assert order(steps) == ["started"], "\n".join(map(repr, steps))
    assert steps[0]["container"] == "main" and steps[0]["pod"].startswith("one-")
    wait_for(lambda: [w["workload"] for w in story.hub.items("/api/v1/workloads") if w["namespace"] == "jobs"]
             == ["CronJob/tick"], 60, 0.2, lambda: repr(story.hub.items("/api/v1/workloads")))
    assert story.workload("jobs", "CronJob/tick")["state"] == "dormant"


def test_all_that_a_pod_has(story):
    """R14: init containers, sidecars, image volumes and static pods are each told once"""
    it = story.machine
    it.create("v1", "namespaces", None, {"metadata": {"name": "parts"}})
    spec = pod_spec(story.refs["2"], volumes=[{"name": "data", "image": {"reference": story.refs["1"]}}], initContainers=[
        {"name": "prepare", "image": "localhost/tools:1", "command": ["/bin/sh", "-c", "true"]},
        {"name": "side", "image": "localhost/tools:1", "restartPolicy": "Always", "command": ["/bin/sh", "-c", "sleep 600"]}])
    spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    it.apply("parts", {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "whole"}, "spec": spec})
    it.wait_pod("parts")
    uses = story.wait_uses("parts", ["data", "main", "side"])
    assert {u["name"]: u["ref"] for u in uses} == {"data": story.refs["1"], "main": story.refs["2"],
                                                  "side": "localhost/tools:1"}
    steps = story.wait("parts/Pod/whole", "started", n=4)
    assert sorted(s["container"] for s in steps) == ["data", "main", "prepare", "side"]
    path = it.static_pod("fixed", {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "fixed", "namespace": "default"},
                                   "spec": pod_spec(story.refs["2"])})
    name = "Pod/fixed-" + NODE
    one(story, "default/" + name, "started")
    found = wait_for(lambda: story.uses("default"), 60, 0.2, story.said)
    assert [(u["workload"], u["name"]) for u in found] == [(name, "main")]
    os.unlink(path)
    wait_for(lambda: not story.uses("default"), 60, 0.2, story.said)
    it.kubectl("-n", "parts", "delete", "pod", "whole", "--wait=false")
    wait_for(lambda: not story.uses("parts"), 90, 0.2, story.said)
