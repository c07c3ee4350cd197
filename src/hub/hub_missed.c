/* SPDX-License-Identifier: Apache-2.0 */
/* hub_missed.c - pods that started without a review of them: those that came while no hub answered,
 * and those whose review went astray. What was reviewed is known by the pod's uid; what began
 * before this hub's memory of it was reviewed, as far as anybody knows, since who watched then has
 * told what was not. */
#include "base/err.h"
#include "base/hash.h"
#include "base/last_keys.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "format/json.h"
#include "hub/hub_inside.h"

/* USE_MS: how long a container of it is waited for, so that the alert lasts as long as it runs.
 * ROWS: of the stream, in which the last reviews are. */
enum { GRACE_MS = 3000, USE_MS = 30000, ROWS = 256, SECOND_MS = 1000 };

struct missed {
	uint64_t uid;
	int64_t made_ms, at_ms; /* of the pod; when this hub heard of it */
	char *ns, *kind, *name, *pod, *text, *cluster;
};

struct reviews {
	struct last_keys uids;
	VEC(struct missed) missed; /* not told yet */
	int64_t since_ms;          /* what was made before was reviewed */
};

static void missed_done(struct missed *m)
{
	char *texts[] = {m->ns, m->kind, m->name, m->pod, m->text, m->cluster};

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		free(texts[i]);
}

void reviews_free(struct reviews *r)
{
	if (r == NULL)
		return;
	VEC_EACH (m, &r->missed)
		missed_done(m);
	VEC_DONE(&r->missed);
	last_keys_done(&r->uids);
	free(r);
}

/* Where there is no memory it counts as not reviewed, and is said to. */
static void remember(struct reviews *r, uint64_t key)
{
	(void)!last_keys_add(&r->uids, LIMIT_REVIEWS_KEPT, key);
}

/* From the store: when anybody answered last, and what was asked then. */

static enum rmg_rc take_row(void *user, const struct stream_row *row)
{
	struct json_doc doc = {0};
	json *e;

	if (json_parse(&doc, row->body, LIMIT_EVENT_BYTES * 2, NULL) == RMG_OK) {
		e = json_get(doc.root, "event");
		if (span_is(json_get_str(e, "type"), S("pod.reviewed")))
			remember(user, hash_span(json_get_str(e, "container")));
	}
	json_done(&doc);
	return RMG_OK;
}

enum rmg_rc reviews_load(struct hub *h, struct rmg_err *err)
{
	struct reviews *r = calloc(1, sizeof *r);
	uint64_t last = h->stream_seq;

	if (r == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for reviews");
	h->reviews = r;
	for (size_t i = 1; i < h->world->sources.n; i++)
		if (span_ends(h->world->sources.v[i].name, S(EVENT_ADMISSION)))
			r->since_ms = MAX_OF(r->since_ms, h->world->sources.v[i].heard_ms);
	if (r->since_ms == 0) {
		r->since_ms = hub_now_ms(h);
		return RMG_OK;
	}
	return store_stream_each(h->st, last > ROWS ? last - ROWS : 0, ROWS, take_row, r, err);
}

int64_t hub_reviewed_since(const struct hub *h)
{
	return h->reviews->since_ms;
}

/* Events. */

void tx_reviewed(struct tx *tx, const struct event *e)
{
	remember(tx->h->reviews, hash_span(e->container));
}

static bool was_reviewed(const struct reviews *r, uint64_t uid, int64_t made_ms)
{
	return made_ms / SECOND_MS < r->since_ms / SECOND_MS || last_keys_has(&r->uids, uid);
}

enum rmg_rc tx_unreviewed(struct tx *tx, const struct event *e)
{
	struct reviews *r = tx->h->reviews;
	struct missed m = {
	    .uid = hash_span(e->container), .made_ms = e->at_ms, .at_ms = tx->now_ms};

