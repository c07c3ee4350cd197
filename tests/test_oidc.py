# SPDX-License-Identifier: Apache-2.0
"""Tokens of an identity provider: an issuer on loopback with discovery and keys, signed by PyJWT."""

import json
import os
import signal
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import kit
from hubkit import Client, Clock, Hub, wait_for, with_hub  # noqa: F401

jwt = pytest.importorskip("jwt", reason="PyJWT makes the tokens")
pytest.importorskip("cryptography", reason="PyJWT needs it for these algorithms")
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
from jwt.utils import base64url_encode  # noqa: E402
from small import write_record

PROGRAM = kit.program(os.path.join("src", "serve", "oidc_print"))
NOW = 1_900_000_000
ROLES = ("ops=operator", "everyone=reader", "root=admin", "node=agent")


def number(n, size):
    return base64url_encode(n.to_bytes(size, "big")).decode()


class Key:
    """An EC or RSA key by its name."""

    def __init__(self, kid, alg="ES256"):
        self.kid, self.alg = kid, alg
        self.private = ec.generate_private_key(ec.SECP256R1()) if alg == "ES256" else \
            rsa.generate_private_key(65537, 2048)

    @property
    def jwk(self):
        n = self.private.public_key().public_numbers()
        if self.alg == "ES256":
            return {"kty": "EC", "crv": "P-256", "kid": self.kid, "x": number(n.x, 32), "y": number(n.y, 32)}
        return {"kty": "RSA", "kid": self.kid, "use": "sig", "n": number(n.n, 256), "e": "AQAB"}


class Issuer:
    """Serves discovery and keys; counts what it is asked."""

    def __init__(self, tls=None):
        self.keys, self.asked, self.overlay, self.status = [Key("first")], [], {}, 200
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                documents = {
                    "/realm/.well-known/openid-configuration":
                        dict({"issuer": issuer.url, "jwks_uri": issuer.url + "/keys"}, **issuer.overlay),
                    "/realm/keys": {"keys": [key.jwk for key in issuer.keys]},
                }
                body = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(issuer.status if self.path in documents else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *args):  # pylint: disable=redefined-builtin
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = "%s://localhost:%d/realm" % ("https" if tls else "http", self.server.server_port)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def token(self, key=None, **claims):
        key = key or self.keys[0]
        base = {"iss": self.url, "sub": "alice", "aud": "rummage", "exp": NOW + 600, "groups": ["ops"]}
        base = {k: v for k, v in dict(base, **claims).items() if v is not None}
        return jwt.encode(base, key.private, key.alg, headers={"kid": key.kid})

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Checker:
    """oidc_print, asked line by line."""

    def __init__(self, issuer, audience="rummage", claim="", keys="", roles=ROLES, env=None):
        self.process = subprocess.Popen([PROGRAM, issuer, audience, claim, keys, *roles], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=dict(os.environ, **(env or {})))

    def __call__(self, token, now=NOW):
        self.process.stdin.write("%d %s\n" % (now, token))
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def refused(self):
        """What it says where it does not even start."""
        out, err = self.process.communicate("", timeout=30)
        assert self.process.returncode == 1, (out, err)
        return err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process.stderr.close()


pytestmark = pytest.mark.skipif(not os.path.exists(PROGRAM), reason="oidc_print is not built")


@pytest.fixture
def issuer():
    it = Issuer()
    yield it
    it.close()


def test_discovery(issuer):
    """A token is taken by the keys that the issuer's discovery document names, which are kept"""
    with Checker(issuer.url) as check:
        assert check(issuer.token()) == "operator: alice"
        assert check(issuer.token(sub="bob", groups="root")) == "admin: bob"
    assert issuer.asked == ["/realm/.well-known/openid-configuration", "/realm/keys"]


def test_roles(issuer):
    """The highest role of the claim's values wins; a claim without any gives nothing"""
    with Checker(issuer.url) as check:
        assert check(issuer.token(groups=["everyone", "root", "ops"])) == "admin: alice"
        assert check(issuer.token(groups=["x", 3, "everyone", None])) == "reader: alice"
        assert check(issuer.token(groups=["node", "everyone"])) == "agent: alice"
        for groups in ("ops root", ["root "], {"root": True}, [], None, [["root"]]):
            assert "gives no role" in check(issuer.token(groups=groups)), groups
    with Checker(issuer.url, claim="realm_access.roles") as check:
        assert check(issuer.token(realm_access={"roles": ["root"]})) == "admin: alice"
        assert "gives no role" in check(issuer.token(realm_access=["root"]))


