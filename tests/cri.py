# SPDX-License-Identifier: Apache-2.0
"""What a kubelet asks of a runtime, as far as the tests need it: pods with the machine's own network.

Messages are packed by hand, sent by `grpc_call`."""

import os
import subprocess

import pytest

import kit

RUNTIME, IMAGES = "/runtime.v1.RuntimeService/", "/runtime.v1.ImageService/"
NODE = 2


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def pack(**fields):
    """f1="text", f2=pack(...), f3=7, f4=["several"], f5={"a": "map"}"""
    out = b""
    for name, value in fields.items():
        number = int(name[1:])
        if isinstance(value, dict):
            value = [pack(f1=k, f2=v) for k, v in value.items()]
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(number << 3) + varint(one)
            else:
                one = one if isinstance(one, bytes) else one.encode()
                out += varint(number << 3 | 2) + varint(len(one)) + one
    return out


def first_text(message):
    """Field 1, a short text."""
    assert message[0] == 0x0A, message
    return message[2:2 + message[1]].decode()


class Pod:
    def __init__(self, identifier, config, labels):
        self.id, self.config, self.labels = identifier, config, labels


class Cri:
    def __init__(self, socket):
        self.socket = socket
        self.program = os.path.join(kit.BUILD, "src", "io", "grpc_call")
        if not os.path.exists(self.program):
            pytest.skip("no program at " + self.program)

    def call(self, method, message=b"", check=True):
        done = subprocess.run([self.program, self.socket, method], input=message, check=False,
                              capture_output=True, timeout=120)
        assert not check or done.returncode == 0, (method, done.stderr.decode())
        return [bytes.fromhex(line) for line in done.stdout.decode().split()]

    def pod(self, name, ns):
        labels = {"io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": ns,
                  "io.kubernetes.pod.uid": "uid-" + name}
        config = pack(f1=pack(f1=name, f2="uid-" + name, f3=ns), f3="/tmp", f6=labels,
                      f8=pack(f2=pack(f1=pack(f1=NODE))))
        return Pod(first_text(self.call(RUNTIME + "RunPodSandbox", pack(f1=config))[0]), config, labels)

    def container(self, pod, name, image, command):
        """Its id; it runs."""
        config = pack(f1=pack(f1=name), f2=pack(f1=image), f3=command,
                      f9=dict(pod.labels, **{"io.kubernetes.container.name": name}), f11=name + ".log")
        made = first_text(self.call(RUNTIME + "CreateContainer",
                                    pack(f1=pod.id, f2=config, f3=pod.config))[0])
        self.call(RUNTIME + "StartContainer", pack(f1=made))
        return made

    def stop(self, container):
        self.call(RUNTIME + "StopContainer", pack(f1=container))
        self.call(RUNTIME + "RemoveContainer", pack(f1=container))

    def stop_pod(self, pod):
        self.call(RUNTIME + "StopPodSandbox", pack(f1=pod.id))
        self.call(RUNTIME + "RemovePodSandbox", pack(f1=pod.id))
