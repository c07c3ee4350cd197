# SPDX-License-Identifier: Apache-2.0
"""What the hub knows and tells: disclosure, rollback, seasons, continued use, tags, coverage, evidence. Fleets are
synthesised (synth.py), which also says what the answers must be."""

import json
import os
import shutil
import sqlite3
import time

import pytest

import kit
from disclosed import Disclosed, rows
from engines import docker, docker_image  # noqa: F401
from hubkit import (SOON, Clock, Hub, Receiver, Source, rfc3339, receiver, wait_for,  # noqa: F401
                    with_hub)
from postgres import postgres  # noqa: F401
from small import write_bad, write_record
from synth import Small

pytestmark = pytest.mark.usefixtures("with_hub")

# Everything is told at once, so that a test sees each message by itself.
POLICY = """group: 0s
max-per-minute: 10000
rules:
  - name: finding
    severity: low
    escalate: [7d, 30d, 90d]
  - name: rollback
    when: rollback
  - name: tag-moved
    when: tag-moved
  - name: tag-skew
    when: tag-skew
  - name: not-read
    when: incomplete
  - name: drift
    when: drift
  - name: facts-disagree
    when: facts-disagree
"""


@pytest.fixture
def feeds(tmp_path):
    """A folder of advisories that concern nothing yet."""
    folder = tmp_path / "feeds"
    write_record(folder, "GHSA-none-0000-0000", "nobody-has-this", "1.0.0")
    return folder


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def hub(tmp_path, feeds, policy, receiver):  # noqa: F811
    """A hub that tells everything at once, with a clock that can be moved."""
    clock = Clock(str(tmp_path))
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, policy=policy, clock=clock) as started:
        yield started


@pytest.fixture
def node(hub):
    made = Source(hub, "node-1")
    made.clock = hub.clock
    return made


def store_of(request, name):
    """For the parameter "sqlite" or "postgresql": the --store."""
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("postgres").database(name)


# Disclosure.

@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def disclosed(request, tmp_path_factory):
    made = Disclosed(tmp_path_factory.mktemp("fleet"), 200, 2000, store_of(request, "fleet"))
    yield made
    made.close()


def test_disclosure(disclosed):
    """R34: one advisory appears, the exact list and the alert are there at once"""
    advisory = disclosed.fleet.popular(0.3)
    told, listed = disclosed.disclose(advisory, 10)
    assert max(told, listed) <= SOON, (told, listed)
    running = {row[5] for row in disclosed.fleet.expected(advisory)}
    alerts = disclosed.hub.alerts(advisory=advisory.id)
    assert len(alerts) == len(running)
    assert {a["severity"] for a in alerts} == {"critical"}
    assert sum(a["uses"] for a in alerts) == len(disclosed.fleet.expected(advisory))
    disclosed.same_as_matched_anew()
    assert rows(disclosed.hub.who_runs(advisory.id)) == disclosed.fleet.expected(advisory)


def test_disclosure_of_a_distribution(disclosed):
    """R34: an advisory of an installed package, changed later to hold for fewer versions, then withdrawn"""
    fleet, hub = disclosed.fleet, disclosed.hub
    advisory = next(a for a in fleet.advisories(5000) if a.kind == 0 and len(fleet.expected(a)) > 20)
    advisory.id, advisory.severity, advisory.first, advisory.fixed = "DEBIAN-CVE-2026-7777", "critical", 0, 8
    advisory.write(disclosed.feeds)
    disclosed.receiver.wait(10, advisory="CVE-2026-7777")
    all_of_it = fleet.expected(advisory)
    assert {r[4] for r in rows(hub.who_runs("CVE-2026-7777"))} == {r[4] for r in all_of_it}
    advisory.fixed = 3
    fewer = {r[4] for r in fleet.expected(advisory)}
    advisory.write(disclosed.feeds)
    wait_for(lambda: {r["container"] for r in hub.who_runs("CVE-2026-7777")} == fewer, 10, 0.05)
    os.remove(os.path.join(disclosed.feeds, "osv", "Debian", advisory.id + ".json"))
    wait_for(lambda: not hub.who_runs("CVE-2026-7777"), 10, 0.05)
    assert wait_for(lambda: not hub.alerts(advisory="CVE-2026-7777"), 10, 0.05)
    disclosed.same_as_matched_anew()