def test_claims(issuer):
    """Issuer, audience and times are held, with a minute of grace; a long subject is not cut"""
    with Checker(issuer.url) as check:
        assert "another audience" in check(issuer.token(aud="rummage2"))
        assert check(issuer.token(aud=["a", "rummage"])) == "operator: alice"
        assert "another issuer" in check(issuer.token(iss=issuer.url + "/"))
        assert check(issuer.token(), NOW + 659) == "operator: alice"
        assert "expired" in check(issuer.token(), NOW + 660)
        assert "not valid yet" in check(issuer.token(nbf=NOW + 61))
        assert check(issuer.token(nbf=NOW + 60)) == "operator: alice"
        assert check(issuer.token(sub="a" * 127)) == "operator: " + "a" * 127
        assert "longer than" in check(issuer.token(sub="a" * 128))


def test_rotation(issuer):
    """A new key is found at once, but the issuer is not asked more than once a minute"""
    with Checker(issuer.url) as check:
        assert check(issuer.token()) == "operator: alice"
        new = Key("second", "RS256")
        issuer.keys.append(new)
        assert "no key" in check(issuer.token(new), NOW + 59)
        assert len(issuer.asked) == 2
        assert check(issuer.token(new), NOW + 60) == "operator: alice"
        assert len(issuer.asked) == 4
        for i in range(20):
            assert "no key" in check(issuer.token(Key("forged%d" % i)), NOW + 61)
        assert "not that of key" in check(issuer.token(Key("first")), NOW + 200)
        assert len(issuer.asked) == 4


def test_withdrawn(issuer):
    """A key that the issuer took back serves for an hour at most"""
    old = issuer.keys[0]
    with Checker(issuer.url) as check:
        assert check(issuer.token(exp=NOW + 9000)) == "operator: alice"
        issuer.keys = [Key("second")]
        assert check(issuer.token(old, exp=NOW + 9000), NOW + 3599) == "operator: alice"
        assert "no key" in check(issuer.token(old, exp=NOW + 9000), NOW + 3600)


def test_outage(issuer):
    """Keys are kept while the issuer does not answer, for a day; then, and before, nobody gets in"""
    far = NOW + 90000
    issuer.status = 503
    with Checker(issuer.url) as check:
        assert check(issuer.token(exp=far)).startswith("failed: no keys of")
        issuer.status = 200
        assert check(issuer.token(exp=far), NOW + 60) == "operator: alice"
        issuer.status = 503
        assert check(issuer.token(exp=far), NOW + 7200) == "operator: alice"
        assert check(issuer.token(exp=far), NOW + 60 + 86400).startswith("failed: no keys of")


@pytest.mark.parametrize("overlay, says", [
    ({"issuer": "https://example.org"}, "of another issuer"),
    ({"jwks_uri": "http://example.org/keys"}, "not https"),
    ({"jwks_uri": "http://127.0.0.1@example.org/keys"}, "not https"),
    ({"jwks_uri": "file:///etc/passwd"}, "not https"),
    ({"jwks_uri": None}, "not https"),
])
def test_discovery_is_not_believed(issuer, overlay, says):
    """What the discovery document says is checked"""
    issuer.overlay = overlay
    with Checker(issuer.url) as check:
        assert says in check(issuer.token())
    assert len(issuer.asked) == 1


def test_keys_by_url_and_by_file(issuer, tmp_path):
    """Keys from a URL or a file: the issuer is then not asked"""
    with Checker("https://id.example.org", keys=issuer.url + "/keys") as check:
        assert check(issuer.token(iss="https://id.example.org")) == "operator: alice"
    assert issuer.asked == ["/realm/keys"]
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [issuer.keys[0].jwk]}))
    with Checker("https://id.example.org", keys=str(path)) as check:
        assert check(issuer.token(iss="https://id.example.org")) == "operator: alice"
        new = Key("second")
        path.write_text(json.dumps({"keys": [new.jwk]}))
        assert check(issuer.token(new, iss="https://id.example.org"), NOW + 60) == "operator: alice"
    assert issuer.asked == ["/realm/keys"]


