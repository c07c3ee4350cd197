/* SPDX-License-Identifier: Apache-2.0 */
/* writeback_inside.h - what the forms of writing share; nobody else includes it. */
#ifndef SERVE_WRITEBACK_INSIDE_H
#define SERVE_WRITEBACK_INSIDE_H

#include "hub/standing.h"
#include "kube/client.h"
#include "serve/objects.h"
#include "serve/writeback.h"

struct form;

/* One question that writes. */
struct task {
	const struct form *form;
	uint64_t object; /* its key */
	uint64_t sum;    /* of what is written; 0: it is taken away */
	const char *method, *type;
	struct strbuf path, body;
	struct strbuf again_path, again; /* a merge patch where it is there already; or nothing */
	uint32_t n;
};

struct writeback {
	struct env *env;
	const char *address;
	struct span cluster;
	unsigned forms; /* bits, by the table */
	struct objects objects;
	struct watch_eye eye;
	struct standings *standings;
	struct kube *kube;
	struct strbuf answer;
	char link[512];      /* to the hub; "" it does not know its address */
	int64_t followed_ms; /* when it was seen last that this hub does not lead, or began */
	int64_t leads_ms;    /* since when this hub does, by its clock; 0: it does not */
	int64_t busy_ms;     /* the API server is left alone until then; of the tick */
	int64_t paid_ms;     /* by which tick what was written is paid off */
	unsigned failed;     /* in a row */
	bool troubled;       /* and that was said */
	bool short_told;     /* ... that memory for objects ran out */
	unsigned ready;      /* bits: forms that have begun */
	unsigned unready;    /* ... those that could not, and that was said */
	int64_t begun_ms;    /* when that was tried last; of the tick */
	const struct reports_kind *reports_kind;
	struct map reports; /* keys of objects, to a part of the sum of their report */
	struct {
		int64_t until_ms; /* it is not for us: asked again then */
		bool told;
	} refused[OBJECT_FORMS][LIMIT_KUBE_KINDS_MAX];
	pthread_t thread;
	atomic_uint_fast64_t written, failures, rounds; /* rounds: with nothing to do */
};

/* A form: a row of writeback.c. */
struct form {
	const char *name;
	/* This hub begins to lead, and now and then. Where it fails, nothing is written so, and it
	 * is said where it was asked for. Outside of all locks; NULL: there is nothing to be done.
	 */
	enum rmg_rc (*begin)(struct writeback *b, struct rmg_err *err);
	/* Within a look and the objects' lock: whether something is to be written for an object,
	 * and what. how NULL: nothing is to be there. */
	bool (*wants)(struct writeback *b, struct object *x, const struct standing *how,
		      struct task *t);
	/* It was written (the objects' lock is held; x NULL: the object has gone). */
	void (*wrote)(struct writeback *b, struct object *x, const struct task *t);
	bool pods;   /* they are written on too */
	bool images; /* ... they are, and nothing else */
};

extern const struct form form_labels, form_events, form_reports, form_images;

/* "3 critical, 1 high; 1 known to be exploited; 2 alerts" */
void form_words(const struct standing *s, struct strbuf *out);
/* "https://hub/api/v1/workloads?...", "" where the hub does not know its address. */
void form_link(const struct writeback *b, const struct object *x, const struct standing *s,
	       struct strbuf *out);

#endif
