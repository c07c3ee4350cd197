# SPDX-License-Identifier: Apache-2.0
"""containerd 2 asks before it pulls: `rummage verify-image` in its folder of image verifiers, set up as
docs/OPERATING.md says, against a hub, and without one."""

import json
import os
import re
import socket
import subprocess
import time

import pytest

import kit
import kube
import small
from containerd import Containerd, app
from hubkit import Hub, wait_for, with_hub  # noqa: F401
from image import OCI, sha256
from registries import Real, free_port

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]

HIGH, CRITICAL = "CVE-2026-7101", "CVE-2026-7102"
SCORES = {HIGH: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N",
          CRITICAL: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}
POLICY = """rules:
  - {name: exploited, kev: true, admission: allow}
  - {name: fixable-and-critical, severity: critical, fixable: true}
  - {name: fixable-and-high, severity: high, fixable: true, admission: deny}
  - {name: payments, severity: low, namespaces: [payments]}
"""


def blocks():
    """{language: text} of the chapter on pulls, as it stands in the manual."""
    with open(os.path.join(kit.TOP, "docs", "OPERATING.md"), encoding="utf-8") as f:
        chapter = f.read().split("## At the pull")[1].split("\n## ")[0]
    return dict(re.findall(r"```(\w+)\n(.*?)```", chapter, re.S))


def put(path, text, mode=0o644):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(path, mode)


class Verified:
    """A containerd 2 whose pulls are verified, the hub that is asked, and a registry to pull from."""

    def __init__(self, folder, images=""):
        self.folder = str(folder)
        self.bin, self.settings = self.folder + "/bin", self.folder + "/verify.yaml"
        os.makedirs(self.bin)
        said = blocks()
        put(self.bin + "/rummage", said["sh"].replace("/usr/bin/rummage", kit.program("rummage"))
            .replace("/etc/rummage/verify.yaml", self.settings), 0o755)
        self.said = said["yaml"]
        self.containerd = Containerd(self.folder + "/c", 2, images=images,
                                     more=said["toml"].replace("/opt/containerd/image-verifier/bin", self.bin))
        self.hub = self.registry = None

    def settle(self, port=None, **verify):
        """The manual's settings, with another hub and what the test asks for."""
        text = self.said.replace("https://hub.example.com:7381", "http://127.0.0.1:%d" % (port or self.hub.port))
        text = re.sub(r"  hub-fingerprint: .*\n", "", text).replace("/etc/rummage/verify.token", self.folder + "/token")
        for key, value in verify.items():
            key = key.replace("_", "-")
            text, n = re.subn(r"  %s: .*\n" % key, "  %s: %s\n" % (key, value) if value is not None else "", text)
            if not n and value is not None:
                text += "  %s: %s\n" % (key, value)
        put(self.settings, text)

    def pull(self, ref, *args):
        """By containerd's own client: (whether it came, what was said)."""
        done = self.containerd.ctr("images", "pull", "--plain-http", *args, ref, check=False)
        return done.returncode == 0, (done.stdout + done.stderr).decode()

    def pull_by_cri(self, ref):
        done = subprocess.run([kube.program("crictl"), "-r", "unix://" + self.containerd.socket, "-i",
                               "unix://" + self.containerd.socket, "-t", "60s", "pull", ref],
                              capture_output=True, text=True, check=False, timeout=120)
        return done.returncode == 0, done.stdout + done.stderr

    def has(self, ref, ns="default"):
        return ref in self.containerd.ctr("images", "ls", "-q", ns=ns).stdout.decode().split()

    def forget(self, *refs):
        for ref in refs:
            self.containerd.ctr("images", "rm", "--sync", ref, check=False)

    def close(self):
        if self.hub:
            self.hub.kill()
        if self.registry:
            self.registry.stop()
        self.containerd.close()


def write_feeds(folder):
    os.makedirs(folder + "/osv/npm")
    for ident, name in ((HIGH, "old-web"), (CRITICAL, "old-core")):
        with open("%s/osv/npm/%s.json" % (folder, ident), "w", encoding="ascii") as f:
            json.dump(small.osv(ident, "npm", name, "2.0.0", "SEMVER",
                                severity=[{"type": "CVSS_V3", "score": SCORES[ident]}]), f)
    return folder


