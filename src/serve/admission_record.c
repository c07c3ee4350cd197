/* SPDX-License-Identifier: Apache-2.0 */
/* admission_record.c - what is kept of a question: in the audit log who did what, at the hub what
 * is asked of a workload. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "format/jsonw.h"
#include "serve/admission_inside.h"

/* ENTER_MS: how long who enters waits for the container's id. */
enum { AGAIN_MS = 600000, ENTER_MS = 2000 };

static enum rmg_rc nothing(void *user, struct store *st, struct rmg_err *err)
{
	(void)user;
	(void)st;
	(void)err;
	return RMG_OK;
}

static bool lately(struct admission *a, uint64_t hash)
{
	int64_t now = clock_tick_ms();
	bool was = false;

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; !was && i < MIN_OF(a->n_recorded, (size_t)REMEMBERED); i++)
		was = a->recorded[i].hash == hash && now - a->recorded[i].at_ms < AGAIN_MS;
	if (!was) {
		a->recorded[a->n_recorded % REMEMBERED].hash = hash;
		a->recorded[a->n_recorded++ % REMEMBERED].at_ms = now;
	}
	pthread_mutex_unlock(&a->lock);
	return was;
}

void case_record(struct case_of *c, const char *action, struct span body)
{
	const struct kube_review *r = &c->review;
	struct strbuf subject = strbuf_of(KIB(4)), text = strbuf_of(KIB(16));
	struct hub_record row = {.actor = r->user, .action = span_cstr(action)};
	struct jsonw w = jsonw_of(&text);
	struct rmg_err err = {0};

	strbuf_printf(&subject, SPAN_FMT "/" SPAN_FMT "/" SPAN_FMT, SPAN_ARG(r->ns),
		      SPAN_ARG(c->would.workload_kind), SPAN_ARG(c->would.workload_name));
	jsonw_object(&w);
	jsonw_put(&w, "operation", r->operation);
	jsonw_put(&w, "resource", r->resource);
	jsonw_put(&w, "subresource", r->subresource);
	jsonw_put(&w, "text", body);
	jsonw_object_end(&w);
	row.subject = strbuf_span(&subject);
	row.body = strbuf_span(&text);
	if (!r->dry_run &&
	    !lately(c->a, hash_span(row.subject) ^ hash_span(row.action) * 31 ^ hash_span(body)) &&
	    hub_change(c->a->env->hub, &row, nothing, NULL, &err) != RMG_OK)
		env_say(c->a->env, "warn", "not in the audit log: %s %s: %s", action,
			strbuf_cstr(&subject), err.msg);
	strbuf_done(&subject);
	strbuf_done(&text);
}

/* What is asked of a workload. */

static void put_image(const struct kube_image *from, const char *means, struct event_image *out)
{
	struct span name, digest;

	*out = (struct event_image){.ref = from->ref, .container = from->name};
	if (span_rcut(from->ref, '@', &name, &digest))
		out->digests[out->n_digests++] = digest;
	else if (*means)
		out->digests[out->n_digests++] = span_cstr(means);
}

/* What it has now counts where its containers are to run something else. */
static size_t put_before(const struct case_of *c, struct event_image *out)
{
	bool same = c->n_was == c->n_now;

	for (size_t i = 0; same && i < c->n_was; i++)
		same = span_is(c->was[i].ref, c->now[i].image.ref) &&
		       span_is(c->was[i].name, c->now[i].image.name);
	for (size_t i = 0; !same && i < c->n_was; i++)
		put_image(&c->was[i], "", &out[i]);
	return same ? 0 : c->n_was;
}

void case_tell(struct case_of *c)
{
	struct event_image *images = calloc(c->n_now + c->n_was + 1, sizeof *images);
	struct event e = c->would;

	if (images == NULL)
		return; /* the watch tells it later */
	e.type = EVENT_WORKLOAD_ASKED;
	e.at_ms = env_now_ms(c->a->env);
	e.change.who = c->review.user;
	e.images = images;
	for (size_t i = 0; i < c->n_now; i++)
		put_image(&c->now[i].image, c->now[i].means, &images[e.n_images++]);
	e.before = images + c->n_now;
	e.n_before = put_before(c, e.before);
	e.n_labels = 0;
	if (e.n_before || hub_admit_is_another(c->a->env->hub, &e))
		admission_tell(c->a->tell, &e);
	free(images);
}

void case_reviewed(struct case_of *c)
{
	struct event e = {.type = EVENT_POD_REVIEWED,
			  .at_ms = env_now_ms(c->a->env),
			  .place = c->would.place,
			  .container = c->meta.uid};

	if (c->meta.uid.n == 0 || c->review.dry_run || c->review.subresource.n ||
	    !span_is(c->review.kind, S("Pod")) || !span_is(c->review.operation, S("CREATE")))
		return;
	admission_missed_reviewed(c->a->env->missed, c->meta.uid);
	admission_tell(c->a->tell, &e);
}

/* "groups: a, b" of who asks, without those that everybody has. */
static void put_groups(const struct case_of *c, struct strbuf *out)
{
	const char *before = "groups: ";

	for (struct json_iter it = json_iter(c->review.groups); json_next(&it);) {
		struct span group = span_head(json_str(it.value), 200);

		if (!utf8_is_clean(group) || span_is(group, S("system:authenticated")))
			continue;
		strbuf_printf(out, "%s" SPAN_FMT, before, SPAN_ARG(group));
		before = ", ";
	}
}

void case_entered(struct case_of *c, struct span command)
{
	struct event e = {.type = EVENT_CONTAINER_CHANGED,
			  .at_ms = env_now_ms(c->a->env),
			  .place = c->would.place};
	struct span name = json_get_str(c->review.object, "container");
	int64_t until = MIN_OF(c->until_ms, clock_tick_ms() + ENTER_MS);
	struct strbuf groups = strbuf_of(KIB(3));
	char id[256];

	if (pull_secrets_container(c->a->secrets, c->review.ns, c->review.name, name, until, id)) {
		put_groups(c, &groups);
		e.container = span_cstr(id);
		e.change.kind = S("entered");
		e.change.path = utf8_is_clean(command) ? command : (struct span){0};
		e.change.who = c->review.user;
		e.change.text = strbuf_span(&groups);
		if (span_is(c->review.subresource, S("attach")))
			e.change.path = S("(attached to what runs)");
		admission_tell(c->a->tell, &e);
	}
	strbuf_done(&groups);
}
