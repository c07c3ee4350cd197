#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""synth.py - a fleet that nobody runs: images that share layers as real ones do, containers of them, and
advisories about what is in them; told to a hub through its API, and known here well enough to say
what the hub must answer.

    tests/synth.py --images 5000 --containers 100000 --hub URL --token-file FILE --feeds DIR

An image has five layers: a distribution's packages, patches of them (the package list anew), a
runtime's modules, an application's dependencies, the application. Repositories share the lower
ones, their versions mostly the fourth too. Popularity of packages and of images is Zipf's.
Everything follows from the seed.

The answers expected here come from the fleet's own lists and from an order of versions that is that
of small numbers; nothing of the program is used for them. Facts are packed by the field numbers in
facts.proto.
"""

import argparse
import bisect
import functools
import hashlib
import http.client
import itertools
import json
import os
import queue
import random
import re
import struct
import sys
import threading
import time
from array import array

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

DEB, NPM = 0, 1
DEB_NAMES, NPM_NAMES, VERSIONS = 1500, 20000, 8
EXEC_ELF = 0
CVSS = {"critical": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "high": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H",
        "medium": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:N/I:L/A:L",
        "low": "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:L"}
MASK = (1 << 64) - 1
PATH_ROOT = 0x9e3779b97f4a7c15


def sha(*what):
    return hashlib.sha256(":".join(map(str, what)).encode()).hexdigest()


def hash_mix(x):
    for _ in range(2):
        x = (x ^ x >> 32) * 0xd6e8feb86659fd93 & MASK
    return x ^ x >> 32


@functools.lru_cache(65536)
def hash_span(name):
    """base/hash.h: how facts name a file."""
    name = name.encode()
    h = hash_mix(len(name) ^ PATH_ROOT)
    while len(name) >= 8:
        h = hash_mix(h ^ int.from_bytes(name[:8], "little")) * 5 & MASK
        name = name[8:]
    return hash_mix(h ^ int.from_bytes(name, "little")) * 5 & MASK if name else h


# Messages of facts.proto.

SMALL = [bytes([n]) for n in range(128)]


def varint(n):
    if n < 128:
        return SMALL[n]
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def read_proto(path=os.path.join(TOP, "src", "box", "facts.proto")):
    """{message: {field: (number, type, repeated)}}"""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    return {name: {field: (int(number), kind, bool(repeated)) for repeated, kind, field, number in
                   re.findall(r"(repeated )?(\w+) (\w+) = (\d+);", body)}
            for name, body in re.findall(r"message (\w+) \{(.*?)\}", text, re.S)}


PROTO = read_proto()


def pack_many(kind, values):
    """The body of a repeated field of numbers."""
    if kind == "fixed64":
        return struct.pack("<%dQ" % len(values), *values)
    return b"".join(map(varint, values))


def pack_one(kind, number, value):
    if kind in ("uint32", "uint64", "bool"):
        return varint(number << 3) + varint(int(value))
    if isinstance(value, str):
        value = value.encode()
    elif kind != "bytes" and not isinstance(value, bytes):  # else packed before
        value = pack(kind, value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def pack(message, values):
    """A message of facts.proto; what is zero or empty is left out, as the language has it."""
    out, fields = [], PROTO[message]
    for field, value in values.items():
        if not value:
            continue
        number, kind, repeated = fields[field]
        if not repeated:
            out.append(pack_one(kind, number, value))
        elif kind == "fixed64" or kind.startswith("uint"):
            body = pack_many(kind, value)
            out.append(varint(number << 3 | 2) + varint(len(body)) + body)
        else:
            out += [pack_one(kind, number, v) for v in value]
    return b"".join(out)


class Tree:
    """The folders of a layer."""

    def __init__(self):
        self.paths, self.names, self.at = [], [], {}
        self.folder("")

    def folder(self, path):
        if path in self.at:
            return self.at[path]
        if path:
            self.folder(path.rpartition("/")[0])
        self.at[path] = len(self.paths)
        self.paths.append(path)
        self.names.append([])
        return self.at[path]

    def file(self, path):
        """The index of its folder."""
        folder, _, name = path.rpartition("/")
        index = self.folder(folder)
        self.names[index].append(hash_span(name))
        return index

    def dirs(self):
        return [{"path": path, "entry": 1, "names": sorted(names), "sizes": [1] * len(names)}
                for path, names in zip(self.paths, self.names)]


def component(kind, name, version):
    return (kind << 24 | name) << 4 | version


def name_of(c):
    return ("npm-%05d" if c >> 28 else "deb-%04d") % (c >> 4 & 0xffffff)


def version_of(c):
    v, name = c & 15, c >> 4 & 0xffffff
    return "%d.%d.%d" % (1 + v // 4, v % 4, name % 10) if c >> 28 else "1.%d.0-%d" % (v, 1 + name % 3)


def purl_of(c):
    """As the hub writes it; without qualifiers, and for those of npm whole."""
    return "pkg:%s/%s@%s" % ("npm" if c >> 28 else "deb/debian", name_of(c), version_of(c))


@functools.lru_cache(1 << 18)
def package_of(c):
    """What a layer's facts say of a component wherever it lies, packed."""
    said = {"type": "npm"} if c >> 28 else {"type": "deb", "arch": "amd64"}
    said.update(name=name_of(c), version=version_of(c), cataloger="node" if c >> 28 else "dpkg")
    return pack("PbPkg", said)