def test_findings_are_those_of_the_fleet(disclosed):
    """R30: every advisory of the folder hits exactly the containers that have the package"""
    for advisory in list(disclosed.fleet.advisories(300))[::6]:
        name = advisory.id.replace("DEBIAN-", "")
        found = rows(disclosed.hub.who_runs(name))
        assert {r[4] for r in found} == {r[4] for r in disclosed.fleet.expected(advisory)}, name


def test_who_runs_a_package_a_digest_a_path(disclosed):
    """R30: the containers that run pkg@version, sha256:..., /path, an image"""
    fleet, hub = disclosed.fleet, disclosed.hub
    image = fleet.runs[0]
    own = {i for i in range(fleet.containers) if fleet.runs[i] == image}
    want = {fleet.container(i)[4] for i in own}
    for query in (fleet.config(image), fleet.manifest(image), fleet.ref(image)):
        assert {r["container"] for r in hub.who_runs(query)} == want, query
    repo = image // fleet.versions
    whole = {fleet.container(i)[4] for i in range(fleet.containers)
             if fleet.runs[i] // fleet.versions == repo}
    assert {r["container"] for r in hub.who_runs("/srv/app-%d/own/bin/main" % repo)} == whole
    advisory = fleet.popular(0.3)
    for version in ("1.1.%d" % (advisory.name % 10), "2.0.%d" % (advisory.name % 10)):
        order = 4 * (int(version[0]) - 1) + int(version[2])
        advisory.first, advisory.fixed = order, order + 1
        want = {r[4] for r in fleet.expected(advisory)}
        name = "npm-%05d" % advisory.name
        for query in ("pkg:npm/%s@%s" % (name, version), "%s@%s" % (name, version)):
            assert {r["container"] for r in hub.who_runs(query)} == want, query


def test_answers_come_in_pages(disclosed):
    """R30: pages of any size give every container once; filters leave out and add nothing"""
    fleet, hub = disclosed.fleet, disclosed.hub
    query = fleet.ref(fleet.runs[0]).rpartition(":")[0]
    whole = hub.who_runs(query)
    by_sevens = hub.who_runs(query, limit=7)
    assert by_sevens == whole and len({i["container"] for i in whole}) == len(whole) > 7
    first = next(hub.pages("/api/v1/who-runs", query=query, limit=5))
    assert first["totals"]["running"] == len(whole)
    cluster = whole[0]["cluster"]
    assert hub.who_runs(query, cluster=cluster) == [i for i in whole if i["cluster"] == cluster]
    node = whole[0]["node"]
    assert hub.who_runs(query, node=node) == [i for i in whole if i["node"] == node]


def test_verbs_ask_the_hub(disclosed, tmp_path):
    """R30: the verbs of the command line give what the API gives"""
    hub, fleet = disclosed.hub, disclosed.fleet
    token = tmp_path / "token"
    token.write_text(hub.token + "\n")

    def ask(*words):
        done = kit.run(*words, "--hub", "http://127.0.0.1:%d" % hub.port, "--token-file", token,
                       "-o", "json")
        assert done.code in (0, 2), done
        return done.json

    query = fleet.ref(fleet.runs[0])
    assert ask("who-runs", query)["items"] == hub.who_runs(query)
    for verb in ("images", "workloads", "dormant", "coverage", "tags"):
        assert ask(verb)["items"] == hub.items("/api/v1/" + verb), verb
    assert [a["id"] for a in ask("alerts")["items"]] == [a["id"] for a in hub.alerts()]
    seen = {}
    for w in hub.items("/api/v1/workloads"):
        seen.setdefault((w["namespace"], w["workload"]), []).append(w)
    workload = next(ws[0] for ws in seen.values() if len(ws) == 1)
    name = "%s/%s" % (workload["namespace"], workload["workload"])
    assert ask("timeline", name)["items"] == hub.items("/api/v1/timeline", workload=name)
    assert ask("audit", "verify")["good"] is True
    table = kit.run("who-runs", query, "--hub", "http://127.0.0.1:%d" % hub.port, "--token-file", token,
                    "-o", "table")
    assert table.code == 0 and fleet.container(0)[4][:12] in table.out


# Rollback.

BAD = {"shop-core": "1.0.0", "left": "1.0.0", "right": "1.0.0"}
GOOD = {"shop-core": "2.0.0", "left": "2.0.0", "right": "2.0.0"}


@pytest.fixture
def shop(hub, feeds):
    """v1 has three critical findings, v2 none."""
    write_bad(feeds, BAD, "CVE-2026-100%d")
    wait_for(lambda: hub.metrics()["rummage_database_loaded_timestamp_seconds"] and
             hub.metrics()["rummage_deltas_total"] >= 0, 10)
    old = Small("shop/web:1", BAD, "2026-01-01T00:00:00Z", "1").put(hub)
    new = Small("shop/web:2", GOOD, "2026-02-01T00:00:00Z", "2").put(hub)
    wait_for(lambda: hub.get("/api/v1/images/" + old.config)["counts"]["critical"] == 3, 10)
    return old, new


def test_rollback(hub, node, shop, receiver):  # noqa: F811
    """R33: a workload goes back to what it ran before: told with before and after"""
    old, new = shop
    node.send(node.began("a" * 64, old.name, old.digests, "web"))
    node.send(node.began("b" * 64, new.name, new.digests, "web"), node.ended("a" * 64))
    assert not receiver.messages(rule="rollback")
    began = time.time()
    node.send(node.began("c" * 64, old.name, old.digests, "web"), node.ended("b" * 64))
    item = receiver.wait(5, rule="rollback").item("rollback")
    assert time.time() - began <= SOON
    assert "0 critical" in item["before"] and "3 critical" in item["after"], item
    lineage = hub.items("/api/v1/timeline", workload="web")
    assert [r["what"] for r in lineage].count("rolled-back") == 1, lineage
    assert lineage[-1]["image"] == old.config or any(
        r["what"] == "rolled-back" and r["image"] == old.config and r["from"] == new.config for r in lineage)


def test_rollback_to_what_was_never_run(hub, node, shop, receiver):  # noqa: F811
    """R33: an image that is older by its own word, to a worse verdict"""
    old, new = shop
    node.send(node.began("a" * 64, new.name, new.digests, "web"))
    node.send(node.began("b" * 64, old.name, old.digests, "web"), node.ended("a" * 64))
    item = receiver.wait(5, rule="rollback").item("rollback")
    assert "3 critical" in item["after"]


def test_rollout_is_no_rollback(hub, node, shop, receiver):  # noqa: F811
    """R33: going forward, and scaling, are not told as going back"""
    old, new = shop
    for i in range(3):
        node.send(node.began("%064x" % i, old.name, old.digests, "web"))
    for i in range(3):
        node.send(node.began("%064x" % (10 + i), new.name, new.digests, "web"), node.ended("%064x" % i))
    for i in range(3):
        node.send(node.ended("%064x" % (10 + i)), node.began("%064x" % (20 + i), new.name, new.digests, "web"))
    hub.get("/api/v1/alerts")
    assert not receiver.messages(rule="rollback")


def test_rollback_in_docker(tmp_path, docker, feeds, receiver):  # noqa: F811
    """R33: dockerd runs v2, then v1 of an image: told with before and after, and no layer is read again"""
    write_bad(feeds, BAD, "CVE-2026-100%d")
    docker_image(docker, tmp_path, "shop:1", BAD)
    docker_image(docker, tmp_path, "shop:2", GOOD)

    def run(tag):
        docker.run("rm", "-f", "shop", check=False)
        docker.run("run", "-d", "--network=none", "--name", "shop", "shop:" + tag)
        return time.time()

    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, args=["--docker", docker.socket]) as hub:
        wait_for(lambda: [i["read"] for i in hub.items("/api/v1/images")
                          if i["read"]].__len__() >= 2, 60, 0.1, hub.said)
        run("1")
        wait_for(lambda: hub.who_runs("shop:1", running="true"), 10, 0.05, hub.said)
        run("2")
        wait_for(lambda: hub.who_runs("shop:2", running="true"), 10, 0.05, hub.said)
        read = [(i["digest"], i["read"]) for i in hub.items("/api/v1/images")]
        began = run("1")
        message = receiver.wait(10, rule="rollback")
        item = message.item("rollback")
        assert message.at - began <= SOON, message.at - began
        assert "0 critical" in item["before"] and "3 critical" in item["after"]
        assert [(i["digest"], i["read"]) for i in hub.items("/api/v1/images")] == read
        coverage = next(hub.pages("/api/v1/coverage"))
        assert coverage["coverage"] == 1.0, coverage
        docker.run("rm", "-f", "shop")
        wait_for(lambda: not hub.who_runs("shop:1", running="true"), 10, 0.05)


