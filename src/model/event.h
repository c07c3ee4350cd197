/* SPDX-License-Identifier: Apache-2.0 */
/* event.h - what a watcher saw: the one language between runtimes, orchestrators, registries and
 * the hub. Plain data, all spans borrowed.
 *
 * Events of one source are ordered by (epoch, seq): the epoch is the time in milliseconds at which
 * the source's own memory begins, so that one that lost its state is not taken for an old one. What
 * is not above the last that was applied has been seen and is ignored; a gap makes the hub ask for
 * a snapshot.
 * A snapshot is SNAPSHOT_BEGAN, then EVENT_USE_BEGAN and EVENT_IMAGE_SEEN of everything that is
 * there, then SNAPSHOT_ENDED: what the same source had said before and did not say now is over.
 *
 * An image is named by every digest that the watcher has, whichever kind (index, manifest,
 * configuration: runtimes differ in what they call an image's id), and by its reference as the
 * workload wrote it. */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* X(name, "as written") */
#define EVENT_TYPES(X)                                                                             \
	X(USE_BEGAN, "use.began")                                                                  \
	X(USE_ENDED, "use.ended")                                                                  \
	X(IMAGE_SEEN, "image.seen")                                                                \
	X(IMAGE_REMOVED, "image.removed")                                                          \
	X(TAG_RESOLVED, "tag.resolved")                                                            \
	X(WORKLOAD_DECLARED, "workload.declared")                                                  \
	X(WORKLOAD_REMOVED, "workload.removed")                                                    \
	X(CONTAINER_CHANGED, "container.changed")                                                  \
	X(SNAPSHOT_BEGAN, "snapshot.began")                                                        \
	X(SNAPSHOT_ENDED, "snapshot.ended")                                                        \
	X(HEARTBEAT, "heartbeat")

enum event_type {
#define X(name, text) EVENT_##name,
	EVENT_TYPES(X)
#undef X
	    EVENT_COUNT
};

/* Where: parts that do not apply are empty ("" is the namespace of a plain engine). */
struct place {
	struct span cluster, node, ns;
};

struct event_label {
	struct span key, value;
};

enum { EVENT_DIGESTS = 8, EVENT_LABELS = 64, EVENT_IMAGES = 64, EVENT_PACKAGES = 256 };

struct event_image {
	struct span ref;                    /* as written in the workload: "app:1.9" */
	struct span digests[EVENT_DIGESTS]; /* "sha256:...", any kind */
	size_t n_digests;
	struct span container; /* of a declared workload: the container that it is for */
};

/* What is odd about a program that was started. X(name, "as written"); bits of HOW_name. */
#define EVENT_HOWS(X)                                                                              \
	/* it was written in the container: the image has no such file, or another one */          \
	X(NEW, "new")                                                                              \
	/* it lies on something else that is mounted there: to be read only, or to be written to   \
	 */                                                                                        \
	X(MOUNTED, "mounted")                                                                      \
	X(WRITABLE, "writable")                                                                    \
	/* the image has it, and no package owns it */                                             \
	X(UNOWNED, "unowned")                                                                      \
	X(SETUID, "setuid")                                                                        \
	/* it has no name: it is in memory, or was deleted */                                      \
	X(MEMFD, "memfd")                                                                          \
	/* nothing that runs this image has started it while it was watched for that */            \
	X(UNPROFILED, "unprofiled")                                                                \
	/* it was to be judged before it starts, and was let run since that took too long */       \
	X(UNJUDGED, "unjudged")                                                                    \
	/* it was not let run, for one of the others */                                            \
	X(REFUSED, "refused")

enum event_how {
#define X(name, text) HOW_BIT_##name,
	EVENT_HOWS(X)
#undef X
	    HOW_COUNT
};
#define X(name, text) HOW_##name = 1 << HOW_BIT_##name,
enum { EVENT_HOWS(X) };
#undef X

/* What drift was found in a container; one event a finding. */
struct event_change {
	/* "package", "file", "exec": an executable; "run": a program that was started; "entered":
	 * by somebody, through the runtime */
	struct span kind;
	struct span path, sha256, text;
	struct span purl, was_purl; /* "package": what is there now, what the image has; "" none */
	struct span who;            /* user that the platform names, "" not known */
	struct span how;            /* "run": "new setuid", of EVENT_HOWS */
	struct span ancestry;       /* "run": the processes above it, "sh(12) < sleep(1)" */
};

struct event {
	enum event_type type;
	struct span source; /* who says it: "node-a/docker" */
	uint64_t epoch, seq;
	int64_t at_ms; /* when it happened, by the source's clock */
	struct place place;
	struct span workload_kind, workload_name; /* "Deployment", "web"; "" a bare container */
	struct span container;                    /* the runtime's whole id */
	struct span container_name;
	uint32_t
	    pid; /* of a use: its first process, on this machine alone (not written); 0 not known */
	struct span runtime;      /* "docker", "containerd" */
	struct event_image image; /* of uses, images, tags (ref -> digests[0]) */
	struct span revision;     /* what the orchestrator or a label calls this version */
	uint64_t replicas;        /* declared: how many are wanted; 0 makes it dormant */
	struct span schedule;     /* declared: a CronJob's */
	bool suspended;
	struct event_image *images; /* declared: one a container, EVENT_IMAGES at most */
	size_t n_images;
	struct event_label *labels; /* of the workload, EVENT_LABELS at most */
	size_t n_labels;
	struct event_change change;
	struct span scope; /* of a snapshot: "uses", "images", "workloads", or "" all */
};

/* A second use stands for what was changed in a container: its id, and this. */
#define EVENT_CHANGES "/changes"

static inline bool event_is_changes(struct span container)
{
	return span_ends(container, S(EVENT_CHANGES));
}

#endif