class Zipf:
    def __init__(self, n, power=0.9):
        self.sums = list(itertools.accumulate(1 / (i + 1) ** power for i in range(n)))

    def take(self, rng):
        return bisect.bisect(self.sums, rng.random() * self.sums[-1])

    def several(self, rng, n):
        found = set()
        while len(found) < n:
            found.add(self.take(rng))
        return found


class Advisory:
    """Versions from first up to fixed (its order number; VERSIONS: nothing is fixed) of a package."""

    def __init__(self, ident, kind, name, first, fixed, severity="critical", published="2026-01-01T00:00:00Z"):
        self.id, self.kind, self.name = ident, kind, name
        self.first, self.fixed, self.severity, self.published = first, fixed, severity, published

    def takes(self, c):
        return c >> 28 == self.kind and c >> 4 & 0xffffff == self.name and \
            self.first <= c & 15 < self.fixed

    def record(self):
        events = [{"introduced": version_of(component(self.kind, self.name, self.first))
                   if self.first else "0"}]
        if self.fixed < VERSIONS:
            events.append({"fixed": version_of(component(self.kind, self.name, self.fixed))})
        name = name_of(component(self.kind, self.name, 0))
        return {"schema_version": "1.6.0", "id": self.id, "modified": self.published,
                "published": self.published, "summary": "A made-up fault of " + name,
                "severity": [{"type": "CVSS_V3", "score": CVSS[self.severity]}],
                "affected": [{"package": {"ecosystem": "npm" if self.kind else "Debian:12", "name": name},
                              "ranges": [{"type": "SEMVER" if self.kind else "ECOSYSTEM",
                                          "events": events}]}]}

    def write(self, feeds):
        """Into the folder of feeds, in one step; gives the moment after it."""
        folder = os.path.join(feeds, "osv", "npm" if self.kind else "Debian")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, self.id + ".json")
        with open(path + ".new", "w", encoding="utf-8") as f:
            json.dump(self.record(), f)
        os.replace(path + ".new", path)
        return time.time()


class Layer:
    def __init__(self, fleet, key, where, components, parents):
        self.key, self.where, self.components, self.parents = key, where, components, parents
        self.digest = "sha256:" + sha("layer", fleet.seed, *key)
        self.diff_id = "sha256:" + sha("diff", fleet.seed, *key)

    def facts(self):
        tree, pkgs, execs, oses = Tree(), [], [], []
        for c in self.components:
            if c >> 28:
                path = "%s/node_modules/%s/package.json" % (self.where, name_of(c))
                pkgs.append(package_of(c) + pack("PbPkg", {"path": path, "dir": tree.file(path)}))
        distribution = [c for c in self.components if c >> 28 == DEB]
        if distribution:
            status = "var/lib/dpkg/status"
            at = tree.file(status)
            lies = pack("PbPkg", {"path": status, "dir": at})
            pkgs += [package_of(c) + lies for c in distribution]
        if self.key[0] == "base":
            oses = [{"path": "etc/os-release", "dir": tree.file("etc/os-release"), "id": "debian",
                     "version_id": "12", "codename": "bookworm", "name": "Debian GNU/Linux"}]
        if self.key[0] in ("base", "app"):
            path = self.where.lstrip("/") + "/bin/main"
            execs = [{"path": path, "dir": tree.file(path), "size": 1000, "mode": 0o755, "arch": "amd64",
                      "sha256": bytes.fromhex(sha("exec", *self.key)), "format": EXEC_ELF}]
        return pack("PbFacts", {
            "version": 1, "blob_sha256": bytes.fromhex(self.digest[7:]),
            "diff_sha256": bytes.fromhex(self.diff_id[7:]), "blob_bytes": 1000000, "tar_bytes": 3000000,
            "n_entries": len(pkgs), "compression": "gzip", "dirs": tree.dirs(), "pkgs": pkgs,
            "execs": execs, "oses": oses})