# Seasons.

def test_seasonal(hub, node, feeds, receiver):  # noqa: F811
    """R35: a workload without an instance is judged while it sleeps, and at once when it starts"""
    image = Small("shop/tax:1", {"tax-core": "1.0.0"}).put(hub)
    node.send(node.tag("shop/tax:1", image.manifest),
              node.declared("CronJob/tax-year", [("shop/tax:1", [])], replicas=0, schedule="0 0 1 1 *"))
    assert [d["workload"] for d in hub.items("/api/v1/dormant")] == ["CronJob/tax-year"]
    write_record(feeds, "CVE-2026-2000", "tax-core", "1.5.0")
    message = receiver.wait(10, advisory="CVE-2026-2000")
    use = message.items[0]["uses"][0]
    assert use["dormant"] is True and use["workload"] == "CronJob/tax-year", message.items
    found = hub.who_runs("CVE-2026-2000")
    assert [i["state"] for i in found] == ["dormant"]
    alert = hub.alert_of("CVE-2026-2000")
    node.send(node.began("d" * 64, image.name, image.digests, "CronJob/tax-year"))
    assert [i["container"] for i in hub.who_runs("CVE-2026-2000", running="true")] == ["d" * 64]
    assert hub.alert_of("CVE-2026-2000")["id"] == alert["id"]
    node.send(node.ended("d" * 64))
    assert [i["state"] for i in hub.who_runs("CVE-2026-2000")] == ["dormant"]


