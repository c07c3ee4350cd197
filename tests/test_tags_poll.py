# SPDX-License-Identifier: Apache-2.0
"""What registries are asked of tags in use by themselves: how often, and what of those that vanish."""

import pytest

import kit
from containerd import app
from hubkit import Hub, Source, wait_for, with_hub  # noqa: F401
from image import sha256
from registries import Fake, Real
from small import feeds  # noqa: F401

pytestmark = pytest.mark.usefixtures("with_hub")


def digests(image):
    return [sha256(image.config()), sha256(image.manifest())]


def history(hub, ref):
    """What the registry said, newest first; None where it had nothing."""
    return [i["digest"] for i in hub.get("/api/v1/tags", ref=ref)["items"] if i["source"].endswith("/tags")]


def vanished(hub, ref, state="firing"):
    return [a for a in hub.alerts(rule="tag-vanished", state=state) if a["title"].startswith(ref + " ")]


@pytest.mark.real
def test_a_tag_that_vanishes(tmp_path, program, feeds):
    """R24 R25: a tag in use that is deleted in Debian's registry is alerted of, over when it is pushed again, or
    when nothing uses it; what it meant last is what a workload that sleeps would run"""
    image = app(program, {"left-pad": "1.0.0"})
    (tmp_path / "registry").mkdir()
    registry = Real(tmp_path / "registry", "plain")
    try:
        ref, digest = registry.push("shop/app", "1", image)
        with Hub(tmp_path / "hub", feeds=feeds, args=["--tags"]) as hub:
            node = Source(hub, "node-1", runtime="containerd")
            hub.events([node.began("c", ref, digests(image), workload="web")])
            wait_for(lambda: history(hub, ref) == [digest], 30, 0.05, hub.said)
            assert not vanished(hub, ref)
            registry.ask("DELETE", "/v2/shop/app/manifests/" + digest)
            hub.events([node.began("d", ref, digests(image), workload="web")])
            alert = wait_for(lambda: vanished(hub, ref), 60, 0.05, hub.said)[0]
            assert alert["severity"] == "medium"
            text = hub.get("/api/v1/alerts/%d" % alert["id"])["details"]["text"]
            assert text.startswith("node-1 runs sha256:") and "has no such tag" in text
            wait_for(lambda: history(hub, ref) == [None, digest], 30, 0.05)
            items = hub.get("/api/v1/tags", ref=ref)["items"]
            assert [i["gone"] for i in items] == [True, False]
            assert hub.get("/api/v1/tags", ref=ref)["trouble"]
            wait_for(lambda: "tag-vanished" in [i["what"] for i in hub.items("/api/v1/timeline", workload="web")], 30,
                     0.05)
            hub.restart()
            assert vanished(hub, ref) and history(hub, ref) == [None, digest]
            # It is there again.
            registry.push("shop/app", "1", image)
            node.again()
            hub.events(list(node.snapshot(lambda: node.began("e", ref, digests(image), workload="web"))))
            wait_for(lambda: not vanished(hub, ref), 60, 0.05, hub.said)
            wait_for(lambda: history(hub, ref) == [digest, None, digest], 30, 0.05)  # memory is ahead of the disk
            # And gone, until nothing uses it.
            registry.ask("DELETE", "/v2/shop/app/manifests/" + digest)
            hub.events([node.began("f", ref, digests(image))])
            wait_for(lambda: vanished(hub, ref), 60, 0.05, hub.said)
            hub.events([node.declared("sleeper", [(ref, [])], replicas=0)])
            hub.events([node.ended("e"), node.ended("f")])
            wait_for(lambda: not [u for u in hub.who_runs(ref) if u["state"] == "running"], 30, 0.05)
            assert vanished(hub, ref)
            asleep = [d["workload"] for d in hub.items("/api/v1/dormant")]
            assert "Deployment/sleeper" in asleep
            hub.events([node.event("workload.removed", namespace="shop",
                                   workload={"kind": "Deployment", "name": "sleeper"})])
            wait_for(lambda: not vanished(hub, ref), 30, 0.05, hub.said)
    finally:
        registry.stop()


