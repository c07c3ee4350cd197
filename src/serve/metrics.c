/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - figures for Prometheus (text format 0.0.4), and whether the hub lives and is ready.
 * The series are these and no more: nothing here is labelled by an image, an advisory or a
 * workload, of which there may be millions; a machine alone, where it lets rules refuse programs,
 * and of so many at most. */
#include <inttypes.h>

#include "format/jsonw.h"
#include "serve/api.h"

static void gauge(struct strbuf *out, const char *name, const char *what, double value)
{
	strbuf_printf(out, "# HELP rummage_%s %s\n# TYPE rummage_%s %s\nrummage_%s %.15g\n", name,
		      what, name, strstr(name, "_total") ? "counter" : "gauge", name, value);
}

enum { MOST_MACHINES = 1000 };

struct answers {
	struct strbuf *out;
	const char *name;
	size_t which; /* a member of struct event_answers */
	double unit;
	size_t n;
};

static void put_answers(void *user, const struct place *where, const struct event_answers *a)
{
	struct answers *x = user;
	uint64_t value;

	if (x->n++ >= MOST_MACHINES)
		return;
	memcpy(&value, (const uint8_t *)a + x->which, sizeof value);
	strbuf_printf(x->out, "rummage_%s{cluster=\"", x->name);
	jsonw_escape(x->out, where->cluster);
	strbuf_puts(x->out, "\",node=\"");
	jsonw_escape(x->out, where->node);
	strbuf_printf(x->out, "\"} %.15g\n", (double)value * x->unit);
}

/* The kernel's questions about programs that start. */
static void machines(struct api *api, struct strbuf *out)
{
	static const struct {
		const char *name, *what;
		size_t which;
		double unit;
	} rows[] = {
#define MEMBER(m) offsetof(struct event_answers, m)
	    {"exec_asked_total", "Programs that a machine was asked about", MEMBER(asked), 1},
	    {"exec_known_total", "Of them those judged before", MEMBER(known), 1},
	    {"exec_refused_total", "Of them those not let run", MEMBER(refused), 1},
	    {"exec_late_total", "Let run since judging took too long", MEMBER(late), 1},
	    {"exec_answer_p50_seconds", "Half of the answers took so long", MEMBER(p50_us), 1e-6},
	    {"exec_answer_p99_seconds", "99 in 100 answers took so long", MEMBER(p99_us), 1e-6},
#undef MEMBER
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct answers x = {out, rows[i].name, rows[i].which, rows[i].unit, 0};

		strbuf_printf(out, "# HELP rummage_%s %s\n# TYPE rummage_%s %s\n", rows[i].name,
			      rows[i].what, rows[i].name,
			      strstr(rows[i].name, "_total") ? "counter" : "gauge");
		hub_answers_each(api->hub, put_answers, &x);
	}
}

/* Where the memory is. What this machine's watchers hold is theirs to say (serve.c). */
static void memory(struct strbuf *out, const struct hub_figures *f)
{
	static const char *const parts[] = {
#define X(name, text) text,
	    WORLD_PART(X)
#undef X
	};

	strbuf_puts(out, "# HELP rummage_memory_bytes Memory of what the hub knows, by part\n"
			 "# TYPE rummage_memory_bytes gauge\n");
	for (size_t i = 0; i < COUNT_OF(parts); i++)
		strbuf_printf(out, "rummage_memory_bytes{part=\"%s\"} %zu\n", parts[i],
			      f->bytes[i]);
}

void api_metrics(struct api *api, const struct call *c, struct server_response *out)
{
	struct strbuf *o = &out->body;
	struct hub_figures f;

	(void)c;
	hub_figures(api->hub, &f);
	out->content_type = "text/plain; version=0.0.4; charset=utf-8";
	gauge(o, "ready", "1 once the store is loaded, a database is there and all parts are started",
	      f.ready && atomic_load(&api->started));
	gauge(o, "leader", "1 while this hub evaluates and sends", f.leads);
	gauge(o, "images", "Image contents known", (double)f.images);
	gauge(o, "images_unread", "Images in use that nobody has read", (double)f.images_unread);
	gauge(o, "components", "Distinct components", (double)f.components);
	gauge(o, "component_rows", "Components of all images", (double)f.pairs);
	gauge(o, "uses", "Containers that run", (double)f.uses);
	gauge(o, "images_cached", "Images that lie on nodes", (double)f.cached);
	gauge(o, "workloads", "Workloads known", (double)f.workloads);
	gauge(o, "workloads_dormant", "Workloads without an instance", (double)f.dormant);
	gauge(o, "alerts_firing", "Alerts that fire", (double)f.alerts_firing);
	gauge(o, "alerts_acknowledged", "Alerts that somebody acknowledged",
	      (double)f.alerts_acknowledged);
	gauge(o, "alerts_suppressed", "Alerts that somebody suppressed",
	      (double)f.alerts_suppressed);
	gauge(o, "events_total", "Events applied", (double)f.events);
	gauge(o, "events_known_total", "Events that had been applied before",
	      (double)f.events_known);
	gauge(o, "events_refused_total", "Events refused", (double)f.events_refused);
	gauge(o, "deltas_total", "Findings that appeared, changed or went", (double)f.deltas);
	gauge(o, "outbox_waiting", "Messages on their way out", (double)f.outbox_waiting);
	gauge(o, "outbox_dead", "Messages that could not be delivered", (double)f.outbox_dead);
	gauge(o, "judge_seconds", "Time that the last new database took", f.judge_ms_last / 1e3);
	gauge(o, "start_seconds", "Time from start to ready", f.start_ms / 1e3);
	gauge(o, "database_loaded_timestamp_seconds", "When the database was taken",
	      (double)f.database_loaded_ms / 1e3);
	gauge(o, "database_built_timestamp_seconds", "When the database was built",
	      (double)f.database_built_ms / 1e3);
	gauge(o, "store_bytes", "Size of the store", (double)f.store_bytes);
	memory(o, &f);
	machines(api, o);
	if (api->more_metrics)
		api->more_metrics(api->user, o);
}

void api_health(struct api *api, const struct call *c, struct server_response *out)
{
	(void)api;
	(void)c;
	strbuf_puts(&out->body, "{\"status\":\"ok\"}");
}

void api_ready(struct api *api, const struct call *c, struct server_response *out)
{
	bool leads;
	const char *why = hub_not_ready(api->hub, &leads);

	(void)c;
	if (why == NULL && !atomic_load(&api->started))
		why = "its parts are being started";
	if (why) {
		api_error(out, 503, "%s", why);
		return;
	}
	strbuf_printf(&out->body, "{\"status\":\"ready\",\"leader\":%s}", leads ? "true" : "false");
}