def test_seen_before_and_gone(hub, node, feeds):
    """R35: what is known of an image outlives the image and its workload's instances"""
    image = Small("shop/xmas:1", {"xmas-core": "1.0.0"}).put(hub)
    node.send(node.seen(image.name, image.digests),
              node.began("e" * 64, image.name, image.digests, "xmas"), node.ended("e" * 64),
              node.event("image.removed", image=node.image(image.name, image.digests)))
    write_record(feeds, "CVE-2026-2001", "xmas-core", "1.5.0")
    wait_for(lambda: hub.get("/api/v1/images/" + image.config)["counts"]["critical"] == 1, 10, 0.05)
    assert [w["workload"] for w in hub.items("/api/v1/workloads")] == ["Deployment/xmas"]


# Continued use.

def test_continued_use(hub, node, feeds, receiver):  # noqa: F811
    """R38: told again at 7, 30 and 90 days, resolved when the last use ends, reopened on return"""
    image = Small("shop/web:1", {"old-core": "1.0.0"}).put(hub)
    write_record(feeds, "CVE-2026-3000", "old-core", "1.5.0")
    wait_for(lambda: hub.get("/api/v1/images/" + image.config)["counts"]["critical"] == 1, 10)
    node.send(*[node.began("%064x" % i, image.name, image.digests, "web") for i in range(5)])
    fired = receiver.wait(5, kind="fired", advisory="CVE-2026-3000")
    alert = fired.items[0]["alert"]
    assert fired.items[0]["uses_total"] == 5 and len(hub.alerts(advisory="CVE-2026-3000")) == 1
    for days, step in ((7, 7), (30, 23), (90, 60)):
        hub.clock.move(days=step, seconds=5)
        wait_for(lambda d=days: [m for m in receiver.messages(kind="escalated", advisory="CVE-2026-3000")
                                 if m.items[0]["days"] >= d], 10, said="no escalation at %d days" % days)
    assert len(receiver.messages(kind="escalated", advisory="CVE-2026-3000")) == 3
    node.send(*[node.ended("%064x" % i) for i in range(4)])
    assert hub.alert_of("CVE-2026-3000")["state"] == "firing"
    node.send(node.ended("%064x" % 4))
    ended = time.time()
    resolved = receiver.wait(15, kind="resolved", advisory="CVE-2026-3000")
    assert resolved.at - ended <= SOON and resolved.items[0]["alert"] == alert
    assert hub.alert_of("CVE-2026-3000") is None
    assert hub.alert_of("CVE-2026-3000", state="resolved")["id"] == alert
    node.send(node.began("9" * 64, image.name, image.digests, "web"))
    again = receiver.wait(5, kind="reopened", advisory="CVE-2026-3000")
    assert again.items[0]["alert"] == alert
    assert hub.alert_of("CVE-2026-3000")["times_opened"] == 2
    assert len({m.id for m in receiver.messages()}) == len(receiver.messages())