@pytest.mark.parametrize("answer", ["401", "403", "404 of a proxy", "500", "away"])
def test_what_is_not_vanished(tmp_path, program, feeds, answer):
    """R24: a registry that refuses, fails, is away, or hides behind a page of something else has not lost a tag"""
    image, bad = app(program, {"left-pad": "2.0.0"}), []

    def behave(handler, kind, name):
        if not bad or kind != "manifests":
            return False
        if answer == "404 of a proxy":
            handler.send(404, b"<html>no such page</html>", [("Content-Type", "text/html")])
        elif answer == "away":
            handler.cut()
        else:
            handler.send(int(answer), b'{"errors":[{"code":"NAME_UNKNOWN","message":"not for you"}]}')
        return True

    fake = Fake(behave)
    try:
        ref = fake.push("shop/app", "1", image)
        with Hub(tmp_path / "hub", feeds=feeds, args=["--tags"]) as hub:
            node = Source(hub, "node-1", runtime="containerd")
            hub.events([node.began("c", ref, digests(image))])
            wait_for(lambda: history(hub, ref), 30, 0.05, hub.said)
            bad.append(True)
            hub.events([node.began("d", ref, digests(image))])
            wait_for(lambda: hub.get("/api/v1/tags", ref=ref)["trouble"], 60, 0.05, hub.said)
            assert not vanished(hub, ref) and None not in history(hub, ref)
    finally:
        fake.stop()


def with_registries(folder, feeds, *args, **registries):
    """A hub that asks registries as these settings of its file say; hosts: {HOST: per_minute}."""
    hosts = registries.pop("hosts", {})
    lines = ["registries:"] + ["  %s: %d" % (k, v) for k, v in registries.items()]
    if hosts:
        lines += ["  hosts:"] + ['    "%s": {per_minute: %d}' % (k, v) for k, v in hosts.items()]
    folder.mkdir()
    (folder / "hub.yaml").write_text("\n".join(lines) + "\n")
    return Hub(folder / "hub", feeds=feeds, config=folder / "hub.yaml", args=["--tags", *args])


def row(hub, host):
    return next((r for r in hub.items("/api/v1/registries") if r["registry"] == host), None)


def manifests(fake, method="HEAD"):
    """Tags that were asked for, in order."""
    return [path.rpartition("/")[2] for m, path, _ in fake.log if m == method and "/manifests/" in path]


@pytest.mark.real
def test_moved_within_a_poll(tmp_path, program, feeds):
    """R24: nothing begins and nobody sends a hint: another image under a tag in use is alerted of within its period"""
    one, two = (app(program, {"left-pad": v}) for v in ("3.0.0", "4.0.0"))
    (tmp_path / "registry").mkdir()
    registry = Real(tmp_path / "registry", "plain")
    try:
        ref, first = registry.push("shop/app", "1", one)
        with with_registries(tmp_path / "a", feeds, running_seconds=3) as hub:
            node = Source(hub, "node-1", runtime="containerd")
            hub.events([node.began("c", ref, digests(one))])
            wait_for(lambda: history(hub, ref) == [first], 30, 0.05, hub.said)
            _, second = registry.push("shop/app", "1", two)

            def moved():
                return [a for a in hub.alerts(rule="tag-moved") if a["title"].startswith(ref + " ")]

            wait_for(moved, 60, 0.05, hub.said)
            wait_for(lambda: history(hub, ref)[0] == second, 30, 0.05)
            wait_for(lambda: (row(hub, registry.host) or {}).get("tags") ==
                     {"running": 1, "dormant": 0, "base": 0, "cached": 0}, 60, 0.05, hub.said)
            shown = kit.run("registries", "--hub", "http://127.0.0.1:%d" % hub.port, "--token-file",
                            hub.state + "/admin.token")
            assert shown.code == 0 and registry.host in shown.out and "BEHIND-S" in shown.out, shown
            # The registry is away: that is late, and said; nothing vanished.
            registry.stop()
            wait_for(lambda: row(hub, registry.host)["late"] == 1, 60, 0.1, hub.said)
            assert row(hub, registry.host)["trouble"]
            wait_for(lambda: "%s is not asked for all its tags in time" % registry.host in hub.said(), 60, 0.1,
                     hub.said)
            assert hub.metrics()['rummage_registry_tags_late{registry="%s"}' % registry.host] == 1
    finally:
        registry.stop()


