# SPDX-License-Identifier: Apache-2.0
"""What lies in a registry is read and judged, whoever runs it or nobody: Debian's registry with its catalog, and one
that lists nothing."""

import json

import pytest

import kit
from containerd import app
from hubkit import Hub, Source, wait_for, with_hub  # noqa: F401
from image import sha256
from registries import PASSWORD, USER, Fake, Real, basic
from small import feeds, small_image  # noqa: F401

pytestmark = pytest.mark.usefixtures("with_hub")


def hub_of(folder, feeds, *entries, seconds=2):
    folder.mkdir(exist_ok=True)
    (folder / "hub.yaml").write_text("registries:\n  crawl_seconds: %d\n  per_minute: 6000\n" % seconds)
    args = ["--no-tags"]
    for entry in entries:
        args += ["--crawl", entry]
    return Hub(folder / "hub", feeds=feeds, config=folder / "hub.yaml", args=args)


def images(hub, **query):
    """{digest: image} of those that were read."""
    return {i["digest"]: i for i in hub.items("/api/v1/images", **query) if i["read"]}


def gone(hub, ref):
    return [i["gone"] for i in hub.get("/api/v1/tags", ref=ref)["items"]][:1] == [True]


def row(hub, host):
    return next((r for r in hub.items("/api/v1/registries") if r["registry"] == host), None)


@pytest.mark.real
def test_a_registry_is_walked_through(tmp_path, program, feeds):
    """R24: the images of a registry are read but for those that are left out, and an advisory is found in the one that
    has it, without a use and without an alert; a tag that is deleted has vanished, which is an alert where it is used"""
    bad, good = small_image(), app(program, {"left-pad": "1.0.0"})
    left_out, other_tag = app(program, {"left-pad": "2.0.0"}), app(program, {"left-pad": "3.0.0"})
    config = {name: sha256(i.config()) for name, i in
              (("bad", bad), ("good", good), ("left_out", left_out), ("other_tag", other_tag))}
    (tmp_path / "registry").mkdir()
    registry = Real(tmp_path / "registry", "plain")
    try:
        ref, _ = registry.push("shop/bad", "v1", bad)
        used, digest = registry.push("shop/good", "v1", good)
        registry.push("shop/good", "old", other_tag)
        registry.push("shop/cache", "v1", left_out)
        with hub_of(tmp_path / "a", feeds, registry.host + ",exclude=shop/cache,tags=v*") as hub:
            wait_for(lambda: set(images(hub)) == {config["bad"], config["good"]}, 60, 0.1, hub.said)
            found = images(hub)[config["bad"]]
            assert found["ref"].startswith(ref) and (found["uses"], found["cached"]) == (0, 0)
            wait_for(lambda: images(hub)[config["bad"]]["findings"]["critical"] +
                     images(hub)[config["bad"]]["findings"]["high"] > 0, 60, 0.1, hub.said)
            assert set(images(hub, severity="high")) == {config["bad"]}, images(hub)
            for advisory in ("CVE-2019-10744", "GHSA-jf85-cpcp-j695"):
                assert set(images(hub, advisory=advisory)) == {config["bad"]}
            assert not images(hub, advisory="CVE-2000-0001")
            shown = kit.run("images", "--advisory", "CVE-2024-3094", "--hub", "http://127.0.0.1:%d" % hub.port, "--token-file",
                            hub.state + "/admin.token")
            assert shown.code == 0 and "shop/bad" in shown.out and "shop/good" not in shown.out, shown
            assert not hub.who_runs("pkg:npm/lodash") and not hub.alerts()
            # Nothing is read twice, and nobody reads what was left out.
            wait_for(lambda: hub.said().count("0 images read, 0 tags gone") > 1, 60, 0.1, hub.said)
            assert set(images(hub)) == {config["bad"], config["good"]}

            # A tag that is used, and goes.
            node = Source(hub, "node-1", runtime="containerd")
            hub.events([node.began("c", used, [sha256(good.config()), digest])])
            assert not gone(hub, used)
            registry.ask("DELETE", "/v2/shop/good/manifests/" + digest)
            wait_for(lambda: gone(hub, used), 60, 0.1, hub.said)
            wait_for(lambda: [a for a in hub.alerts(rule="tag-vanished", state="firing")
                              if a["title"].startswith(used + " ")], 60, 0.1, hub.said)
            assert not gone(hub, ref)
            assert config["good"] in images(hub)
            # What is new is found by the next walk.
            registry.push("shop/new", "v1", other_tag)
            wait_for(lambda: config["other_tag"] in images(hub), 60, 0.1, hub.said)
    finally:
        registry.stop()


