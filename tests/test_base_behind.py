# SPDX-License-Identifier: Apache-2.0
"""A base image is pushed anew: what runs and stands on the old one is said to be behind, and what was built anew
is not. The registry is a real one, which tells of its pushes."""

import json

import pytest

from hubkit import SOON, Hub, Receiver, Source, wait_for, with_hub, within  # noqa: F401
from image import File, Image, alpine_release, apk_row, sha256
from registries import Fake, Real, free_port
from small import feeds  # noqa: F401
from synth import Tree, pack

pytestmark = pytest.mark.usefixtures("with_hub")

SECRET = "of-hooks"
LODASH, XZ = ("lodash", "4.17.4", "4.17.21"), ("xz", "5.2.2-r0", "5.2.3-r0")  # bad, good


def base(lodash, xz):
    made = Image()
    made.layer([File("etc/os-release", alpine_release("3.18.0")),
                File("lib/apk/db/installed", apk_row("xz", xz))])
    made.layer([File("usr/lib/node_modules/lodash/package.json", json.dumps({"name": "lodash", "version": lodash}))])
    return made


def app(name, on):
    """An image of a layer more than another one."""
    made = Image()
    made.layers, made.diff_ids = list(on.layers), list(on.diff_ids)
    made.history, made.blobs = list(on.history), dict(on.blobs)
    made.layer([File("srv/" + name, name)])
    return made


def tell(hub, image, ref, lodash, **more):
    """What an agent that has read it tells: here all that is vulnerable is in its second layer."""
    for i, layer in enumerate(image.layers):
        tree, pkgs = Tree(), []
        if i == 1:
            path = "usr/lib/node_modules/lodash/package.json"
            pkgs.append({"type": "npm", "name": "lodash", "version": lodash, "cataloger": "node", "path": path,
                         "dir": tree.file(path)})
        digest = layer["digest"]
        hub.put("/api/v1/facts/" + digest, pack("PbFacts", {
            "version": 1, "blob_sha256": bytes.fromhex(digest[7:]), "compression": "gzip", "dirs": tree.dirs(),
            "pkgs": pkgs, "execs": []}))
    hub.put("/api/v1/images/" + sha256(image.config()), dict({
        "ref": ref, "manifest": sha256(image.manifest()), "config": sha256(image.config()), "platform": "linux/amd64",
        "created": "2026-01-01T00:00:00Z",
        "layers": [{"digest": d["digest"], "diff_id": i} for d, i in zip(image.layers, image.diff_ids)]},
        **more))


def digests(image):
    return [sha256(image.config()), sha256(image.manifest())]


def hub_of(folder, feeds, *args, sink=None):
    (folder / "secret").write_text(SECRET + "\n")
    config = folder / "hub.yaml"
    config.write_text("hooks:\n  secret_file: %s\n" % (folder / "secret") +
                      ("sinks:\n  hook:\n    kind: webhook\n    url: %s\n" % sink if sink else ""))
    return Hub(folder / "hub", feeds=feeds, config=config, args=["--tags"] + list(args), port=free_port())


def behind(hub):
    """{image: its bases} of what is behind."""
    return {i["digest"]: i["behind"] for i in hub.items("/api/v1/images", behind="true")}


def alerts(hub, **query):
    return hub.alerts(rule="base-behind", **query)


