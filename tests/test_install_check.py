# SPDX-License-Identifier: Apache-2.0
"""--install-check: what is missing is told without starting, against a real API server, PostgreSQL, and hubs."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import threading

import pytest

import kit
from chart import template
from hubkit import Hub, wait_for, with_hub  # noqa: F401
from kube import ADMIN, cluster  # noqa: F401
from nodekit import Agent
from openshift import install
from postgres import postgres  # noqa: F401
from registries import free_port

pytestmark = pytest.mark.usefixtures("with_hub")
NOWHERE = ["--url=%s=http://127.0.0.1:1" % n for n in ("osv", "debian", "alpine", "wolfi", "chainguard", "kev", "epss")]


class Checked:
    def __init__(self, *args, env=None, code=None, wrap=()):
        done = subprocess.run([*wrap, kit.program("rummage"), *[str(a) for a in args], "--install-check", "-o", "json"],
                              env=dict(os.environ, NO_COLOR="1", **(env or {})), capture_output=True, text=True, check=False)
        assert done.returncode in (0, 2, 3), done.stderr
        self.document = json.loads(done.stdout)
        self.rows = self.document["checks"]
        self.code = done.returncode
        states = {r["state"] for r in self.rows}
        assert self.code == (2 if "missing" in states else 3 if "unknown" in states else 0)
        assert self.document["passed"] == (self.code == 0) and self.document["schema"] == "rummage/install-check/1"
        assert sum(self.document["summary"].values()) == len(self.rows)
        assert all(r["do"] is None for r in self.rows if r["state"] == "ok")
        if code is not None:
            assert code == self.code, self.rows

    def of(self, check, subject=None):
        return [r for r in self.rows if r["check"] == check and subject in (None, r["subject"])]

    def one(self, check, subject=None):
        rows = self.of(check, subject)
        assert len(rows) == 1, rows or self.rows
        return rows[0]

    def state(self, check, subject=None):
        return self.one(check, subject)["state"]


def hub(tmp_path, *args, **how):
    how["env"] = dict({"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}, **how.get("env", {}))
    return Checked("hub", "--state-dir", tmp_path / "state", "--listen", "127.0.0.1:%d" % free_port(), *args, **how)


def test_a_hub_that_has_all(tmp_path):
    (tmp_path / "feeds").mkdir()
    seen = hub(tmp_path, "--feed-dir", tmp_path / "feeds")
    bad = {r["check"] for r in seen.rows if r["state"] in ("missing", "unknown")}
    assert bad == ({"sandbox"} if kit.sanitized(kit.program("rummage")) else set())
    assert seen.state("state-dir") == seen.state("store") == seen.state("feed-dir") == seen.state("listen") == "ok"
    assert seen.state("sink") == "warn"
    assert not (tmp_path / "state").exists() and not list((tmp_path / "feeds").iterdir())


def test_lines_for_people(tmp_path):
    (tmp_path / "feeds").mkdir()
    done = kit.run("hub", "--install-check", "--state-dir", str(tmp_path / "s"), "--feed-dir", str(tmp_path / "none"))
    assert done.code == 2
    line = next(r for r in done.out.splitlines() if "feed-dir" in r)
    assert line.startswith("missing ") and "cannot be read; a folder" in line
    assert all(r.split()[0] in ("ok", "warn", "unknown", "missing") for r in done.out.splitlines())


@pytest.mark.parametrize("text, says", [
    ("sinks: {ops: {kind: slack}}", "url"), ("sinks: {ops: {kind: pigeon}}", "of this kind"), ("sink: {ops: {kind: slack}}", "sink"),
    ("sinks: {ops: {kind: slack, url_file: /nonexistent/url}}", "/nonexistent/url")])
def test_the_hubs_file(tmp_path, text, says):
    (tmp_path / "hub.yaml").write_text(text)
    row = hub(tmp_path, *NOWHERE, "--hub-config", tmp_path / "hub.yaml", code=2).one("config")
    assert row["state"] == "missing" and says in row["text"]


@pytest.mark.parametrize("option, value, says", [
    ("--kubernetes-write", "lables", "lables"), ("--kubernetes-write", "red=labels", "no cluster"),
    ("--crawl", "registry.example.com,tag=v*", "walk through"), ("--registry-scans", "clair=https://r.example", "clair"),
    ("--registry-scans", "harbor=http://r.example", "plain http")])
def test_options_with_which_the_hub_would_not_start(tmp_path, option, value, says):
    args = ("--kubernetes", "blue=/nonexistent", *NOWHERE, option, value)
    row = hub(tmp_path, *args, code=2).one("option", option)
    assert row["state"] == "missing" and says in row["text"]
    done = kit.run("hub", "--state-dir", str(tmp_path / "hub"), "--listen", "127.0.0.1:0", *args, timeout=60)
    assert done.code == 1 and says in done.err, done


def test_options_that_are_right_say_nothing(tmp_path):
    seen = hub(tmp_path, "--kubernetes", "blue=/nonexistent", "--kubernetes-write", "blue=labels,none", "--crawl", "r.example/x",
               "--registry-scans", "quay=http://localhost:1", *NOWHERE)
    assert not seen.of("option")


def test_sinks_are_named_and_sent_nothing(tmp_path):
    """The webhook's address has nobody who answers: nobody is asked."""
    (tmp_path / "hub.yaml").write_text("sinks: {ops: {kind: webhook, url: 'http://127.0.0.1:1/'}}")
    seen = hub(tmp_path, *NOWHERE, "--hub-config", tmp_path / "hub.yaml")
    assert seen.state("sink", "ops") == "ok" and "webhook" in seen.one("sink")["text"]


