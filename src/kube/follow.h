/* SPDX-License-Identifier: Apache-2.0 */
/* follow.h - several kinds of objects of one cluster, each listed and then watched, on one thread.
 *
 * A kind is told whole (began, each object, ended), then its changes. It is told whole again after
 * any doubt: the server has forgotten where we were (410), or the stream lied. A list comes as a
 * stream where the server can, else in pages; a watch that ends, breaks off or is silent too long
 * goes on where it was. 429 and 5xx are answered by the pause that they ask for, or a growing one.
 * Kinds that are `first` are listed before the others begin: who owns pods is known before pods
 * come. A kind that is not there, or not allowed, is asked for again now and then. */
#ifndef KUBE_FOLLOW_H
#define KUBE_FOLLOW_H

#include "format/json.h"
#include "kube/client.h"

struct kube_kind {
	const char *path;  /* "/apis/apps/v1/deployments" */
	const char *query; /* of every question, "fieldSelector=..."; NULL none */
	bool first;
	bool rare; /* not of every cluster: where it is not there it is asked for seldom */
};

enum kube_change { KUBE_LISTED, KUBE_CHANGED, KUBE_DELETED };

enum kube_trouble {
	KUBE_AWAY,    /* the server does not answer, or not with sense */
	KUBE_REFUSED, /* there is no such kind, or it is not for us */
	KUBE_OVER,
	KUBE_ODD,
};

/* What is not RMG_OK ends kube_follow() with it. kind: the index of its row. */
struct kube_hear {
	enum rmg_rc (*began)(void *user, size_t kind, struct rmg_err *err);
	enum rmg_rc (*object)(void *user, size_t kind, enum kube_change change, json *object,
			      struct rmg_err *err);
	enum rmg_rc (*ended)(void *user, size_t kind, struct rmg_err *err);
	/* All that came at once has been told. */
	enum rmg_rc (*pause)(void *user, struct rmg_err *err);
	/* Once a trouble with a kind, once its end; KUBE_ODD is neither. */
	void (*warn)(void *user, size_t kind, enum kube_trouble what, const char *text);
	bool (*stop)(void *user);
	void *user;
};

/* Until stop() says so (RMG_E_STOPPED), or a callback does. */
MUST enum rmg_rc kube_follow(struct kube *k, const struct kube_kind *kinds, size_t n,
			     const struct kube_hear *hear, struct rmg_err *err);

#endif