class Fleet:
    """Images are numbers from 0, containers too."""

    def __init__(self, images, containers, seed=1, components=400, versions=3):
        self.images, self.seed, self.versions = images, seed, versions
        self.containers, self.components = containers, components
        self.names = (Zipf(DEB_NAMES), Zipf(NPM_NAMES))
        self.layers = {}
        n = max(images // versions, 1)
        self.n_runtimes, self.n_bases = max(n // 20, 2), max(n // 100, 2)
        self.stacks = [self.stack(i) for i in range(images)]
        rng = random.Random("runs:%s" % seed)
        order = list(range(images))
        rng.shuffle(order)
        sums = Zipf(images, 0.8).sums
        self.runs = array("I", rng.choices(order, cum_weights=sums, k=containers))
        self.nodes = max(containers // 50, 1)

    def pick(self, rng, kind, n):
        return sorted(component(kind, name, rng.randrange(VERSIONS))
                      for name in self.names[kind].several(rng, n))

    def layer(self, key, where, kind, n, *parents):
        if key not in self.layers:
            rng = random.Random("%s:%s" % (self.seed, key))
            if key[0] == "patch":  # the same packages, a fifth of them newer
                below = self.layers[parents[0]].components
                found = [min(c + 1, c | 7) if rng.random() < 0.2 else c for c in below]
            else:
                found = self.pick(rng, kind, n)
            self.layers[key] = Layer(self, key, where, array("I", found), parents)
        return key

    def stack(self, image):
        repo, version = divmod(image, self.versions)
        rng = random.Random("%s:repo:%d" % (self.seed, repo))
        runtime = min(int(rng.paretovariate(1)) - 1, self.n_runtimes - 1)
        base = runtime % self.n_bases
        app = "srv/app-%d" % repo
        share = self.components
        first = self.layer(("base", base), "usr", DEB, share * 3 // 8)
        return [self.layers[key] for key in (
            first, self.layer(("patch", base), "usr", DEB, 0, first),
            self.layer(("runtime", runtime), "usr/lib", NPM, share // 10),
            self.layer(("deps", repo, version // 2), app, NPM, share * 19 // 40),
            self.layer(("app", repo, version), app + "/own", NPM, share // 20))]

    # What the hub is told.

    def ref(self, image):
        return "registry.example/team/app-%d:1.%d" % divmod(image, self.versions)

    def config(self, image):
        return "sha256:" + sha("config", self.seed, image)

    def manifest(self, image):
        return "sha256:" + sha("manifest", self.seed, image)

    def image(self, image):
        return {"ref": self.ref(image), "manifest": self.manifest(image), "config": self.config(image),
                "platform": "linux/amd64", "created": "2026-01-%02dT00:00:00Z" % (1 + image % self.versions),
                "revision": "r%d" % (image % self.versions),
                "layers": [{"digest": layer.digest, "diff_id": layer.diff_id, "size": 1000000,
                            "created_by": "RUN " + layer.key[0]} for layer in self.stacks[image]]}

    def node(self, i):
        return i % self.nodes

    def container(self, i):
        """(cluster, node, namespace, workload, container, image)"""
        node, image = self.node(i), self.runs[i]
        repo, version = divmod(image, self.versions)
        return ("c%d" % (node % 4), "node-%d" % node, "team-%d" % (repo % 40), "app-%d-v%d" % (repo, version),
                sha("container", self.seed, i), image)

    def events(self, kind="use.began", of=None, seqs=None, at="2026-01-15T00:00:00Z", epoch=1):
        """Lines of NDJSON for containers, node after node; seqs counts each node's events."""
        seqs = {} if seqs is None else seqs
        for i in sorted(range(self.containers) if of is None else of, key=lambda i: (self.node(i), i)):
            cluster, node, namespace, workload, container, image = self.container(i)
            seq = seqs[node] = seqs.get(node, 0) + 1
            line = '{"type":"%s","source":"%s/containerd","epoch":%d,"seq":%d,"at":"%s",' \
                '"cluster":"%s","node":"%s","container":"%s"' \
                % (kind, node, epoch, seq, at, cluster, node, container)
            if kind == "use.began":
                line += ',"namespace":"%s","workload":{"kind":"Deployment","name":"%s"},"name":"main",' \
                    '"runtime":"containerd","image":{"ref":"%s","digests":["%s","%s"]}' \
                    % (namespace, workload, self.ref(image), self.config(image), self.manifest(image))
            yield line + "}\n"

    # What is expected.

    def components_of(self, image):
        base, patch, *rest = self.stacks[image]
        found = set(patch.components or base.components)
        for layer in rest:
            found.update(layer.components)
        return found

    def hit(self, advisory):
        """{image: components} of the images that an advisory is about."""
        found = {}
        layers = {key: [c for c in layer.components if advisory.takes(c)]
                  for key, layer in self.layers.items() if key[0] != "base"}
        for image, stack in enumerate(self.stacks):
            matched = {c for layer in stack for c in layers.get(layer.key, ())}
            if matched:
                found[image] = matched
        return found

    def expected(self, advisory):
        """{(cluster, node, namespace, workload, container, image digest): purls} of who-runs."""
        hit = self.hit(advisory)
        rows = {}
        for i in range(self.containers):
            if self.runs[i] in hit:
                *place, image = self.container(i)
                place[3] = "Deployment/" + place[3]
                rows[(*place, self.config(image))] = {purl_of(c) for c in hit[image]}
        return rows

    def pairs(self):
        return sum(len(self.components_of(i)) for i in range(self.images))

    def advisories(self, n):
        """Of packages that few have, mostly of no great severity: what an ordinary day looks like."""
        rng = random.Random("advisories:%s" % self.seed)
        for i in range(n):
            kind = NPM if rng.random() < 0.7 else DEB
            names = (DEB_NAMES, NPM_NAMES)[kind]
            first = rng.randrange(3)
            yield Advisory(
                "GHSA-%04d-%04d-syn0" % (i // 10000, i % 10000) if kind else "DEBIAN-CVE-2025-%d" % (10000 + i),
                kind, rng.randrange(names // 20, names), first, first + 1 + rng.randrange(4),
                rng.choices(("critical", "high", "medium", "low"), (1, 5, 30, 64))[0])

    def popular(self, share, ident="CVE-2026-0001", fixed=VERSIONS):
        """An advisory of a package of npm that about this share of the images has."""
        have = {}
        for stack in self.stacks[:1000]:
            for name in {c >> 4 & 0xffffff for layer in stack for c in layer.components if c >> 28}:
                have[name] = have.get(name, 0) + 1
        n = min(len(self.stacks), 1000)
        name = min(sorted(have), key=lambda name: abs(have[name] / n - share))
        return Advisory(ident, NPM, name, 0, fixed)

    def write_feeds(self, feeds, n=500):
        for advisory in self.advisories(n):
            advisory.write(feeds)


class Small:
    """One image of one layer with these packages of npm ({name: version}), as facts and digests."""

    def __init__(self, name, npm, created="2026-01-01T00:00:00Z", revision="", execs=(), more=()):
        self.name, self.npm, self.created, self.revision = name, npm, created, revision
        self.execs, self.more = execs, list(more)
        key = (name, sorted(npm.items()), created)
        self.layer = "sha256:" + sha("small layer", *key)
        self.config, self.manifest = "sha256:" + sha("small config", *key), "sha256:" + sha("small manifest", *key)
        self.digests = [self.config, self.manifest]

    def facts(self):
        tree, pkgs, execs = Tree(), [], []
        for name, version in sorted(self.npm.items()):
            path = "srv/node_modules/%s/package.json" % name
            pkgs.append({"type": "npm", "name": name, "version": version, "cataloger": "node",
                         "path": path, "dir": tree.file(path)})
        for path in self.execs:
            execs.append({"path": path, "dir": tree.file(path), "size": 10, "mode": 0o755, "arch": "amd64",
                          "sha256": hashlib.sha256(path.encode()).digest(), "format": EXEC_ELF})
        return pack("PbFacts", {"version": 1, "blob_sha256": bytes.fromhex(self.layer[7:]),
                                "compression": "gzip", "dirs": tree.dirs(), "pkgs": pkgs, "execs": execs})

    def image(self):
        return {"ref": self.name, "manifest": self.manifest, "config": self.config,
                "platform": "linux/amd64", "created": self.created, "revision": self.revision,
                "layers": [{"digest": d} for d in [self.layer] + self.more]}

    def put(self, hub):
        """Tells a hub (hubkit.Client) of it."""
        hub.put("/api/v1/facts/" + self.layer, self.facts())
        hub.put("/api/v1/images/" + self.config, self.image())
        return self


class Teller:
    """Tells a hub of a fleet; some threads, each with a token of its own, since each has a rate."""

    def __init__(self, url, token, threads=3):
        self.host = url.split("//")[-1].rstrip("/")
        self.token, self.threads = token, threads
        self.tokens = []

    def request(self, connection, token, method, path, body):
        while True:
            connection.request(method, path, body, {"Authorization": "Bearer " + token})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status == 429:
                time.sleep(float(answer.headers.get("Retry-After", "1")))
                continue
            if answer.status != 200:
                raise RuntimeError("%s %s: %d %s" % (method, path, answer.status, text[:300]))
            return json.loads(text)

    def connect(self):
        return http.client.HTTPConnection(self.host, timeout=120)

    def make_tokens(self):
        if not self.tokens:
            connection, run = self.connect(), "%d-%d" % (os.getpid(), time.monotonic_ns())
            for i in range(8 * self.threads):
                made = self.request(connection, self.token, "POST", "/api/v1/tokens", json.dumps(
                    {"name": "synth-%s-%d" % (run, i), "role": "agent"}))
                self.tokens.append(made["token"])
        return self.tokens

    def all(self, jobs):
        """jobs: (method, path, function that makes the body); how long it took."""
        tokens, started = itertools.cycle(self.make_tokens()), time.monotonic()
        todo, failed = queue.Queue(1000), []

        def work():
            connection = self.connect()
            for job in iter(todo.get, None):
                try:
                    if not failed:
                        token, method, path, body = job
                        self.request(connection, token, method, path, body())
                except Exception as e:  # told once all have stopped
                    failed.append(e)
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(self.threads)]
        for t in threads:
            t.start()
        for job in jobs:
            todo.put((next(tokens),) + job)
        for _ in threads:
            todo.put(None)
        for t in threads:
            t.join()
        if failed:
            raise failed[0]
        return time.monotonic() - started

    def missing(self, digests):
        connection, found = self.connect(), []
        for i in range(0, len(digests), 5000):
            found += self.request(connection, self.token, "POST", "/api/v1/facts/missing", json.dumps(
                {"digests": digests[i:i + 5000]}))["missing"]
        return set(found)

    def tell_images(self, fleet, of=None):
        of = range(fleet.images) if of is None else of
        layers = {layer.digest: layer for image in of for layer in fleet.stacks[image]}
        missing = self.missing(list(layers))
        took = self.all(("PUT", "/api/v1/facts/" + d, layers[d].facts) for d in layers if d in missing)
        return took + self.all(
            ("PUT", "/api/v1/images/" + fleet.config(i), lambda i=i: json.dumps(fleet.image(i)))
            for i in of)

    def tell_events(self, fleet, lines=None, at_once=5000):
        """Batches one after the other, since the events of a source have an order; seconds."""
        lines = fleet.events() if lines is None else lines
        connection, tokens = self.connect(), itertools.cycle(self.make_tokens())
        took = 0
        while True:
            batch = list(itertools.islice(lines, at_once))
            if not batch:
                return took
            body = "".join(batch).encode()
            started = time.monotonic()
            said = self.request(connection, next(tokens), "POST", "/api/v1/events", body)
            took += time.monotonic() - started
            if said["refused_count"]:
                raise RuntimeError("refused: %s" % said["refused"][:3])

    def tell(self, fleet):
        self.tell_images(fleet)
        return self.tell_events(fleet)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--containers", type=int, default=2000)
    parser.add_argument("--components", type=int, default=400, help="of an image")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hub", help="tell the hub at this URL")
    parser.add_argument("--token-file", help="whose first line is an admin's token")
    parser.add_argument("--feeds", help="write advisories below this folder")
    parser.add_argument("--advisories", type=int, default=500)
    parser.add_argument("--disclose", type=float, metavar="SHARE",
                        help="write one more advisory, of a package that this share of the images has, "
                        "and print the containers that it hits")
    args = parser.parse_args()
    if args.hub and not args.token_file:
        parser.error("--hub needs --token-file")
    fleet = Fleet(args.images, args.containers, args.seed, args.components)
    print("%d images of %d layers, %d component rows, %d containers"
          % (args.images, len(fleet.layers), fleet.pairs(), args.containers), file=sys.stderr)
    if args.feeds:
        fleet.write_feeds(args.feeds, args.advisories)
    if args.hub:
        with open(args.token_file, encoding="ascii") as f:
            teller = Teller(args.hub, f.readline().strip())
        print("images: %.1f s" % teller.tell_images(fleet), file=sys.stderr)
        took = teller.tell_events(fleet)
        print("events: %.1f s, %.0f/s" % (took, args.containers / max(took, 1e-9)), file=sys.stderr)
    if args.disclose is not None:
        advisory = fleet.popular(args.disclose)
        if args.feeds:
            advisory.write(args.feeds)
        for row, purls in sorted(fleet.expected(advisory).items()):
            print("\t".join(row + (" ".join(sorted(purls)),)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