def test_folders_and_addresses(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as taken:
        seen = Checked("hub", "--state-dir", "/proc/nothing", "--listen", "127.0.0.1:%d" % taken.server_address[1],
                       "--admission", "192.0.2.1:443", *NOWHERE, code=2)
    assert seen.state("state-dir") == "missing" and seen.state("listen") == "warn"
    assert seen.state("admission") == "missing" and seen.state("admission-cert") == "missing"


def test_feeds_are_asked_for(tmp_path):
    served = tmp_path / "served"
    served.mkdir()
    for name in ("ecosystems.txt", "json"):
        (served / name).write_text("x")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as it:
        threading.Thread(target=it.serve_forever, daemon=True).start()
        url = "http://127.0.0.1:%d" % it.server_address[1]
        seen = hub(tmp_path, *NOWHERE, "--url", "osv=" + url, "--url", "debian=" + url, "--url", "kev=" + url)
        it.shutdown()
    assert {r["subject"]: r["state"] for r in seen.of("feed")} == {
        "osv": "ok", "debian": "ok", "kev": "warn", **dict.fromkeys(("alpine", "wolfi", "chainguard", "epss"), "missing")}


def test_who_we_are_at_registries(tmp_path):
    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps({"auths": {"registry.example.com": {"auth": "eDp5"}}}))
    args = (*NOWHERE, "--db-ref", "registry.example.com/advisories:1", "--insecure-registry", "registry.example.com")
    seen = hub(tmp_path, *args, env={"REGISTRY_AUTH_FILE": str(auth)})
    assert "we are somebody" in seen.one("registry", "registry.example.com")["text"]
    assert "nobody" in seen.one("registry", "docker.io")["text"]
    assert seen.state("db-ref") == "missing" and not seen.of("feed")
    auth.write_text("{")
    assert hub(tmp_path, *args, env={"REGISTRY_AUTH_FILE": str(auth)}).state("registry", "docker.io") == "missing"


def certificate(folder, name, days):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    str(days), "-subj", "/CN=hub", "-keyout", str(folder / (name + ".key")), "-out",
                    str(folder / (name + ".crt"))], check=True, capture_output=True)
    return folder / (name + ".crt"), folder / (name + ".key")


def test_certificates(tmp_path):
    soon, other = certificate(tmp_path, "soon", 5), certificate(tmp_path, "other", 400)
    seen = hub(tmp_path, *NOWHERE, "--tls-cert", soon[0], "--tls-key", soon[1], "--client-ca", soon[1])
    assert seen.state("tls") == "warn" and seen.state("client-ca") == "missing"
    assert hub(tmp_path, *NOWHERE, "--tls-cert", other[0], "--tls-key", other[1]).state("tls") == "ok"
    assert hub(tmp_path, *NOWHERE, "--tls-cert", soon[0], "--tls-key", other[1]).state("tls") == "missing"


