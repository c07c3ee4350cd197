# SPDX-License-Identifier: Apache-2.0
"""What a watcher tells, from its own mouth: `watch_print KIND ADDRESS`.

    with Watching("containerd", socket) as told:
        told.wait("use.began", container="default/web")
"""

import json
import os
import subprocess
import threading
import time

import pytest

import kit


class Watching:
    def __init__(self, kind, address, ready=True):
        """ready False: what is watched may not be there yet."""
        self.ready = ready
        path = os.path.join(kit.BUILD, "src", "watch", "watch_print")
        if not os.path.exists(path):
            pytest.skip("no program at " + path)
        self.child = subprocess.Popen([path, kind, str(address)], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.events, self.said, self.changed = [], [], threading.Condition()
        for stream, take in ((self.child.stdout, self.take), (self.child.stderr, self.said.append)):
            threading.Thread(target=self.read, args=(stream, take), daemon=True).start()

    def take(self, line):
        event = json.loads(line)
        event["heard"] = time.time()
        self.events.append(event)

    def read(self, stream, take):
        for line in stream:
            with self.changed:
                take(line)
                self.changed.notify_all()

    def find(self, kind, since=0, **want):
        """Events of this kind from number since on; want: members, or parts of image."""
        def fits(event):
            return event["type"] == kind and all(
                event.get(k, event.get("image", {}).get(k)) == v for k, v in want.items())
        return [e for e in self.events[since:] if fits(e)]

    def wait(self, kind, since=0, seconds=30, **want):
        end = time.monotonic() + seconds
        with self.changed:
            while not self.find(kind, since, **want):
                assert self.changed.wait(end - time.monotonic()), \
                    "no %s %r; told: %r; said: %r" % (kind, want, self.events[since:], self.said)
                assert time.monotonic() < end
            return self.find(kind, since, **want)[0]

    def mark(self):
        with self.changed:
            return len(self.events)

    def __enter__(self):
        if self.ready:
            self.wait("snapshot.ended")
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()
        self.child.stderr.close()
