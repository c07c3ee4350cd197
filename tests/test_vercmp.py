# SPDX-License-Identifier: Apache-2.0
"""`rummage vercmp` on the pairs of ../shared, and with random pairs against the tools themselves."""

import os
import random
import re

import pytest

import kit
import oracle_match

DISAGREEMENTS = os.path.join(kit.TOP, "tests", "data", "vercmp-disagreements.tsv")


def vectors(shared, kind):
    with open(os.path.join(shared, "data", "version-vectors", kind + ".tsv"), encoding="utf-8") as f:
        return [line.rstrip("\n").split("\t")[1:4] for line in f]


def disagreements():
    """{(type, a, b): (what rummage and the tool say, why)} of rows that the tool itself sees otherwise."""
    with open(DISAGREEMENTS, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]
    return {tuple(r[:3]): (r[3], r[4]) for r in rows}


def compare(kind, pairs):
    done = kit.run("vercmp", kind, stdin="".join("%s\t%s\n" % p for p in pairs).encode())
    assert done.code == 0, done.err
    return done.out.split()


@pytest.mark.parametrize("kind", ["apk", "composer", "cran", "deb", "gem", "hackage", "maven", "nuget", "pub", "pypi",
                                  "rpm", "semver"])
def test_vectors(rummage, shared, kind):
    """Each pair of the version vectors is ordered as its own tool orders it."""
    rows, known = vectors(shared, kind), disagreements()
    got = compare(kind, [(a, b) for a, b, _ in rows])
    assert len(got) == len(rows)
    wrong = []
    for (a, b, want), is_ in zip(rows, got):
        want = known.get((kind, a, b), (want,))[0]
        if is_ != want:
            wrong.append((a, b, want, is_))
    assert not wrong


def test_total_order(rummage, shared):
    """Orders are antisymmetric and transitive on the vectors."""
    for kind in ("apk", "deb", "gem", "maven", "pypi", "rpm", "semver", "composer"):
        versions = sorted({v for a, b, _ in vectors(shared, kind) for v in (a, b)})
        picked = random.Random(kind).sample(versions, min(len(versions), 60))
        pairs = [(a, b) for a in picked for b in picked]
        order = dict(zip(pairs, map(int, compare(kind, pairs))))
        for a, b in pairs:
            assert order[a, b] == -order[b, a], (kind, a, b)
            for c in picked:
                if order[a, b] <= 0 and order[b, c] <= 0:
                    assert order[a, c] <= 0, (kind, a, b, c)


FRAGMENTS = {
    "maven": "1 0 2 . - . alpha beta rc cr sp ga final snapshot a b m x 10 00 release milestone RC 1.0".split(),
    "pypi": "1 0 2 . . - _ a b rc c post dev rev r ! + v 10 00 alpha local .dev1 .post1".split(),
    "deb": "1 0 2 . - + ~ a z A 10 00 ~~".split(),
    "rpm": "1 0 2 . - + ~ ^ _ a z A 10 00 1:".split(),
    "gem": "1 0 2 . . a b rc pre 10 00 A -".split(),
}


@pytest.mark.parametrize("kind", sorted(FRAGMENTS))
def test_random_pairs(rummage, kind):
    """Random pairs are ordered as the tool on this machine orders them."""
    rng = random.Random(kind)
    pairs = []
    for _ in range(60 if kind in ("deb", "rpm") else 1500):
        a = "1" + "".join(rng.choice(FRAGMENTS[kind]) for _ in range(rng.randint(0, 6))) + "0"
        cut = rng.randint(1, len(a))
        b = a[:cut] + rng.choice(FRAGMENTS[kind]) + a[cut:] + rng.choice(["", "0", "1"])
        if kind == "pypi" and not (is_pep440(a) and is_pep440(b)):
            continue
        if kind == "gem" and not all(re.fullmatch(r"\d+(\.[0-9a-zA-Z]+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?", v)
                                     for v in (a, b)):
            continue
        pairs.append((a, b))
    if kind == "maven" and "/3.9" not in (oracle_match.maven_jar() or ""):
        pytest.skip("no Maven 3.9 to ask: its order is what is meant")
    try:
        want = [str(ask(kind, a, b)) for a, b in pairs]
    except oracle_match.Unavailable as why:
        pytest.skip(str(why))
    got = compare(kind, pairs)
    assert [p + (w, g) for p, w, g in zip(pairs, want, got) if w not in (g, "None")] == []


def ask(kind, a, b):
    return oracle_match.ORDERS[kind](a, b)


def is_pep440(s):
    version = pytest.importorskip("packaging.version")
    try:
        version.Version(s)
    except version.InvalidVersion:
        return False
    return True


def test_one_pair_on_the_command_line(rummage):
    """A and B on the command line, and a type that is none."""
    assert kit.run("vercmp", "deb", "1.0~rc1", "1.0").out.strip() == "-1"
    assert kit.run("vercmp", "cobol", "1", "2").code == 1
