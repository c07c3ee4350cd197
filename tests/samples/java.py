#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes testdata/catalog/java anew: archives of a small project of our own by `mvn package` and `jar`,
put into one another as build tools do, and damaged ones. expected.tsv says what they were made as.

    java.py OUT"""

import io
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>com.example.acme</groupId><artifactId>%s</artifactId><version>%s</version>
<packaging>jar</packaging><properties><maven.compiler.source>8</maven.compiler.source>
<maven.compiler.target>8</maven.compiler.target>
<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties></project>
"""
DATE = (2024, 1, 1, 0, 0, 0)
SCRIPT = b"#!/bin/sh\nexec java -jar \"$0\" \"$@\"\n"


def maven(work, artifact, version):
    folder = work / artifact
    package = folder / "src/main/java/com/example/acme"
    package.mkdir(parents=True)
    (folder / "pom.xml").write_text(POM % (artifact, version))
    (package / "A.java").write_text("package com.example.acme;\n\npublic class A {\n}\n")
    subprocess.run(["mvn", "-q", "-B", "package", "-Dmaven.test.skip=true"], cwd=folder, check=True)
    return (folder / "target" / ("%s-%s.jar" % (artifact, version))).read_bytes()


def jar(work, manifest, entries):
    """By the JDK's jar: it folds the manifest's lines."""
    folder = work / "jar"
    shutil.rmtree(folder, ignore_errors=True)
    for name in entries:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\xca\xfe\xba\xbe")
    folder.mkdir(exist_ok=True)
    (work / "manifest").write_text(manifest + "\n")
    command = ["jar", "cfm", str(work / "out.jar"), str(work / "manifest"), "-C", str(folder), "."]
    subprocess.run(command if entries else command[:4], check=True)
    return (work / "out.jar").read_bytes()


def pack(entries, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in entries:
            info = zipfile.ZipInfo(name, DATE)
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".jar") else method
            z.writestr(info, data)
    return out.getvalue()


def properties(group, artifact, version):
    text = "#Created by Apache Maven\r\nversion=%s\r\ngroupId=%s\r\nartifactId = %s\r\n" % (version, group, artifact)
    return "META-INF/maven/%s/%s/pom.properties" % (group, artifact), text.encode()


class Case:
    def __init__(self, out, name):
        self.folder = out / name
        self.rows, self.notes = [], []

    def file(self, path, data):
        path = self.folder / "root" / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def row(self, path, gav, inner="", licence=""):
        self.rows.append("\t".join(["maven", *gav.split(":"), licence, path, inner]))

    def done(self):
        head = "type\tnamespace\tname\tversion\tlicense\tpath\tinner\n"
        (self.folder / "expected.tsv").write_text(head + "".join(r + "\n" for r in sorted(self.rows)))
        if self.notes:
            (self.folder / "notes.tsv").write_text(
                "level\tcode\tpath\ttext\n" + "".join(n + "\n" for n in sorted(self.notes)))


