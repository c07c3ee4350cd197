# SPDX-License-Identifier: Apache-2.0
"""Sinks tell real receivers (tests/sinks.py), by alert_send."""

import base64
import datetime
import email
import email.policy
import email.utils
import hashlib
import hmac
import json
import os
import re
import subprocess
import time

import pytest

import kit
import sinks

SAMPLE = os.path.join(kit.TOP, "testdata", "alert", "message", "ok-fired.json")
SEND = os.path.join(kit.BUILD, "src", "alert", "alert_send")


def message(**changes):
    with open(SAMPLE, encoding="utf-8") as f:
        m = json.load(f)
    items = changes.pop("item", {})
    m.update(items_left_out=0, **changes)
    m["items"][0].update(items)
    return m


def send(kind, *messages, **settings):
    """How each message went, and the program's standard output."""
    done = subprocess.run([SEND, kind, *("%s=%s" % pair for pair in settings.items())],
                          input="".join(json.dumps(m) + "\n" for m in messages), text=True,
                          capture_output=True, timeout=60 * len(messages), check=False,
                          env=dict(os.environ, no_proxy="*"))
    results = [json.loads(line) for line in done.stderr.splitlines()]
    assert (done.returncode == 0) == all(r["ok"] for r in results)
    return results, done.stdout


def told(kind, *messages, **settings):
    results, _ = send(kind, *messages, **settings)
    assert results and all(r["ok"] for r in results), results


def failed(kind, m, **settings):
    results, _ = send(kind, m, **settings)
    assert len(results) == 1 and not results[0]["ok"]
    return results[0]


@pytest.fixture(scope="module")
def receiver():
    r = sinks.Receiver()
    yield r
    r.close()


@pytest.fixture(autouse=True)
def forget(request):
    if "receiver" in request.fixturenames:
        r = request.getfixturevalue("receiver")
        r.requests.clear()
        r.answers.clear()
        r.rule = None


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return sinks.Certificate(str(tmp_path_factory.mktemp("tls")))


def test_stdout():
    """Standard output has one line a message"""
    results, out = send("stdout", message(), message(kind="resolved"))
    assert [r["ok"] for r in results] == [True, True]
    assert [json.loads(line)["kind"] for line in out.splitlines()] == ["fired", "resolved"]


# What every kind that speaks HTTP has in common.