def test_beside_a_hub_that_runs(tmp_path):
    it = Hub(tmp_path / "hub").start(ready=False)
    try:
        seen = Checked("hub", "--state-dir", it.state, "--listen", "127.0.0.1:%d" % it.port, *NOWHERE)
        assert seen.state("store") == "ok" and "schema" in seen.one("store")["text"]
        assert seen.state("listen") == "warn" and it.request("GET", "/healthz").status == 200
    finally:
        it.kill()
    assert Checked("hub", "--state-dir", it.state, *NOWHERE).state("store") == "ok"
    with open(it.state + "/other.db", "wb") as f:
        f.write(b"no database of anybody's" * 100)
    assert Checked("hub", "--store", "sqlite:%s/other.db" % it.state, *NOWHERE).state("store") == "missing"


def test_postgresql(tmp_path, postgres):  # noqa: F811
    def store(url):
        return hub(tmp_path, "--store", url, *NOWHERE).one("store")

    url = postgres.database("checked")
    assert "is empty" in store(url)["text"]
    it = Hub(tmp_path / "hub", store=url).start(ready=False)
    it.kill()
    seen = hub(tmp_path, "--store", url, *NOWHERE)
    assert seen.state("store") == "ok" and "schema" in seen.one("store")["text"]
    assert seen.state("clock", "the store's server") == "ok"
    postgres.sql("CREATE ROLE stranger LOGIN")
    assert store(url.replace("//rummage@", "//stranger@"))["state"] == "missing"
    postgres.sql("UPDATE counter SET value = 9999 WHERE name = 'schema'", "checked")
    assert "newer Rummage" in store(url)["text"] and store(url)["state"] == "missing"
    # Since PostgreSQL 15 nobody but its owner may make tables in the schema that everybody has.
    empty = postgres.database("unmade")
    postgres.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "unmade")
    row = store(empty.replace("//rummage@", "//stranger:secret-word@"))
    assert row["state"] == "missing" and "may not be written" in row["text"] and "secret-word" not in json.dumps(row)
    row = store("postgresql://x:secret-word@127.0.0.1:1/rummage")
    assert row["state"] == "missing" and "secret-word" not in json.dumps(row)


# A cluster.