def test_a_restart_of_a_container_is_no_end(hub, node, feeds, receiver):  # noqa: F811
    """R38: a use that ends and begins again at once has not ended; nor does a restart of the hub tell anything"""
    image = Small("shop/web:1", {"old-core": "1.0.0"}).put(hub)
    write_record(feeds, "CVE-2026-3001", "old-core", "1.5.0")
    node.send(node.began("1" * 64, image.name, image.digests, "web"))
    receiver.wait(10, kind="fired", advisory="CVE-2026-3001")
    node.send(node.ended("1" * 64), node.began("2" * 64, image.name, image.digests, "web"))
    hub.restart()
    time.sleep(7)
    assert [m.kind for m in receiver.messages(advisory="CVE-2026-3001")] == ["fired"]


def test_worse_is_told(hub, node, feeds, receiver):  # noqa: F811
    """R32: a finding that gets worse is told with before and after; better is not told as worse"""
    image = Small("shop/web:1", {"risky": "1.0.0"}).put(hub)
    node.send(node.began("1" * 64, image.name, image.digests, "web"))
    write_record(feeds, "CVE-2026-3100", "risky", "1.5.0", "5.3")
    receiver.wait(10, kind="fired", advisory="CVE-2026-3100")
    write_record(feeds, "CVE-2026-3100", "risky", "1.5.0", "9.8")
    item = receiver.wait(10, kind="worsened", advisory="CVE-2026-3100").items[0]
    assert (item["before"], item["after"]) == ("medium, fixable", "critical, fixable"), item
    with open(os.path.join(str(feeds), "kev.json.new"), "w", encoding="ascii") as f:
        json.dump({"vulnerabilities": [{"cveID": "CVE-2026-3100", "dateAdded": "2026-01-01",
                                        "dueDate": "2026-01-20"}]}, f)
    os.replace(os.path.join(str(feeds), "kev.json.new"), os.path.join(str(feeds), "kev.json"))
    wait_for(lambda: [m for m in receiver.messages(kind="worsened") if m.items[0].get("kev")], 15)


# What people decide.

