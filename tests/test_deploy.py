# SPDX-License-Identifier: Apache-2.0
"""deploy/: the Helm chart on a real API server, the rules and the dashboard, and the container image."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest
import yaml

import kit
from chart import CHART, can_make_image, helm, rendered, template
from engines import Docker
from hubkit import Client, Hub, wait_for, with_hub  # noqa: F401
from kube import cluster, folder_of_programs  # noqa: F401
from nodekit import Agent, TlsHub
from registries import certificate

MANIFESTS = os.path.join(kit.TOP, "deploy", "manifests")
ALONE = ("cluster.enabled=true", "hub.enabled=false", "agents.hub=https://hub.example.com:7381")
POSTGRESQL = ("hub.storeSecret=pg", "hub.tlsSecret=tls", "hub.replicas=3")
INSIDE = ("node.drift=true", "node.profile=true", "node.execs=true", "node.enforce=true",
          "node.runtimes={k3s,crio,docker,podman}", "node.seLinuxType=spc_t", "agents.ca=true",
          "networkPolicy.nodes={10.0.0.0/16}")
ALL = ("admission.enabled=true", "admission.pin=true", "admission.pullSecrets=true", "dashboard.enabled=true",
       "kubernetes.kinds={argoproj.io/v1alpha1/rollouts}",
       "kubernetes.openshift=true",
       "hub.secrets=sinks", "hub.dbRef=registry.example.com/advisories:1", "hub.env.RUMMAGE_HUB_TAGS=true",
       "kubernetes.write={labels,events,reports,images}")
RESOURCES = {"ServiceAccount": "serviceaccounts", "ConfigMap": "configmaps", "Service": "services",
             "PersistentVolumeClaim": "persistentvolumeclaims", "Deployment": "deployments",
             "DaemonSet": "daemonsets", "ClusterRole": "clusterroles", "NetworkPolicy": "networkpolicies",
             "ClusterRoleBinding": "clusterrolebindings", "PodDisruptionBudget": "poddisruptionbudgets",
             "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
             "MutatingWebhookConfiguration": "mutatingwebhookconfigurations"}
OF_OPERATOR = ("serviceMonitor.enabled=true", "prometheusRule.enabled=true")

pytestmark = pytest.mark.real  # Helm, which tools/build-real builds


def test_the_chart_passes_lint():
    done = subprocess.run([helm(), "lint", "--strict", CHART], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("settings", [(), ALL, POSTGRESQL, INSIDE, ALONE],
                         ids=["defaults", "all", "postgresql", "inside", "alone"])
def test_the_api_server_takes_all_of_it(cluster, settings):
    """As a server-side dry run, in a namespace that is there."""
    namespace = cluster.namespace()
    objects = template(*settings)
    assert {"Deployment", "DaemonSet", "ClusterRole"} <= {o["kind"] for o in objects}
    for o in objects:
        o["metadata"].pop("namespace", None)
        alone = o["kind"].startswith("ClusterRole") or o["kind"].endswith("WebhookConfiguration")
        cluster.create(o["apiVersion"], RESOURCES[o["kind"]] + "?dryRun=All&fieldValidation=Strict",
                       None if alone else namespace, o)


def rights(*settings):
    """What the hub may do besides to read."""
    role = next(o for o in template(*settings) if o["kind"] == "ClusterRole" and o["metadata"]["name"].endswith("-hub"))
    return {(g, r, v) for rule in role["rules"] for g in rule["apiGroups"] for r in rule["resources"]
            for v in rule["verbs"]} - {(g, r, v) for rule in role["rules"] for g in rule["apiGroups"]
                                       for r in rule["resources"] for v in ("get", "list", "watch")}


def test_what_is_not_written_needs_no_right():
    """R14: the hub may write no more than what it is asked to write"""
    assert rights() == set()
    patched = {("", "pods"), ("apps", "deployments"), ("batch", "cronjobs"), ("argoproj.io", "rollouts")}
    may = rights("kubernetes.write={labels}", "kubernetes.kinds={argoproj.io/v1alpha1/rollouts}")
    assert {(g, r, "patch") for g, r in patched} <= may and {v for _, _, v in may} == {"patch"}
    assert rights("kubernetes.write={events}") == {("", "events", "create"), ("", "events", "patch")}
    assert rights("kubernetes.write={images}") == set()
    images = ("image.openshift.io", "images", "patch")
    assert rights("kubernetes.write={images}", "kubernetes.openshift=true") == {images}
    assert images in rights("kubernetes.write={none}", "kubernetes.openshift=true")
    may = rights("kubernetes.write={reports}")
    assert ("openreports.io", "reports", "delete") in may and not [r for g, r, _ in may if g in ("", "apps")]


@pytest.mark.parametrize("settings, says", [
    (("hub.replicas=2",), "hub.replicas"),
    (("hub.storeSecret=pg",), "hub.tlsSecret"),
    (("admission.enabled=true", "kubernetes.enabled=false"), "admission.enabled"),
    (("cluster.enabled=true",), "cluster.enabled"),
    (("cluster.enabled=true", "hub.enabled=false"), "agents.hub"),
    (("node.enforce=true",), "node.enforce"),
    # What the schema refuses.
    (("hub.replica=2",), "replica"),
    (("hub.replicas=many",), "/hub/replicas"),
    (("node.runtimes={moby}",), "/node/runtimes/0"),
    (("admission.failurePolicy=fail",), "/admission/failurePolicy"),
    (("admission.timeoutSeconds=31",), "/admission/timeoutSeconds"),
    (("agents.hub=http://hub:7381",), "/agents/hub"),
    (("kubernetes.kinds={rollouts}",), "/kubernetes/kinds/0"),
    (("node.drift=ja",), "/node/drift"),
    (("hub.persistence.size=big",), "/hub/persistence/size"),
    (("hub.env.tags=true",), "tags"),
    (("nodes.enabled=true",), "nodes"),
])
def test_what_cannot_be_is_refused(settings, says):
    done = rendered(*settings)
    assert done.returncode != 0 and says in done.stderr, done.stderr


def pod_of(objects, kind, part):
    return next(o for o in objects if o["kind"] == kind and o["metadata"]["name"] == "rummage-" + part)["spec"]["template"]


def test_an_agent_has_the_rights_that_its_parts_need():
    """And no others: what rummage-node(1) says under PRIVILEGES."""
    least, stores, inside = {"SETUID", "SETGID", "KILL"}, {"DAC_READ_SEARCH"}, {"DAC_READ_SEARCH", "SYS_ADMIN", "SYS_PTRACE"}
    for settings, more, pids, network in ((("node.host=false",), set(), None, None), ((), stores, None, None),
                                          (("node.host=false", "node.runtimes={crio}"), stores, None, None),
                                          (("node.drift=true",), inside, True, None),
                                          (("node.profile=true",), inside | {"SYS_NICE"}, True, None),
                                          (("node.execs=true",), inside | {"SYS_NICE", "NET_ADMIN"}, True, True)):
        pod = pod_of(template(*settings), "DaemonSet", "node")["spec"]
        context = pod["containers"][0]["securityContext"]
        assert set(context["capabilities"]["add"]) == least | more, settings
        assert context["capabilities"]["drop"] == ["ALL"] and context["readOnlyRootFilesystem"]
        assert not context["allowPrivilegeEscalation"] and "privileged" not in context
        assert pod.get("hostPID") == pids and pod.get("hostNetwork") == network, settings
        assert ("appArmorProfile" in context) == bool(pids)
        assert not pod["automountServiceAccountToken"]
        paths = {v["hostPath"]["path"]: v["hostPath"]["type"] for v in pod["volumes"] if "hostPath" in v}
        assert ("/" in paths) == (bool(pids) or "node.host=false" not in settings)
        assert "" not in paths.values()  # nothing is made on a machine that a runtime would stumble over
    old = pod_of(template("node.drift=true", version="1.28.0"), "DaemonSet", "node")
    assert old["metadata"]["annotations"] == {"container.apparmor.security.beta.kubernetes.io/node": "unconfined"}


def test_hub_and_the_clusters_agent_are_nobody():
    for settings, part in (((), "hub"), (POSTGRESQL, "hub"), (ALONE, "cluster")):
        pod = pod_of(template(*settings), "Deployment", part)["spec"]
        context = pod["containers"][0]["securityContext"]
        assert pod["securityContext"]["runAsNonRoot"] and context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        assert not [v for v in pod["volumes"] if "hostPath" in v]


def test_networks_are_of_ports_and_pods_that_there_are():
    for settings in ((), ALL, POSTGRESQL, INSIDE, ALONE):
        objects = template(*settings)
        pods = [o["spec"]["template"] for o in objects if "template" in o.get("spec", {})]
        for o in objects:
            if o["kind"] not in ("NetworkPolicy", "Service", "PodDisruptionBudget"):
                continue
            wanted = o["spec"].get("podSelector") or o["spec"]["selector"]
            mine = [p for p in pods if wanted.get("matchLabels", wanted).items() <= p["metadata"]["labels"].items()]
            assert len(mine) == 1, o["metadata"]["name"]
            ports = {p["name"] for c in mine[0]["spec"]["containers"] for p in c.get("ports", [])}
            asked = {p["port"] for rule in o["spec"].get("ingress", []) for p in rule["ports"]} \
                if o["kind"] == "NetworkPolicy" else {p["targetPort"] for p in o["spec"].get("ports", [])}
            assert asked <= ports if asked else o["kind"] != "Service"
    # Agents on their machines' own addresses can reach the hub.
    hub = [o["spec"]["ingress"][0] for s in (("node.execs=true",), INSIDE) for o in template(*s)
           if o["kind"] == "NetworkPolicy" and o["metadata"]["name"] == "rummage-hub"]
    assert "from" not in hub[0] and {"ipBlock": {"cidr": "10.0.0.0/16"}} in hub[1]["from"]


def on(cluster, *args):
    """Helm, at the real API server."""
    done = subprocess.run([helm(), "--kubeconfig", cluster.kubeconfig(cert="admin"), *args], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_upgrade_keeps_what_was_made_since(cluster):
    """Secrets of people, what the hub wrote into its webhook, and its store; and the notes say the next step."""
    namespace = cluster.namespace()
    hooks = ("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", None)
    settings = ("--set", "admission.enabled=true,admission.excludedNamespaces={kube-system}", "-n", namespace)
    said = on(cluster, "install", "up", CHART, *settings)
    try:
        assert "wait for the Secret rummage-agents" in said and "hub --install-check" in said
        name = "up-rummage-hub"
        bundle = base64.b64encode(b"the hub's").decode()
        cluster.call("PATCH", cluster.at(*hooks, name), [
            {"op": "add", "path": "/webhooks/%d/clientConfig/caBundle" % i, "value": bundle} for i in (0, 1)],
            "application/json-patch+json")
        cluster.create("v1", "secrets", namespace, {"metadata": {"name": "rummage-agents"},
                                                    "stringData": {"token": "t", "fingerprint": "SHA256:00"}})
        said = on(cluster, "upgrade", "up", CHART, *settings, "--set", "hub.config.open_metrics=false,node.drift=true")
        assert "rummage-agents, which is there" in said
        assert [h["clientConfig"]["caBundle"] for h in cluster.get(*hooks, name)["webhooks"]] == [bundle] * 2
        assert cluster.get("v1", "secrets", namespace, "rummage-agents")["data"]["token"] == "dA=="
        assert "open_metrics: false" in cluster.get("v1", "configmaps", namespace, name)["data"]["hub.yaml"]
        claim = cluster.get("v1", "persistentvolumeclaims", namespace, name)["metadata"]["uid"]
    finally:
        on(cluster, "uninstall", "up", "-n", namespace)
    assert cluster.get("v1", "persistentvolumeclaims", namespace, name)["metadata"]["uid"] == claim
    assert cluster.request("GET", cluster.at("apps/v1", "deployments", namespace, name))[0] == 404


# Plain manifests.

def kubectl(*args):
    folder = folder_of_programs("kubectl")
    path = os.path.join(folder, "kubectl") if folder else shutil.which("kubectl")
    if path is None:
        pytest.skip("no program called kubectl")
    return subprocess.run([path, *args], capture_output=True, text=True, check=False)


def kustomized(name):
    done = kubectl("kustomize", os.path.join(MANIFESTS, name))
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def plain(objects):
    """By kind and name, without what Helm alone says."""
    found = {}
    for o in objects:
        if o["kind"] == "Namespace":
            continue
        o["metadata"].get("labels", {}).pop("app.kubernetes.io/managed-by", None)
        metas = [o["metadata"]]
        if "template" in o.get("spec", {}):
            metas.append(o["spec"]["template"]["metadata"])
            metas[-1].get("labels", {}).pop("app.kubernetes.io/managed-by", None)
        for meta in metas:
            for name in ("helm.sh/resource-policy", "rummage/config"):
                meta.get("annotations", {}).pop(name, None)
            if not meta.get("annotations", True):
                del meta["annotations"]
        found[o["kind"], o["metadata"]["name"]] = o
    return found


@pytest.mark.parametrize("name, settings", [
    ("base", ()), ("admission", ("admission.enabled=true",)), ("cluster", (*ALONE, "node.enabled=false"))])
def test_the_manifests_are_what_the_chart_gives(name, settings):
    here, there = plain(kustomized(name)), plain(template(*settings))
    assert sorted(here) == sorted(there)
    for key, o in there.items():
        assert here[key] == o, "deploy/manifests/%s and the chart differ in %s %s" % (name, *key)


@pytest.mark.parametrize("name", ["base", "admission", "cluster"])
def test_the_api_server_takes_the_manifests(cluster, name):
    """As people hand them over: kubectl apply, server-side, into a namespace that is there."""
    config = cluster.kubeconfig(cert="admin")
    for o in kustomized(name):
        if o["kind"] == "Namespace" and cluster.request("GET", "/api/v1/namespaces/rummage")[0] == 404:
            cluster.create("v1", "namespaces", None, o)
    done = kubectl("--kubeconfig", config, "apply", "--server-side", "--dry-run=server", "--validate=strict", "-k",
                   os.path.join(MANIFESTS, name))
    assert done.returncode == 0 and done.stdout.count("serverside-applied") == len(kustomized(name)), done.stderr


def test_the_settings_that_it_gives_are_settings():
    """Each variable is one that the program reads, and the hub's own file one that it takes."""
    with open(os.path.join(kit.TOP, "src", "cmd", "options.def"), encoding="utf-8") as f:
        rows = re.findall(r'X\(\w+, \w+, [^,]+, [^,]+, [^,]+, "([\w-]+)",\s*"([\w-]+)"', f.read())
    known = {"RUMMAGE_%s_%s" % (s, k) for s, k in rows}
    known = {name.upper().replace("-", "_") for name in known}
    for o in [*template(*ALL), *template(*POSTGRESQL), *template(*INSIDE), *template(*ALONE)]:
        for c in o.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            for row in c["env"]:
                assert row["name"] in known or row["name"] == "XDG_STATE_HOME", row["name"]