def listing(fake_tags, catalog=None):
    """A registry's lists: {repository: tags}; catalog: the status of a refusal, None: in pages of one."""
    def behave(h, kind, name):
        path, _, query = h.path.partition("?")
        if path == "/v2/_catalog":
            names = sorted(fake_tags)
            if catalog:
                h.send(catalog, b'{"errors":[{"code":"UNSUPPORTED","message":"no catalog here"}]}')
                return True
            at = int(query.partition("at=")[2] or 0)
            more = [("Link", '</v2/_catalog?at=%d>; rel="next"' % (at + 1))] if at + 1 < len(names) else []
            h.send(200, json.dumps({"repositories": names[at:at + 1]}).encode(), more)
            return True
        if path.endswith("/tags/list") and path[4:-10] in fake_tags:
            h.send(200, json.dumps({"name": "x", "tags": fake_tags[path[4:-10]]}).encode())
            return True
        return False
    return behave


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_no_catalog(tmp_path, feeds, status):
    """R24: a registry that lists no repositories is said once, with what to do; a repository that is named is read"""
    image = small_image()
    fake = Fake(listing({"team/app": ["v1"]}, status))
    try:
        fake.push("team/app", "v1", image)
        with hub_of(tmp_path / "a", feeds, fake.host, fake.host + "/team/app", seconds=1) as hub:
            wait_for(lambda: sha256(image.config()) in images(hub), 60, 0.1, hub.said)
            wait_for(lambda: len(fake.asked("/v2/_catalog")) > 2, 60, 0.1, hub.said)
            text = row(hub, fake.host)["trouble"]
            assert "name them" in text and "--crawl" in text, text
            with open(hub.log, encoding="utf-8") as f:
                assert f.read().count("does not list its repositories") == 1
    finally:
        fake.stop()


def test_pages(tmp_path, feeds):
    """R24: a catalog of several pages, of which a part is wanted"""
    image = small_image()
    tags = {"a/x": ["1"], "b/x": ["1"], "b/y/z": ["1"], "bb": ["1"], "c": None}
    fake = Fake(listing(tags))
    try:
        fake.push("b/x", "1", image)
        with hub_of(tmp_path / "a", feeds, fake.host + "/b/", seconds=3600) as hub:
            wait_for(lambda: "2 repositories, 2 tags, 1 images read, 0 tags gone" in hub.said(), 60, 0.1, hub.said)
            asked = {path.split("/tags/")[0] for path, _ in fake.asked("/tags/list")}
            assert asked == {"/v2/b/x", "/v2/b/y/z"}, asked
            assert len(fake.asked("/v2/_catalog")) == len(tags)
    finally:
        fake.stop()


def test_away_and_back(tmp_path, feeds):
    """R24: a walk waits for a registry that fails, and goes on where it was; nothing vanishes meanwhile"""
    image, bad = small_image(), [True]
    lists = listing({"a": ["1"], "b": ["1"]})

    def behave(h, kind, name):
        if bad and h.path.startswith("/v2/b/tags/list"):
            bad.pop()
            h.send(503, b"{}")
            return True
        return lists(h, kind, name)

    fake = Fake(behave)
    try:
        fake.push("a", "1", image)
        with hub_of(tmp_path / "a", feeds, fake.host, seconds=3600) as hub:
            wait_for(lambda: (row(hub, fake.host) or {}).get("trouble"), 60, 0.1, hub.said)
            wait_for(lambda: "2 repositories, 2 tags, 1 images read, 0 tags gone" in hub.said(), 60, 0.1, hub.said)
            assert len(fake.asked("/a/tags/list")) == 1 and len(fake.asked("/b/tags/list")) == 2
            assert not row(hub, fake.host)["trouble"]
    finally:
        fake.stop()


@pytest.mark.real
def test_a_registry_that_wants_to_know_who_asks(tmp_path, feeds):
    """R24: the catalog and each list with a token of its own, for whom docker login left"""
    (tmp_path / "registry").mkdir()
    registry = Real(tmp_path / "registry", "token")
    try:
        image = small_image()
        registry.push("shop/app", "1", image)
        (tmp_path / "config.json").write_text(json.dumps(
            {"auths": {registry.host: {"auth": basic(USER, PASSWORD).split()[1]}}}))
        hub = hub_of(tmp_path / "a", feeds, registry.host)
        hub.env["DOCKER_CONFIG"] = str(tmp_path)
        with hub:
            wait_for(lambda: sha256(image.config()) in images(hub), 60, 0.1, hub.said)
        assert any("scope=registry%3Acatalog%3A%2A" in path for path in registry.tokens.asked), registry.tokens.asked
    finally:
        registry.stop()


def test_what_is_no_entry(tmp_path):
    """A hub does not start with what it cannot walk through"""
    for entry in ("shop/app", "r.example/a:1", "r.example,tag=x"):
        done = kit.run("hub", "--state-dir", str(tmp_path / "s"), "--listen", "127.0.0.1:0", "--crawl", entry)
        assert done.code == kit.FAILED and "nothing to walk through" in done.err, done
