/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - a watcher turns what a runtime, an orchestrator or a registry says into events.
 *
 * One file a kind, one row of watch.def. watch_run() blocks on a thread of its own until stop()
 * says so. It subscribes first, lists then (a snapshot), and goes on with the stream; a broken
 * stream is followed by another snapshot, with a growing pause, so that nothing is lost but time.
 * Events are handed over in order; a refusal (anything but RMG_OK) makes it pause and take a
 * snapshot again. stop() is asked at least once a second or so, on that thread.
 *
 * What began and ended between two rounds is told where the runtime remembers it, beginning with
 * since_ms; some of it is then told twice, which the caller leaves out. */
#ifndef WATCH_WATCH_H
#define WATCH_WATCH_H

#include "base/err.h"
#include "format/json.h"
#include "model/event.h"

/* Who wants to see a cluster's objects themselves, as its watcher hears of them; on its thread, and
 * briefly. path: "/apis/apps/v1/deployments", kind: "Deployment". Each kind is told whole at first
 * and after any doubt: what comes between began and ended is all that there is. */
struct watch_eye {
	void (*began)(void *user, const char *path);
	void (*object)(void *user, const char *path, const char *kind, json *object, bool gone);
	void (*ended)(void *user, const char *path);
	void *user;
};

struct watch_pod {
	struct span cluster, uid, ns, name, kind, workload;
	int64_t made_ms;
};

struct watch_opts {
	const char *kind;    /* "docker" */
	const char *address; /* a socket's path, or a URL */
	struct place place;  /* cluster and node that it speaks of */
	int64_t since_ms;    /* what came before has been told; 0: all, or it does not matter */
	bool with_docker;    /* a Docker engine of this machine is watched too */
	/* Kubernetes: further kinds that make pods, "GROUP/VERSION/RESOURCE", NULL-terminated. */
	const char *const *kinds;
	/* Kubernetes: these namespaces alone; all but these. NULL-terminated, NULL all. */
	const char *const *namespaces, *const *without;
	const struct watch_eye *eye; /* Kubernetes: NULL: nobody */
	enum rmg_rc (*events)(void *user, const struct event *e, size_t n, struct rmg_err *err);
	bool (*stop)(void *user);
	void (*warn)(void *user, const char *text); /* once a trouble, once its end */
	/* For watchers that go on without a snapshot; NULL: nobody asks. What a person should know,
	 * and whether what is watched answers. */
	void (*remark)(void *user, const char *text);
	void (*answers)(void *user, bool well);
	void (*holds)(void *user, size_t bytes); /* of what it was told; NULL: nobody asks */
	/* Kubernetes: a pod is there, told again and again; what it is of as far as is known. NULL:
	 * nobody asks. */
	void (*pod)(void *user, const struct watch_pod *pod);
	void *user;
};

struct watch_kind {
	const char *name, *what;
	enum rmg_rc (*run)(const struct watch_opts *opts, struct rmg_err *err);
};

const struct watch_kind *watch_kind_at(size_t i); /* NULL: end */
MUST enum rmg_rc watch_run(const struct watch_opts *opts, struct rmg_err *err);

#endif
