# SPDX-License-Identifier: Apache-2.0
"""Who may, through a whole hub: its own certificate and clients', wrong tokens and those who keep sending them."""

import hashlib
import http.client
import os
import re
import socket
import ssl
import warnings

import pytest

import kit
from certs import SERVER, Authority, context
from hubkit import Client, Hub, wait_for, with_hub  # noqa: F401
from small import write_record

pytestmark = pytest.mark.usefixtures("with_hub")


class TlsHub(Hub):
    """Its own certificate is what its tests trust."""

    scheme = "https"

    @property
    def cert(self):
        return os.path.join(self.state, "hub.crt")

    def connection(self):
        if getattr(self.local, "it", None) is None:
            self.tls = context(self.cert)
        return super().connection()

    def by(self, pair, token=None):
        """A caller who shows this certificate."""
        return Client(self.port, token, tls=context(self.cert, pair))

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.port


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(str(tmp_path_factory.mktemp("ca")), "people")


@pytest.fixture(scope="module")
def started(tmp_path_factory, authority):
    folder = tmp_path_factory.mktemp("auth")
    write_record(folder / "feeds", "CVE-2026-6300", "old-core", "2.0.0")
    with TlsHub(folder / "hub", feeds=folder / "feeds", args=["--client-ca", authority.cert]) as made:
        yield made


@pytest.fixture
def hub(started):
    started.forget()  # it closes connections that idle
    return started


def printed(hub):
    with open(hub.log, encoding="utf-8") as f:
        return re.findall(r"its certificate is its own \((\S+)\): (SHA256(?::[0-9A-F]{2}){32})$", f.read(), re.M)


# The hub's own certificate.

def test_its_own_certificate(hub):
    """R39: the certificate that a hub makes is the one that it shows, by the fingerprint that it says"""
    der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", hub.port)))
    path, said = printed(hub)[0]
    assert path == hub.cert
    assert said == "SHA256:" + ":".join("%02X" % b for b in hashlib.sha256(der).digest())
    with open(hub.cert, encoding="ascii") as f:
        assert ssl.PEM_cert_to_DER_cert(f.read()) == der
    assert os.stat(os.path.join(hub.state, "hub.key")).st_mode & 0o77 == 0
    for name in ("localhost", "127.0.0.1", "test-node"):
        trusting = context(hub.cert)
        with socket.create_connection(("127.0.0.1", hub.port), 10) as s:
            with trusting.wrap_socket(s, server_hostname=name) as tls:
                assert tls.version() in ("TLSv1.2", "TLSv1.3")


def test_old_protocols_are_refused(hub):
    """R39: TLS 1.2 is the least"""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", hub.port), 10) as s:
        with pytest.raises(OSError):
            old.wrap_socket(s)


def test_the_certificate_stays(tmp_path, authority):
    """R39: a restarted hub has the certificate that was trusted before"""
    write_record(tmp_path / "feeds", "CVE-2026-6301", "other", "2.0.0")
    with TlsHub(tmp_path / "hub", feeds=tmp_path / "feeds", args=["--client-ca", authority.cert]) as hub:
        before = hub.get("/api/v1/audit/verify")
        assert hub.restart().get("/api/v1/audit/verify")["records"] >= before["records"]
        said = {print_ for _, print_ in printed(hub)}
        assert len(printed(hub)) == 2 and len(said) == 1
        os.unlink(os.path.join(hub.state, "hub.key"))
        hub.restart()
        assert len({print_ for _, print_ in printed(hub)}) == 2, "a certificate without its key is made anew"


def ask(hub, *words, home, token=True, **env):
    if token:
        words += ("--token-file", os.path.join(hub.state, "admin.token"))
    return kit.run("workloads", "--hub", hub.url, *words, timeout=60,
                   env=dict({"HOME": str(home), "XDG_STATE_HOME": str(home)}, **env))


def test_verbs_trust_it(hub, tmp_path):
    """R39: people trust it by its file, by what was printed, or because it is their own; not otherwise"""
    said = printed(hub)[0][1]
    assert ask(hub, "--ca-cert", hub.cert, home=tmp_path).code == 0
    assert ask(hub, "--hub-fingerprint", said, home=tmp_path).code == 0
    assert ask(hub, home=tmp_path, RUMMAGE_HUB_FINGERPRINT=said).code == 0
    other = said[:-1] + ("0" if said[-1] != "0" else "1")
    for words in ((), ("--hub-fingerprint", other), ("--ca-cert", os.path.join(hub.state, "hub.key"))):
        done = ask(hub, *words, home=tmp_path)
        assert done.code == 1 and done.out == "", done
    os.symlink(hub.state, tmp_path / "rummage")
    done = ask(hub, home=tmp_path, token=False)
    assert done.code == 0, done


