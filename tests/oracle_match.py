#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""oracle_match.py - what a report's findings should be, worked out anew from the publishers' files.

Shares no code with the program: it reads OSV folders, the Debian tracker's JSON and Alpine-like secdb
files as they are, takes the package list of a report (rummage scan -o json), and compares versions
with the tools themselves: dpkg, rpm, packaging, node-semver, RubyGems, Composer, Maven's own class.
Only apk's order is written here, from apk-package(5), since apk is found on Alpine alone.

    oracle_match.py FEEDS REPORT.json      prints what is missing and what is too much; 1 if anything

Findings are compared by component and canonical id (the one CVE that an advisory stands for, else
its own id), and by whether a fix is known and which.
"""

import functools
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict

OS_TYPES = ("deb", "rpm", "apk", "alpm", "opkg")
LANGUAGES = {"pypi": "PyPI", "npm": "npm", "golang": "Go", "maven": "Maven", "gem": "RubyGems",
             "composer": "Packagist", "cargo": "crates.io", "nuget": "NuGet", "hex": "Hex", "pub": "Pub"}


class Unavailable(Exception):
    """A tool that orders versions is not on this machine."""


# Versions ------------------------------------------------------------------------------------------


class Pipe:
    """A program that answers one line for each line "a TAB b": -1, 0 or 1."""

    def __init__(self, *command):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      bufsize=1, encoding="utf-8")

    def __call__(self, a, b):
        self.child.stdin.write("%s\t%s\n" % (a, b))
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise Unavailable("%s ended" % self.child.args[0])
        return int(answer)


def find(*patterns):
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            return path
    return None


def need(name):
    path = shutil.which(name)
    if path is None:
        raise Unavailable("no " + name)
    return path


@functools.lru_cache(None)
def node():
    semver = find("/usr/lib/node_modules/npm/node_modules/semver", "/usr/share/nodejs/semver",
                  "/usr/local/lib/node_modules/npm/node_modules/semver")
    if semver is None:
        raise Unavailable("no node-semver")
    return Pipe(need("node"), "-e", """
        const semver = require(%s);
        require('readline').createInterface({ input: process.stdin }).on('line', l => {
            const [a, b] = l.split('\\t');
            console.log(semver.compare(a, b, true));
        });""" % json.dumps(semver))


@functools.lru_cache(None)
def ruby():
    return Pipe(need("ruby"), "-e", """
        STDOUT.sync = true
        STDIN.each_line { |l| a, b = l.chomp.split("\\t", -1); puts Gem::Version.new(a) <=> Gem::Version.new(b) }""")


@functools.lru_cache(None)
def php():
    autoload = find("/usr/share/php/Composer/Semver/autoload.php")
    if autoload is None:
        raise Unavailable("no composer/semver")
    return Pipe(need("php"), "-r", """
        require %s;
        $p = new Composer\\Semver\\VersionParser;
        while (($l = fgets(STDIN)) !== false) {
            [$a, $b] = explode("\\t", rtrim($l, "\\n"));
            echo version_compare($p->normalize($a), $p->normalize($b)), "\\n";
        }""" % json.dumps(autoload))


@functools.lru_cache(None)
def maven_jar():
    """Maven 3.9's where there is one; its order differs from 3.8's in a few odd versions."""
    newest = sorted(glob.glob(os.path.expanduser("~/.m2/repository/org/apache/maven/maven-artifact/3.9*/*.jar")))
    return os.environ.get("MAVEN_ARTIFACT_JAR") or (newest or [None])[-1] or find(
        "/usr/share/maven/lib/maven-artifact-3*.jar", "/usr/share/java/maven-artifact*.jar")


@functools.lru_cache(None)
def java():
    jar = maven_jar()
    if jar is None:
        raise Unavailable("no maven-artifact jar")
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "Order.java")
    with open(path, "w", encoding="utf-8") as f:
        f.write("""
            import org.apache.maven.artifact.versioning.ComparableVersion;
            public class Order {
                public static void main(String[] args) throws Exception {
                    var in = new java.io.BufferedReader(new java.io.InputStreamReader(System.in, "UTF-8"));
                    for (String l; (l = in.readLine()) != null; ) {
                        String[] v = l.split("\\t", -1);
                        System.out.println(Integer.signum(
                            new ComparableVersion(v[0]).compareTo(new ComparableVersion(v[1]))));
                        System.out.flush();
                    }
                }
            }""")
    return Pipe(need("java"), "-cp", jar, path)


def sign(x):
    return (x > 0) - (x < 0)


@functools.lru_cache(None)
def deb(a, b):
    for op, order in (("lt", -1), ("gt", 1)):
        done = subprocess.run([need("dpkg"), "--compare-versions", a, op, b], stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            return order
    return 0


def evr(s):
    epoch, rest = re.match(r"(?:(\d*):)?(.*)$", s, re.S).groups()
    version, _, release = rest.rpartition("-") if "-" in rest else (rest, "", None)
    return int(epoch or 0), version, release


@functools.lru_cache(None)
def rpm_part(a, b):
    if a == b:
        return 0
    macro = "%%{lua: print(rpm.vercmp(%s, %s))}" % (json.dumps(a), json.dumps(b))
    return int(subprocess.run([need("rpm"), "--eval", macro], stdout=subprocess.PIPE, check=True).stdout)


def rpm_no_epoch(a, b):
    (_, av, ar), (_, bv, br) = evr(a), evr(b)
    order = rpm_part(av, bv)
    if order or (ar is None and br is None):
        return order
    if ar is None or br is None:
        return -1 if ar is None else 1
    return rpm_part(ar, br)


def rpm(a, b):
    return sign(evr(a)[0] - evr(b)[0]) or rpm_no_epoch(a, b)


APK_SUFFIXES = ["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"]
# Strength of what comes next where two versions differ in kind: pre-release < junk < end < ...
PRE, JUNK, END, REVISION, HASH, SUFFIX_NO, SUFFIX, LETTER, DIGIT = range(9)
APK_TOKEN = [(DIGIT, r"\.(\d*)"), (LETTER, r"([a-z])"), (SUFFIX, r"_([a-z]+)"), (HASH, r"~([0-9a-f]+)"),
             (REVISION, r"-r(\d+)")]


def apk_tokens(s):
    out = [(DIGIT, int(re.match(r"\d*", s).group() or 0), None)]
    rest, last = s[re.match(r"\d*", s).end():], DIGIT
    while True:
        if not rest:
            return out + [(END, 0, None)]
        m = re.match(r"\d+", rest)
        if m and last in (LETTER, SUFFIX):
            kind = DIGIT if last == LETTER else SUFFIX_NO
            out.append((kind, int(m.group()), m.group() if kind == DIGIT else None))
            rest, last = rest[m.end():], kind
            continue
        for kind, pattern in APK_TOKEN:
            m = re.match(pattern, rest)
            allowed = {DIGIT: last == DIGIT, LETTER: last == DIGIT, SUFFIX: last >= SUFFIX_NO,
                       HASH: last >= SUFFIX_NO, REVISION: last != REVISION}[kind]
            if m and allowed:
                break
        else:
            return out + [(JUNK, 0, None)]
        text = m.group(1)
        if kind == SUFFIX:
            if text not in APK_SUFFIXES:
                return out + [(JUNK, 0, None)]
            at = APK_SUFFIXES.index(text)
            out.append((PRE if at < 4 else SUFFIX, at, None))
        elif kind == DIGIT:
            out.append((DIGIT, int(text or 0), text))
        elif kind == REVISION:
            out.append((REVISION, int(text), None))
        else:
            out.append((kind, text, None))
        rest, last = rest[m.end():], kind


def apk(a, b):
    for x, y in zip(apk_tokens(a), apk_tokens(b)):
        if x[0] != y[0]:
            return sign(x[0] - y[0])
        left, right = x[1], y[1]
        if x[2] is not None and y[2] is not None and (x[2][:1] == "0" or y[2][:1] == "0"):
            left, right = x[2], y[2]
        if left != right:
            return 1 if left > right else -1
    return 0


def pypi(a, b):
    from packaging.version import InvalidVersion, Version
    parsed = []
    for s in (a, b):
        try:
            parsed.append((1, Version(s)))
        except InvalidVersion:
            parsed.append((0, s))
    (good_x, x), (good_y, y) = parsed
    if good_x != good_y:
        return sign(good_x - good_y)
    return (x > y) - (x < y)


def as_semver(s, go=False):
    """Whole, as semver wants it: "1.2" is 1.2.0; Go's own "1.21rc2" is 1.21.0-rc.2."""
    s = s.strip()
    s = re.sub(r"^go(?=\d)", "", s) if go else s
    m = re.match(r"[v=]*(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)$", s)
    if m is None:
        return "0.0.0-" + re.sub(r"[^0-9A-Za-z-]+", "-", s or "0")
    rest = re.sub(r"^([a-z]+)(\d+)", r"-\1.\2", m.group(4)) if go else m.group(4)
    return "%s.%s.%s%s" % (m.group(1), m.group(2) or 0, m.group(3) or 0, rest)


