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
	X(IMAGE_SAID, "image.said")                                                                \
	X(TAG_RESOLVED, "tag.resolved")                                                            \
	X(WORKLOAD_DECLARED, "workload.declared")                                                  \
	X(WORKLOAD_REMOVED, "workload.removed")                                                    \
	X(WORKLOAD_ASKED, "workload.asked")                                                        \
	X(POD_REVIEWED, "pod.reviewed")                                                            \
	X(POD_UNREVIEWED, "pod.unreviewed")                                                        \
	X(CONTAINER_CHANGED, "container.changed")                                                  \
	X(NODE_SEEN, "node.seen")                                                                  \
	X(NODE_REMOVED, "node.removed")                                                            \
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

enum {
	EVENT_DIGESTS = 16,
	EVENT_NAMES = 64,
	EVENT_LABELS = 64,
	EVENT_IMAGES = 64,
	EVENT_PACKAGES = 256
};

/* How an image came to be on a machine. X(name, "as written"); of two that are told the later row
 * says more. */
#define EVENT_WAYS(X)                                                                              \
	X(UNKNOWN, "")                                                                             \
	/* no registry gave it: it was built here, or nobody saw how it came */                    \
	X(LOCAL, "local")                                                                          \
	/* from an archive; an archive that has no configuration; from a container; a container's  \
	 * state */                                                                                \
	X(LOAD, "load")                                                                            \
	X(IMPORT, "import")                                                                        \
	X(COMMIT, "commit")                                                                        \
	X(CHECKPOINT, "checkpoint")                                                                \
	/* a registry has it, under a digest that the runtime knows */                             \
	X(REGISTRY, "registry")

enum event_way {
#define X(name, text) WAY_##name,
	EVENT_WAYS(X)
#undef X
	    WAY_COUNT
};

static inline bool way_is_local(enum event_way w)
{
	return w > WAY_UNKNOWN && w < WAY_REGISTRY;
}

struct event_image {
	struct span ref;                    /* as written in the workload: "app:1.9" */
	struct span digests[EVENT_DIGESTS]; /* "sha256:...", any kind */
	size_t n_digests;
	/* Of a declared workload: the container that it is for; of one that was committed: the
	 * container that it was made of. */
	struct span container;
	enum event_way way;
	struct span parent; /* the digest of the image that it is based on, by the runtime */
	/* Of a tag: "linux/amd64", of which its second and third digest are. */
	struct span platform;
	/* Of one that lies on a node: all that it is called there, EVENT_NAMES at most. */
	const struct span *names;
	size_t n_names;
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
	/* of "entered" the command, "" where it is not known */
	struct span path, sha256, text;
	struct span purl, was_purl; /* "package": what is there now, what the image has; "" none */
	struct span who;            /* user that the platform names, "" not known */
	struct span how;            /* "run": "new setuid", of EVENT_HOWS */
	struct span ancestry;       /* "run": the processes above it, "sh(12) < sleep(1)" */
};

/* Of a machine that lets rules refuse programs: the kernel's questions, and what became of them
 * (known: judged before; late: let run, since judging took too long), since its agent was started;
 * how long answers took of late, half of them and 99 in 100. */
struct event_answers {
	uint64_t asked, known, refused, late;
	uint64_t p50_us, p99_us;
};

struct event {
	enum event_type type;
	struct span source; /* who says it: "node-a/docker" */
	uint64_t epoch, seq;
	int64_t at_ms; /* when it happened, by the source's clock */
	struct place place;
	struct span workload_kind, workload_name; /* "Deployment", "web"; "" a bare container */
	struct span container; /* the runtime's whole id; of pods that one's uid */
	struct span container_name;
	struct span pod; /* of a use: the pod that it is in, where its workload is another */
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
	/* Asked for, before it is declared: what it would run (images), and what its orchestrator
	 * has of it now (before; none: a container of it is to be made); change.who: by whom. */
	/* Declared: what the orchestrator says of its change ("updating"; one that begins with
	 * "rollback" says that it went back), and the images of the revision before, as images. */
	struct span update;
	struct event_image *before;
	size_t n_before;
	/* Of a node of a cluster (container: its id there): "active", "drain"; "ready", "down". */
	struct span availability, state;
	struct event_label *labels; /* of the workload, or the image, EVENT_LABELS at most */
	size_t n_labels;
	struct event_change change;
	struct event_answers answers; /* of a heartbeat; asked: 0 where there are none */
	/* Of a snapshot: "uses", "images", "workloads", or "" all three; "tags": all that the
	 * source says of tags, and nothing else. */
	struct span scope;
};

/* A manager of a cluster tells of containers on other nodes as this runtime's: hearsay, which
 * stands only as long as no runtime says the same of its own. */
#define EVENT_HEARSAY "swarm"

static inline bool event_is_hearsay(const struct event *e)
{
	return span_is(e->runtime, S(EVENT_HEARSAY));
}

/* What a registry was asked for and said is told by a source of this name: "node-a/tags". Its
 * digests are what the tag means and, where nobody knew that, a configuration (of platform), its
 * manifest where the tag is an index, and the other manifests of that. Where it could not be asked,
 * there is no digest, and the change's text says why; its kind is "vanished" where the registry
 * says that it has no such tag. */
#define EVENT_TAGS "/tags"
#define EVENT_VANISHED "vanished"

/* What a platform says of an image (EVENT_IMAGE_SAID) are the event's labels, in the place of what
 * the same source said of it before; this one, whatever its value: that nobody is to run it. */
#define EVENT_DENY "deny"

/* What a tag meant before is told with a change of this kind: since the event's time, and until
 * what the change's text says (RFC 3339). */
#define EVENT_WAS "was"

/* What admission was asked is told by a source of this name: "node-a/admission". */
#define EVENT_ADMISSION "/admission"

/* Who runs a whole cluster knows whose each container is: what it tells stands in the place of what
 * the container's own runtime tells of it, and either may tell its end. */
#define EVENT_CLUSTER "kubernetes"

/* Of two who tell of one container, whose word stands. */
enum event_word { WORD_HEARSAY, WORD_FIRST_HAND, WORD_CLUSTER };

static inline enum event_word event_word_of(struct span runtime)
{
	if (span_is(runtime, S(EVENT_HEARSAY)))
		return WORD_HEARSAY;
	return span_is(runtime, S(EVENT_CLUSTER)) ? WORD_CLUSTER : WORD_FIRST_HAND;
}

/* A second use stands for what was changed in a container: its id, and this. */
#define EVENT_CHANGES "/changes"

static inline bool event_is_changes(struct span container)
{
	return span_ends(container, S(EVENT_CHANGES));
}

#endif
