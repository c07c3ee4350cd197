# SPDX-License-Identifier: Apache-2.0
"""What a registry's own scanner says of an image in use, held against what the hub says. Neither Harbor nor Quay
can be started here: an HTTP server stands in for their API, with answers of the shapes that they document."""

import base64
import json

import pytest

import kit
from hubkit import Hub, Source, wait_for, with_hub  # noqa: F401
from registries import Fake
from small import feeds  # noqa: F401
from synth import Small

pytestmark = pytest.mark.usefixtures("with_hub")

HARBOR = "application/vnd.security.vulnerability.report; version=1.1"


def finding(identifier, package, version, severity="High"):
    return {"id": identifier, "package": package, "version": version, "fix_version": "9", "severity": severity,
            "description": "x", "links": ["https://x.example"], "artifact_digests": [], "cwe_ids": []}


class Scanners(Fake):
    """The two APIs of two registries at one address; answers: {path: (status, document)}."""

    def __init__(self):
        super().__init__(self.say)
        self.answers = {}

    def say(self, h, kind, name):
        if not h.path.startswith("/api/"):
            return False
        status, document = self.answers.get(h.path, (404, {"errors": [{"code": "NOT_FOUND"}]}))
        h.send(status, json.dumps(document).encode(), [("Content-Type", "application/json")])
        return True


def started(folder, feeds, kind, fake, login="u:p"):
    config = folder / "docker"
    config.mkdir()
    (config / "config.json").write_text(json.dumps(
        {"auths": {fake.host: {"auth": base64.b64encode(login.encode()).decode()}}}))
    return Hub(folder / "hub", feeds=feeds, env={"DOCKER_CONFIG": str(config)},
               args=["--no-tags", "--registry-scans", "%s=http://%s" % (kind, fake.host)])


def used(hub, image, ref):
    image.put(hub)
    node = Source(hub, "node-1", runtime="containerd")
    hub.events([node.began("c", ref, image.digests)])


def others(hub, image):
    return hub.get("/api/v1/others", image=image.config)


def test_harbor_is_compared(tmp_path, feeds):
    """What both have, what the hub alone has, and what Harbor alone has with the reason; alerts stay as they are"""
    fake = Scanners()
    image = Small("app", {"lodash": "4.17.4", "left-pad": "1.0.0"})
    path = "/api/v2.0/projects/shop/repositories/team%%252Fapp/artifacts/%s/additions/vulnerabilities" % image.manifest
    fake.answers[path] = 200, {HARBOR: {
        "generated_at": "2026-01-02T03:04:05Z", "severity": "Critical",
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "v0.50.0"},
        "vulnerabilities": [finding("CVE-2019-10744", "lodash", "4.17.4", "Critical"),
                            finding("CVE-2024-3094", "xz", "5.2.2"), finding("CVE-2000-0001", "lodash", "4.17.4"),
                            finding("CVE-2024-3094", "lodash", "4.17.4"), finding("CVE-2019-10744", "left-pad", "0.9")]}}
    try:
        with started(tmp_path, feeds, "harbor", fake) as hub:
            used(hub, image, fake.host + "/shop/team/app:1")
            said = wait_for(lambda: [s for s in others(hub, image)["sources"] if s["ready"]], 60, 0.1, hub.said)[0]
            assert (said["source"], said["scanner"], said["both"], said["ours"], said["theirs"]) \
                == ("harbor:" + fake.host, "Trivy", 1, 0, 4)
            (_, headers), = fake.asked("/additions/vulnerabilities")
            assert headers["X-Accept-Vulnerabilities"] == HARBOR
            assert headers["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()
            items = others(hub, image)["items"]
            both = [i for i in items if i["said"] == "both"]
            assert [(i["severity"], i["their_severity"]) for i in both] == [("critical", "critical")]
            reasons = {(i["id"], i["package"]): i["reason"] for i in items if i["said"] == "theirs"}
            assert reasons == {
                ("CVE-2024-3094", "xz"): "the image has no such component, as it was read here",
                ("CVE-2000-0001", "lodash"): "the advisory database does not know it",
                ("CVE-2024-3094", "lodash"): "our advisory does not take this version",
                ("CVE-2019-10744", "left-pad"): "here it is 1.0.0"}
            assert len(hub.alerts(image=image.config)) == 1
            table = kit.run("images", image.config, "--others", "--hub", "http://127.0.0.1:%d" % hub.port,
                            env={"RUMMAGE_HUB_TOKEN": hub.token})
            assert table.code == 0 and "theirs" in table.out and "here it is 1.0.0" in table.out, table
    finally:
        fake.stop()


def test_quay_is_compared(tmp_path, feeds):
    """Quay's answer, by a token; what it has not scanned says nothing"""
    fake = Scanners()
    image, late = Small("app", {"lodash": "4.17.4"}), Small("late", {"lodash": "4.17.4"})
    for i, answer in ((image, {"status": "scanned", "data": {"Layer": {"Name": "x", "Features": [
            {"Name": "musl", "Version": "1", "AddedBy": "x", "Vulnerabilities": []}]}}}),
                      (late, {"status": "queued", "data": None})):
        fake.answers["/api/v1/repository/shop/app/manifest/%s/security?vulnerabilities=true" % i.manifest] = 200, answer
    try:
        with started(tmp_path, feeds, "quay", fake, "$oauthtoken:secret") as hub:
            used(hub, image, fake.host + "/shop/app:1")
            late.put(hub)
            hub.events([Source(hub, "node-2", runtime="containerd").began("d", fake.host + "/shop/app:2", late.digests)])
            said = wait_for(lambda: others(hub, image)["sources"], 60, 0.1, hub.said)[0]
            assert said["ready"] and (said["both"], said["ours"], said["theirs"]) == (0, 1, 0)
            said = wait_for(lambda: others(hub, late)["sources"], 60, 0.1, hub.said)[0]
            assert not said["ready"] and others(hub, late)["items"] == []
            assert all(h["Authorization"] == "Bearer secret" for _, h in fake.asked("/security"))
    finally:
        fake.stop()


def test_nonsense_is_nothing(tmp_path, feeds):
    """An answer that is none, or a refusal, is said in the log, and nothing is kept of it"""
    fake = Scanners()
    image = Small("app", {"lodash": "4.17.4"})
    path = "/api/v2.0/projects/shop/repositories/app/artifacts/%s/additions/vulnerabilities" % image.manifest
    fake.answers[path] = 200, ["what"]
    try:
        with started(tmp_path, feeds, "harbor", fake) as hub:
            used(hub, image, fake.host + "/shop/app:1")
            wait_for(lambda: "cannot be asked" in hub.said(), 60, 0.1, hub.said)
            assert others(hub, image)["sources"] == []
    finally:
        fake.stop()


@pytest.mark.parametrize("place", ["harbor", "clair=https://x", "harbor=ftp://x", "harbor=http://r.example", "quay=https://a/b",
                                   "harbor=http://127.evil.example", "quay=http://localhost.evil.example",
                                   "harbor=http://localhost:80@evil.example"])
def test_places_are_checked(tmp_path, place):
    done = kit.run("hub", "--state-dir", str(tmp_path), "--listen", "127.0.0.1:0", "--registry-scans", place, timeout=60)
    assert done.code == 1 and place.split("=", maxsplit=1)[0] in done.err, done