	if (was_reviewed(r, m.uid, m.made_ms) || r->missed.n == LIMIT_REVIEWS_MISSED)
		return RMG_OK;
	VEC_EACH (x, &r->missed)
		if (x->uid == m.uid)
			return RMG_OK;
	m.cluster = span_dup(e->place.cluster);
	m.ns = span_dup(e->place.ns);
	m.kind = span_dup(e->workload_kind);
	m.name = span_dup(e->workload_name);
	m.pod = span_dup(e->container_name);
	m.text = span_dup(e->change.text);
	if (m.cluster && m.ns && m.kind && m.name && m.pod && m.text && VEC_PUSH(&r->missed, m))
		return RMG_OK;
	missed_done(&m);
	return tx_no_memory(tx);
}

/* What is told of it. */

static uint32_t workload_of(const struct world *w, const struct missed *m)
{
	return world_workload_at(w, span_cstr(m->cluster), span_cstr(m->ns), span_cstr(m->kind),
				 span_cstr(m->name));
}

static void put_verdict(const struct tx *tx, uint32_t image, struct strbuf *out)
{
	const struct world_counts *n = &tx->w->images.v[image].counts;

	if (image == 0 || tx->w->images.v[image].read_ms == 0 || tx->env.db == NULL)
		strbuf_puts(out, "nobody has read it yet");
	else
		strbuf_printf(out, "%u critical, %u high", n->by_severity[SEV_CRITICAL],
			      n->by_severity[SEV_HIGH]);
}

static enum rmg_rc tell(struct tx *tx, const struct missed *m, uint32_t workload)
{
	const struct world_workload *x = &tx->w->workloads.v[workload];
	struct strbuf subject = strbuf_of(KIB(8)), title = strbuf_of(KIB(8)),
		      text = strbuf_of(KIB(8)), after = strbuf_of(KIB(1));
	struct happening h = {.kind = RULE_ADMISSION_MISSED, .workload = workload};
	char time[RFC3339_BYTES];
	enum rmg_rc rc;

	h.image = x->first_use ? tx->w->uses.v[x->first_use].image : 0;
	put_verdict(tx, h.image, &after);
	strbuf_printf(&subject, "%s/%s/%s/%s", m->cluster, m->ns, m->kind, m->name);
	strbuf_printf(&title, "%s/%s started and nobody was asked", m->kind, m->name);
	strbuf_printf(&text,
		      "Pod %s was made at %s without a review by any hub. %s It is judged now: %s.",
		      m->pod, rfc3339_text(m->made_ms, time), m->text, strbuf_cstr(&after));
	h.subject = strbuf_span(&subject);
	h.title = strbuf_span(&title);
	h.text = strbuf_span(&text);
	h.after = strbuf_span(&after);
	rc = strbuf_rc(&text) == RMG_OK && strbuf_rc(&subject) == RMG_OK &&
		     strbuf_rc(&title) == RMG_OK
		 ? alerts_happened(tx->h->alerts, &tx->env, &h, tx->err)
		 : tx_no_memory(tx);
	strbuf_done(&subject);
	strbuf_done(&title);
	strbuf_done(&text);
	strbuf_done(&after);
	return rc;
}

/* A review that another hub took may come a moment later. */
static bool is_due(const struct tx *tx, const struct missed *m, uint32_t *workload)
{
	int64_t waited = tx->now_ms - m->at_ms;

	*workload = workload_of(tx->w, m);
	if (*workload && tx->w->workloads.v[*workload].first_use == 0)
		*workload = 0;
	return waited < 0 || waited >= USE_MS || (waited >= GRACE_MS && *workload);
}

enum rmg_rc tx_missed_tick(struct tx *tx)
{
	struct reviews *r = tx->h->reviews;
	enum rmg_rc rc = RMG_OK;
	size_t kept = 0;

	for (size_t i = 0; i < r->missed.n; i++) {
		struct missed *m = &r->missed.v[i];
		bool was = was_reviewed(r, m->uid, m->made_ms);
		uint32_t workload = 0;

		if (rc != RMG_OK || (!was && !is_due(tx, m, &workload))) {
			r->missed.v[kept++] = *m;
			continue;
		}
		if (!was) {
			rc = tell(tx, m, workload);
			remember(r, m->uid); /* once */
		}
		missed_done(m);
	}
	r->missed.n = kept;
	return rc;
}