def semver(a, b):
    return node()(as_semver(a), as_semver(b))


def golang(a, b):
    return node()(as_semver(a, True), as_semver(b, True))


ORDERS = {"deb": deb, "rpm": rpm, "apk": apk, "pypi": pypi, "npm": semver, "cargo": semver, "hex": semver,
          "pub": semver, "golang": golang,
          "gem": lambda a, b: ruby()(a, b), "composer": lambda a, b: php()(a, b),
          "maven": lambda a, b: java()(a, b)}

# Names ---------------------------------------------------------------------------------------------


def ecosystem_type(ecosystem):
    family = ecosystem.split(":")[0]
    for purl_type, name in LANGUAGES.items():
        if family == name:
            return purl_type
    if family in ("Debian", "Ubuntu", "Echo"):
        return "deb"
    if family in ("Alpine", "Wolfi", "Chainguard", "MinimOS", "Alpaquita", "BellSoft Hardened Containers"):
        return "apk"
    if family in ("AlmaLinux", "Azure Linux", "Mageia", "Photon OS", "Red Hat", "Rocky Linux", "SUSE", "openSUSE",
                  "openEuler"):
        return "rpm"
    return None


def key_of(ecosystem, name):
    purl_type = ecosystem_type(ecosystem)
    if purl_type in LANGUAGES:
        ecosystem = ecosystem.split(":")[0]
    if purl_type == "pypi":
        name = re.sub(r"[-_.]+", "-", name).lower()
    elif purl_type in ("nuget", "composer", "hex", "pub"):
        name = name.lower()
    return ecosystem, name


