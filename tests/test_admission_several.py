# SPDX-License-Identifier: Apache-2.0
"""Several hubs answer one cluster's admission: either does, whoever dies, and what was done is not lost."""

import base64
import contextlib
import socket
import threading
import types

import pytest

import small
from admissionkit import CRITICAL, POLICY, apply, audit, bare, image, space, webhooks
from hubkit import Hub, wait_for, with_hub  # noqa: F401
from kube import ADMIN, cluster  # noqa: F401
from postgres import postgres  # noqa: F401
from registries import Real, free_port

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("with_hub")]


class Service:
    """An address in front of several, as a cluster's Service is: in turns, and whoever is there."""

    def __init__(self, ports):
        self.ports, self.turn, self.taken = list(ports), 0, {p: 0 for p in ports}
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        with contextlib.suppress(OSError):
            while True:
                here, _ = self.door.accept()
                threading.Thread(target=self.pass_on, args=(here,), daemon=True).start()

    def pass_on(self, here):
        self.turn += 1
        for i in range(len(self.ports)):
            port = self.ports[(self.turn + i) % len(self.ports)]
            with contextlib.suppress(OSError):
                there = socket.create_connection(("127.0.0.1", port), 5)
                there.settimeout(None)
                self.taken[port] += 1
                threading.Thread(target=self.pump, args=(there, here), daemon=True).start()
                return self.pump(here, there)
        here.close()
        return None

    @staticmethod
    def pump(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.door.close()


def write(folder):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "registry").mkdir()
    small.write_record(folder / "feeds", CRITICAL, "old-core")


def test_R24_one_of_two_hubs_is_killed(tmp_path, cluster, postgres):  # noqa: F811
    """R24 R39: two hubs answer one webhook alike; one is killed: nothing is refused for that, no record is lost"""
    write(tmp_path)
    registry = Real(tmp_path / "registry", "plain")
    refs = {n: registry.push("shop/" + n, "1", image(p))[0] for n, p in (("clean", "left-pad"), ("bad", "old-core"))}
    ports, config, url = [free_port(), free_port()], cluster.kubeconfig(token=ADMIN), postgres.database("admission")
    service = Service(ports)
    cluster.create("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", None,
                   webhooks(service.port, {"closed": "Fail"}))
    hubs = [Hub(tmp_path / ("hub%d" % i), store=url, feeds=tmp_path / "feeds", policy=tmp_path / "policy.yaml",
                args=["--admission", "127.0.0.1:%d" % p, "--kubernetes", "c1=" + config,
                      "--admission-webhooks", "rummage"],
                env={"RUMMAGE_REGISTRY_INSECURE": registry.host}) for i, p in enumerate(ports)]

    real, serial = types.SimpleNamespace(config=config), iter(range(1000))
    try:
        hubs[0].start()
        hubs[1].token = hubs[0].token
        hubs[1].start()

        def bundle():
            found = cluster.get("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", None, "rummage")
            return base64.b64decode(found["webhooks"][0]["clientConfig"].get("caBundle", "")).decode()

        wait_for(lambda: bundle().count("END CERTIFICATE") == 2, 90, 0.2, hubs[1].said)
        version = bundle()
        ns = space(cluster, "closed")
        wait_for(lambda: "failed calling webhook" not in apply(real, ns, bare("p%d" % next(serial), refs["clean"]))[1],
                 60, 0.5, hubs[0].said)
        denied = []

        def ask(n):
            for _ in range(n):
                i = next(serial)
                code, said = apply(real, ns, bare("ok%d" % i, refs["clean"]))
                assert code == 0, said
                code, said = apply(real, ns, bare("no%d" % i, refs["bad"]))
                assert code != 0 and CRITICAL in said, said
                denied.append("%s/Pod/no%d" % (ns, i))

        ask(4)
        for port in ports:  # each alone says the same
            service.ports = [port]
            wait_for(lambda: apply(real, ns, bare("n%d" % next(serial), refs["bad"]))[1].count(CRITICAL), 60, 0.5)
        service.ports = list(ports)
        assert bundle() == version  # nobody fights over it
        hubs[0].kill()
        ask(6)
        wait_for(lambda: set(denied) <= {r["subject"] for r in audit(hubs[1], "admission.denied")}, 60, 0.2,
                 hubs[1].said)
        assert hubs[1].get("/api/v1/audit/verify")["good"]
    finally:
        for hub in hubs:
            hub.kill()
        service.close()
        registry.stop()
