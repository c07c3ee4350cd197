/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/admission.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "format/jsonw.h"
#include "io/server.h"
#include "serve/admission_inside.h"

/* TIMEOUT_MS: where the API server does not say how long it waits. */
enum { TIMEOUT_MS = 10000, MOST_TIMEOUT_S = 30, THREADS = 8, LOOK_MS = 1000, CERT_EVERY = 30 };

/* Answers. */

static void answer(struct case_of *c, struct server_response *out)
{
	struct kube_ruling ruling = {.uid = c->review.uid,
				     .allowed = !c->denied,
				     .message = strbuf_span(&c->message),
				     .warnings = c->warnings,
				     .n_warnings = c->n_warnings,
				     .patch = strbuf_span(&c->patch)};

	atomic_fetch_add(&c->a->denied, c->denied);
	atomic_fetch_add(&c->a->warned, !c->denied && c->n_warnings);
	out->body = strbuf_of(2 * LIMIT_REVIEW_BYTES);
	kube_ruling_write(&ruling, &out->body);
	out->status = 200;
}

/* "10s", as the API server asks. */
static int64_t until(const struct server_request *r)
{
	const char *text = server_query(r, "timeout");
	struct span s = span_cstr(text ? text : "");
	uint64_t n = 0;

	if (s.n < 2 || s.p[s.n - 1] != 's' ||
	    !span_u64(span_head(s, s.n - 1), 10, MOST_TIMEOUT_S, &n) || n == 0)
		return clock_tick_ms() + TIMEOUT_MS - ADMISSION_SPARE_MS;
	return clock_tick_ms() + (int64_t)n * 1000 - ADMISSION_SPARE_MS;
}

static void refuse(struct server_response *out, unsigned status, const char *why)
{
	struct jsonw w = jsonw_of(&out->body);

	out->body = strbuf_of(KIB(8));
	jsonw_object(&w);
	jsonw_put_cstr(&w, "error", why);
	jsonw_object_end(&w);
	out->status = status;
}

static bool admit(void *user, struct server_request *r, uint64_t *max_body,
		  struct server_response *out)
{
	const char *path = server_path(r);

	(void)user;
	if (strcmp(path, "/validate") != 0 && strcmp(path, "/mutate") != 0) {
		refuse(out, 404, "nothing is here but /validate and /mutate");
		return false;
	}
	if (strcmp(server_method(r), "POST") != 0) {
		snprintf(out->allow, sizeof out->allow, "POST");
		refuse(out, 405, "a review is sent by POST");
		return false;
	}
	*max_body = LIMIT_REVIEW_BYTES;
	return true;
}

static void handle(void *user, const struct server_request *r, struct server_response *out)
{
	struct admission *a = user;
	struct case_of *c = calloc(1, sizeof *c);
	struct json_doc doc = {0};
	struct rmg_err err = {0};
	double began = clock_tick_exact_ms();
	enum rmg_rc rc = c ? RMG_OK : err_set(&err, RMG_E_NOMEM, "no memory for a review");

	if (rc == RMG_OK)
		rc = json_parse(&doc, server_body(r), LIMIT_REVIEW_BYTES, &err);
	if (rc == RMG_OK)
		rc = kube_review_read(doc.root, &c->review, &err);
	if (rc != RMG_OK) {
		refuse(out, rc == RMG_E_NOMEM ? 503 : 400, err.msg);
	} else {
		c->a = a;
		c->until_ms = until(r);
		c->message = strbuf_of(2 * MESSAGE_BYTES);
		c->patch = strbuf_of(LIMIT_REVIEW_BYTES);
		if (strcmp(server_path(r), "/mutate") == 0)
			case_pin(c);
		else
			case_judge(c);
		answer(c, out);
		strbuf_done(&c->message);
		strbuf_done(&c->patch);
		explicit_bzero(&c->as, sizeof c->as);
	}
	json_done(&doc);
	free(c);
	atomic_fetch_add(&a->asked, 1);
	atomic_fetch_add(&a->micros, (uint64_t)((clock_tick_exact_ms() - began) * 1000));
}