def os_ecosystems(os_of):
    ident, version = os_of["id"], os_of["version_id"] or ""
    major, minor = (version.split(".") + ["", ""])[:2]
    if ident == "debian":
        return ["Debian:" + (major + "." + minor if major in "456" and minor else major)] if major else []
    if ident == "ubuntu":
        lts = int(major) % 2 == 0 and minor == "04"
        return ["Ubuntu:%s:LTS" % version, "Ubuntu:Pro:%s:LTS" % version] if lts else ["Ubuntu:" + version]
    if ident == "alpine":
        return ["Alpine:edge"] if "_" in version or version == "edge" else ["Alpine:v%s.%s" % (major, minor)]
    names = {"wolfi": ["Wolfi"], "chainguard": ["Chainguard", "Wolfi"], "minimos": ["MinimOS"], "echo": ["Echo"],
             "azurelinux": ["Azure Linux:" + major], "mariner": ["Azure Linux:" + major],
             "rocky": ["Rocky Linux:" + major], "almalinux": ["AlmaLinux:" + major], "mageia": ["Mageia:" + major],
             "photon": ["Photon OS:%s.%s" % (major, minor)], "alpaquita": ["Alpaquita:" + version]}
    return names.get(ident, [])


def is_cve(name):
    return re.match(r"CVE-\d{4}-\d{4,}$", name) is not None


