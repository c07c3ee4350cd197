# SPDX-License-Identifier: Apache-2.0
"""Tokens of an identity provider: an issuer on loopback with discovery and keys, signed by PyJWT."""

import json
import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import kit

jwt = pytest.importorskip("jwt", reason="PyJWT makes the tokens")
pytest.importorskip("cryptography", reason="PyJWT needs it for these algorithms")
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
from jwt.utils import base64url_encode  # noqa: E402

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
