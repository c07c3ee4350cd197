# SPDX-License-Identifier: Apache-2.0
"""What `make install` puts where, and that a C program can be built on it."""

import os
import shutil
import subprocess
import sys

import pytest

import kit


@pytest.fixture(scope="module")
def installed(rummage, tmp_path_factory):
    if not os.path.exists(os.path.join(kit.BUILD, "build.ninja")):
        pytest.skip("not a build folder: " + kit.BUILD)
    folder = str(tmp_path_factory.mktemp("install"))
    subprocess.run(["meson", "install", "-C", kit.BUILD, "--no-rebuild", "--quiet", "--destdir", folder],
                   check=True, stdout=subprocess.DEVNULL)
    return folder


def find(folder, name):
    for base, _, names in os.walk(folder):
        if name in names:
            return os.path.join(base, name)
    return None


@pytest.mark.parametrize("name", ["rummage", "rummage-parse", "rummage.h", "librummage.pc", "rummage.1",
                                  "rummage-node.service", "rummage-hub.service"])
def test_there(name, installed):
    """make install puts programs, header, pkg-config file and manual pages"""
    assert find(installed, name) is not None


def test_no_leftovers(installed):
    """make install puts nothing for tests and nothing internal"""
    everything = [os.path.join(b, n) for b, _, names in os.walk(installed) for n in names]
    assert [p for p in everything if p.endswith(("_test", "_fuzz", "_replay", ".a"))
            and "librummage" not in p] == []
    headers = [os.path.basename(p) for p in everything if p.endswith(".h")]
    assert headers == ["rummage.h"]


HEADER_USE = """#include <rummage.h>
int main(void)
{
	struct rmg_opts opts = RMG_OPTS;
	struct rmg_db_opts db = RMG_DB_OPTS;
	struct rmg_report_opts report = RMG_REPORT_OPTS;
	return opts.size == sizeof opts && db.size == sizeof db && report.size == sizeof report
	       && !opts.stop && !db.out && report.fail_on == RMG_SEV_UNKNOWN ? 0 : 1;
}
"""


@pytest.mark.parametrize("language", ["c99", "c17", "c++11", "c++17"])
@pytest.mark.parametrize("family", ["gcc", "clang"])
def test_header(family, language, tmp_path):
    """rummage.h alone compiles as C99 and C++11 under -Wall -Wextra -Werror, RMG_OPTS too"""
    compiler = {"gcc": "g++", "clang": "clang++"}[family] if "++" in language else family
    if shutil.which(compiler) is None:
        pytest.skip("no " + compiler)
    source, program = tmp_path / ("use.cc" if "++" in language else "use.c"), str(tmp_path / "use")
    source.write_text(HEADER_USE)
    subprocess.run([compiler, "-std=" + language, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                    "-I" + os.path.join(kit.TOP, "include"), "-o", program, str(source)], check=True)
    subprocess.run([program], check=True)


def test_example(installed, tmp_path):
    """The example in docs compiles against what was installed, runs, and lists the sample image"""
    if shutil.which("pkg-config") is None:
        pytest.skip("no pkg-config")
    pc = os.path.dirname(find(installed, "librummage.pc"))
    env = dict(os.environ, PKG_CONFIG_PATH=pc, PKG_CONFIG_SYSROOT_DIR=installed)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "librummage"], env=env, check=True,
                           capture_output=True, text=True).stdout.split()
    program, image = str(tmp_path / "example"), str(tmp_path / "sample.oci.tar")
    sanitize = []
    if kit.sanitized(find(installed, "librummage.so") or "/dev/null"):
        sanitize = ["-fsanitize=address,undefined"]
    subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", program,
                    os.path.join(kit.TOP, "docs", "example.c")] + flags + sanitize, check=True)
    subprocess.run([sys.executable, os.path.join(kit.TOP, "tools", "make-sample"), image], check=True)
    library = os.path.dirname(find(installed, "librummage.so"))
    env = dict(os.environ, LD_LIBRARY_PATH=library, XDG_CACHE_HOME=str(tmp_path),
               RUMMAGE_WORKER=find(installed, "rummage-parse"))
    done = subprocess.run([program, "oci-archive:" + image], env=env, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1" in done.stdout