# Clients' certificates.

def status(client, path="/api/v1/images", method="GET"):
    return client.request(method, path).status


def test_a_certificate_has_its_role(hub, authority):
    """R39: mutual TLS: a certificate of the client CA is who cert:NAME says, by its DNS name or its common name"""
    by_name, by_dns = authority.issue("node-a"), authority.issue("somebody", ["alice.example", "b.example"])
    for name, role in (("cert:node-a", "agent"), ("cert:alice.example", "reader")):
        assert hub.post("/api/v1/tokens", {"name": name, "role": role}) == {}
    node, alice = hub.by(by_name), hub.by(by_dns)
    assert status(node) == 403 and status(node, "/api/v1/wanted") == 200
    assert status(alice) == 200 and status(alice, "/api/v1/wanted") == 403
    assert alice.request("POST", "/api/v1/exceptions", b"{}").status == 403
    hub.delete("/api/v1/tokens/cert:node-a")
    assert status(node, "/api/v1/wanted") == 401
    assert status(alice) == 200


def test_who_acted_is_written_down(hub, authority):
    """R33: the audit log names the certificate"""
    hub.post("/api/v1/tokens", {"name": "cert:carol", "role": "operator"})
    carol = hub.by(authority.issue("carol"))
    made = carol.post("/api/v1/exceptions", {"advisory": "CVE-2026-6300", "owner": "carol", "reason": "test",
                                             "until": "2099-01-01T00:00:00Z"})
    carol.delete("/api/v1/exceptions/%d" % made["id"])
    assert {"cert:carol"} == {i["actor"] for i in hub.items("/api/v1/audit")
                              if i["action"].startswith("exception")}


@pytest.mark.parametrize("what", ["of another authority", "that has ended", "of a server", "without a row", "none"])
def test_a_certificate_without_a_role(hub, authority, tmp_path, what):
    """R39: mutual TLS: another authority's certificate, one that has ended, a server's, or one of nobody is 401"""
    if what != "without a row":
        name = "dave-" + what.replace(" ", "-")
        hub.post("/api/v1/tokens", {"name": "cert:" + name, "role": "admin"})
    else:
        name = "nobody-knows-me"
    shown = {"of another authority": lambda: Authority(str(tmp_path / "other"), "others").issue(name),
             "that has ended": lambda: authority.issue(name, days=-1),
             "of a server": lambda: authority.issue(name, usage=SERVER),
             "without a row": lambda: authority.issue(name), "none": lambda: None}[what]()
    caller = hub.by(shown)
    answer = caller.request("GET", "/api/v1/images")
    assert answer.status == 401 and answer.headers["WWW-Authenticate"] == 'Bearer realm="rummage"', answer
    assert (name in answer.json["error"]) == (what == "without a row")
    # A token is taken all the same.
    assert status(hub.by(shown, hub.token)) == 200


def test_a_certificate_for_anything(hub, authority):
    """R39: a certificate that is not for one purpose is for clients too"""
    hub.post("/api/v1/tokens", {"name": "cert:erin", "role": "reader"})
    assert status(hub.by(authority.issue("erin", usage=None))) == 200


def test_a_token_decides_alone(hub, authority):
    """R39: who shows a certificate and a token is whom the token names, or nobody"""
    hub.post("/api/v1/tokens", {"name": "cert:frank", "role": "admin"})
    pair = authority.issue("frank")
    reader = hub.make_token("frank-reads", "reader").token
    assert status(hub.by(pair), "/api/v1/tokens") == 200
    assert status(hub.by(pair, reader), "/api/v1/tokens") == 403
    assert status(hub.by(pair, "rmg_" + "A" * 43), "/api/v1/tokens") == 401


def test_verbs_show_a_certificate(hub, authority, tmp_path):
    """R39: the verbs ask by a client certificate where they have one"""
    hub.post("/api/v1/tokens", {"name": "cert:grace", "role": "reader"})
    pair, how = authority.issue("grace"), ("--ca-cert", hub.cert)
    shown = ("--client-cert", pair.cert, "--client-key", pair.key)
    done = ask(hub, *how, *shown, home=tmp_path, token=False)
    assert done.code == 0, done
    stranger = Authority(str(tmp_path / "other"), "others").issue("grace")
    for words, says in ((("--client-cert", stranger.cert, "--client-key", stranger.key), "token"),
                        (("--client-cert", pair.cert), "--client-key"),
                        (("--client-cert", pair.cert, "--client-key", stranger.key), "not the key"), ((), "token")):
        done = ask(hub, *how, *words, home=tmp_path, token=False)
        assert done.code == 1 and says in done.err, done


