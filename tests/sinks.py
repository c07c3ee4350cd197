# SPDX-License-Identifier: Apache-2.0
"""Receivers of alerts for the tests, on loopback: an HTTP server that answers as it is told, one
that is slow or hangs up, and real ones of the distribution: Alertmanager, aiosmtpd, rsyslog."""

import http.server
import json
import os
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import urllib.request

import pytest

from registries import free_port


def wait_until(what, said, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(said)


class Folder:
    """Where a program of ours keeps its files, and the program."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix="rummage-%s-" % name)
        self.child = None

    def file(self, name, text=None):
        path = os.path.join(self.path, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        return path

    def start(self, *args):
        with open(self.file("log"), "ab") as log:
            self.child = subprocess.Popen(args, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                          cwd=self.path)

    def said(self):
        with open(self.file("log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]

    def close(self):
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        shutil.rmtree(self.path, ignore_errors=True)


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Receiver:
    """Keeps requests; answers are (status, headers, body), taken in turn, then 200 "ok".
    rule, where it is set, is asked instead: rule(request) -> answer."""

    def __init__(self):
        outer = self
        self.requests, self.answers, self.rule = [], [], None

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                got = Request(self.command, self.path, self.headers, body)
                outer.requests.append(got)
                if outer.rule:
                    status, headers, text = outer.rule(got)
                else:
                    status, headers, text = outer.answers.pop(0) if outer.answers else (200, {}, "ok")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Bad:
    """A server that hangs up after the request, or sends its answer a byte a second."""

    def __init__(self, slow):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.recv(65536)
                try:
                    for byte in b"HTTP/1.1 200 OK\r\n" + 9 * b"A: b\r\n":
                        if not slow:
                            return
                        self.request.send(bytes([byte]))
                        time.sleep(1)
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/x" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Alertmanager:
    """Debian's Alertmanager; what it notifies of goes to a receiver of ours."""

    def __init__(self):
        program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if not program:
            pytest.skip("no Alertmanager")
        self.hook = Receiver()
        self.folder = Folder("alertmanager")
        self.url = "http://127.0.0.1:%d" % free_port()
        config = self.folder.file("am.yml", """
route: {receiver: all, group_wait: 0s, group_interval: 1s, repeat_interval: 1h, group_by: [alertname]}
receivers:
  - name: all
    webhook_configs: [{url: "%s/hook", send_resolved: true}]
""" % self.hook.url)
        self.command = [program, "--config.file=" + config, "--storage.path=" + self.folder.file("data"),
                        "--web.listen-address=" + self.url[7:], "--cluster.listen-address="]
        self.start()

    def start(self):
        self.folder.start(*self.command)
        wait_until(lambda: self.get("/-/ready") is not None, "Alertmanager does not start", 60)

    def forget(self):
        """It is killed, and starts again with an empty storage."""
        self.folder.child.kill()
        self.folder.child.wait()
        shutil.rmtree(self.folder.file("data"), ignore_errors=True)
        self.start()

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.read()
        except OSError:
            return None

    def alerts(self):
        return json.loads(self.get("/api/v2/alerts"))

    def close(self):
        self.folder.close()
        self.hook.close()


class Mailbox:
    """aiosmtpd with STARTTLS and a password, if asked for; mails are what it was given."""

    def __init__(self, certificate=None, password=None, refuse=None):
        controller = pytest.importorskip("aiosmtpd.controller", reason="no aiosmtpd")
        smtp = pytest.importorskip("aiosmtpd.smtp")
        outer = self
        self.mails = []

        class Handler:
            async def handle_DATA(self, server, session, envelope):
                if refuse:
                    return refuse
                outer.mails.append(envelope)
                return "250 taken"

        def check(server, session, envelope, mechanism, data):
            good = getattr(data, "password", b"").decode() == password
            return smtp.AuthResult(success=good, handled=False)

        options = {"hostname": "127.0.0.1", "port": free_port()}
        if certificate:
            options.update(tls_context=certificate.server(), require_starttls=True)
        if password:
            options.update(authenticator=check, auth_required=True)
        self.controller = controller.Controller(Handler(), **options)
        self.controller.start()
        self.host = "localhost" if certificate else "127.0.0.1"
        self.url = "smtp://%s:%d" % (self.host, options["port"])

    def close(self):
        self.controller.stop()


class Certificate:
    """A certificate of localhost that signs itself."""

    def __init__(self, folder):
        self.cert, self.key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
        if not shutil.which("openssl"):
            pytest.skip("no openssl")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.key, "-out",
                        self.cert, "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost"], check=True, capture_output=True)

    def server(self):
        import ssl
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


class Rsyslog:
    """rsyslogd with TCP, UDP and (given a certificate) TLS; each message becomes a line of JSON."""

    def __init__(self, certificate):
        program = shutil.which("rsyslogd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not program:
            pytest.skip("no rsyslogd")
        self.folder = Folder("rsyslog")
        self.tcp, self.udp, self.tls = free_port(), free_port(), free_port()
        self.has_tls = any(os.path.exists(os.path.join(d, "rsyslog", "lmnsd_gtls.so")) for d in (
            "/usr/lib/" + os.uname().machine + "-linux-gnu", "/usr/lib64", "/usr/lib"))
        self.out = self.folder.file("out", "")
        config = """
module(load="imtcp")
module(load="imudp")
template(name="row" type="list" option.jsonf="on") {
  property(outname="pri" name="pri" format="jsonf")
  property(outname="version" name="protocol-version" format="jsonf")
  property(outname="time" name="timereported" dateformat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}
ruleset(name="all") { action(type="omfile" file="%s" template="row") }
input(type="imtcp" address="127.0.0.1" port="%d" ruleset="all")
input(type="imudp" address="127.0.0.1" port="%d" ruleset="all")
""" % (self.out, self.tcp, self.udp)
        if self.has_tls:
            config = ('global(DefaultNetstreamDriverCAFile="%s" DefaultNetstreamDriverCertFile="%s" '
                      'DefaultNetstreamDriverKeyFile="%s")\n'
                      % (certificate.cert, certificate.cert, certificate.key)) + config
            config += ('input(type="imtcp" address="127.0.0.1" port="%d" ruleset="all" '
                       'StreamDriver.Name="gtls" StreamDriver.Mode="1" '
                       'StreamDriver.AuthMode="anon")\n' % self.tls)
        self.folder.start(program, "-n", "-f", self.folder.file("conf", config), "-i",
                          self.folder.file("pid"))
        wait_until(self.listens, "rsyslogd does not listen")

    def listens(self):
        assert self.folder.child.poll() is None, self.folder.said()
        try:
            socket.create_connection(("127.0.0.1", self.tcp), 1).close()
            return True
        except OSError:
            return False

    def rows(self, n):
        def read():
            with open(self.out, encoding="utf-8") as f:
                text = f.read()
            found, at, decoder = [], 0, json.JSONDecoder()
            while text[at:].strip():
                at += len(text[at:]) - len(text[at:].lstrip())
                row, at = decoder.raw_decode(text, at)
                found.append(row)
            return found if len(found) >= n else None
        return wait_until(read, "rsyslogd wrote too little")

    def clear(self):
        with open(self.out, "w", encoding="utf-8"):
            pass

    def close(self):
        self.folder.close()
