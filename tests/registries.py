# SPDX-License-Identifier: Apache-2.0
"""Registries for the tests, all on 127.0.0.1: Debian's docker-registry as it is, with passwords, TLS or
a token server; and one of our own that misbehaves as it is told."""

import base64
import contextlib
import http.client
import http.server
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest

from image import OCI, sha256

USER, PASSWORD = "u", "p"


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip("no program called " + program)


PORTS = range(15000, 30000)
given = set()


def free_port():
    """One that nobody takes before it is used: below those that outgoing connections are given, at random, since other
    runs of the tests choose as well, and never the same again."""
    while len(given) < len(PORTS) // 2:
        port = random.choice(PORTS)
        with socket.socket() as s, contextlib.suppress(OSError):
            if port not in given:
                given.add(port)
                s.bind(("127.0.0.1", port))
                return port
    raise AssertionError("half of all ports are taken")


def wait_for(port, child, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if child.poll() is not None:
            pytest.skip("the service did not start (status %d)" % child.returncode)
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    child.kill()
    pytest.skip("the service did not listen in time")


def certificate(folder, name, key="ec", ca=None, client=False):
    """(certificate, key) files of 127.0.0.1, self-signed or signed by ca."""
    crt, pem = os.path.join(folder, name + ".crt"), os.path.join(folder, name + ".key")
    how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" \
        else ["-newkey", "rsa:2048"]
    command = ["openssl", "req", "-x509", *how, "-nodes", "-days", "30", "-subj", "/CN=" + name,
               "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", pem, "-out", crt]
    if client:
        command += ["-addext", "extendedKeyUsage=clientAuth"]
    if ca:
        command += ["-CA", ca[0], "-CAkey", ca[1]]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return crt, pem


class Real:
    """Debian's docker-registry. mode: plain, basic, tls (with passwords), mutual (client
    certificates), token. notify: (URL, secret) of who is told of pushes."""

    def __init__(self, folder, mode, notify=None):
        need("docker-registry", "openssl")
        self.folder, self.mode, self.port = str(folder), mode, free_port()
        self.host = "127.0.0.1:%d" % self.port
        self.ca, self.tokens = None, None
        config = {"version": "0.1", "log": {"level": "error"},
                  "storage": {"filesystem": {"rootdirectory": os.path.join(self.folder, "data")},
                              "delete": {"enabled": True}},
                  "http": {"addr": self.host, "secret": "test"}}
        if notify:
            config["notifications"] = {"endpoints": [{
                "name": "told", "url": notify[0], "headers": {"Authorization": ["Bearer " + notify[1]]},
                "timeout": "5s", "threshold": 5, "backoff": "100ms"}]}
        if mode in ("basic", "tls"):
            need("htpasswd")
            path = os.path.join(self.folder, "htpasswd")
            with open(path, "wb") as f:
                f.write(subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], check=True,
                                       stdout=subprocess.PIPE).stdout)
            config["auth"] = {"htpasswd": {"realm": "test", "path": path}}
        if mode in ("tls", "mutual"):
            self.ca, key = certificate(self.folder, "server")
            config["http"]["tls"] = {"certificate": self.ca, "key": key}
        if mode == "mutual":
            self.client = certificate(self.folder, "client", client=True)
            config["http"]["tls"]["clientcas"] = [self.client[0]]
        if mode == "token":
            self.tokens = TokenServer(self.folder)
            config["auth"] = {"token": {"realm": self.tokens.url, "service": "test-registry",
                                        "issuer": "test-issuer",
                                        "rootcertbundle": self.tokens.crt}}
        path = os.path.join(self.folder, "config.yml")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(config, f)  # JSON is YAML
        self.child = subprocess.Popen(["docker-registry", "serve", path], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port, self.child)

    def stop(self):
        self.child.kill()
        self.child.wait()
        if self.tokens:
            self.tokens.stop()

    def ask(self, method, path, body=b"", headers=None):
        """One request with all that the registry may want to know."""
        headers = dict(headers or {})
        if self.mode in ("tls", "mutual"):
            context = ssl.create_default_context(cafile=self.ca)
            if self.mode == "mutual":
                context.load_cert_chain(*self.client)
            c = http.client.HTTPSConnection("127.0.0.1", self.port, context=context)
        else:
            c = http.client.HTTPConnection("127.0.0.1", self.port)
        if self.mode in ("basic", "tls"):
            headers["Authorization"] = basic(USER, PASSWORD)
        if self.mode == "token":
            name = path.split("/v2/")[1].rsplit("/blobs/")[0].rsplit("/manifests/")[0]
            headers["Authorization"] = "Bearer " + self.tokens.token(
                [{"type": "repository", "name": name, "actions": ["pull", "push"]}])
        c.request(method, path, body, headers)
        answer = c.getresponse()
        data = answer.read()
        assert answer.status < 300, (method, path, answer.status, data)
        return answer

    def push(self, repository, tag, image, more=()):
        """An image, and then documents (media type, bytes) whose last gets the tag."""
        manifest = image.manifest()
        for digest, blob in image.blobs.items():
            self.push_blob(repository, digest, blob)
        documents = [(OCI + "manifest.v1+json", manifest)] + list(more)
        for i, (media_type, data) in enumerate(documents):
            name = tag if i == len(documents) - 1 else sha256(data)
            self.ask("PUT", "/v2/%s/manifests/%s" % (repository, name), data,
                     {"Content-Type": media_type})
        return "%s/%s:%s" % (self.host, repository, tag), sha256(documents[-1][1])

    def push_blob(self, repository, digest, blob):
        start = self.ask("POST", "/v2/%s/blobs/uploads/" % repository)
        where = urllib.parse.urlparse(start.getheader("Location"))
        query = where.query + ("&" if where.query else "") + "digest=" + digest
        self.ask("PUT", where.path + "?" + query, blob,
                 {"Content-Type": "application/octet-stream"})