@pytest.fixture(scope="module")
def it(program, tmp_path_factory):
    """What the hub knows it has of another containerd, where the images were imported: `clean`, `high` and
    `critical`; nobody has read `unknown`. The references are the registry's."""
    folder = tmp_path_factory.mktemp("v")
    put(folder / "policy.yaml", POLICY)
    made = Verified(folder)
    images = {"clean": app(program, {"left-pad": "1.0.0"}), "high": app(program, {"old-web": "1.0.0"}),
              "critical": app(program, {"old-core": "1.0.0"}), "unknown": app(program, {"left-pad": "2.0.0"})}
    made.known = known = None
    try:
        made.registry = Real(tmp_path_factory.mktemp("registry"), "plain")
        made.refs = {name: made.registry.push("shop/" + name, "1", image)[0] for name, image in images.items()}
        made.digests = {name: sha256(image.manifest()) for name, image in images.items()}
        made.known = known = Containerd(tmp_path_factory.mktemp("known"))
        made.hub = Hub(folder / "hub", feeds=write_feeds(str(folder / "feeds")), policy=folder / "policy.yaml",
                       args=["--containerd", known.socket]).start()
        put(folder / "token", made.hub.make_token("verifier", "reader").token + "\n", 0o600)
        for name in ("clean", "high", "critical"):
            known.add(images[name], "example.test/%s:1" % name)
        wait_for(lambda: len([i for i in made.hub.items("/api/v1/images") if i["read"]]) == 3, 120, 0.1,
                 made.hub.said)
        yield made
    finally:
        if known:
            known.close()
        made.close()


@pytest.fixture(autouse=True)
def nothing_left(it):
    yield
    it.forget(*it.refs.values())


def blocked(answer, *reasons):
    """A pull that was blocked, with the reasons where the caller sees them."""
    came, said = answer
    return not came and "verifier rummage rejected image (exit code 2)" in said and all(r in said for r in reasons)


@pytest.mark.parametrize("way", ["pull", "pull_by_cri"])
def test_by_severity(it, way):
    """R26: the hub's findings decide at the pull, by containerd's transfer service and by the CRI; the reason is
    in what the caller is told, and nothing of a blocked image is left"""
    pull = getattr(it, way)
    it.settle(fail_on="critical", fail_closed="false")
    assert pull(it.refs["clean"])[0], pull(it.refs["clean"])
    assert pull(it.refs["high"])[0]
    assert blocked(pull(it.refs["critical"]), "denied: 1 critical (--fail-on critical)"), pull(it.refs["critical"])
    assert not it.has(it.refs["critical"]) and not it.has(it.refs["critical"], "k8s.io")
    assert it.digests["critical"] not in it.containerd.ctr("content", "ls", "-q").stdout.decode()
    it.settle(fail_on="high", fail_closed="false")
    assert blocked(pull(it.refs["high"]), "denied: 1 high")
    assert pull(it.refs["unknown"])[0]
    it.settle(fail_on="critical", fail_closed="true")
    other = it.refs["unknown"].replace("127.0.0.1", "localhost")
    assert blocked(pull(other), "the hub does not know the image, and what is not known is blocked")


def test_by_the_hubs_policy(it):
    """R26: the hub's rules decide, but those that ask where it runs: what they deny is blocked, and what they warn
    of is not; a risk that was taken is let through"""
    it.settle(fail_on="policy", fail_closed="false")
    findings = {name: it.hub.get("/api/v1/images/" + it.digests[name])["findings"] for name in ("high", "clean")}
    assert [(f["rule"], f["admission"]) for f in findings["high"]] == [("fixable-and-high", "deny")]
    assert findings["clean"] == []
    assert it.pull(it.refs["clean"])[0]
    assert it.pull(it.refs["critical"])[0], "a warning"
    assert blocked(it.pull(it.refs["high"]), "denied: %s (rule fixable-and-high)" % HIGH)
    risk = {"advisory": HIGH, "owner": "shop", "reason": "not reachable", "until": "2100-01-01T00:00:00Z"}
    local = it.hub.post("/api/v1/exceptions", dict(risk, namespace="shop"))
    assert blocked(it.pull(it.refs["high"])), "it is for one namespace"
    taken = it.hub.post("/api/v1/exceptions", risk)
    assert it.pull(it.refs["high"])[0]
    it.forget(it.refs["high"])
    for each in (local, taken):
        it.hub.delete("/api/v1/exceptions/%d" % each["id"])
    assert blocked(it.pull(it.refs["high"]))