def test_more_than_may_be_asked(tmp_path, program, feeds):
    """R24: a budget that is too small for what is in use: the worst and what runs most goes first, what only lies
    somewhere last; what is late is said, of that registry alone"""
    small, other = Fake(), Fake()
    image = app(program, {"left-pad": "5.0.0"})
    try:
        refs = [small.push("shop/app", "t%d" % i, image) for i in range(40)]
        mine = other.push("shop/app", "t0", image)
        with with_registries(tmp_path / "a", feeds, running_seconds=5, cached_seconds=10,
                             hosts={small.host: 60}) as hub:
            node = Source(hub, "node-1", runtime="containerd")
            # In the midst of many that are cached, one runs often.
            hub.events(list(node.snapshot(
                *[lambda ref=ref: node.seen(ref, [sha256(ref.encode()), sha256(b"m" + ref.encode())])
                  for ref in refs if ref != refs[25]],
                lambda: node.began("o", mine, digests(image)),
                *[lambda i=i: node.began("c%d" % i, refs[25], digests(image)) for i in range(30)])))

            def said():
                return "%s %s" % (hub.items("/api/v1/registries"), manifests(small))

            wait_for(lambda: row(hub, small.host) and row(hub, small.host)["late"] > 0, 60, 0.2, said)
            found = row(hub, small.host)
            assert found["per_minute"] == 60 and found["tags"] == {"running": 1, "dormant": 0, "base": 0, "cached": 39}
            assert row(hub, other.host)["late"] == 0, row(hub, other.host)
            assert hub.items("/api/v1/registries")[0]["registry"] == small.host
            metrics = hub.metrics()
            assert metrics['rummage_registry_questions_per_minute{registry="%s"}' % small.host] == 60
            wait_for(lambda: manifests(small).count("t25") >= 3, 120, 0.2, said)
            asked = manifests(small)
            assert max(asked.count("t%d" % i) for i in range(25)) < 3, asked
            wait_for(lambda: "%s is not asked for all its tags in time" % small.host in hub.said(), 60, 0.2, said)
            assert other.host + " is not asked" not in hub.said()
    finally:
        small.stop()
        other.stop()


def test_one_that_throttles_holds_up_nobody(tmp_path, program, feeds):
    """R24: 429 with Retry-After, and what little is left as Docker Hub says it: that registry waits, others do not"""
    image, turns = app(program, {"left-pad": "6.0.0"}), []

    def throttle(handler, kind, name):
        if kind != "manifests":
            return False
        turns.append(name)
        handler.send(429, b"{}", [("Retry-After", "3600")])
        return True

    def scarce(handler, kind, name):
        if kind != "manifests" or name not in hub_like.manifests:
            return False
        media_type, data = hub_like.manifests[name]
        handler.send(200, data, [("Content-Type", media_type), ("Docker-Content-Digest", sha256(data)),
                                 ("RateLimit-Limit", "100;w=21600"), ("RateLimit-Remaining", "1;w=21600")])
        return True

    busy, hub_like, well = Fake(throttle), Fake(scarce), Fake()
    try:
        refs = {f: [f.push("shop/app", "t%d" % i, image) for i in range(4)] for f in (busy, hub_like, well)}
        with with_registries(tmp_path / "a", feeds, running_seconds=2) as hub:
            node = Source(hub, "node-1", runtime="containerd")
            hub.events([node.began("c%d" % i, ref, digests(image))
                        for i, ref in enumerate(refs[busy] + refs[hub_like] + refs[well])])
            wait_for(lambda: len(manifests(well)) >= 12, 120, 0.2, hub.said)
            assert len(turns) == 1, turns
            assert len(manifests(hub_like)) == 1, manifests(hub_like)
            wait_for(lambda: row(hub, busy.host)["late"] == 4 and row(hub, hub_like.host)["late"] == 4, 60, 0.2,
                     lambda: str(hub.items("/api/v1/registries")))
            assert row(hub, hub_like.host)["left"] == 1
            for fake in (busy, hub_like):
                assert row(hub, fake.host)["paused_until"] is not None
            assert row(hub, well.host)["paused_until"] is None
    finally:
        for fake in (busy, hub_like, well):
            fake.stop()


def test_those_that_sleep(tmp_path, program, feeds):
    """R26: the tag of a workload without instances is asked for too, and what it means now is what it would run"""
    image, fake = app(program, {"left-pad": "7.0.0"}), Fake()
    try:
        ref = fake.push("shop/app", "1", image)
        with with_registries(tmp_path / "a", feeds, dormant_seconds=3) as hub:
            node = Source(hub, "node-1", runtime="kubernetes")
            hub.events([node.declared("web", [(ref, [])], replicas=0)])
            wait_for(lambda: history(hub, ref) == [digests(image)[1]], 60, 0.1, hub.said)
            wait_for(lambda: len(manifests(fake)) >= 2, 60, 0.1, hub.said)
            wait_for(lambda: (row(hub, fake.host) or {"tags": {}})["tags"].get("dormant") == 1, 60, 0.1, hub.said)
    finally:
        fake.stop()