def canonical_of(ident, names):
    ident = re.sub(r"^(DEBIAN|ALPINE|UBUNTU)-(?=.*-)", "", ident)
    if is_cve(ident):
        return ident
    cves = sorted({n for n in names if is_cve(n)})
    return cves[0] if len(cves) == 1 else ident


# Feeds ---------------------------------------------------------------------------------------------


class Rule:
    """What one publisher's record says of one package. events: lists, one a range."""

    def __init__(self, ident, names, tracker, ranges=(), versions=(), clear=False):
        self.ident, self.names, self.tracker = ident, tuple(names), tracker
        self.canonical = canonical_of(ident, names)
        self.ranges, self.versions, self.clear = ranges, versions, clear


NOT_AFFECTED = ("not-affected", "false-positive-determination")
DEBIAN = {"sid": "sid", "forky": "14", "trixie": "13", "bookworm": "12", "bullseye": "11", "buster": "10",
          "stretch": "9", "jessie": "8", "wheezy": "7", "squeeze": "6.0"}


def until(fixed):
    return [[("introduced", "0")] + ([("fixed", fixed)] if fixed else [])]


class Feeds:
    """All rules, by key."""

    def __init__(self, folder):
        self.rules = defaultdict(list)
        self.covered = set()
        self.osv(os.path.join(folder, "osv"))
        self.debian(os.path.join(folder, "debian", "tracker.json"))
        for path in sorted(glob.glob(os.path.join(folder, "alpine-secdb", "*", "*.json"))):
            self.secdb(path, "Alpine:" + os.path.basename(os.path.dirname(path)))
        self.secdb(os.path.join(folder, "wolfi", "security.json"), "Wolfi")
        self.secdb(os.path.join(folder, "chainguard", "security.json"), "Chainguard")

    def add(self, ecosystem, name, rule):
        self.rules[key_of(ecosystem, name)].append(rule)
        self.covered.add(key_of(ecosystem, name)[0])

    def osv(self, folder):
        newest = {}
        for entry in os.scandir(folder) if os.path.isdir(folder) else ():
            for path in os.scandir(entry.path) if entry.is_dir() else ():
                if not path.name.endswith(".json"):
                    continue
                with open(path.path, encoding="utf-8") as f:
                    record = json.load(f)
                old = newest.get(record["id"])
                when = record.get("modified") or ""
                if old is None or old[0] < when:
                    newest[record["id"]] = (when, [self.slim(record)])
                elif old[0] == when:
                    old[1].append(self.slim(record))
        for _, records in newest.values():
            for names, affected in {repr(r): r for r in records if r}.values():
                for ecosystem, name, ranges, versions, clear in affected:
                    self.add(ecosystem, name, Rule(names[0], names[1:], False, ranges, versions, clear))

    @staticmethod
    def slim(record):
        """What matching needs of a record; None where it says nothing any more."""
        if record.get("withdrawn"):
            return None
        names = [record["id"]] + (record.get("aliases") or []) + (record.get("upstream") or [])
        out = []
        for a in record.get("affected") or ():
            package = a.get("package") or {}
            if not package.get("ecosystem") or ecosystem_type(package["ecosystem"]) is None:
                continue
            ranges = [[(k, v) for e in r["events"] for k, v in e.items()] for r in a.get("ranges") or ()
                      if r["type"] in ("ECOSYSTEM", "SEMVER")]
            versions = a.get("versions") or []
            state = (a.get("ecosystem_specific") or {}).get("ubuntu_status") or \
                (a.get("database_specific") or {}).get("status")
            fix = any(k == "fixed" for r in ranges for k, _ in r)
            if any(ranges) or versions:
                out.append((package["ecosystem"], package["name"], ranges, versions,
                            state in NOT_AFFECTED and not fix))
        return names, out

    def debian(self, path):
        if not os.path.exists(path):
            return
        with open(path, encoding="utf-8") as f:
            tracker = json.load(f)
        for package, issues in tracker.items():
            for ident, issue in issues.items():
                for codename, state in issue["releases"].items():
                    if codename not in DEBIAN:
                        continue
                    fixed = state.get("fixed_version") if state["status"] == "resolved" else None
                    self.add("Debian:" + DEBIAN[codename], package,
                             Rule(ident, (), True, until(fixed), clear=fixed == "0"))

    def secdb(self, path, ecosystem):
        if not os.path.exists(path):
            return
        with open(path, encoding="utf-8") as f:
            packages = json.load(f)["packages"]
        for package in packages:
            package = package["pkg"]
            for fixed, idents in (package.get("secfixes") or {}).items():
                for text in idents:
                    names = [w for w in (t.rstrip(",") for t in text.split()) if self.is_name(w)]
                    names.sort(key=lambda n: not is_cve(n))
                    if names:
                        self.add(ecosystem, package["name"],
                                 Rule(names[0], names[1:], True, until(fixed), clear=fixed == "0"))

    @staticmethod
    def is_name(word):
        """An id, not one of the remarks that stand among them."""
        return re.match(r"(?=[A-Z]).*(\d|-.)", word) is not None and len(word) >= 5