def test_by_names(it):
    """R26: a local list of names decides alone, whether there is a hub or not"""
    host = it.refs["clean"].partition("/")[0]
    port = free_port()
    it.settle(port, allow="[%s/shop/critical:*, %s/shop/high:1]" % (host, host), deny="[%s/shop/high:*]" % host)
    assert it.pull(it.refs["critical"])[0], "the hub is not asked"
    assert blocked(it.pull(it.refs["high"]), "denied: %s is of --deny" % it.refs["high"])
    assert blocked(it.pull(it.refs["clean"]), "is blocked"), "nobody is there"
    put(it.settings, "verify:\n  allow: [\"%s/shop/clean:*\"]\n  fail-closed: true\n" % host)
    assert it.pull(it.refs["clean"])[0]
    assert blocked(it.pull(it.refs["unknown"]), "neither --allow nor --deny names it")
    put(it.settings, "verify:\n  allow: [\"%s*\"]\n" % host)
    came, said = it.pull(it.refs["clean"])
    assert not came and "exit code 1" in said, "the name of a host is not cut off"


@pytest.mark.parametrize("hub", ["away", "silent"])
@pytest.mark.parametrize("closed", ["true", "false"])
def test_without_an_answer(it, hub, closed):
    """R26: a hub that is away, or says nothing: by the chosen rule, within the deadline, never containerd's own"""
    listener = None
    if hub == "silent":
        listener = socket.create_server(("127.0.0.1", 0))
    try:
        it.settle(listener.getsockname()[1] if listener else free_port(), fail_closed=closed, deadline=2)
        began = time.monotonic()
        came, said = it.pull(it.refs["critical"])
        took = time.monotonic() - began
    finally:
        if listener:
            listener.close()
    assert came == (closed == "false"), said
    if hub == "silent":
        assert took >= 1.9
    if closed == "true":
        assert blocked((came, said), "the hub did not answer in time" if hub == "silent" else "is blocked")
    assert "failed to call verifier" not in said


def test_an_index(it, program):
    """R26: an image of several platforms is asked about by its index's digest, which the hub knows once it
    was pulled somewhere"""
    clean = app(program, {"left-pad": "3.0.0"})
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
        {"mediaType": OCI + "manifest.v1+json", "digest": sha256(clean.manifest()), "size": len(clean.manifest()),
         "platform": {"os": "linux", "architecture": "amd64"}}]}).encode()
    ref, _ = it.registry.push("shop/index", "1", clean, [(OCI + "index.v1+json", index)])
    it.settle(fail_on="critical", fail_closed="true")
    assert blocked(it.pull(ref), "does not know")
    it.known.ctr("images", "pull", "--plain-http", ref)
    wait_for(lambda: [i for i in it.hub.items("/api/v1/images") if i["ref"] == ref and i["read"]], 60, 0.1, it.hub.said)
    assert it.pull(ref)[0], it.pull(ref)
    it.forget(ref)


def test_what_is_not_asked_about(it, program):
    """What the manual says of the ways around: a local pull, an import"""
    it.settle(fail_on="critical", fail_closed="true")
    assert blocked(it.pull(it.refs["critical"]))
    assert it.pull(it.refs["critical"], "--local")[0]
    it.containerd.add(app(program, {"old-core": "1.0.0"}), "example.test/imported:1")
    assert it.has("example.test/imported:1")
    it.forget("example.test/imported:1")


def test_local_pull_of_the_cri(it, tmp_path_factory):
    """... and the CRI where use_local_image_pull is set"""
    other = Verified(tmp_path_factory.mktemp("w"), images="use_local_image_pull = true")
    try:
        other.hub, refs = it.hub, it.refs
        put(other.folder + "/token", it.hub.make_token("other", "reader").token + "\n", 0o600)
        other.settle(fail_on="critical", fail_closed="true")
        assert blocked(other.pull(refs["critical"]))
        assert other.pull_by_cri(refs["critical"])[0]
    finally:
        other.hub = None
        other.close()