def test_webhook(receiver):
    """A webhook gets a signed CloudEvent, and a token"""
    told("webhook", message(), url=receiver.url + "/in?x=1", secret="whsec_c2VjcmV0IGtleQ==",
         token="t0ken")
    got = receiver.requests[0]
    assert got.method == "POST" and got.path == "/in?x=1"
    assert got.headers["Content-Type"].startswith("application/cloudevents+json")
    assert got.headers["Authorization"] == "Bearer t0ken"
    signed = b".".join([got.headers["webhook-id"].encode(),
                        got.headers["webhook-timestamp"].encode(), got.body])
    mac = hmac.new(b"secret key", signed, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    assert got.json["id"] == got.headers["webhook-id"] == message()["id"]
    assert got.json["data"]["items"][0]["uses"][0]["workload"] == "Deployment/web"


def http_date(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return email.utils.format_datetime(at, usegmt=True)


@pytest.mark.parametrize("status, headers, again, after", [
    (429, {"Retry-After": "7"}, True, (7, 7)),
    (429, {"Retry-After": http_date(3600)}, True, (1800, 3660)),
    (503, {"Retry-After": "soon"}, True, (0, 0)),
    (500, {}, True, (0, 0)),
    (408, {}, True, (0, 0)),
    (400, {}, False, (0, 0)),
    (401, {}, False, (0, 0)),
    (404, {"Retry-After": "7"}, False, (0, 0)),
    (302, {"Location": "/elsewhere"}, False, (0, 0)),
], ids=str)
def test_what_is_not_2xx_is_a_failure(receiver, status, headers, again, after):
    """An answer that is not 2xx is a failure, with its status and the first of its body"""
    receiver.answers.append((status, headers, "no: " + 5000 * "x" + " hook5ecret"))
    got = failed("webhook", message(), url=receiver.url + "/hook5ecret")
    assert "HTTP %d" % status in got["error"]
    if status != 302:
        assert "no: xxx" in got["error"]
    assert got["again"] is again and after[0] <= got["after_s"] <= after[1]
    assert len(receiver.requests) == 1


def test_secrets_stay_secret(receiver):
    """No failure shows the path of a webhook, a token or a key, even where an answer repeats it"""
    echo = "bad: /services/T0/B0/s3cretpath and t0ken-s3cret"
    receiver.answers.extend([(400, {}, echo), (400, {}, "bad key k3y-s3cret")])
    got = [failed("webhook", message(), url=receiver.url + "/services/T0/B0/s3cretpath",
                  token="t0ken-s3cret"),
           failed("pagerduty", message(), url=receiver.url, routing_key="k3y-s3cret"),
           failed("slack", message(), url="http://127.0.0.1:1/services/s3cret"),
           failed("teams", message(), url="http://127.0.0.1:1/services/x?sig=s3cret")]
    for one in got:
        assert "s3cret" not in one["error"], one
    assert "bad: /*** and ***" in got[0]["error"]


def test_no_connection():
    """No connection, a server that hangs up: may be tried again"""
    assert failed("webhook", message(), url="http://127.0.0.1:1/x")["again"]
    bad = sinks.Bad(slow=False)
    assert failed("webhook", message(), url=bad.url)["again"]
    bad.close()


def test_slow_server():
    """A server that answers a byte a second is given up within 15 seconds"""
    bad = sinks.Bad(slow=True)
    begin = time.monotonic()
    got = failed("webhook", message(), url=bad.url)
    assert got["again"] and re.search("1[05] seconds", got["error"])
    assert time.monotonic() - begin < 30
    bad.close()


def test_no_answer_at_all():
    """A server that says nothing is given up within 15 seconds"""
    import socket
    listener = socket.create_server(("127.0.0.1", 0))
    begin = time.monotonic()
    got = failed("webhook", message(), url="http://127.0.0.1:%d/" % listener.getsockname()[1])
    assert got["again"] and time.monotonic() - begin < 30
    listener.close()


# Chat, pagers, tickets.

def test_slack(receiver):
    """Slack gets blocks, a second between two"""
    begin = time.monotonic()
    told("slack", message(), message(kind="resolved"), url=receiver.url + "/services/x")
    assert time.monotonic() - begin >= 1
    first, second = (r.json for r in receiver.requests)
    assert first["blocks"][0]["type"] == "header"
    assert "Resolved: " in second["blocks"][1]["text"]["text"]


def test_teams(receiver):
    """Teams gets an Adaptive Card"""
    receiver.answers.append((202, {}, ""))
    told("teams", message(), url=receiver.url)
    card = receiver.requests[0].json["attachments"][0]["content"]
    assert card["type"] == "AdaptiveCard" and card["version"] == "1.4"


def test_pagerduty(receiver):
    """PagerDuty gets one event an alert; what it has is not sent again after a failure"""
    m = message()
    m["items"] = [dict(m["items"][0], key="k%d" % i) for i in range(5)]
    receiver.answers.extend([(202, {}, "{}"), (202, {}, "{}"), (429, {"Retry-After": "3"}, "slow")])
    results, _ = send("pagerduty", m, m, dict(m, id="other", kind="resolved"),
                      url=receiver.url + "/v2/enqueue", routing_key="R0")
    assert [r["ok"] for r in results] == [False, True, True]
    assert results[0]["again"] and results[0]["after_s"] == 3
    assert "alert 3 of 5" in results[0]["error"]
    events = [r.json for r in receiver.requests]
    assert [e["dedup_key"] for e in events] == ["k0", "k1", "k2", "k2", "k3", "k4"] + \
        ["k%d" % i for i in range(5)]
    assert [e["event_action"] for e in events] == 6 * ["trigger"] + 5 * ["resolve"]
    assert all(e["routing_key"] == "R0" for e in events)


class Jira:
    """As Jira answers: issues by their labels, comments; Cloud has no /search any more."""

    def __init__(self, cloud):
        self.cloud, self.issues, self.comments = cloud, [], []

    def answer(self, request):
        path = request.path.split("?")[0]
        if request.method == "GET":
            if self.cloud != path.endswith("/jql"):
                return (410, {}, "gone") if self.cloud else (404, {}, "none")
            label = re.search(r"rummage-[0-9a-f]+", request.path).group()
            found = [{"key": "SEC-%d" % (i + 1), "fields": {
                "status": {"statusCategory": {"key": "new"}},
                "comment": {"comments": [{"body": c} for k, c in self.comments if k == i]}}}
                for i, f in enumerate(self.issues) if label in f["labels"]]
            return 200, {}, json.dumps({"issues": found})
        if path.endswith("/comment"):
            self.comments.append((int(re.search(r"SEC-(\d+)", path).group(1)) - 1,
                                  request.json["body"]))
        else:
            self.issues.append(request.json["fields"])
        return 201, {}, "{}"


@pytest.mark.parametrize("cloud", [False, True], ids=["data center", "cloud"])
def test_jira(receiver, cloud):
    """Jira has one issue an alert; what is told again is a comment, once"""
    jira = Jira(cloud)
    receiver.rule = jira.answer
    account = {"user": "a@example.com"} if cloud else {}
    end = message(kind="resolved", id="end")
    told("jira", message(), message(), end, end, message(item={"key": "other"}),
         url=receiver.url + "/", project="SEC", token="t0ken", **account)
    assert [i["summary"] for i in jira.issues] == 2 * ["CVE-2024-3094 in shop/web:1.9"]
    assert jira.issues[0]["project"] == {"key": "SEC"}
    assert len(jira.comments) == 1 and "Resolved: " in jira.comments[0][1]
    want = "Basic " + base64.b64encode(b"a@example.com:t0ken").decode() if cloud else "Bearer t0ken"
    assert {r.headers["Authorization"] for r in receiver.requests} == {want}


def test_jira_that_answers_nonsense(receiver):
    """A search that is no list of issues makes no issue"""
    receiver.answers.append((200, {}, '{"errors": 1}'))
    failed("jira", message(), url=receiver.url, project="SEC", token="t0ken")
    assert [r.method for r in receiver.requests] == ["GET"]


# Real receivers.

def test_alertmanager():
    """R30: Alertmanager fires, does not fire twice, and resolves"""
    am = sinks.Alertmanager()
    try:
        told("alertmanager", message(), message(), url=am.url, cluster="prod")
        alerts = am.alerts()
        assert len(alerts) == 1 and alerts[0]["status"]["state"] == "active"
        assert alerts[0]["labels"] == {
            "alertname": "VulnerableImageInUse", "severity": "critical", "image_digest": "sha256:ab",
            "cve": "CVE-2024-3094", "rule": "critical", "cluster": "prod",
            "alert_key": "vuln:sha256:ab:CVE-2024-3094"}
        assert alerts[0]["generatorURL"] == "https://hub.example.com/alerts"
        assert "prod/shop/Deployment/web on node-a" in alerts[0]["annotations"]["uses"]
        sinks.wait_until(lambda: am.hook.requests, "Alertmanager tells nobody")
        assert am.hook.requests[0].json["status"] == "firing"
        # Worse: under the new severity only.
        told("alertmanager", message(kind="worsened", item={"severity": "high"}), url=am.url,
             cluster="prod")
        assert {a["labels"]["severity"] for a in am.alerts()} == {"high"}
        told("alertmanager", message(kind="resolved", item={"severity": "high"}), url=am.url,
             cluster="prod")
        assert am.alerts() == []
        sinks.wait_until(lambda: any(r.json["status"] == "resolved" for r in am.hook.requests),
                         "Alertmanager does not tell that it is over")
        told("alertmanager", dict(message(kind="test"), items=[]), url=am.url + "/")
        assert [a["labels"]["alertname"] for a in am.alerts()] == ["RummageTest"]
    finally:
        am.close()


def mail_of(envelope):
    return email.message_from_bytes(envelope.content, policy=email.policy.default)


def test_mail():
    """E-mail arrives whole, in UTF-8, and a title is no header"""
    box = sinks.Mailbox()
    try:
        title = "Größe \U0001f4a3 " + "of many words " * 20
        told("smtp", message(title=title, item={"text": ".\nFrom here\n=20 " + 300 * "é"}),
             message(title="a\r\nBcc: evil@example.com"), url=box.url, tls="never",
             to="a@example.com, b@example.com", **{"from": "hub@example.com"})
        first, second = (mail_of(e) for e in box.mails)
        assert box.mails[0].rcpt_tos == ["a@example.com", "b@example.com"]
        assert first["Subject"].startswith("Größe \U0001f4a3 of many words")
        assert first["From"] == "hub@example.com" and first["Auto-Submitted"] == "auto-generated"
        assert "prod / node-a / shop / Deployment/web" in first.get_content()
        assert 300 * "é" in first.get_content() and "=20 é" in first.get_content()
        assert second["Bcc"] is None and second["Message-ID"] == first["Message-ID"]
        assert all(len(line) <= 78 for line in box.mails[0].content.splitlines())
    finally:
        box.close()


def test_mail_with_tls(certificate):
    """E-mail goes by STARTTLS with a password; a certificate that is not trusted ends it"""
    box = sinks.Mailbox(certificate, password="pa55word")
    args = {"url": box.url, "to": "a@example.com", "from": "hub@example.com", "user": "hub"}
    try:
        told("smtp", message(), password="pa55word", ca=certificate.cert, **args)
        assert len(box.mails) == 1
        got = failed("smtp", message(), password="wr0ng", ca=certificate.cert, **args)
        assert not got["again"] and "wr0ng" not in got["error"]
        assert failed("smtp", message(), password="pa55word", **args)["again"]
        assert len(box.mails) == 1
    finally:
        box.close()


@pytest.mark.parametrize("answer, again", [("451 later", True), ("554 never", False)])
def test_mail_that_is_refused(answer, again):
    """A mail that is refused for now is tried again, one that is refused for good is not"""
    box = sinks.Mailbox(refuse=answer)
    try:
        got = failed("smtp", message(), url=box.url, tls="never", to="a@example.com",
                     **{"from": "hub@example.com"})
        assert got["again"] is again and answer[:3] in got["error"]
    finally:
        box.close()


def test_mail_without_starttls():
    """A server without STARTTLS gets nothing"""
    box = sinks.Mailbox()
    try:
        failed("smtp", message(), url=box.url, to="a@example.com", **{"from": "hub@example.com"})
        assert not box.mails
    finally:
        box.close()


@pytest.fixture(scope="module")
def rsyslog(certificate):
    r = sinks.Rsyslog(certificate)
    yield r
    r.close()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_syslog(rsyslog, certificate, transport):
    """rsyslog takes RFC 5424 apart as we put it together"""
    rsyslog.clear()
    if transport == "tls" and not rsyslog.has_tls:
        pytest.skip("rsyslog without gtls")
    m = message(item={"rule": 'a"b\\c]d', "title": "größer"})
    m["items"].append(dict(m["items"][0], key="second", severity="low"))
    told("syslog", m, url="%s://localhost:%d" % (transport, getattr(rsyslog, transport)),
         hostname="hub-1", ca=certificate.cert)
    first, second = rsyslog.rows(2)
    assert first["pri"] == "130" and second["pri"] == "133" and first["version"] == "1"
    assert first["host"] == "hub-1" and first["app"] == "rummage" and first["msgid"] == "fired"
    assert first["time"].startswith("2026-11-24T20:00:01")
    assert first["data"].startswith('[rummage@32473 id="') and first["data"].endswith('"]')
    assert 'rule="a\\"b\\\\c\\]d"' in first["data"] and 'key="second"' in second["data"]
    assert first["msg"].lstrip("\ufeff ").startswith("größer; critical")


def test_cef(rsyslog):
    """rsyslog passes CEF on"""
    rsyslog.clear()
    told("cef", message(), url="tcp://127.0.0.1:%d" % rsyslog.tcp)
    row = rsyslog.rows(1)[0]
    assert re.match(r"CEF:0\|Rummage\|Rummage\|[^|]+\|CVE-2024-3094\|CVE-2024-3094 in "
                    r"shop/web:1\.9\|10\|rt=1795550401000 act=fired ", row["msg"].strip())


def test_syslog_tls_is_checked(rsyslog):
    """A certificate that is not trusted ends it"""
    if not rsyslog.has_tls:
        pytest.skip("rsyslog without gtls")
    rsyslog.clear()
    assert failed("syslog", message(), url="tls://localhost:%d" % rsyslog.tls)["again"]


def test_syslog_that_takes_nothing():
    """A syslog server that reads nothing is given up within 15 seconds, if it matters"""
    bad = sinks.Bad(slow=False)
    begin = time.monotonic()
    m = message()
    m["items"] = [dict(m["items"][0], key="k%d" % i, component=2000 * "x") for i in range(100)]
    send("syslog", m, url="tcp" + bad.url[4:-2])
    assert time.monotonic() - begin < 30
    bad.close()


# The manual.

def test_manual_says_every_setting():
    """rummage-sinks(5) has every kind and every setting, and no other"""
    rows = [line.split(" ", 4) for line in
            subprocess.run([SEND], capture_output=True, text=True, check=True).stdout.splitlines()]
    with open(os.path.join(kit.TOP, "man", "rummage-sinks.5.scd"), encoding="utf-8") as f:
        page = f.read()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^#|\Z)", page, re.M | re.S))
    assert set(sections) == {row[0] for row in rows}
    for kind, text in sections.items():
        want = {(name, required == "required", secret == "secret")
                for k, name, required, secret, _ in rows if k == kind and name not in ("-", "ca")}
        got = {(name.replace("\\", ""), "required" in marks, "secret" in marks)
               for name, marks in re.findall(r"^\*([\w\\]+)\*(.*)$", text, re.M)}
        assert got == want, kind
    assert "\n*ca*" in page