def queries():
    """(where, expression) of every rule and every panel."""
    with open(os.path.join(CHART, "files", "rules.yaml"), encoding="utf-8") as f:
        for group in yaml.safe_load(f)["groups"]:
            for rule in group["rules"]:
                yield rule["alert"], rule["expr"]
    with open(os.path.join(CHART, "files", "dashboard.json"), encoding="utf-8") as f:
        board = json.load(f)
    for panel in board["panels"]:
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]


def test_rules_and_dashboard_ask_for_what_there_is(tmp_path, with_hub):
    """Of a counter its growth, of a gauge its value: what /metrics says that each is."""
    hub = Hub(tmp_path / "hub").start(ready=False)
    text = hub.request("GET", "/metrics").body.decode()
    hub.kill()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    there = set(re.findall(r"^(rummage_\w+)", text, re.M))
    for where, query in queries():
        asked = set(re.findall(r"\brummage_\w+", query))
        assert asked and asked <= there, (where, asked - there)
        for name in asked:
            grows = re.search(r"(rate|increase)\(%s\b" % name, query) is not None
            assert grows == (kinds[name] == "counter"), (where, name, kinds[name])
    for path in ("rules.yaml", "dashboard.json"):  # in texts too
        with open(os.path.join(CHART, "files", path), encoding="utf-8") as f:
            assert set(re.findall(r"\brummage_\w+", f.read())) <= there


