/* SPDX-License-Identifier: Apache-2.0 */
/* writeback.h - what the hub knows, written into the clusters that it watches: a thread a cluster,
 * for those who asked for it (--kubernetes-write).
 *
 *     watcher --objects--> objects.h --+
 *     hub ------standings--------------+--> what is otherwise than it should be --> API server
 *
 * Nothing is remembered of what was written but what the objects themselves show: each round holds
 * what is there against what should be, and writes the difference, so that nothing is written twice
 * and nothing is left behind by a restart. Each form of writing is a row of writeback.c's table.
 * LIMIT_KUBE_WRITES_S a second at most, none while the API server is busy; whoever takes a mark
 * away has it back ever later. Of several hubs the one that leads writes. */
#ifndef SERVE_WRITEBACK_H
#define SERVE_WRITEBACK_H

#include "serve/parts.h"

struct writeback;
enum { WRITEBACKS = 16 };
struct writebacks {
	struct writeback *v[WRITEBACKS];
	atomic_size_t n; /* those before it are there: metrics are asked for while they begin */
};

/* "[CLUSTER=]FORM[,...]" of each: names of forms, of clusters that are watched. Asked before they are
 * started. */
MUST enum rmg_rc writebacks_check(const struct serve_opts *o, struct rmg_err *err);
/* Whether a form is to be written into a cluster, or taken away there ("none"; Events never are).
 */
bool writebacks_writes(const struct serve_opts *o, struct span cluster, const char *form);
MUST enum rmg_rc writebacks_start(struct env *env, struct writebacks *w, struct rmg_err *err);
void writebacks_stop(struct writebacks *w); /* they write no more */
void writebacks_free(struct writebacks *w); /* nobody watches any more */
void writebacks_metrics(const struct writebacks *w, struct strbuf *out);

/* The eye of the cluster that is watched so; NULL: nothing is written there. */
const struct watch_eye *writebacks_eye(const struct writebacks *w, const char *address);

#endif
