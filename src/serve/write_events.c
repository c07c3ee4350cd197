/* SPDX-License-Identifier: Apache-2.0 */
/* write_events.c - an Event on a workload when alerts about it open or are over: one for all that
 * came together, EVERY_MS apart at least, and the same again is the same Event counted once more.
 *
 * What fires when this hub begins to lead was told by who led before; of a workload that was made
 * since, all is told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/rfc3339.h"
#include "format/jsonw.h"
#include "serve/writeback_inside.h"

enum { EVERY_MS = 10000, NAMED = 3, ALERTS = 1024, NAME_BYTES = 200, MESSAGE_BYTES = 900 };

static struct object_form *mine(struct object *x)
{
	return &x->forms[FORM_EVENTS];
}

/* Of those that were there at a time. */
static uint64_t sum_of(const struct standing_alert *v, size_t n, int64_t until_ms)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].opened_ms < until_ms)
			sum += hash_mix(v[i].id * UINT64_C(3) + 1);
	return sum;
}

static uint32_t count_of(const struct standing_alert *v, size_t n, int64_t until_ms)
{
	uint32_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += v[i].opened_ms < until_ms;
	return count;
}

static void put_message(const struct standing_alert *v, size_t n, size_t all, uint32_t was,
			const char *link, struct strbuf *out)
{
	if (all == 0) {
		strbuf_printf(out, "no alert any more, of %u", was);
		return;
	}
	strbuf_printf(out, "%zu alert%s", all, all == 1 ? "" : "s");
	if (all < was)
		strbuf_printf(out, " of %u left", was);
	for (size_t i = 0; i < MIN_OF(n, (size_t)NAMED); i++)
		strbuf_printf(out, "%s" SPAN_FMT " (%s, rule " SPAN_FMT ")", i ? ", " : ": ",
			      SPAN_ARG(v[i].advisory.n ? span_head(v[i].advisory, 60)
						       : span_head(v[i].rule, 60)),
			      severity_name(v[i].severity), SPAN_ARG(span_head(v[i].rule, 60)));
	if (all > NAMED)
		strbuf_printf(out, " and %zu more", all - NAMED);
	if (*link && out->n + strlen(link) < MESSAGE_BYTES)
		strbuf_printf(out, "; %s", link);
}

static void put_regarding(const struct writeback *b, const struct object *x, struct jsonw *w)
{
	jsonw_key(w, "involvedObject");
	jsonw_object(w);
	jsonw_put_cstr(w, "apiVersion", b->objects.kinds[x->kind].api);
	jsonw_put_cstr(w, "kind", b->objects.kinds[x->kind].name);
	jsonw_put(w, "namespace", object_text(x, OBJECT_NS));
	jsonw_put(w, "name", object_text(x, OBJECT_NAME));
	jsonw_put(w, "uid", object_text(x, OBJECT_UID));
	jsonw_object_end(w);
}

static void put_event(const struct writeback *b, const struct object *x, const char *name,
		      bool opened, struct span message, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	char at[RFC3339_BYTES];
	/* Whole seconds, as Kubernetes has them. */
	const char *now = rfc3339_text(env_now_ms(b->env) / 1000 * 1000, at);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "apiVersion", "v1");
	jsonw_put_cstr(&w, "kind", "Event");
	jsonw_key(&w, "metadata");
	jsonw_object(&w);
	jsonw_put_cstr(&w, "name", name);
	jsonw_put(&w, "namespace", object_text(x, OBJECT_NS));
	jsonw_object_end(&w);
	put_regarding(b, x, &w);
	jsonw_put_cstr(&w, "type", opened ? "Warning" : "Normal");
	jsonw_put_cstr(&w, "reason", opened ? "AlertOpened" : "AlertResolved");
	jsonw_put(&w, "message", message);
	jsonw_key(&w, "source");
	jsonw_object(&w);
	jsonw_put_cstr(&w, "component", "rummage");
	jsonw_object_end(&w);
	jsonw_put_cstr(&w, "firstTimestamp", now);
	jsonw_put_cstr(&w, "lastTimestamp", now);
	jsonw_put_u64(&w, "count", 1);
	jsonw_object_end(&w);
}

/* The same once more. */
static void put_again(const struct writeback *b, const struct object *x, struct span message,
		      struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	char at[RFC3339_BYTES];

	jsonw_object(&w);
	jsonw_put(&w, "message", message);
	jsonw_put_cstr(&w, "lastTimestamp", rfc3339_text(env_now_ms(b->env) / 1000 * 1000, at));
	/* It is there: it was written once at least, by whoever led then. */
	jsonw_put_u64(&w, "count", MAX_OF(x->forms[FORM_EVENTS].written, 1u) + 1);
	jsonw_object_end(&w);
}

static void fill(struct writeback *b, struct object *x, const struct standing *how,
		 const struct standing_alert *v, size_t n, size_t all, struct task *t)
{
	struct strbuf message = strbuf_of(KIB(2)), link = strbuf_of(KIB(4));
	uint32_t was = mine(x)->n;
	bool opened = all && all >= was;
	char name[NAME_BYTES + 24];

	form_link(b, x, how, &link);
	put_message(v, n, all, was, strbuf_cstr(&link), &message);
	snprintf(name, sizeof name, SPAN_FMT ".%016" PRIx64,
		 SPAN_ARG(span_head(object_text(x, OBJECT_NAME), NAME_BYTES)),
		 hash_mix(x->key * 3 + opened));
	strbuf_puts(&t->path, "/api/v1/namespaces/");
	strbuf_percent(&t->path, object_text(x, OBJECT_NS), S("-_."));
	strbuf_puts(&t->path, "/events");
	strbuf_printf(&t->again_path, "%s/%s?fieldManager=rummage", strbuf_cstr(&t->path), name);
	strbuf_puts(&t->path, "?fieldManager=rummage");
	put_event(b, x, name, opened, strbuf_span(&message), &t->body);
	put_again(b, x, strbuf_span(&message), &t->again);
	t->method = "POST";
	t->type = "application/json";
	strbuf_done(&message);
	strbuf_done(&link);
}

static bool wants(struct writeback *b, struct object *x, const struct standing *how, struct task *t)
{
	size_t n = how ? MIN_OF((size_t)how->alerts, (size_t)ALERTS) : 0, all;
	struct standing_alert *v;

	if (how == NULL)
		return false;
	v = n ? calloc(n, sizeof *v) : NULL;
	if (n && v == NULL)
		return false;
	all = standing_alerts(b->standings, v, n);
	n = MIN_OF(n, all);
	t->sum = sum_of(v, n, INT64_MAX);
	t->n = (uint32_t)all;
	if (mine(x)->since_ms != b->leads_ms) {
		int64_t until = x->created_ms < b->leads_ms ? b->leads_ms : 0;

		mine(x)->since_ms = b->leads_ms;
		mine(x)->wrote = sum_of(v, n, until);
		mine(x)->n = count_of(v, n, until);
	}
	if (t->sum != mine(x)->wrote)
		fill(b, x, how, v, n, all, t);
	free(v);
	return t->sum != mine(x)->wrote;
}

static void wrote(struct writeback *b, struct object *x, const struct task *t)
{
	(void)b;
	if (x == NULL)
		return;
	mine(x)->n = t->n;
	mine(x)->next_ms = clock_tick_ms() + EVERY_MS;
}

const struct form form_events = {.name = "events", .wants = wants, .wrote = wrote};