@pytest.mark.parametrize("args, says", [
    ({"issuer": "http://id.example.org"}, "https"),
    ({"issuer": "id.example.org"}, "https"),
    ({"issuer": "https://u@id.example.org"}, "https"),
    ({"issuer": ""}, "needed"),
    ({"issuer": "https://id.example.org", "audience": ""}, "needed"),
    ({"issuer": "https://id.example.org", "keys": "http://id.example.org/keys"}, "https"),
    ({"issuer": "https://id.example.org", "keys": "absent.json"}, "absent.json"),
    ({"issuer": "https://id.example.org", "roles": ["a=owner"]}, "no role"),
])
def test_settings(args, says):
    """Settings that cannot work are found when starting"""
    with Checker(**args) as check:
        assert says in check.refused()


def test_https(tmp_path):
    """The issuer's certificate is verified"""
    pem = tmp_path / "both.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert"), "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                   check=True, capture_output=True)
    pem.write_text((tmp_path / "key").read_text() + (tmp_path / "cert").read_text())
    issuer = Issuer(tls=str(pem))
    try:
        with Checker(issuer.url) as check:
            assert check(issuer.token()).startswith("failed: no keys of")
        assert issuer.asked == []
        with Checker(issuer.url, env={"OIDC_CA": str(tmp_path / "cert")}) as check:
            assert check(issuer.token()) == "operator: alice"
    finally:
        issuer.close()


def test_noise(issuer):
    """Anything that is not a token is refused, and does not make us ask"""
    with Checker(issuer.url) as check:
        for text in ("", ".", "..", "a.b.c", "e30.e30.e30", issuer.token() + "=", "A" * 20000):
            assert check(text).startswith("refused: "), text
    assert issuer.asked == []


# Through a whole hub.

CONFIG = """oidc:
  issuer: %s
  audience: %s
  roles:
    root: admin
    ops: operator
    everyone: reader
"""


class Realm:
    """A hub that believes an issuer; its clock can be moved."""

    def __init__(self, folder, issuer, more=""):
        self.issuer, self.config, self.clock = issuer, folder / "hub.yaml", Clock(str(folder))
        self.configure("rummage", more)
        write_record(folder / "feeds", "CVE-2026-6400", "other", "2.0.0")
        self.hub = Hub(folder / "hub", feeds=folder / "feeds", config=self.config, clock=self.clock)

    def configure(self, audience, more=""):
        self.config.write_text(CONFIG % (self.issuer.url, audience) + more)

    def token(self, key=None, **claims):
        return self.issuer.token(key, **dict({"exp": int(self.clock.now()) + 600}, **claims))

    def ask(self, token, path="/api/v1/images", method="GET", body=None):
        return Client(self.hub.port, token).request(method, path, body)

    def status(self, token, path="/api/v1/images"):
        return self.ask(token, path).status


@pytest.fixture
def realm(tmp_path, issuer, with_hub):  # noqa: F811
    made = Realm(tmp_path, issuer)
    with made.hub:
        yield made


def test_a_hub_believes_its_issuer(realm):
    """R39: a token of the identity provider has the role of its groups, and its subject is in the audit log"""
    ops, reader, root = (realm.token(groups=[g]) for g in ("ops", "everyone", "root"))
    assert realm.status(reader) == 200 and realm.status(reader, "/api/v1/tokens") == 403
    made = realm.ask(ops, "/api/v1/exceptions", "POST", json.dumps({
        "advisory": "CVE-2026-6400", "owner": "ops", "reason": "x", "until": "2099-01-01T00:00:00Z"}).encode())
    assert made.status == 200
    assert realm.status(ops, "/api/v1/tokens") == 403 and realm.status(root, "/api/v1/tokens") == 200
    assert "oidc:alice" in {i["actor"] for i in realm.hub.items("/api/v1/audit")}
    assert len(realm.issuer.asked) == 2, "keys are asked for once"
    assert realm.hub.get("/api/v1/images"), "its own tokens go on"


