/* SPDX-License-Identifier: Apache-2.0 */
/* kube_told.h - what the objects of a cluster say, as events; for kubernetes.c. */
#ifndef WATCH_KUBE_TOLD_H
#define WATCH_KUBE_TOLD_H

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "kube/client.h"
#include "kube/follow.h"
#include "kube/object.h"
#include "watch/batch.h"
#include "watch/kube_lives.h"
#include "watch/kube_owners.h"

enum { KUBE_RUNS = 256 /* of one pod */, KUBE_SOURCE_PART = 96, KUBE_NAME = 128 };

enum kube_part {
	POD,
	WORKLOAD,
	BETWEEN, /* may be somebody's */
	REVISION,
	NODE,
	STREAM, /* kube_openshift.c, and these */
	IMAGE,
	BUILD,
};

struct kube_watched {
	char name[KUBE_NAME]; /* "Deployment"; "" not known yet */
	char group[128];
	char path[400];
	char source[BATCH_SOURCE + KUBE_SOURCE_PART];
	enum kube_part role;
	bool custom;
	uint64_t seq;
	int64_t ask_ms;          /* of a tick: not before, one of them is asked for */
	struct map told;         /* hash of a uid: of what was told of it */
	struct kube_lives lives; /* of pods */
	char at[400];            /* the path that is asked: of one namespace, or path */
};

struct kube_stream {
	uint64_t uid; /* its hash */
	char *tags;   /* "latest\nv1\n", malloc'ed: those that were told */
};

struct kube_streams {
	struct map by_uid;
	VEC(struct kube_stream) v;
};

struct cluster {
	const struct watch_opts *opts;
	struct watch_opts own; /* opts with the place that the address says */
	struct kube *kube;
	struct batch batch;
	struct kube_watched kinds[LIMIT_KUBE_KINDS_MAX];
	struct kube_kind rows[LIMIT_KUBE_KINDS_MAX];
	size_t n;
	char without[LIMIT_KUBE_NAMESPACES_MAX * 96]; /* a query; "" none are left out */
	struct kube_owners owners;
	struct kube_streams streams;
	struct strbuf text; /* of an owner that is asked for */
	bool listing;       /* pods are */
	unsigned failed;    /* rounds, one after the other */
	int64_t heard_ms;   /* what came before has been told */
	int64_t began_ms;   /* the last list of pods */
	int64_t gap_ms;     /* in one: what came after may not have been */
	struct event_label labels[EVENT_LABELS];
	struct kube_image images[EVENT_IMAGES];
	struct kube_run runs[KUBE_RUNS];
};

/* The next event of a kind, of which kube_room() was asked: of two. It may hand over those that are
 * there, and all texts of the batch's arena are gone then, so that it comes before any is made. */
MUST enum rmg_rc kube_room(struct cluster *c, struct rmg_err *err);
struct event *kube_next(struct cluster *c, size_t kind, enum event_type type, int64_t at_ms);

/* What an object of this kind is told to be. */
MUST enum rmg_rc kube_told(struct cluster *c, size_t kind, enum kube_change change, json *object,
			   struct rmg_err *err);

#endif