# Evaluation: OSV schema, "affected[].ranges[].events" ------------------------------------------------


def holds(version, rule, order):
    """(affected, fixes): the fixes that may be named for it."""
    affected, fixes = False, set()
    if any(version == v or order(version, v) == 0 for v in rule.versions):
        affected = True
        fixes |= {v for r in rule.ranges for k, v in r if k == "fixed" and order(v, version) > 0}
    for events in rule.ranges:
        rank = {"fixed": 0, "limit": 0, "introduced": 1, "last_affected": 2}

        def by_version(x, y):
            if x[1] == y[1]:
                return rank[x[0]] - rank[y[0]]
            if "0" in (x[1], y[1]):
                return -1 if x[1] == "0" else 1
            return order(x[1], y[1]) or rank[x[0]] - rank[y[0]]

        within, end = False, None
        for kind, at in sorted(events, key=functools.cmp_to_key(by_version)):
            over = 1 if at == "0" else order(version, at)
            if kind == "introduced" and over >= 0:
                within = True
            elif kind == "fixed" and over >= 0:
                within = False
            elif kind == "last_affected" and over > 0:
                within = False
            elif kind in ("fixed", "last_affected") and within and end is None:
                end = (kind, at)
        limits = [at for kind, at in events if kind == "limit"]
        if limits and "*" not in limits and not any(order(version, at) < 0 for at in limits):
            within = False
        if within:
            affected = True
            if end and end[0] == "fixed":
                fixes.add(end[1])
    return affected, fixes


HEADERS = re.compile(r"linux-(libc-dev|headers-|kbuild-|doc|source|compiler-)")
RPM_HEADERS = re.compile(r"kernel-(headers|doc|macros|((64k|rt|uek|default)-)?devel)")


def is_headers(c):
    if c["type"] == "deb":
        return c["source"]["name"].startswith("linux") and HEADERS.match(c["name"])
    return (c["type"] == "rpm" and RPM_HEADERS.match(c["name"])) or \
        (c["type"] == "apk" and c["name"] == "linux-headers")


def lookups(c, systems):
    """(ecosystem, name, version, order, module), in the order in which they decide."""
    source = c.get("source") or {}
    own = (c["name"], c["version"])
    of_source = (source.get("name") or own[0], source.get("version") or own[1])
    out = []
    for ecosystem in systems if c["type"] in OS_TYPES else [LANGUAGES.get(c["type"])]:
        if ecosystem is None or ecosystem_type(ecosystem) != c["type"]:
            continue
        if c["type"] == "rpm":
            out.append((ecosystem,) + own + (rpm,))
            if of_source[0] != own[0]:
                out.append((ecosystem,) + of_source + (rpm_no_epoch,))
        elif c["type"] in ("deb", "apk"):
            out.append((ecosystem,) + of_source + (ORDERS[c["type"]],))
            if c["type"] == "apk" and of_source[0] != own[0]:
                out.append((ecosystem,) + own + (apk,))
        elif c["type"] in ORDERS:
            out.append((ecosystem,) + own + (ORDERS[c["type"]],))
        else:
            raise Unavailable("no order for " + c["type"])
    return out