def account(cluster, namespace, name="rummage-hub", rules=None):  # noqa: F811
    """A service account and its token; with the rules of a ClusterRole."""
    cluster.create("v1", "serviceaccounts", namespace, {"metadata": {"name": name}})
    if rules:
        full = "%s-%s" % (namespace, name)
        cluster.create("rbac.authorization.k8s.io/v1", "clusterroles", None, {"metadata": {"name": full}, "rules": rules})
        cluster.create("rbac.authorization.k8s.io/v1", "clusterrolebindings", None, {
            "metadata": {"name": full}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": full},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]})
    made = cluster.call("POST", cluster.at("v1", "serviceaccounts", namespace, name, "token"), {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    return cluster.kubeconfig(token=made["status"]["token"])


def role(*settings):
    return next(o["rules"] for o in template(*settings) if o["kind"] == "ClusterRole")


def allowed(seen):
    """{resource.group: verbs} that were found to be allowed."""
    return {r["subject"].split(": ")[1].split("/")[0]: set(r["text"].split()[1:]) for r in seen.of("rbac") if r["state"] == "ok"}


ROLLOUTS = "argoproj.io/v1alpha1/rollouts"
WEBHOOKS = ("--admission", "127.0.0.1:0", "--admission-webhooks", "rummage-hub", "--admission-name",
            "rummage-hub.rummage.svc", "--kubernetes-kind", ROLLOUTS)


@pytest.mark.real
def test_what_the_chart_grants_is_what_is_needed_and_no_more(tmp_path, cluster):  # noqa: F811
    """Every verb of the chart's role is one that is asked about, and the other way round."""
    rules = role("admission.enabled=true", "kubernetes.kinds={%s}" % ROLLOUTS)
    config = account(cluster, cluster.namespace(), rules=rules)
    seen = hub(tmp_path, "--kubernetes", "blue=%s" % config, *WEBHOOKS, *NOWHERE)
    assert seen.state("kubernetes", "blue") == "ok" and seen.state("clock", "blue") == "ok"
    assert seen.state("kind", ROLLOUTS) == "warn"
    assert {r["state"] for r in seen.of("rbac")} == {"ok"}
    granted = {}
    for r in rules:
        for resource in r["resources"]:
            for group in r["apiGroups"]:
                granted.setdefault(resource + ("." + group if group else ""), set()).update(r["verbs"])
    for resource, verbs in allowed(seen).items():
        assert granted[resource] == verbs, resource
    asked = {r.split(".")[0] for r in allowed(seen)}
    assert {r.split(".")[0] for r in granted} == asked
    mine = allowed(Checked("cluster", "--kubernetes", "blue=%s" % config, "--hub", "http://127.0.0.1:1",
                           "--state-dir", tmp_path / "c"))
    assert mine and mine.items() <= allowed(seen).items()


@pytest.mark.real
def test_each_verb_that_is_missing_is_told(tmp_path, cluster):  # noqa: F811
    rules = json.loads(json.dumps(role()))
    rules[0]["verbs"].remove("watch")  # of pods and nodes
    config = account(cluster, cluster.namespace(), rules=rules)
    seen = hub(tmp_path, "--kubernetes", "blue=%s" % config, *NOWHERE, code=2)
    lost = [r for r in seen.of("rbac") if r["state"] != "ok"]
    assert {(r["subject"], r["text"]) for r in lost} == {("blue: pods", "may not watch"), ("blue: nodes", "may not watch")}
    assert all("ClusterRole" in r["do"] for r in lost)
    config = account(cluster, cluster.namespace())
    assert {r["state"] for r in hub(tmp_path, "--kubernetes", "blue=%s" % config, *NOWHERE).of("rbac")} == {"missing"}


@pytest.mark.real
def test_a_cluster_that_cannot_be_asked(tmp_path, cluster):  # noqa: F811
    seen = hub(tmp_path, "--kubernetes", "red=%s" % cluster.kubeconfig(token="of-nobody"), *NOWHERE, code=2)
    assert "401" in seen.one("kubernetes", "red")["text"] and not seen.of("rbac")
    away = cluster.kubeconfig(server="https://127.0.0.1:1", token=ADMIN)
    assert hub(tmp_path, "--kubernetes", "red=%s" % away, *NOWHERE).state("kubernetes") == "missing"
    assert hub(tmp_path, "--kubernetes", "red=/nonexistent", *NOWHERE).state("kubernetes") == "missing"
    assert hub(tmp_path, "--kubernetes", "in-cluster", *NOWHERE).state("kubernetes") == "missing"


def put_webhooks(cluster, change=None):  # noqa: F811
    api = "admissionregistration.k8s.io/v1"
    for o in template("admission.enabled=true", "admission.pin=true"):
        if not o["kind"].endswith("WebhookConfiguration"):
            continue
        kind = o["kind"].lower() + "s"
        if cluster.request("GET", cluster.at(api, kind, None, "rummage-hub"))[0] == 200:
            cluster.delete(api, kind, None, "rummage-hub")
        # What starts elsewhere in this server is not asked about.
        for hook in o["webhooks"]:
            hook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": "none"}}
            if change:
                change(hook)
        cluster.create(api, kind, None, o)


@pytest.mark.real
def test_webhooks(tmp_path, cluster):  # noqa: F811
    config = "blue=%s" % cluster.kubeconfig(token=ADMIN)
    it = Hub(tmp_path / "hub", args=["--kubernetes", config, *WEBHOOKS[:6]])

    def seen(*args):
        return Checked("hub", "--state-dir", it.state, "--kubernetes", config, *WEBHOOKS, *args, *NOWHERE)

    assert "no configuration" in seen().one("webhook", "rummage-hub")["text"]
    put_webhooks(cluster)
    hooks = {"closed.admission.rummage", "open.admission.rummage", "pin.admission.rummage"}
    assert {r["subject"]: r["state"] for r in seen().of("webhook")} == dict.fromkeys(hooks, "ok")  # no certificate yet
    it.start(ready=False)
    try:
        wait_for(lambda: {r["state"] for r in seen().of("webhook")} == {"ok"}, 60, 0.5, it.said)
        assert "while no hub answers: Fail" in seen().one("webhook", "closed.admission.rummage")["text"]
    finally:
        it.kill()
    put_webhooks(cluster)  # as if somebody had put them there anew
    assert {(r["state"], "caBundle" in r["text"]) for r in seen().of("webhook")} == {("warn", True)}
    put_webhooks(cluster, lambda hook: hook["clientConfig"]["service"].update(path="/other"))
    assert {(r["state"], "/other" in r["text"]) for r in seen().of("webhook")} == {("missing", True)}
    put_webhooks(cluster, lambda hook: hook["clientConfig"]["service"].update(name="somebody"))
    assert {(r["state"], "somebody.rummage.svc" in r["text"]) for r in seen().of("webhook")} == {("missing", True)}
    config = "blue=%s" % account(cluster, cluster.namespace(), rules=role())
    rows = [r for r in seen().of("rbac") if r["state"] == "missing"]
    assert {r["text"] for r in rows} == {"may not get, patch", "may not list, watch", "may not list"}
    config = "blue=%s" % account(cluster, cluster.namespace(), rules=role("admission.enabled=true", "admission.pullSecrets=true"))
    wanted = {"namespaces": {"list"}, "secrets": {"get"}, "serviceaccounts": {"get"},
              "validatingwebhookconfigurations.admissionregistration.k8s.io": {"get", "patch"}}
    wait_for(lambda: wanted.items() <= allowed(seen("--admission-pull-secrets")).items(), 60, 0.3)


@pytest.mark.real
def test_what_the_hub_writes_and_what_openshift_has(tmp_path, cluster):  # noqa: F811
    """Asked about only where it is asked for, or there. The last of these: its kind stays."""
    bare = account(cluster, cluster.namespace(), rules=role())
    full = account(cluster, cluster.namespace(), rules=role(
        "kubernetes.write={labels,events,reports,images}", "kubernetes.openshift=true"))
    install(cluster)

    def seen(config, *args):
        return hub(tmp_path, "--kubernetes", "blue=%s" % config, *args, *NOWHERE)

    subject = "blue: deploymentconfigs.apps.openshift.io"
    wait_for(lambda: seen(bare).of("rbac", subject), 60, 0.3)
    assert seen(bare).state("rbac", subject) == "missing" and seen(full).state("rbac", subject) == "ok"
    patched = [r for r in seen(bare, "--kubernetes-write", "blue=labels").of("rbac") if "patch" in r["text"]]
    assert len(patched) == 8 and {r["text"] for r in patched} == {"may not patch"}
    all_forms = seen(full, "--kubernetes-write", "labels,events,images,blue=reports").of("rbac")
    assert {r["state"] for r in all_forms} == {"ok"}
    builds = next(r for r in all_forms if r["subject"] == "blue: builds.build.openshift.io")
    assert builds["text"] == "may get list watch"  # one that a pod belongs to is asked for by its name
    images = "blue: images.image.openshift.io"
    assert {r["text"] for r in all_forms if r["subject"] == images} == {"may list watch", "may patch"}
    assert {r["text"] for r in seen(bare, "--kubernetes-write", "images").of("rbac", images)} == {
        "may not list, watch", "may not patch"}
    assert {"blue: events", "blue: reports.openreports.io"} <= {r["subject"] for r in all_forms}
    assert not [r for r in seen(full).of("rbac") if "patch" in r["text"]]


# An agent.

def test_an_agent_and_its_hub(tmp_path):
    it = Hub(tmp_path / "hub").start(ready=False)
    try:
        agent = Agent(tmp_path / "agent", it)
        args = ["node", *agent.command()[2:], "--docker", str(tmp_path / "docker.sock")]
        seen = Checked(*args, code=2)
        assert seen.state("hub") == "ok" and seen.state("clock", "the hub") == "ok"
        assert [r["state"] for r in seen.of("runtime")] == ["missing"]
        agent.token("wrong")
        assert Checked(*args).state("hub") == "missing"
        agent.token(it.make_token("ask", "reader").token)
        assert "agent" in Checked(*args).one("hub")["do"]
    finally:
        it.kill()
    assert Checked(*args).state("hub") == "missing"
    assert Checked("node").state("hub") == "missing"


def test_rights_that_are_not_there(tmp_path):
    """As somebody else on this machine, without any capability."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become somebody without rights")
    program = kit.program("rummage")
    if subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", program, "version"], capture_output=True, check=False).returncode:
        pytest.skip("the programs cannot be run by somebody else here")
    seen = Checked("node", "--execs", "--profile", "--enforce", "--host", "--state-dir", "/proc/x", code=2,
                   wrap=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"))
    assert {r["subject"]: r["state"] for r in seen.of("capability")} == dict.fromkeys(
        ("CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_NICE", "CAP_NET_ADMIN"), "missing")
    assert {r["state"] for r in seen.of("fanotify")} == {"missing"} and seen.state("kernel") == "ok"
    assert seen.state("host") == "ok"


def test_the_machine_is_where_it_is_mounted(tmp_path):
    (tmp_path / "etc").mkdir()
    row = Checked("node", "--host", "--host-root", tmp_path).one("host")
    assert row["state"] == "missing"
    (tmp_path / "etc" / "os-release").write_text("ID=x\n")
    assert Checked("node", "--host", "--host-root", tmp_path).state("host") == "ok"
