# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the whole-program tests, and the titles by which statements are found.

A test's title is the first line of its docstring (else its name), with its id where it is
parametrised. `--statement R9` keeps those whose title names R9.

RUMMAGE_BUILD         folder with the built programs (default: build)
RUMMAGE_SHARED        folder with corpus and data (default: shared beside the checkout)
RUMMAGE_CORPUS        folder with the built images (default: corpus-built in the cache folder)
RUMMAGE_SLOW          1: run the slow tests too (minutes, or gigabytes)
RUMMAGE_BUILD_CORPUS  1: build the images that are missing there (root, minutes)
RUMMAGE_UNTIL         seconds since 1970: a test that has not begun by then is skipped
RUMMAGE_TURNS         an empty folder of several runs side by side: each module is run by one of them
"""

import json
import os
import re
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import containerd  # noqa: E402
import kit  # noqa: E402
import small  # noqa: E402

TOP = kit.TOP


def pytest_addoption(parser):
    parser.addoption("--statement", help="only tests whose title names it, such as R33")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: minutes, or gigabytes")
    config.addinivalue_line("markers", "real: needs a real service (registry, dockerd, podman)")
    config.results, config.mine = {}, set()


def title_of(item):
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    title = doc.split("\n", maxsplit=1)[0] or item.name
    callspec = getattr(item, "callspec", None)
    return title + (" [" + callspec.id + "]" if callspec and doc else "")


def how_late(item):
    """Whether its module starts what tools/build-real builds; 2: what it builds last."""
    used = {getattr(v, "__module__", None) for v in vars(item.module).values()}
    return 2 if "chart" in used else bool(used & {"kube", "kubelet", "containerd"})


def pytest_collection_modifyitems(config, items):
    items.sort(key=how_late)  # meanwhile it may be done
    if os.environ.get("RUMMAGE_SLOW") != "1" and "slow" not in config.getoption("-m").replace(
            "not slow", ""):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow; RUMMAGE_SLOW=1 runs it"))
    statement = config.getoption("--statement")
    if not statement:
        return
    want = re.compile(r"(?<![A-Za-z0-9])%s(?![0-9])" % re.escape(statement), re.I)
    kept = [i for i in items if want.search(title_of(i)) or want.search(i.name.replace("_", " "))]
    config.hook.pytest_deselected(items=[i for i in items if i not in kept])
    items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    """A module is whose run comes to it first; of what another one runs nothing is said here."""
    turns = os.environ.get("RUMMAGE_TURNS")
    name = os.path.basename(str(item.path))
    if turns and name not in item.config.mine:
        try:
            os.close(os.open(os.path.join(turns, name), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return True
        item.config.mine.add(name)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    until = os.environ.get("RUMMAGE_UNTIL")
    if until and time.time() > float(until):
        pytest.skip("no time left")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    results = item.config.results
    name = os.path.basename(str(item.path)) + ": " + title_of(item)
    if report.outcome == "failed":
        results[item.nodeid] = (name, "failed")
    elif report.when == "call" or report.outcome == "skipped":
        results.setdefault(item.nodeid, (name, report.outcome))


def pytest_collectreport(report):
    if report.failed:
        COLLECT_ERRORS.append((report.nodeid + " (cannot be collected)", "failed"))


COLLECT_ERRORS = []


def pytest_sessionfinish(session):
    path = os.environ.get("RUMMAGE_RESULTS")
    if path:
        with open(path, "w", encoding="utf-8") as f:
            json.dump(COLLECT_ERRORS + list(session.config.results.values()), f)


@pytest.fixture(scope="session")
def rummage():
    """The built program."""
    path = kit.program("rummage")
    if not os.path.exists(path):
        pytest.fail("no program at %s: make builds it" % path)
    return path


@pytest.fixture(scope="session")
def shared():
    """The folder with corpus and data that is not part of the tree."""
    if not os.path.isdir(kit.SHARED):
        pytest.skip("no corpus and data at " + kit.SHARED)
    return kit.SHARED


@pytest.fixture(scope="session")
def corpus(shared):
    """The ready images: {name: (archive, truth file)}."""
    return kit.ready_images()


@pytest.fixture(scope="session")
def built_corpus():
    """The built images that are there: {name: (reference, truth file)}."""
    if os.environ.get("RUMMAGE_BUILD_CORPUS") == "1":
        builder = os.path.join(kit.SHARED, "corpus", "build", "build-images.py")
        if not os.path.exists(builder):
            pytest.skip("no image builder at " + builder)
        missing = [n for n in kit.BUILT if n not in kit.built_images()]
        if missing:
            subprocess.run([builder, "--out", kit.BUILT_DIR] + missing, check=True)
    images = kit.built_images()
    if not images:
        pytest.skip("no built images in %s; RUMMAGE_BUILD_CORPUS=1 builds them" % kit.BUILT_DIR)
    return images


@pytest.fixture
def cache(tmp_path):
    """An empty cache folder of this test's own."""
    path = tmp_path / "cache"
    path.mkdir()
    return str(path)


@pytest.fixture
def scan(rummage, cache):
    """scan(REF, *ARGS) -> kit.Run, with the test's own cache and a bound on time."""
    def run(ref, *args, **how):
        how.setdefault("cache", cache)
        return kit.scan(ref, *args, **how)
    return run


@pytest.fixture(scope="session")
def starter_db(rummage, tmp_path_factory):
    """A database of the starter set."""
    path = str(tmp_path_factory.mktemp("db") / "starter.db")
    done = kit.run("db", "build", "--out", path)
    assert done.code == 0, done.err
    return path


@pytest.fixture(scope="session")
def small_db(rummage, tmp_path_factory):
    """A database of two advisories, for small_image() of small.py."""
    folder = tmp_path_factory.mktemp("small-db")
    small.write_feeds(str(folder / "feeds"))
    path = str(folder / "small.db")
    done = kit.run("db", "build", "--from", str(folder / "feeds"), "--out", path)
    assert done.code == 0, done.err
    return path


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The bytes of a program that waits, for containers."""
    return containerd.waiting_program(tmp_path_factory.mktemp("program"))
