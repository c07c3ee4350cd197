/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/admission_scope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/vec.h"
#include "hub/ask_page.h"
#include "kube/client.h"
#include "kube/object.h"

enum { PAGE = 500, NAME = 128 };

struct space {
	char ns[NAME], webhook[NAME];
	enum kube_away away;
	uint64_t timeout_s;
	bool sometimes;
};
struct spaces {
	VEC(struct space) rows;
};

struct admission_scope {
	struct env *env;
	const char *address;
	struct span cluster;
	struct kube *kube; /* the thread's that looks */
	bool troubled;
	pthread_mutex_t lock; /* of what follows */
	struct spaces now;
};

static const char *const words[] = {
    [KUBE_UNASKED] = "unasked", [KUBE_LETS_IN] = "starts", [KUBE_DENIES] = "denied"};

enum rmg_rc admission_scope_new(struct env *env, const char *address, struct span cluster,
				struct admission_scope **out, struct rmg_err *err)
{
	struct admission_scope *s = calloc(1, sizeof *s);

	*out = s;
	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for namespaces");
	s->env = env;
	s->address = address;
	s->cluster = cluster;
	pthread_mutex_init(&s->lock, NULL);
	return RMG_OK;
}

void admission_scope_free(struct admission_scope *s)
{
	if (s == NULL)
		return;
	kube_close(s->kube);
	VEC_DONE(&s->now.rows);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Looking. */

/* *doc stays as it is where there is none. */
static enum rmg_rc get(struct admission_scope *s, const char *path, const char *accept,
		       struct json_doc *doc, struct rmg_err *err)
{
	const struct kube_question q = {.method = "GET", .path = path, .accept = accept};
	struct strbuf answer = strbuf_of(LIMIT_KUBE_OBJECT_BYTES);
	struct kube_answer a = {0};
	enum rmg_rc rc = kube_put(s->kube, &q, &answer, &a, err);

	if (rc == RMG_OK && a.status != 200 && a.status != 404)
		rc = err_set(err, RMG_E_NET, "%u for %s", a.status, path);
	if (rc == RMG_OK && a.status == 200)
		rc = json_parse(doc, strbuf_span(&answer), LIMIT_KUBE_OBJECT_BYTES, err);
	strbuf_done(&answer);
	return rc;
}

static enum rmg_rc add(json *config, json *item, struct spaces *out, struct rmg_err *err)
{
	struct kube_asked asked;
	struct kube_meta meta;
	struct space x = {0};

	kube_meta_read(item, &meta);
	if (meta.name.n == 0 || meta.name.n >= sizeof x.ns)
		return RMG_OK;
	kube_webhook_asked(config, meta.labels, &asked);
	snprintf(x.ns, sizeof x.ns, SPAN_FMT, SPAN_ARG(meta.name));
	snprintf(x.webhook, sizeof x.webhook, SPAN_FMT,
		 SPAN_ARG(span_head(asked.webhook, sizeof x.webhook - 1)));
	x.away = asked.away;
	x.timeout_s = asked.timeout_s;
	x.sometimes = asked.sometimes;
	if (out->rows.n == LIMIT_NAMESPACES_KNOWN || !VEC_PUSH(&out->rows, x))
		return err_set(err, RMG_E_LIMIT, "more namespaces than are looked at");
	return RMG_OK;
}

static enum rmg_rc read_page(struct admission_scope *s, json *config, struct strbuf *next,
			     struct spaces *out, struct rmg_err *err)
{
	struct strbuf path = strbuf_of(KIB(16));
	struct json_doc doc = {0};
	enum rmg_rc rc;

	strbuf_printf(&path, "/api/v1/namespaces?limit=%d", PAGE);
	if (next->n) {
		strbuf_puts(&path, "&continue=");
		strbuf_percent(&path, strbuf_span(next), S("-_."));
	}
	rc = get(s, strbuf_cstr(&path), KUBE_META_LIST, &doc, err);
	for (struct json_iter it = json_iter(json_get(doc.root, "items"));
	     rc == RMG_OK && json_next(&it);)
		rc = add(config, it.value, out, err);
	strbuf_clear(next);
	strbuf_put(next, json_get_str(json_get(doc.root, "metadata"), "continue"));
	json_done(&doc);
	strbuf_done(&path);
	return rc;
}

static enum rmg_rc read_all(struct admission_scope *s, struct spaces *out, struct rmg_err *err)
{
	const struct kube_opts opts = {.address = s->address, .stop = env_stopping, .user = s->env};
	struct strbuf next = strbuf_of(KIB(8)), path = strbuf_of(KIB(1));
	struct json_doc config = {0};
	enum rmg_rc rc = s->kube ? RMG_OK : kube_open(&opts, &s->kube, err);

	strbuf_printf(&path,
		      "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/%s",
		      s->env->opts->admission_webhooks);
	if (rc == RMG_OK)
		rc = get(s, strbuf_cstr(&path), NULL, &config, err);
	do {
		if (rc == RMG_OK)
			rc = read_page(s, config.root, &next, out, err);
	} while (rc == RMG_OK && next.n);
	json_done(&config);
	strbuf_done(&next);
	strbuf_done(&path);
	return rc;
}

void admission_scope_look(struct admission_scope *s)
{
	struct spaces fresh = {0}, old;
	struct rmg_err err = {0};
	enum rmg_rc rc;

	if (s->address == NULL || s->env->opts->admission_webhooks == NULL)
		return;
	rc = read_all(s, &fresh, &err);
	if (rc != RMG_OK && !s->troubled)
		env_say(s->env, "warn",
			"admission: what holds while no hub answers is not known: %s", err.msg);
	s->troubled = rc != RMG_OK;
	if (rc == RMG_OK) {
		pthread_mutex_lock(&s->lock);
		old = s->now;
		s->now = fresh;
		fresh = old;
		pthread_mutex_unlock(&s->lock);
	}
	VEC_DONE(&fresh.rows);
}

/* Saying. */

enum kube_away admission_scope_of(struct admission_scope *s, struct span ns, bool *known,
				  char webhook[static 128])
{
	enum kube_away away = KUBE_UNASKED;

	*known = false;
	webhook[0] = '\0';
	pthread_mutex_lock(&s->lock);
	VEC_EACH (x, &s->now.rows) {
		if (!span_is(ns, span_cstr(x->ns)))
			continue;
		*known = true;
		away = x->away;
		snprintf(webhook, NAME, "%s", x->webhook);
		break;
	}
	pthread_mutex_unlock(&s->lock);
	return away;
}

static void put_space(struct jsonw *w, const struct admission_scope *s, const struct space *x)
{
	jsonw_object(w);
	jsonw_put(w, "cluster", s->cluster);
	jsonw_put_cstr(w, "namespace", x->ns);
	jsonw_put_cstr(w, "away", words[x->away]);
	jsonw_put_cstr(w, "webhook", x->webhook);
	jsonw_put_u64(w, "timeout_s", x->timeout_s);
	jsonw_put_bool(w, "sometimes", x->sometimes);
	jsonw_object_end(w);
}

enum rmg_rc admission_scope_list(struct admission_scope *s, const struct ask *q, struct strbuf *out,
				 struct rmg_err *err)
{
	struct page p;
	enum rmg_rc rc = page_begin(&p, q, out, err);

	if (rc != RMG_OK)
		return rc;
	if (s)
		pthread_mutex_lock(&s->lock);
	for (size_t i = 0; s && i < s->now.rows.n && !p.more; i++) {
		const struct place place = {.cluster = s->cluster,
					    .ns = span_cstr(s->now.rows.v[i].ns)};

		if (ask_place(q, &place) && page_at(&p, i + 1, 0))
			put_space(&p.w, s, &s->now.rows.v[i]);
	}
	if (s)
		pthread_mutex_unlock(&s->lock);
	jsonw_array_end(&p.w);
	page_end(&p, NULL, s ? env_now_ms(s->env) : 0);
	return RMG_OK;
}

void admission_scope_metrics(struct admission_scope *s, struct strbuf *out)
{
	size_t n[COUNT_OF(words)] = {0};

	pthread_mutex_lock(&s->lock);
	VEC_EACH (x, &s->now.rows)
		n[x->away]++;
	pthread_mutex_unlock(&s->lock);
	strbuf_puts(out, "# HELP rummage_admission_namespaces By what becomes of pods while no hub "
			 "answers\n# TYPE rummage_admission_namespaces gauge\n");
	for (size_t i = 0; i < COUNT_OF(words); i++)
		strbuf_printf(out, "rummage_admission_namespaces{away=\"%s\"} %zu\n", words[i],
			      n[i]);
}
