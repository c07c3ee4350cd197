/* SPDX-License-Identifier: Apache-2.0 */
/* objects.h - the workloads, pods and images of a cluster that something may be written on: who
 * they are, what runs in them, and which marks of ours they have. Seen through its watcher's eyes
 * (watch/watch.h), so that the cluster is not asked twice.
 *
 * What has an owner (a ReplicaSet, a Job of a CronJob) is here only while it has marks. Some 300
 * bytes each. The lock is held by whoever reads or changes them; indexes hold until it is given
 * back, keys longer. */
#ifndef SERVE_OBJECTS_H
#define SERVE_OBJECTS_H

#include <pthread.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "watch/watch.h"

struct objects_kind {
	char path[400], name[128], api[160]; /* api: "apps/v1" */
	uint32_t round;
	bool pods, images; /* images: OpenShift's, which are in no namespace */
};

enum { OBJECT_NS, OBJECT_NAME, OBJECT_UID, OBJECT_TEXTS };

/* What a form of writing keeps of an object; zero at first. */
struct object_form {
	uint64_t wrote;   /* the sum of what was written last; 0: nothing, or its removal */
	int64_t next_ms;  /* not before; of the tick */
	uint32_t tries;   /* of the same, one after the other */
	uint32_t written; /* how often */
	uint32_t n;       /* events: of alerts that were told */
	int64_t since_ms; /* ... as of then; 0: nothing is known */
};
enum { FORM_LABELS, FORM_EVENTS, FORM_REPORTS, FORM_IMAGES, OBJECT_FORMS };

struct object {
	uint64_t key;   /* hash of its uid */
	uint64_t owner; /* ... of its owner's; 0: none */
	char *text;     /* OBJECT_TEXTS, then ids of containers, or an image's version; NUL each */
	uint32_t text_bytes, round;
	uint16_t kind, n_containers;
	int64_t created_ms;
	uint64_t marks; /* kube_mark_seen(); of an image quality_seen() */
	struct object_form forms[OBJECT_FORMS];
};

struct objects {
	pthread_mutex_t lock;
	struct objects_kind kinds[LIMIT_KUBE_KINDS_MAX];
	size_t n_kinds;
	VEC(struct object) v;
	struct map by_key;
	uint64_t changes;     /* so often something changed */
	bool pods;            /* those that somebody owns are wanted too */
	bool images;          /* these are wanted */
	bool short_of_memory; /* so that not all of them are here, or known */
};

void objects_init(struct objects *o, bool pods, bool images);
void objects_done(struct objects *o);
struct watch_eye objects_eye(struct objects *o);

/* Under the lock. */
struct object *objects_find(struct objects *o, uint64_t key); /* NULL: it is gone */
struct span object_text(const struct object *x, size_t nth);  /* containers: from OBJECT_TEXTS */
/* "/apis/apps/v1/namespaces/NS/deployments/NAME", ".../v1/images/NAME" */
void object_path(const struct objects *o, const struct object *x, struct strbuf *out);

#endif