def good(out, work):
    core, util = maven(work, "acme-core", "1.2.3"), maven(work, "acme-util", "2.0-SNAPSHOT")
    c = Case(out, "ok-maven")
    c.file("opt/lib/acme-core-1.2.3.jar", core)
    c.row("opt/lib/acme-core-1.2.3.jar", "com.example.acme:acme-core:1.2.3")
    c.file("opt/lib/renamed.jar", util)
    c.row("opt/lib/renamed.jar", "com.example.acme:acme-util:2.0-SNAPSHOT",
          "META-INF/maven/com.example.acme/acme-util/pom.properties")
    one, two = properties("org.other", "json", "7.1"), properties("org.other", "yaml", "0.3")
    own = properties("com.example.acme", "shop", "0.9")
    c.file("opt/lib/shop-0.9-all.jar", pack([one, own, two]))
    c.row("opt/lib/shop-0.9-all.jar", "com.example.acme:shop:0.9")
    c.row("opt/lib/shop-0.9-all.jar", "org.other:json:7.1", one[0])
    c.row("opt/lib/shop-0.9-all.jar", "org.other:yaml:0.3", two[0])
    c.file("opt/lib/bundle-runtime-3.2.1.jar", pack([one, two, ("org/bundle/x/A.class", b""), ("org/bundle/B.class", b"")]))
    c.row("opt/lib/bundle-runtime-3.2.1.jar", "org.bundle:bundle-runtime:3.2.1")
    c.row("opt/lib/bundle-runtime-3.2.1.jar", "org.other:json:7.1", one[0])
    c.row("opt/lib/bundle-runtime-3.2.1.jar", "org.other:yaml:0.3", two[0])
    c.done()

    c = Case(out, "ok-nested")  # R9
    boot = pack([("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\n"),
                 ("BOOT-INF/classes/" + own[0], own[1]),
                 ("BOOT-INF/lib/acme-core-1.2.3.jar", core),
                 ("BOOT-INF/lib/acme-util-2.0-SNAPSHOT.jar", util)])
    c.file("app/shop-0.9.jar", SCRIPT + boot)
    c.row("app/shop-0.9.jar", "com.example.acme:shop:0.9")
    c.row("app/shop-0.9.jar", "com.example.acme:acme-core:1.2.3", "BOOT-INF/lib/acme-core-1.2.3.jar")
    c.row("app/shop-0.9.jar", "com.example.acme:acme-util:2.0-SNAPSHOT", "BOOT-INF/lib/acme-util-2.0-SNAPSHOT.jar")
    war = pack([("WEB-INF/lib/acme-core-1.2.3.JAR", core), properties("com.example.acme", "web", "4")])
    c.file("app/all-5.ear", pack([("web-4.war", war), ("empty.jar", b"")]))
    c.row("app/all-5.ear", "org.acme:all:5")
    c.rows[-1] = c.rows[-1].replace("org.acme", "")
    c.row("app/all-5.ear", "com.example.acme:web:4", "web-4.war")
    c.row("app/all-5.ear", "com.example.acme:acme-core:1.2.3", "web-4.war!WEB-INF/lib/acme-core-1.2.3.JAR")
    c.file("app/empty.jar", b"")
    c.file("app/movie.rar", b"Rar!\x1a\x07\x00 not Java's")
    c.done()

    c = Case(out, "ok-without-maven")
    long = "x" * 100
    for name, gav, licence, manifest, classes in (
            ("spring-core-5.3.1.jar", "org.springframework:spring-core:5.3.1", "", "Implementation-Title: spring-core", []),
            ("acme-cli-7.10.jar", "org.acme.tools:acme-cli:7.10", "", "Implementation-Title: org.acme.tools#cli;7.10", []),
            ("acme-osgi-1.0.jar", "org.acme.osgi-parts:acme-osgi:1.0", "Apache-2.0",
             "Bundle-SymbolicName: org.acme.osgi-parts.acme-osgi;singleton:=true\n"
             "Bundle-License: Apache-2.0;link=\"https://example.com/%s\"" % long, []),
            ("acme-scala_2.13-1.1.jar", "org.acme:acme-scala_2.13:1.1", "", "Bundle-SymbolicName: org.acme.acme-scala", []),
            ("acme-vendor.jar", "org.acme.vendor:acme-vendor:3.0.1", "",
             "Implementation-Vendor-Id: org.acme.vendor\nImplementation-Version: 3.0.1", []),
            ("acme-native-1.4.9-1.jar", "net.acme:acme-native:1.4.9-1", "", "Bundle-Version: 1.4.9.1", ["net/acme/A.class", "net/acme/jni/B.class"]),
            ("acme-1.2-api-2.13.jar", "net.acme:acme-1.2-api:2.13", "", "Implementation-Version: 2.13", ["net/acme/A.class"]),
            ("apache-thing-1.jar", "org.apache.thing:apache-thing:1", "", "Bundle-Name: %name", ["org/apache/thing/x/A.class", "org/apache/thing/y/B.class"]),
            ("plain.jar", ":plain:", "", "X-Nothing: here", [])):
        c.file("usr/share/java/" + name, jar(work, manifest, classes))
        c.row("usr/share/java/" + name, gav, "", licence)
    c.done()
    return core


def bad(out, work, core):
    c = Case(out, "bad-archives")
    lost = lambda path, text: c.notes.append("lost\tjava-archive\t%s\tJava archive: %s" % (path, text))
    c.file("a/cut.jar", core[:-40])
    lost("a/cut.jar", "no ZIP directory at the end")
    c.file("a/text.jar", b"not an archive")
    lost("a/text.jar", "no ZIP directory at the end")
    inner = bytearray(pack([("lib/acme-core-1.2.3.jar", core)]))
    inner[60] ^= 0xff
    c.file("a/corrupt-inside-1.jar", bytes(inner))
    lost("a/corrupt-inside-1.jar", "ZIP member's CRC is wrong: lib/acme-core-1.2.3.jar")
    c.row("a/corrupt-inside-1.jar", ":corrupt-inside:1")
    (work / "acme-core-1.2.3.jar").write_bytes(core)
    (work / "locked.jar").unlink(missing_ok=True)
    subprocess.run(["zip", "-qX0", "-P", "secret", "locked.jar", "acme-core-1.2.3.jar"], cwd=work, check=True)
    c.file("a/locked-2.jar", (work / "locked.jar").read_bytes())
    lost("a/locked-2.jar", "encrypted ZIP member: acme-core-1.2.3.jar")
    c.row("a/locked-2.jar", ":locked:2")
    deep, path = core, []
    for i in range(9, 0, -1):
        deep = pack([("d%d.jar" % i, deep)])
        path.insert(0, "d%d.jar" % i)
    c.file("a/deep.jar", deep)
    c.row("a/deep.jar", ":deep:")
    for i in range(1, 9):
        c.row("a/deep.jar", ":d%d:" % i, "!".join(path[:i]))
    lost("a/deep.jar", "nested too deeply: " + "!".join(path[:9]))
    c.done()


def main():
    out = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        bad(out, work, good(out, work))


main()