def test_prometheus_takes_the_rules():
    if shutil.which("promtool") is None:
        pytest.skip("no program called promtool")
    done = subprocess.run(["promtool", "check", "rules", os.path.join(CHART, "files", "rules.yaml")],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_operators_objects_have_the_rules():
    objects = {o["kind"]: o for o in template(*OF_OPERATOR)}
    with open(os.path.join(CHART, "files", "rules.yaml"), encoding="utf-8") as f:
        assert objects["PrometheusRule"]["spec"] == yaml.safe_load(f)
    assert objects["ServiceMonitor"]["spec"]["endpoints"][0]["path"] == "/metrics"


def test_a_token_is_made_at_the_hub(tmp_path, with_hub):
    hub = Hub(tmp_path / "hub").start(ready=False)
    try:
        def token(*args):
            return kit.run("token", *args, "--hub", "http://127.0.0.1:%d" % hub.port,
                           env={"RUMMAGE_HUB_TOKEN": hub.token})

        made = token("agents", "--cluster", "prod")
        assert made.code == 0 and made.out.count("\n") == 1, made.err
        agent = Client(hub.port, made.out.strip())
        assert agent.request("GET", "/api/v1/wanted").status == 200
        assert agent.request("GET", "/api/v1/alerts").status == 403
        assert token("x", "--role", "king").code == 1
        rows = {t["name"]: t for t in hub.get("/api/v1/tokens")["items"]}
        assert rows["agents"]["role"] == "agent" and rows["agents"]["cluster"] == "prod"
    finally:
        hub.kill()


def test_an_agent_in_a_pod_reads_the_machine_where_it_is_mounted(tmp_path, with_hub):
    root = tmp_path / "host"
    for path, text in (("etc/os-release", "ID=alpine\nVERSION_ID=3.19.1\n"),
                       ("lib/apk/db/installed", "P:zlib\nV:1.3.1-r0\nA:x86_64\n\n")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    hub = Hub(tmp_path / "hub").start(ready=False)
    try:
        with Agent(tmp_path / "agent", hub, "--host", env={"RUMMAGE_NODE_HOST_ROOT": str(root)}) as agent:
            wait_for(lambda: hub.who_runs("zlib@1.3.1-r0"), 60, 0.1, agent.said)
        assert "read this machine: 1 components" in agent.said()
    finally:
        hub.kill()


def test_who_asks_in_the_hubs_pod_knows_its_certificate(tmp_path, with_hub):
    """hub.tlsSecret: it is for the Service's name, not for localhost."""
    cert, key = certificate(str(tmp_path), "rummage-hub.rummage.svc")
    hub = TlsHub(tmp_path / "hub", args=["--tls-cert", cert, "--tls-key", key])
    hub.start(ready=False)
    try:
        env = {"RUMMAGE_HUB_URL": "https://localhost:%d" % hub.port, "RUMMAGE_HUB_TOKEN": hub.token}
        assert kit.run("coverage", env=env).code == 1
        done = kit.run("coverage", env=dict(env, RUMMAGE_HUB_TLS_CERT=cert))
        assert done.code == 0, done.err
        other, _ = certificate(str(tmp_path), "other")
        assert kit.run("coverage", env=dict(env, RUMMAGE_HUB_TLS_CERT=other)).code == 1
    finally:
        hub.kill()


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    can_make_image()
    path = tmp_path_factory.mktemp("image") / "rummage.oci.tar"
    subprocess.run([os.path.join(kit.TOP, "tools", "make-image"), kit.BUILD, str(path)], check=True)
    return path


def look_into(archive):
    """Its configuration, its platform in the index, and its files."""
    with tarfile.open(str(archive)) as tar:
        def blob(digest):
            return tar.extractfile("blobs/" + digest.replace(":", "/")).read()

        row = json.loads(tar.extractfile("index.json").read())["manifests"][0]
        manifest = json.loads(blob(row["digest"]))
        names = []
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(blob(layer["digest"]))) as inner:
                names += [m.name for m in inner if not m.isdir()]
        return json.loads(blob(manifest["config"]["digest"])), row["platform"], names


def test_R1_the_image_is_known_to_itself(image):
    done = kit.run("scan", "--inventory-only", "oci-archive:%s" % image, "-o", "json")
    assert done.code == 0 and done.json["complete"]
    names = {c["name"] for c in done.json["components"]}
    assert {"libc6", "libssl3", "libcurl4"} <= names or {"libc6", "libssl3t64", "libcurl4t64"} <= names
    assert {e["path"] for e in done.json["executables"] if not e["owner"]} == \
        {"usr/bin/rummage", "usr/bin/rummage-parse"}


def test_the_image_says_what_it_is(image):
    """Of the machine that its programs are of; nobody's; and nothing is in it but what they load."""
    config, platform, names = look_into(image)
    with open(kit.program("rummage"), "rb") as f:
        machine = f.read(20)[18:20]
    arch = {b"\x3e\0": "amd64", b"\xb7\0": "arm64"}.get(machine)
    assert arch in (None, config["architecture"]) and platform["architecture"] == config["architecture"]
    assert ("variant" in platform) == (arch == "arm64") and config["os"] == platform["os"] == "linux"
    assert config["config"]["User"] == "65532:65532" and config["config"]["Entrypoint"] == ["/usr/bin/rummage"]
    for name in names:
        assert re.search(r"\.so(\.|$)|^usr/bin/rummage(-parse)?$|^etc/|^var/lib/dpkg/status\.d/", name), name


def test_the_image_runs(image, tmp_path_factory):
    if shutil.which("skopeo") is None:
        pytest.skip("no program called skopeo")
    docker = Docker(tmp_path_factory.mktemp("docker"))
    archive = str(image) + ".docker"
    try:
        subprocess.run(["skopeo", "--insecure-policy", "copy", "oci-archive:%s" % image,
                        "docker-archive:%s:rummage:test" % archive], check=True, capture_output=True)
        docker.run("load", "-i", archive)
        said = docker.run("run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", "rummage:test", "version")
        assert b"rummage" in said.stdout and b"seccomp" in said.stdout
        docker.start("rummage:test", "hub", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
                     "--tmpfs=/tmp", "-v", "state:/var/lib/rummage", command=("hub",))
        for _ in range(100):
            done = docker.run("exec", "hub", "/usr/bin/rummage", "coverage", "-o", "json", check=False)
            if done.returncode == 0:
                break
        assert done.returncode == 0, docker.run("logs", "hub").stderr
        with open("/proc/%s/status" % docker.run("inspect", "-f", "{{.State.Pid}}", "hub").stdout.decode().strip(),
                  encoding="ascii") as f:
            status = f.read()
        assert re.search(r"^Uid:\t65532\t65532", status, re.M) and re.search(r"^CapEff:\t0+$", status, re.M)
        for shell in ("/bin/sh", "/bin/bash", "/usr/bin/env"):
            assert docker.run("exec", "hub", shell, check=False).returncode != 0
        done = docker.run("exec", "hub", "/usr/bin/rummage", "hub", "--install-check", "-o", "json", check=False)
        rows = {r["check"]: r["state"] for r in json.loads(done.stdout)["checks"]}
        assert rows["state-dir"] == rows["tmp"] == rows["store"] == rows["sandbox"] == "ok", done.stdout
    finally:
        docker.close()