def test_exceptions(hub, node, feeds, receiver):  # noqa: F811
    """R32: an exception with owner, reason and end suppresses, and ends by itself; both are on record"""
    image = Small("shop/web:1", {"risky": "1.0.0"}).put(hub)
    node.send(node.began("1" * 64, image.name, image.digests, "web"))
    write_record(feeds, "CVE-2026-3200", "risky", "1.5.0")
    receiver.wait(10, kind="fired", advisory="CVE-2026-3200")
    made = hub.post("/api/v1/exceptions", {
        "advisory": "CVE-2026-3200", "owner": "ops", "reason": "behind a wall",
        "until": rfc3339(hub.clock.now() + 86400)})
    wait_for(lambda: hub.alert_of("CVE-2026-3200", state="suppressed"), 5)
    assert [e["id"] for e in hub.items("/api/v1/exceptions")] == [made["id"]]
    document = hub.get("/api/v1/vex")
    assert document["@context"].startswith("https://openvex.dev/ns") and \
        any(s["vulnerability"]["name"] == "CVE-2026-3200" for s in document["statements"])
    hub.clock.move(days=1, seconds=5)
    wait_for(lambda: hub.alert_of("CVE-2026-3200", state="firing"), 5)
    record = hub.items("/api/v1/audit")
    assert "first-admin" in {r["actor"] for r in record}