def test_a_hub_refuses_what_is_not_for_it(realm):
    """R39: another audience, another issuer, a token that has expired or is not signed by the issuer: 401, with why"""
    now = int(realm.clock.now())
    for token, says in ((realm.token(aud="another"), "audience"), (realm.token(exp=now - 120), "expired"),
                        (realm.token(iss="https://id.example.com"), "issuer"),
                        (realm.token(nbf=now + 600), "not valid yet"), (realm.token(Key("first")), "key"),
                        (realm.token()[:-8] + "AAAAAAAA", "key"), ("a.b.c", "token")):
        answer = realm.ask(token)
        assert answer.status == 401 and says in answer.json["error"], answer
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="rummage", error="invalid_token"'


def test_a_login_without_a_role(realm):
    """R39: whom the issuer knows and the hub gives nothing is 403"""
    answer = realm.ask(realm.token(groups=["visitors"]))
    assert answer.status == 403 and "no role" in answer.json["error"]
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]
    for _ in range(30):
        assert realm.status(realm.token(groups=[])) == 403, "and is no guess"


def test_a_hub_follows_the_issuer_s_keys(realm):
    """R39: a new key is taken a minute after at the latest, one that was taken back for an hour at most"""
    old, new = realm.issuer.keys[0], Key("second", "RS256")
    assert realm.status(realm.token(old)) == 200
    realm.issuer.keys.append(new)
    assert realm.status(realm.token(new)) == 401
    realm.clock.move(seconds=61)
    assert realm.status(realm.token(new)) == 200
    realm.issuer.keys.remove(old)
    realm.clock.move(seconds=1800)
    assert realm.status(realm.token(old)) == 200
    realm.clock.move(seconds=1900)
    assert realm.status(realm.token(new)) == 200
    assert realm.status(realm.token(old)) == 401


def test_an_issuer_that_is_away(realm):
    """R39: without the issuer's keys a login is 503 and may be tried again; the hub and its own tokens go on"""
    realm.issuer.status = 503
    answer = realm.ask(realm.token())
    assert answer.status == 503 and int(answer.headers["Retry-After"]) >= 1, answer
    assert realm.hub.get("/api/v1/images")
    for _ in range(30):
        assert realm.status(realm.token()) == 503, "and is nobody's guess"
    realm.issuer.status = 200
    realm.clock.move(seconds=61)
    assert realm.status(realm.token()) == 200
    realm.issuer.status = 503
    realm.clock.move(seconds=7200)
    assert realm.status(realm.token()) == 200, "keys are kept while it is away"


def test_a_token_ends_while_it_is_used(realm):
    """R39: expiry is held against the hub's clock at each request"""
    token = realm.token()
    assert realm.status(token) == 200
    realm.clock.move(seconds=700)
    assert realm.status(token) == 401


def test_an_issuer_is_told_anew(realm):
    """R39: SIGHUP takes another audience, and keeps what it knows of an issuer that is as it was"""
    token, other = realm.token(), realm.token(aud="other")
    assert (realm.status(token), realm.status(other)) == (200, 401)
    asked = len(realm.issuer.asked)
    realm.configure("rummage", "open_metrics: true\n")
    realm.hub.child.send_signal(signal.SIGHUP)
    wait_for(lambda: Client(realm.hub.port).request("GET", "/metrics").status == 200, 30)
    assert realm.status(token) == 200 and len(realm.issuer.asked) == asked
    realm.configure("other")
    realm.hub.child.send_signal(signal.SIGHUP)
    wait_for(lambda: realm.status(other) == 200, 30, 0.1)
    assert realm.status(token) in (401, 429)
    realm.config.write_text("")
    realm.hub.child.send_signal(signal.SIGHUP)
    wait_for(lambda: realm.status(other) in (401, 429), 30, 0.1)


def test_keys_from_their_own_place(tmp_path, issuer, with_hub):  # noqa: F811
    """R39: with the place of the keys in the settings the issuer is not asked where they are"""
    made = Realm(tmp_path, issuer, "  jwks: %s/keys\n" % issuer.url)
    with made.hub:
        assert made.status(made.token()) == 200
    assert issuer.asked == ["/realm/keys"]
