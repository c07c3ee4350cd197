# SPDX-License-Identifier: Apache-2.0
"""What it costs a container that its opened files are heard of (--profile): a program that opens 10,000 files a
second in a real dockerd, beside a hub that profiles and one that does not, in turn."""

import os
import subprocess
import time

from hubkit import Hub, wait_for
from node import docker_in, spent_ns, write_feeds

RATE, SECONDS, ROUNDS, FILES = 10000, 4, 3, 64
SOURCE = """#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
enum { TICK = 100 };
static void name(char *buf, size_t size, const char *how, long i)
{
	if (strcmp(how, "same") == 0)
		snprintf(buf, size, "/srv/node_modules/opened/f%ld", i % FILES);
	else
		snprintf(buf, size, "/tmp/n%ld", i);
}
int main(int n, char **v)
{
	struct timespec next;
	struct rusage use;
	char path[64];
	long done = 0;
	if (n < 2)
		for (;;)
			pause();
	clock_gettime(CLOCK_MONOTONIC, &next);
	mkdir("/tmp", 0777);
	while (done < (long)RATE * SECONDS) {
		for (int k = 0; k < RATE / TICK; k++, done++) {
			name(path, sizeof path, v[1], done);
			int fd = open(path, strcmp(v[1], "same") ? O_RDWR | O_CREAT : O_RDONLY, 0600);
			if (fd < 0)
				return 3;
			close(fd);
			if (strcmp(v[1], "same"))
				unlink(path);
		}
		next.tv_nsec += 1000000000 / TICK;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	getrusage(RUSAGE_SELF, &use);
	printf("%f\\n", (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e6 / done +
		(double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / done);
	return 0;
}
"""


def make_image(engine, folder):
    """The program, and the files that it opens, as a package's."""
    root = folder + "/root"
    os.makedirs(root + "/bin")
    files = root + "/srv/node_modules/opened"
    os.makedirs(files)
    source = SOURCE.replace("<sys/resource.h>", "<sys/resource.h>\n#include <sys/stat.h>")
    with open(folder + "/opens.c", "w", encoding="ascii") as f:
        f.write(source)
    subprocess.run(["cc", "-O2", "-static", "-DRATE=%d" % RATE, "-DSECONDS=%d" % SECONDS, "-DFILES=%d" % FILES,
                    "-o", root + "/bin/opens", folder + "/opens.c"], check=True)
    for i in range(FILES):
        with open("%s/f%d" % (files, i), "w", encoding="ascii") as f:
            f.write("x")
    with open(files + "/package.json", "w", encoding="ascii") as f:
        f.write('{"name": "opened", "version": "1.0.0"}')
    tar = subprocess.run(["tar", "-C", root, "-c", "."], check=True, capture_output=True).stdout
    engine.run("import", "--change", 'CMD ["/bin/opens"]', "-", "opens:1", input=tar)


def one(engine, hub, how):
    """(microseconds of the program's own processor time an open, share of a processor that the hub took)."""
    before, began = spent_ns(hub.child.pid), time.monotonic()
    done = engine.run("exec", "opener", "/bin/opens", how, timeout=600)
    return float(done.stdout), (spent_ns(hub.child.pid) - before) / 1e9 / (time.monotonic() - began)


def measure(folder):
    """{how: (cost with, cost without, the hub's share with, without)}: the least of each, which others on the
    machine add to."""
    engine = docker_in(folder)
    rows = {}
    try:
        make_image(engine, folder)
        feeds = write_feeds(folder + "/feeds")
        for turn in range(ROUNDS):
            for on in (True, False):
                with Hub("%s/hub%d%d" % (folder, turn, on), feeds=feeds,
                         args=["--docker", engine.socket] + (["--profile"] if on else [])) as hub:
                    engine.run("rm", "-f", "opener", check=False)
                    engine.start("opens:1", "opener")
                    wait_for(lambda: [i for i in hub.items("/api/v1/images") if i["read"]], 120, 0.1, hub.said)
                    if on:
                        digest = hub.items("/api/v1/images")[0]["digest"]
                        wait_for(lambda: hub.get("/api/v1/images/" + digest)["profile"], 60, 0.1, hub.said)
                    for how in ("same", "fresh"):
                        rows.setdefault((how, on), []).append(one(engine, hub, how))
    finally:
        engine.run("rm", "-f", "opener", check=False)
        engine.close()
    least = {k: [min(x) for x in zip(*v)] for k, v in rows.items()}
    return {how: (least[how, True][0], least[how, False][0], least[how, True][1], least[how, False][1])
            for how in ("same", "fresh")}