def basic(user, password):
    return "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda request, address: None  # clients may go when they like
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05},
                     daemon=True).start()
    return server


class TokenServer:
    """Gives RS256 tokens as the distribution project specifies them: all that is asked for to who knows
    the password, pulls of pub/* to everybody."""

    def __init__(self, folder):
        self.crt, self.key = certificate(folder, "token", key="rsa")
        der = subprocess.run(["openssl", "x509", "-in", self.crt, "-outform", "DER"], check=True,
                             stdout=subprocess.PIPE).stdout
        self.x5c = base64.b64encode(der).decode()
        self.asked = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                known = self.headers.get("Authorization")
                owner.asked.append(self.path)
                if known not in (None, basic(USER, PASSWORD)):
                    self.send_error(401)
                    return
                query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
                body = json.dumps({"token": owner.token(owner.access(query, known is not None)),
                                   "expires_in": 60}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = serve(Handler)
        self.url = "http://127.0.0.1:%d/token" % self.server.server_port

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def access(query, known):
        access = []
        for scope in query.get("scope", []):
            kind, rest = scope.split(":", 1)
            name, actions = rest.rsplit(":", 1)
            allowed = actions.split(",") if known else \
                [a for a in actions.split(",") if a == "pull" and name.startswith("pub/")]
            access.append({"type": kind, "name": name, "actions": allowed})
        return access

    def token(self, access):
        now = int(time.time())
        claims = {"iss": "test-issuer", "sub": USER, "aud": "test-registry", "exp": now + 60,
                  "nbf": now - 5, "iat": now, "jti": str(time.monotonic_ns()), "access": access}
        head = {"typ": "JWT", "alg": "RS256", "x5c": [self.x5c]}
        text = b".".join(url64(json.dumps(part).encode()) for part in (head, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text,
                                   check=True, stdout=subprocess.PIPE).stdout
        return (text + b"." + url64(signature)).decode()


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Fake:
    """A registry over plain HTTP whose every answer a test may take over: behave(handler, kind, name) is
    asked first, kind being manifests, blobs, uploads or other, and returns True where it has
    answered."""

    def __init__(self, behave=None):
        self.behave = behave
        self.manifests, self.blobs = {}, {}
        self.log = []  # (method, path, headers)
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                owner.answer(self)

            do_HEAD = do_POST = do_PUT = do_GET

            def send(self, status, body=b"", headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                if not any(name.lower() == "content-length" for name, _ in headers):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def cut(self):
                """Ends the connection here and now."""
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *args):
                pass

        self.server = serve(Handler)
        self.host = "127.0.0.1:%d" % self.server.server_port

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def push(self, repository, tag, image, manifest=None, media_type=OCI + "manifest.v1+json"):
        manifest = image.manifest() if manifest is None else manifest
        self.blobs.update(image.blobs)
        self.manifests[tag] = self.manifests[sha256(manifest)] = (media_type, manifest)
        return "%s/%s:%s" % (self.host, repository, tag)

    def asked(self, part):
        return [(path, headers) for _, path, headers in self.log if part in path]

    def answer(self, h):
        parts = h.path.split("?")[0].split("/")
        kind, name = (parts[-2], parts[-1]) if len(parts) > 3 else ("other", h.path)
        length = int(h.headers.get("Content-Length") or 0)
        h.body = h.rfile.read(length) if length else b""
        self.log.append((h.command, h.path, dict(h.headers)))
        try:
            if self.behave and self.behave(h, kind, name):
                return
            self.answer_well(h, kind, name)
        except OSError:
            h.close_connection = True  # the client has gone, which is its right

    def methods(self, part):
        return [method for method, path, _ in self.log if part in path]

    def answer_well(self, h, kind, name):
        if h.command in ("POST", "PUT"):
            self.take(h, kind, name)
        elif kind == "manifests" and name in self.manifests:
            media_type, data = self.manifests[name]
            h.send(200, data, [("Content-Type", media_type),
                               ("Docker-Content-Digest", sha256(data))])
        elif kind == "blobs" and name in self.blobs:
            data, wanted = self.blobs[name], h.headers.get("Range")
            if wanted is None:
                h.send(200, data)
                return
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            first, last = int(first), min(int(last or len(data)), len(data) - 1)
            h.send(206, data[first:last + 1],
                   [("Content-Range", "bytes %d-%d/%d" % (first, last, len(data)))])
        elif kind == "uploads":
            h.send(405)
        else:
            h.send(404, json.dumps({"errors": [{"code": "NAME_UNKNOWN",
                                                "message": "not here"}]}).encode())

    def take(self, h, kind, name):
        """What is pushed, in one piece."""
        digest = sha256(h.body)
        if kind == "uploads" and h.command == "POST":
            h.send(202, headers=[("Location", h.path + "u%d?_state=x" % len(self.log))])
        elif kind == "uploads":
            wanted = urllib.parse.parse_qs(urllib.parse.urlparse(h.path).query)["digest"][0]
            if digest != wanted:
                h.send(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"other bytes came"}]}')
                return
            self.blobs[digest] = h.body
            h.send(201, headers=[("Docker-Content-Digest", digest)])
        else:
            self.manifests[name] = self.manifests[digest] = (h.headers["Content-Type"], h.body)
            h.send(201, headers=[("Docker-Content-Digest", digest)])