@pytest.mark.real
def test_a_base_is_pushed_anew(tmp_path, feeds):
    """R24: each image in use that stands on the old base is marked soon after the push, what runs and what sleeps;
    what is built anew is not, and when nothing old runs any more the alert ends"""
    receiver = Receiver()
    (tmp_path / "registry").mkdir()
    old, new = base(LODASH[1], XZ[2]), base(LODASH[2], XZ[1])
    one, two, anew = app("one", old), app("two", old), app("one", new)
    with hub_of(tmp_path, feeds, sink=receiver.url) as hub:
        registry = Real(tmp_path / "registry", "plain",
                        ("http://127.0.0.1:%d/api/v1/hooks/distribution" % hub.port, SECRET))
        try:
            ref, first = registry.push("base/os", "1", old)
            hub.stop()
            hub.args += ["--base", ref]
            hub.start()
            # The hub reads the base by itself.
            wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["digest"] == digests(old)[0] and i["read"]],
                     60, 0.05, hub.said)
            node = Source(hub, "node-1", runtime="containerd")
            for image, name in ((one, "localhost/one:1"), (two, "localhost/two:1"), (anew, "localhost/one:2")):
                tell(hub, image, name, LODASH[2] if image is anew else LODASH[1])
            hub.events([node.began("a", "localhost/one:1", digests(one), workload="Deployment/one"),
                        node.began("c", "localhost/one:2", digests(anew), workload="Deployment/new"),
                        node.declared("CronJob/two", [("localhost/two:1", digests(two))], schedule="0 0 1 1 *")])
            wait_for(lambda: hub.get("/api/v1/images/" + digests(one)[0])["uses"] == 1, 30, 0.05, hub.said)
            assert behind(hub) == {} and not alerts(hub)

            _, second = registry.push("base/os", "1", new)
            within(lambda: len(behind(hub)) == 2, SOON, 0.02, hub.said)
            assert set(behind(hub)) == {digests(one)[0], digests(two)[0]}
            # Once the new one is read, what it would change.
            wait_for(lambda: all(b[0]["fixes"] for b in behind(hub).values()), 60, 0.05, hub.said)
            for bases in behind(hub).values():
                assert [(b["ref"], b["how"], b["from"], b["to"]) for b in bases] == [(ref, "layers", first, second)]
                assert bases[0]["since"] and bases[0]["fixes"]["critical"] == 1
                assert sum(bases[0]["brings"].values()) == 1
            assert len(alerts(hub, state="firing")) == 2
            runs = {r["workload"]: r["behind"] for r in hub.who_runs("pkg:npm/lodash")}
            assert runs == {"Deployment/one": [ref], "CronJob/two": [ref], "Deployment/new": []}, runs
            wait_for(lambda: all(a["severity"] == "critical" for a in alerts(hub)), 30, 0.05, hub.said)
            told = receiver.wait(60, rule="base-behind")
            assert ref in told.item("base-behind")["title"]

            # Nobody forgets it.
            hub.restart()
            assert set(behind(hub)) == {digests(one)[0], digests(two)[0]}

            # Built anew and rolled out.
            hub.events([node.ended("a"), node.began("d", "localhost/one:2", digests(anew), workload="Deployment/one")])
            wait_for(lambda: len(alerts(hub, state="firing")) == 1, 60, 0.05, hub.said)
            # The tag goes back: now it is the other one that stands on what it means no more.
            registry.push("base/os", "1", old)
            wait_for(lambda: [a["details"]["details"]["image"] for a in alerts(hub, state="firing")]
                     == [digests(anew)[0]], 60, 0.05, hub.said)
            assert set(behind(hub)) == {digests(anew)[0]}
        finally:
            registry.stop()
            receiver.close()


def test_an_image_names_its_base(tmp_path, feeds):
    """Whose base nobody has read, but whose annotations or labels name it: its registry is asked, and what the image
    says is held against the answer"""
    old, new = base(LODASH[1], XZ[2]), base(LODASH[2], XZ[1])
    fake = Fake()
    try:
        ref = fake.push("base/os", "1", old)
        image = app("one", old)
        said = {"name": ref, "digest": sha256(old.manifest()), "how": "label", "layers": 0}
        with hub_of(tmp_path, feeds) as hub:
            node = Source(hub, "node-1", runtime="containerd")
            tell(hub, image, "localhost/one:1", LODASH[1], base=said)
            hub.events([node.began("a", "localhost/one:1", digests(image))])
            wait_for(lambda: fake.methods("/base/os/manifests/"), 60, 0.05, hub.said)
            wait_for(lambda: hub.get("/api/v1/tags", ref=ref)["items"], 60, 0.05, hub.said)
            assert behind(hub) == {}
            fake.push("base/os", "1", new)
            body = {"events": [{"action": "push", "target": {"repository": "base/os", "tag": "1"}}]}
            hub.call("POST", "/api/v1/hooks/distribution?secret=" + SECRET, json.dumps(body).encode())
            wait_for(lambda: len(behind(hub)) == 1, 60, 0.05, hub.said)
            assert behind(hub)[digests(image)[0]][0]["ref"] == ref
    finally:
        fake.stop()
