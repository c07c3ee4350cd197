/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/admission_missed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/last_keys.h"
#include "base/limits.h"
#include "base/vec.h"
#include "serve/cluster.h"

enum { GRACE_MS = 3000, TEXT = 256 };

struct suspect {
	uint64_t key;
	int64_t made_ms, seen_ms;
	char uid[64], ns[TEXT], name[TEXT], kind[64], workload[TEXT];
};

struct admission_missed {
	struct env *env;
	struct span cluster; /* whose admission is answered: pods of others are none of ours */
	pthread_mutex_t lock;
	struct last_keys known; /* uids that were reviewed, or looked at */
	VEC(struct suspect) suspects;
};

enum rmg_rc admission_missed_new(struct env *env, struct admission_missed **out,
				 struct rmg_err *err)
{
	struct admission_missed *m = calloc(1, sizeof *m);

	*out = m;
	if (m == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for pods");
	m->env = env;
	m->cluster = cluster_name(env->opts, cluster_first(env->opts));
	pthread_mutex_init(&m->lock, NULL);
	return RMG_OK;
}

void admission_missed_free(struct admission_missed *m)
{
	if (m == NULL)
		return;
	last_keys_done(&m->known);
	VEC_DONE(&m->suspects);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void admission_missed_reviewed(struct admission_missed *m, struct span uid)
{
	pthread_mutex_lock(&m->lock);
	(void)!last_keys_add(&m->known, LIMIT_REVIEWS_KEPT, hash_span(uid));
	pthread_mutex_unlock(&m->lock);
}

static void copy(char *to, size_t n, struct span from)
{
	snprintf(to, n, SPAN_FMT, SPAN_ARG(span_head(from, n - 1)));
}

/* A second more: times of pods have no parts of one. */
void admission_missed_pod(struct admission_missed *m, const struct watch_pod *pod)
{
	struct suspect x = {
	    .key = hash_span(pod->uid), .made_ms = pod->made_ms, .seen_ms = clock_tick_ms()};
	bool there = false;

	if (!span_is(pod->cluster, m->cluster))
		return;
	if (pod->made_ms + 1000 < hub_reviewed_since(m->env->hub) || pod->uid.n >= sizeof x.uid)
		return;
	pthread_mutex_lock(&m->lock);
	there = last_keys_has(&m->known, x.key) || m->suspects.n == LIMIT_REVIEWS_MISSED;
	for (size_t i = 0; !there && i < m->suspects.n; i++)
		there = m->suspects.v[i].key == x.key;
	if (!there) {
		copy(x.uid, sizeof x.uid, pod->uid);
		copy(x.ns, sizeof x.ns, pod->ns);
		copy(x.name, sizeof x.name, pod->name);
		copy(x.kind, sizeof x.kind, pod->kind);
		copy(x.workload, sizeof x.workload, pod->workload);
		if (!VEC_PUSH(&m->suspects, x))
			there = true; /* it is seen again */
	}
	pthread_mutex_unlock(&m->lock);
}

static void tell_of(const struct admission_missed *m, const struct suspect *x, enum kube_away away,
		    const char *webhook, struct admission_tell *tell)
{
	struct event e = {.type = EVENT_POD_UNREVIEWED,
			  .at_ms = MAX_OF(x->made_ms, INT64_C(1)),
			  .place = {.cluster = m->cluster, .ns = span_cstr(x->ns)},
			  .workload_kind = span_cstr(x->kind),
			  .workload_name = span_cstr(x->workload),
			  .container = span_cstr(x->uid),
			  .container_name = span_cstr(x->name)};
	char text[TEXT];

	snprintf(text, sizeof text, "While none answers, %s %s.", webhook,
		 away == KUBE_DENIES ? "lets nothing start" : "lets all start");
	e.change.text = span_cstr(text);
	admission_tell(tell, &e);
}

/* false: it is to be looked at again. */
static bool look(const struct admission_missed *m, const struct suspect *x,
		 struct admission_scope *scope, struct admission_tell *tell)
{
	enum kube_away away;
	char webhook[128];
	bool known;

	if (clock_tick_ms() - x->seen_ms < GRACE_MS)
		return false;
	away = admission_scope_of(scope, span_cstr(x->ns), &known, webhook);
	if (!known)
		return clock_tick_ms() - x->seen_ms > 20 * GRACE_MS;
	if (away != KUBE_UNASKED)
		tell_of(m, x, away, webhook, tell);
	return true;
}

void admission_missed_beat(struct admission_missed *m, struct admission_scope *scope,
			   struct admission_tell *tell)
{
	size_t kept = 0;

	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->suspects.n; i++) {
		struct suspect *x = &m->suspects.v[i];

		if (last_keys_has(&m->known, x->key))
			continue;
		if (look(m, x, scope, tell))
			(void)!last_keys_add(&m->known, LIMIT_REVIEWS_KEPT, x->key);
		else
			m->suspects.v[kept++] = *x;
	}
	m->suspects.n = kept;
	pthread_mutex_unlock(&m->lock);
}