# Wrong tokens.

def test_what_is_said_of_a_token(hub):
    """R39: 401 and 403 say why in WWW-Authenticate, as RFC 6750 has it"""
    def said(token=None, path="/api/v1/tokens", header=None):
        answer = Client(hub.port, token, tls=hub.tls).request(
            "GET", path, headers={"Authorization": header} if header else None)
        assert "error" in answer.json
        return answer.status, answer.headers["WWW-Authenticate"]

    none, wrong = 'Bearer realm="rummage"', 'Bearer realm="rummage", error="invalid_token"'
    assert said() == (401, none)
    assert said(header="Basic YTpi") == (401, none)
    assert said(header="Bearer") == (401, none)
    assert said("rmg_" + "A" * 43) == (401, wrong)
    assert said("a.b.c") == (401, wrong)
    reader = hub.make_token("only-reads", "reader")
    assert said(reader.token) == (403, 'Bearer realm="rummage", error="insufficient_scope"')
    answer = reader.request("GET", "/api/v1/images")
    assert answer.status == 200 and "WWW-Authenticate" not in answer.headers


def test_failing_logins_are_slowed(tmp_path):
    """R39: unknown tokens of one address are told to wait; its good ones, and other addresses, are not hurt"""
    write_record(tmp_path / "feeds", "CVE-2026-6302", "other", "2.0.0")
    with Hub(tmp_path / "hub", feeds=tmp_path / "feeds") as hub:
        def answer(token, source):
            return Client(hub.port, token, source=source).request("GET", "/api/v1/images")

        def guess(n, source="127.0.0.2"):
            return answer("rmg_%043d" % n, source)

        got = [guess(n) for n in range(20)]
        statuses = [a.status for a in got]
        assert statuses[:11] == [401] * 11 and 429 in statuses[11:], statuses
        slowed = next(a for a in got if a.status == 429)
        assert 1 <= int(slowed.headers["Retry-After"]) <= 60 and "wait" in slowed.json["error"]
        assert answer(hub.token, "127.0.0.2").status == 200
        assert answer(None, "127.0.0.2").status == 401
        assert answer(hub.token, "127.0.0.3").status == 200
        assert guess(99, "127.0.0.3").status == 401
        # Who waits as it was told is heard again, and then waits for longer.
        waited = int(guess(100).headers["Retry-After"])
        wait_for(lambda: guess(101).status == 401, 30, 0.5)
        again = guess(102)
        assert again.status == 429 and int(again.headers["Retry-After"]) >= waited, again.headers.items()


def test_strangers_cannot_make_it_hold_anything(tmp_path):
    """R39: who may not has his answer before his body is read"""
    write_record(tmp_path / "feeds", "CVE-2026-6303", "other", "2.0.0")
    with Hub(tmp_path / "hub", feeds=tmp_path / "feeds") as hub:
        path = "/api/v1/facts/sha256:" + "0" * 64
        before, held = hub.peak_bytes(), []
        try:
            for i in range(8):
                s = socket.create_connection(("127.0.0.1", hub.port), 10, ("127.0.0.%d" % (2 + i), 0))
                s.sendall(("PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (path, 60 << 20)).encode())
                held.append(s)
                try:
                    for _ in range(40):
                        s.sendall(b"x" * (1 << 20))
                except OSError:
                    pass  # it was told to go
            for s in held[:1]:
                try:
                    assert s.recv(65536)[:12] in (b"", b"HTTP/1.1 401")
                except ConnectionResetError:
                    pass
            assert hub.get("/healthz")
            assert hub.peak_bytes() - before < 32 << 20
        finally:
            for s in held:
                s.close()
        # What is short is read to its end, and its sender hears why.
        caller = Client(hub.port, "rmg_" + "A" * 43)
        for _ in range(5):
            assert caller.request("POST", "/api/v1/exceptions", b"x" * 60000).status == 401
        with pytest.raises((OSError, http.client.HTTPException, AssertionError)):
            assert caller.request("PUT", path, b"x" * (30 << 20)).status == 200