def test_vex(hub, node, feeds):
    """R32: statements of an OpenVEX document quieten what they are about, until they say otherwise"""
    image = Small("shop/web:1", {"risky": "1.0.0"}).put(hub)
    node.send(node.began("1" * 64, image.name, image.digests, "web"))
    write_record(feeds, "CVE-2026-3201", "risky", "1.5.0")
    wait_for(lambda: hub.alert_of("CVE-2026-3201", state="firing"), 10)
    statement = {"vulnerability": {"name": "CVE-2026-3201"}, "products": [{"@id": "pkg:npm/risky@1.0.0"}],
                 "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}
    document = {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.org/vex/1",
                "author": "Example", "timestamp": rfc3339(), "version": 1, "statements": [statement]}
    assert hub.post("/api/v1/vex", document)["taken"] == 1
    wait_for(lambda: hub.alert_of("CVE-2026-3201", state="suppressed"), 5)
    assert any(s["status"] == "not_affected" for s in hub.get("/api/v1/vex")["statements"])


def test_acknowledge_and_suppress(hub, node, feeds, receiver):  # noqa: F811
    """R38: acknowledged by somebody, suppressed until a time, firing again after it"""
    image = Small("shop/web:1", {"risky": "1.0.0"}).put(hub)
    node.send(node.began("1" * 64, image.name, image.digests, "web"))
    write_record(feeds, "CVE-2026-3202", "risky", "1.5.0")
    alert = receiver.wait(10, advisory="CVE-2026-3202").items[0]["alert"]
    path = "/api/v1/alerts/%d" % alert
    hub.post(path, {"act": "acknowledge", "reason": "looking"})
    assert hub.get(path)["state"] == "acknowledged" and hub.get(path)["by"] == "first-admin"
    hub.post(path, {"act": "suppress", "reason": "later", "until": rfc3339(hub.clock.now() + 3600)})
    assert hub.get(path)["state"] == "suppressed"
    hub.clock.move(seconds=3700)
    wait_for(lambda: hub.get(path)["state"] == "firing", 5)
    assert {"acknowledged", "suppressed"} <= {r["what"].split()[0] for r in hub.get(path)["log"]}, hub.get(path)


def test_policy_is_read_again(hub, node, feeds, policy):
    """R32: SIGHUP takes another policy at once; a broken one changes nothing and is said"""
    image = Small("shop/web:1", {"risky": "1.0.0"}).put(hub)
    node.send(node.began("1" * 64, image.name, image.digests, "web"))
    write_record(feeds, "CVE-2026-3203", "risky", "1.5.0", "5.3")
    wait_for(lambda: hub.alert_of("CVE-2026-3203"), 10)
    policy.write_text(POLICY.replace("severity: low", "severity: high"))
    hub.child.send_signal(1)
    wait_for(lambda: hub.alert_of("CVE-2026-3203") is None, 10)
    policy.write_text("rules:\n  - nonsense: 1\n")
    hub.child.send_signal(1)
    wait_for(lambda: "stays as it is" in hub.said(), 5)
    policy.write_text(POLICY)
    hub.child.send_signal(1)
    wait_for(lambda: hub.alert_of("CVE-2026-3203"), 10)


# Tags.

def test_tags(hub, node, receiver):  # noqa: F811
    """R25: what a tag meant and when; moved, and skewed between nodes, it is told"""
    one = Small("shop/web:stable", {"a": "1.0.0"}).put(hub)
    two = Small("shop/web:stable", {"a": "2.0.0"}).put(hub)
    other = Source(hub, "node-2")
    node.send(node.tag(one.name, one.manifest), node.began("1" * 64, one.name, one.digests, "web"))
    assert not receiver.messages()
    node.send(node.tag(one.name, two.manifest))
    receiver.wait(5, rule="tag-moved")
    history = hub.items("/api/v1/tags", ref=one.name)
    assert [h["digest"] for h in history] == [two.manifest, one.manifest]
    other.send(other.began("2" * 64, two.name, two.digests, "web"))
    receiver.wait(5, rule="tag-skew")
    page = next(hub.pages("/api/v1/tags", ref=one.name))
    assert page["skew"] is True and set(page["running"]) == {one.config, two.config}
    node.send(node.ended("1" * 64))
    receiver.wait(10, kind="resolved", rule="tag-skew")


def test_digests_not_tags(hub, node):
    """R13: two tags of one digest are one image; one tag of two digests is two"""
    one = Small("shop/web:1", {"a": "1.0.0"}).put(hub)
    two = Small("shop/web:1", {"a": "2.0.0"}).put(hub)
    node.send(node.began("1" * 64, "shop/web:1", one.digests),
              node.began("2" * 64, "shop/web:latest", one.digests[1:]),
              node.began("3" * 64, "shop/web:1", two.digests))
    images = {i["digest"]: i["uses"] for i in hub.items("/api/v1/images")}
    assert images == {one.config: 2, two.config: 1}
    assert {r["container"][0] for r in hub.who_runs(one.manifest)} == {"1", "2"}


# Coverage.

def test_coverage(hub, node, receiver):  # noqa: F811
    """R1, R36: what runs and is not known is listed with its reason, never counted as clean"""
    known = Small("shop/web:1", {"a": "1.0.0"}).put(hub)
    part = Small("shop/part:1", {"a": "1.0.0"}, more=["sha256:" + "0" * 64]).put(hub)
    digest = "sha256:" + "1" * 64
    node.send(node.began("1" * 64, known.name, known.digests), node.began("2" * 64, "shop/new:1", [digest]),
              node.began("3" * 64, part.name, part.digests), node.began("4" * 64, "shop/unresolved:1"))
    page = next(hub.pages("/api/v1/coverage"))
    assert (page["total"], page["matched"], page["coverage"]) == (4, 1, 0.25)
    reasons = {i["container"][0]: i["reason"].split(":")[0] for i in page["items"]}
    assert reasons == {"2": "unread", "3": "incomplete", "4": "no digest"}
    assert {w["digest"] for w in hub.get("/api/v1/wanted")["items"]} >= {digest}
    hub.clock.move(seconds=600)
    for what in ("shop/new:1", "shop/part:1", "shop/unresolved:1"):
        wait_for(lambda w=what: hub.clock.move(seconds=60) or [
            m for m in receiver.messages(rule="not-read") if w in m.item("not-read")["title"]], 20, 0.2)
    late = Small("shop/new:1", {"a": "1.0.0"})
    late.manifest = digest
    late.put(hub)
    page = next(hub.pages("/api/v1/coverage"))
    assert (page["total"], page["matched"]) == (4, 2)


def test_readers_that_disagree(hub, receiver):  # noqa: F811
    """R39: a second reader of a layer who says other things of it is told; the first is believed"""
    image = Small("shop/web:1", {"a": "1.0.0"}).put(hub)
    other = hub.make_token("other-reader", "agent")
    other.put("/api/v1/facts/" + image.layer, image.facts())
    assert not receiver.messages()
    liar = Small("shop/web:1", {"a": "9.9.9"})
    liar.layer = image.layer
    hub.make_token("liar", "agent").put("/api/v1/facts/" + image.layer, liar.facts())
    receiver.wait(5, rule="facts-disagree")
    components = hub.get("/api/v1/images/" + image.config)["components"]
    assert [c["version"] for c in components] == ["1.0.0"]


def test_changes_in_a_container(hub, node, receiver):  # noqa: F811
    """R11: a change is the instance's: told, and over when the container goes"""
    image = Small("shop/web:1", {"a": "1.0.0"}).put(hub)
    node.send(node.began("1" * 64, image.name, image.digests, "web"),
              node.event("container.changed", container="1" * 64, change={
                  "kind": "exec", "path": "usr/bin/nc", "sha256": "ab" * 32, "who": "alice",
                  "text": "nc was dropped and started"}))
    fired = receiver.wait(5, rule="drift", kind="fired")
    node.send(node.ended("1" * 64))
    resolved = receiver.wait(15, rule="drift", kind="resolved")
    assert resolved.items[0]["alert"] == fired.items[0]["alert"]


def test_silence(tmp_path, feeds, receiver):  # noqa: F811
    """R31: a source that is not heard of for a while is told, and when it is heard again"""
    clock, policy = Clock(str(tmp_path)), tmp_path / "policy.yaml"
    policy.write_text("group: 0s\nrules: [{name: silent, when: silent, after: 90s}]\n")
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, clock=clock, policy=policy) as hub:
        node = Source(hub, "node-1")
        node.clock = clock
        node.send(node.event("heartbeat"))
        for _ in range(2):  # at once it would be the hub that had slept
            time.sleep(1.5)
            clock.move(seconds=50)
        receiver.wait(10, rule="silent", kind="fired")
        node.send(node.event("heartbeat"))
        receiver.wait(10, rule="silent", kind="resolved")


