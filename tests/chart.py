# SPDX-License-Identifier: Apache-2.0
"""The Helm chart as Helm renders it, and what the container image needs to be made."""

import os
import shutil
import subprocess

import pytest
import yaml

import kit
from kube import folder_of_programs

CHART = os.path.join(kit.TOP, "deploy", "helm", "rummage")


def helm():
    folder = folder_of_programs("helm")
    path = os.path.join(folder, "helm") if folder else shutil.which("helm")
    if path is None:
        pytest.skip("no program called helm")
    return path


def rendered(*settings, version="1.36.0"):
    sets = [a for s in settings for a in ("--set", s)]
    return subprocess.run([helm(), "template", "rummage", CHART, "-n", "rummage", "--kube-version", version, *sets],
                          capture_output=True, text=True, check=False)


def template(*settings, version="1.36.0"):
    done = rendered(*settings, version=version)
    assert done.returncode == 0, done.stderr
    return [d for d in yaml.safe_load_all(done.stdout) if d]


def can_make_image():
    if shutil.which("dpkg-query") is None or shutil.which("strip") is None:
        pytest.skip("the image is made on Debian, with binutils")
    if kit.sanitized(kit.program("rummage")):
        pytest.skip("programs with ASan are no image")