def statements(c, feeds, systems):
    """(rule, class, affected, fixes) of every rule on the component's keys."""
    for rank, (ecosystem, name, version, order) in enumerate(lookups(c, systems)):
        for rule in feeds.rules.get(key_of(ecosystem, name), ()):
            if c["type"] == "rpm":
                modular = any(".module" in at for r in rule.ranges for _, at in r)
                if modular != (".module" in c["version"]):
                    continue
            affected, fixes = holds(version, rule, order)
            yield rule, rank * 2 + (not rule.tracker), affected and not rule.clear, fixes


def join(hits):
    """Canonical ids of hits; a record without a CVE takes that of one with which it shares a name."""
    ids, names = {}, {}
    for rule in sorted({h[0] for h in hits}, key=lambda r: r.ident):
        if is_cve(rule.canonical):
            ids[rule] = rule.canonical
            for n in (rule.ident,) + rule.names:
                if not is_cve(n):
                    names.setdefault(n, rule.canonical)
    for rule in sorted({h[0] for h in hits}, key=lambda r: r.ident):
        if rule in ids:
            continue
        mine = [n for n in (rule.ident,) + rule.names if not is_cve(n)]
        ids[rule] = next((names[n] for n in mine if n in names), rule.canonical)
        for n in mine:
            names.setdefault(n, ids[rule])
    return ids


def expected(report, feeds):
    """({(purl, id): fixes}, {type: why it was not checked})."""
    systems = [e for e in os_ecosystems(report["os"]) if e in feeds.covered]
    out, unchecked = {}, {}
    for c in report["components"]:
        if c["version"] in (None, "", "(devel)") or is_headers(c) or c["type"] in unchecked:
            continue
        try:
            said = list(statements(c, feeds, systems))
        except Unavailable as why:
            unchecked[c["type"]] = str(why)
            continue
        hits = [s for s in said if s[2]]
        ids = join(hits)
        clear = {}
        for rule, rank, affected, _ in said:
            if not affected:
                clear[rule.canonical] = min(rank, clear.get(rule.canonical, rank))
        by_id = defaultdict(list)
        for rule, rank, _, fixes in hits:
            by_id[ids[rule]].append((rank, fixes))
        for ident, found in by_id.items():
            first = min(rank for rank, _ in found)
            if clear.get(ident, first) < first:
                continue
            out[c["purl"], ident] = set().union(*(f for rank, f in found if rank == first))
    return out, unchecked


def compare(report, feeds):
    """Lines that say what differs, and the types that could not be checked."""
    want, unchecked = expected(report, feeds)
    types = {c["purl"]: c["type"] for c in report["components"]}
    got = {}
    faults = []
    for f in report["findings"]:
        key = f["component"], f["id"]
        if key in got:
            faults.append("twice: %s %s" % key)
        got[key] = set(f["fixed"])
    got = {k: v for k, v in got.items() if types[k[0]] not in unchecked}
    faults += ["missing: %s %s" % k for k in sorted(set(want) - set(got))]
    faults += ["extra: %s %s" % k for k in sorted(set(got) - set(want))]
    for key in sorted(set(want) & set(got)):
        if not got[key] <= want[key] or (want[key] and not got[key]):
            faults.append("fixed: %s %s: %s, want of %s" % (key + (sorted(got[key]), sorted(want[key]))))
    return faults, unchecked, len(want)


def main():
    feeds = Feeds(sys.argv[1])
    bad = 0
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as f:
            report = json.load(f)
        faults, unchecked, n = compare(report, feeds)
        for kind, why in unchecked.items():
            print("%s: %s is not checked: %s" % (path, kind, why))
        for fault in faults[:40]:
            print("%s: %s" % (path, fault))
        print("%s: %d findings expected, %d faults" % (path, n, len(faults)))
        bad += len(faults)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
