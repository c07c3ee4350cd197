# SPDX-License-Identifier: Apache-2.0
"""The tree keeps its own rules, and the programs are what they promise to be."""

import os
import re
import subprocess
import sys

import pytest

import kit


@pytest.mark.parametrize("tool", ["check-deps", "check-style"])
def test_rules(tool):
    """Folders include what they may, files and docs follow the house"""
    if not os.path.isdir(os.path.join(kit.TOP, ".git")) and not os.path.isfile(
            os.path.join(kit.TOP, ".git")):
        pytest.skip("no git checkout")
    done = subprocess.run([sys.executable, os.path.join(kit.TOP, "tools", tool)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def needed(path):
    out = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^\s*(lib[\w.+-]+?)\.so", out, re.M))


def test_worker_links_little(rummage):
    """The worker links no HTTP and no cluster code"""
    worker = kit.program("rummage-parse")
    assert os.path.exists(worker)
    bad = {"libcurl", "libcurl-gnutls", "libssl", "libnghttp2", "libmicrohttpd", "libpq", "libgnutls"}
    assert not needed(worker) & bad, needed(worker)


def test_library_exports(rummage):
    """librummage shows rmg_ names only"""
    library = kit.program("librummage.so")
    if not os.path.exists(library):
        pytest.skip("no shared library was built")
    out = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True,
                         check=True).stdout
    names = [line.split()[-1] for line in out.split("\n") if line]
    assert names
    assert [n for n in names if not n.startswith("rmg_") and not n.startswith("LIBRUMMAGE")] == []


def test_header_alone(tmp_path):
    """rummage.h compiles alone as C99 and as C++"""
    for compiler, standard, suffix in (("cc", "c99", "c"), ("c++", "c++11", "cc")):
        source = tmp_path / ("x." + suffix)
        source.write_text('#include <rummage.h>\nint main(void) { return 0; }\n')
        try:
            done = subprocess.run([compiler, "-std=" + standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                                   "-I", os.path.join(kit.TOP, "include"), "-fsyntax-only",
                                   str(source)], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("no " + compiler)
        assert done.returncode == 0, done.stderr