# Evidence.

def verify(hub, head=None):
    return hub.get("/api/v1/audit/verify", query=head)


def test_audit(tmp_path, feeds, policy, receiver):  # noqa: F811
    """R29: a changed, a removed, a moved record and a cut end are found; told heads must still be there"""
    with Hub(tmp_path / "hub", feeds=feeds, sink=receiver.url, policy=policy) as hub:
        node = Source(hub, "node-1")
        image = Small("shop/web:1", {"risky": "1.0.0"}).put(hub)
        node.send(node.began("1" * 64, image.name, image.digests, "web"))
        for i in range(4):
            hub.make_token("t%d" % i, "reader")
        write_record(feeds, "CVE-2026-4000", "risky", "1.5.0")
        told = receiver.wait(10, advisory="CVE-2026-4000").data["audit"]
        whole = verify(hub)
        assert whole["good"] and whole["records"] >= 4
        assert verify(hub, told)["good"]
        hub.stop()
        path = os.path.join(hub.state, "hub.db")
        shutil.copy(path, path + ".whole")
        db = sqlite3.connect(path)
        table = next(t for t, in db.execute("select name from sqlite_master where type='table'")
                     if "audit" in t)
        db.close()
        edits = {
            "changed": "update {t} set actor='nobody' where seq=2",
            "removed": "delete from {t} where seq=2",
            "cut": "delete from {t} where seq=(select max(seq) from {t})",
            "moved": "update {t} set seq=seq+1000000 where seq=2",
        }
        for what, edit in edits.items():
            shutil.copy(path + ".whole", path)
            db = sqlite3.connect(path)
            db.execute(edit.format(t=table))
            db.commit()
            db.close()
            hub.start()
            verdict = verify(hub, whole["head"] if what == "cut" else None)
            assert not verdict["good"], (what, verdict)
            done = kit.run("audit", "verify", "--hub", "http://127.0.0.1:%d" % hub.port, "--token-file",
                           os.path.join(hub.state, "admin.token"))
            assert done.code == (0 if what == "cut" else 2), done
            hub.stop()
