# SPDX-License-Identifier: Apache-2.0
"""The agent of a machine against a real dockerd, and a hub that is another process."""

import http.client
import json
import os
import ssl
import subprocess
import time

import pytest

import kit
import small
from engines import docker, docker_image  # noqa: F401
from hubkit import Hub, wait_for, with_hub  # noqa: F401
from nodekit import CLUSTER, NODE, Agent
from registries import certificate

pytestmark = pytest.mark.usefixtures("with_hub")

BAD = {"old-core": "1.0.0", "old-web": "1.2.0"}


@pytest.fixture(scope="module")
def feeds(tmp_path_factory):
    """Advisories on what the image of the tests has."""
    folder = str(tmp_path_factory.mktemp("feeds"))
    os.makedirs(folder + "/osv/npm")
    for i, name in enumerate(sorted(BAD)):
        ident = "CVE-2026-700%d" % i
        with open("%s/osv/npm/%s.json" % (folder, ident), "w", encoding="utf-8") as f:
            json.dump(small.osv(ident, "npm", name, "2.0.0", "SEMVER",
                                severity=[{"type": "CVSS_V3",
                                           "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]), f)
    return folder


@pytest.fixture(scope="module")
def image(docker, tmp_path_factory):  # noqa: F811
    docker_image(docker, tmp_path_factory.mktemp("image"), "shop:1", BAD)
    return "shop:1"


@pytest.fixture
def hub(tmp_path, feeds):
    with Hub(tmp_path / "hub", feeds=feeds) as started:
        yield started


def running(hub, ref):
    return {u["container"] for u in hub.who_runs(ref, running="true")}


def test_a_use_from_its_start_to_its_end(tmp_path, docker, image, hub):  # noqa: F811
    """R14 R31: what dockerd starts is a use at a hub elsewhere within a second, and over when it stops"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        container = docker.start(image, "web")
        began = time.time()
        wait_for(lambda: running(hub, image) == {container}, 10, 0.01, agent.said)
        assert time.time() - began <= 1.0
        use = hub.who_runs(image, running="true")[0]
        assert (use["cluster"], use["node"], use["name"]) == (CLUSTER, NODE, "web")
        docker.run("kill", "web")
        ended = time.time()
        wait_for(lambda: not running(hub, image), 10, 0.01, agent.said)
        assert time.time() - ended <= 1.0
        docker.run("rm", "web")
        assert agent.stop() == 0


def findings_of(report):
    return {(f["id"], f["component"], f["status"]) for f in report["findings"]}


def test_an_image_is_read_where_it_lies(tmp_path, docker, image, hub, feeds):  # noqa: F811
    """R16 R20: the agent reads the engine's image, the hub judges it as a scan does"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        found = wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["read"]], 120, 0.1, agent.said)
        answer = hub.get("/api/v1/images/" + found[0]["digest"])
    db = str(tmp_path / "db")
    assert kit.run("db", "build", "--from", feeds, "--out", db).code == 0
    done = kit.scan("docker:" + image, "--db", db, cache=tmp_path / "cache",
                    env={"DOCKER_HOST": "unix://" + docker.socket})
    report = done.json
    assert report["complete"] and answer["complete"]
    assert findings_of(answer) == findings_of(report) and len(report["findings"]) == 2
    assert {c["purl"] for c in answer["components"]} == {c["purl"] for c in report["components"]}


def test_a_token_is_for_one_place(tmp_path, docker, image, hub):  # noqa: F811
    """An agent whose token is another node's is refused, and says so"""
    token = hub.make_token("other", "agent", cluster=CLUSTER, node="node-b").token
    with Agent(tmp_path / "node", hub, "--docker", docker.socket, token=token) as agent:
        agent.wait_said("does not speak for that place")
        assert hub.items("/api/v1/images") == []


class TlsHub(Hub):
    """A hub that speaks TLS, and whom its tests believe."""

    scheme = "https"

    def connection(self):
        if getattr(self.local, "it", None) is None:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.local.it = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)
        return self.local.it


@pytest.fixture
def tls_hub(tmp_path, feeds):
    """It takes client certificates, of one authority, too."""
    folder = str(tmp_path)
    authority = certificate(folder, "authority")
    cert, key = certificate(folder, "hub")
    with TlsHub(tmp_path / "hub", feeds=feeds, args=["--tls-cert", cert, "--tls-key", key, "--client-ca",
                                                     authority[0]]) as hub:
        hub.authority, hub.cert = authority, cert
        yield hub


def fingerprint(path):
    out = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-sha256", "-fingerprint"],
                         check=True, capture_output=True, text=True).stdout
    return "SHA256:" + out.strip().partition("=")[2]


def test_mutual_tls(tmp_path, docker, image, tls_hub):  # noqa: F811
    """R39: a hub is trusted by its certificate or its fingerprint, an agent by its certificate alone"""
    hub = tls_hub
    shown = certificate(str(tmp_path), "machine", ca=hub.authority, client=True)
    hub.post("/api/v1/tokens", {"name": "cert:localhost", "role": "agent", "cluster": CLUSTER, "node": NODE})
    how = ["--docker", docker.socket, "--client-cert", shown[0], "--client-key", shown[1]]
    with Agent(tmp_path / "stranger", hub, *how, token=False) as agent:
        agent.wait_said("self-signed certificate")
    with Agent(tmp_path / "liar", hub, *how, "--hub-fingerprint", fingerprint(shown[0]), token=False) as agent:
        agent.wait_said("another certificate than the one that is trusted")
    assert not hub.items("/api/v1/images")
    with Agent(tmp_path / "node", hub, *how, "--ca-cert", hub.cert, token=False) as agent:
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        assert agent.stop() == 0
    container = docker.start(image, "tls")
    with Agent(tmp_path / "node", hub, *how, "--hub-fingerprint", fingerprint(hub.cert), token=False) as agent:
        wait_for(lambda: running(hub, image) == {container}, 60, 0.05, agent.said)
    docker.run("rm", "-f", "tls")


def test_a_token_may_be_replaced(tmp_path, docker, image, hub):  # noqa: F811
    """A token that the hub does not know is said, and read again from its file"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket, token="rmg_nobody") as agent:
        agent.wait_said("not known here")
        agent.token(hub.make_token("late", "agent", cluster=CLUSTER, node=NODE).token)
        wait_for(lambda: hub.items("/api/v1/images"), 60, 0.05, agent.said)
        agent.wait_said("the hub answers")


def test_one_agent_per_state(tmp_path, docker, hub):  # noqa: F811
    """A second agent on one state folder is refused; what is out of reach is not"""
    with Agent(tmp_path / "node", hub, "--docker", docker.socket) as agent:
        agent.wait_said("watches docker")
        second = subprocess.run(agent.command(), capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1 and "another agent" in second.stderr