void admission_metrics(struct admission *a, struct strbuf *out)
{
	const struct {
		const char *name, *what;
		uint64_t value;
	} rows[] = {
	    {"requests_total", "Questions of admission", a ? atomic_load(&a->asked) : 0},
	    {"denied_total", "... that were denied", a ? atomic_load(&a->denied) : 0},
	    {"warned_total", "... let in with a warning", a ? atomic_load(&a->warned) : 0},
	    {"unread_total", "Images that nobody had read in time",
	     a ? atomic_load(&a->unread) : 0},
	    {"break_glass_total", "Let in against the policy", a ? atomic_load(&a->broken) : 0},
	    {"microseconds_total", "Time that the answers took", a ? atomic_load(&a->micros) : 0},
	};

	for (size_t i = 0; a && i < COUNT_OF(rows); i++)
		strbuf_printf(
		    out,
		    "# HELP rummage_admission_%s %s\n# TYPE rummage_admission_%s counter\n"
		    "rummage_admission_%s %" PRIu64 "\n",
		    rows[i].name, rows[i].what, rows[i].name, rows[i].name, rows[i].value);
	if (a)
		admission_scope_metrics(a->scope, out);
}

enum rmg_rc admission_list(struct admission *a, const struct ask *q, struct strbuf *out,
			   struct rmg_err *err)
{
	return admission_scope_list(a ? a->scope : NULL, q, out, err);
}

/* The server, anew where its certificate is. */

static enum rmg_rc open_server(struct admission *a, struct rmg_err *err)
{
	struct server_opts o = {.listen = a->env->opts->admission,
				.cert = admission_cert_pem(a->cert),
				.key = admission_cert_key(a->cert),
				.threads = THREADS,
				.admit = admit,
				.handle = handle,
				.user = a};

	return server_open(&o, &a->server, err);
}

static void renew(struct admission *a)
{
	struct rmg_err err = {0};

	server_close(a->server);
	a->server = NULL;
	while (open_server(a, &err) != RMG_OK && !env_stopping(a->env)) {
		env_say(a->env, "error", "admission: %s", err.msg);
		(void)clock_rest(LOOK_MS, env_stopping, a->env);
	}
}

static void *run(void *user)
{
	struct admission *a = user;

	for (unsigned i = 0; !env_stopping(a->env); i++) {
		if (i % CERT_EVERY == 0 && admission_cert_look(a->cert))
			renew(a);
		if (i % SCOPE_EVERY_S == 0)
			admission_scope_look(a->scope);
		admission_missed_beat(a->env->missed, a->scope, a->tell);
		puller_beat(a->puller);
		admission_tell_beat(a->tell);
		(void)clock_rest(LOOK_MS, env_stopping, a->env);
	}
	return NULL;
}

enum rmg_rc admission_start(struct env *env, struct admission **out, struct rmg_err *err)
{
	struct admission *a;
	enum rmg_rc rc;

	*out = NULL;
	if (env->opts->admission == NULL)
		return RMG_OK;
	a = calloc(1, sizeof *a);
	if (a == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for admission");
	*out = a;
	a->env = env;
	pthread_mutex_init(&a->lock, NULL);
	rc = admission_cert_open(env, &a->cert, err);
	if (rc == RMG_OK)
		rc = puller_start(env, &a->puller, err);
	if (rc == RMG_OK)
		rc = admission_tell_start(env, &a->tell, err);
	if (rc == RMG_OK)
		rc = pull_secrets_new(env, admission_cert_address(a->cert), &a->secrets, err);
	if (rc == RMG_OK)
		rc = admission_scope_new(env, admission_cert_address(a->cert),
					 admission_cert_cluster(a->cert), &a->scope, err);
	if (rc == RMG_OK)
		rc = open_server(a, err);
	if (rc != RMG_OK)
		return rc;
	env_say(env, "info", "admission is answered at %s (port %u)", env->opts->admission,
		server_port(a->server));
	if (pthread_create(&a->thread, NULL, run, a) != 0)
		return err_set(err, RMG_E_NOMEM, "no thread for admission");
	a->threaded = true;
	return RMG_OK;
}

void admission_stop(struct admission *a)
{
	if (a == NULL)
		return;
	if (a->threaded)
		pthread_join(a->thread, NULL);
	server_close(a->server);
	puller_stop(a->puller);
	admission_tell_stop(a->tell);
	admission_scope_free(a->scope);
	pull_secrets_free(a->secrets);
	admission_cert_close(a->cert);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
