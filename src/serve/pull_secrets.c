/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/pull_secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "kube/client.h"
#include "kube/object.h"
#include "oci/authfile.h"
#include "oci/reference.h"

enum { HELD = 64, SECRETS_OF_POD = 8, RUNS = 64, NAME = 256, SPARE_MS = 1000 };

/* What the cluster said at a path: of a secret the document that kubelets read, of an account the
 * names of its secrets. */
struct held {
	uint64_t path;
	int64_t at_ms;
	char *text;
	size_t n;
};

struct pull_secrets {
	struct env *env;
	const char *address;
	pthread_mutex_t lock;
	struct kube *kube;
	int64_t until_ms; /* of who has the lock */
	bool troubled;
	struct held held[HELD];
	size_t next;
};

enum rmg_rc pull_secrets_new(struct env *env, const char *address, struct pull_secrets **out,
			     struct rmg_err *err)
{
	struct pull_secrets *s = calloc(1, sizeof *s);

	*out = s;
	if (s == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for pull secrets");
	s->env = env;
	s->address = address;
	pthread_mutex_init(&s->lock, NULL);
	return RMG_OK;
}

static void drop(struct held *h)
{
	if (h->text)
		explicit_bzero(h->text, h->n);
	free(h->text);
	*h = (struct held){0};
}

void pull_secrets_free(struct pull_secrets *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < HELD; i++)
		drop(&s->held[i]);
	kube_close(s->kube);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* One question at a time, and none longer than who asks has time for. */

/* The lock, unless another has it for too long; what comes after has its time too. */
static bool begin(struct pull_secrets *s, int64_t until_ms)
{
	int64_t left = MAX_OF(until_ms - clock_tick_ms(), INT64_C(0)), at;
	struct timespec end;

	left -= MIN_OF(left / 2, (int64_t)SPARE_MS);
	until_ms = clock_tick_ms() + left;
	at = clock_ms() + left; /* which is what that lock's time is in */
	end = (struct timespec){.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000};
	if (pthread_mutex_timedlock(&s->lock, &end) != 0)
		return false;
	s->until_ms = until_ms;
	return true;
}

/* Under the lock. */
static bool is_over(void *user)
{
	struct pull_secrets *s = user;

	return env_stopping(s->env) || clock_tick_ms() >= s->until_ms;
}

static void say(struct pull_secrets *s, enum rmg_rc rc, const struct rmg_err *err)
{
	if (rc != RMG_OK && !s->troubled && !env_stopping(s->env))
		env_say(s->env, "warn", "admission: the cluster does not say what a pod is: %s",
			rc == RMG_E_STOPPED ? "not in time" : err->msg);
	s->troubled = rc != RMG_OK;
}

/* RMG_OK: with *doc, or without it where there is nothing that we may see. RMG_E_STOPPED: there was
 * no time for an answer. */
static enum rmg_rc get(struct pull_secrets *s, const char *path, struct json_doc *doc)
{
	const struct kube_opts opts = {.address = s->address, .stop = is_over, .user = s};
	struct strbuf answer = strbuf_of(LIMIT_KUBE_OBJECT_BYTES);
	struct rmg_err err = {0};
	unsigned status = 0;
	enum rmg_rc rc = s->address == NULL || s->kube ? RMG_OK : kube_open(&opts, &s->kube, &err);

	if (rc == RMG_OK && s->address)
		rc = is_over(s)
			 ? RMG_E_STOPPED
			 : kube_ask(s->kube, "GET", path, NULL, S(""), &answer, &status, &err);
	if (rc == RMG_OK && status == 200)
		rc = json_parse(doc, strbuf_span(&answer), LIMIT_KUBE_OBJECT_BYTES, &err);
	say(s, rc, &err);
	if (answer.n)
		explicit_bzero(answer.p, answer.n);
	strbuf_done(&answer);
	return rc;
}

static void put_path(struct strbuf *path, struct span ns, const char *kind, struct span name)
{
	strbuf_puts(path, "/api/v1/namespaces/");
	strbuf_percent(path, ns, S("-_."));
	strbuf_printf(path, "/%s/", kind);
	strbuf_percent(path, name, S("-_."));
}

/* The document of a secret, decoded; an older one is a table of hosts alone. */
static void read_secret(json *secret, struct strbuf *out)
{
	json *data = json_get(secret, "data");
	bool old = json_get(data, ".dockerconfigjson") == NULL;
	struct span text = json_get_str(data, old ? ".dockercfg" : ".dockerconfigjson");
	uint8_t *bytes = malloc(text.n + 3);
	size_t n = 0;

	if (bytes && base64_bytes(text, bytes, text.n + 3, &n)) {
		strbuf_puts(out, old ? "{\"auths\":" : "");
		strbuf_put(out, span_of(bytes, n));
		strbuf_puts(out, old ? "}" : "");
	}
	if (bytes)
		explicit_bzero(bytes, text.n + 3);
	free(bytes);
}

static void put_names(json *refs, struct strbuf *out)
{
	size_t n = 0;

	for (struct json_iter it = json_iter(refs); n < SECRETS_OF_POD && json_next(&it); n++)
		strbuf_printf(out, SPAN_FMT "\n", SPAN_ARG(json_get_str(it.value, "name")));
}

/* What is held of it, or is asked for now; "" where there is nothing, or no time. */
static struct span look_up(struct pull_secrets *s, struct span ns, const char *kind,
			   struct span name)
{
	struct strbuf path = strbuf_of(KIB(8)), text = strbuf_of(LIMIT_KUBE_OBJECT_BYTES);
	struct json_doc doc = {0};
	struct held *h;
	uint64_t key;

	put_path(&path, ns, kind, name);
	key = hash_span(strbuf_span(&path));
	for (size_t i = 0; i < HELD; i++) {
		h = &s->held[i];
		if (h->path != key || clock_tick_ms() - h->at_ms >= SECRET_MS)
			continue;
		strbuf_done(&path);
		return span_of(h->text, h->n);
	}
	if (get(s, strbuf_cstr(&path), &doc) == RMG_E_STOPPED) {
		strbuf_done(&path);
		return (struct span){0};
	}
	if (doc.root && strcmp(kind, "secrets") == 0)
		read_secret(doc.root, &text);
	else
		put_names(json_get(doc.root, "imagePullSecrets"), &text);
	json_done(&doc);
	h = &s->held[s->next++ % HELD];
	drop(h);
	*h = (struct held){.path = key, .at_ms = clock_tick_ms(), .n = text.n};
	h->text = span_dup(strbuf_span(&text));
	h->n = h->text ? text.n : 0;
	if (text.n)
		explicit_bzero(text.p, text.n);
	strbuf_done(&text);
	strbuf_done(&path);
	return span_of(h->text, h->n);
}

/* What a secret has for a repository; false: nothing that can be shown to a registry. */
static bool take(struct span document, const struct reference *r, struct pull_as *out)
{
	struct authfile found;
	struct arena a;
	bool good;

	arena_init(&a, MIB(1));
	good = document.n &&
	       authfile_find(document, r->host, r->repository, &a, &found, NULL) == RMG_OK &&
	       found.found.username.n && found.found.username.n < sizeof out->user &&
	       found.found.password.n < sizeof out->password;
	if (good) {
		snprintf(out->user, sizeof out->user, SPAN_FMT, SPAN_ARG(found.found.username));
		snprintf(out->password, sizeof out->password, SPAN_FMT,
			 SPAN_ARG(found.found.password));
		out->who = hash_mix(hash_span(found.found.username) * 3 +
				    hash_span(found.found.password)) |
			   1;
	}
	arena_done(&a);
	return good;
}

void pull_secrets_for(struct pull_secrets *s, struct span ns, json *pod_spec, struct span ref,
		      int64_t until_ms, struct pull_as *out)
{
	struct span account = json_get_str(pod_spec, "serviceAccountName"), rest, name;
	struct strbuf names = strbuf_of(KIB(4));
	struct reference r;
	struct arena a;

	out->who = 0;
	if (!s->env->opts->admission_pull_secrets || s->address == NULL || !begin(s, until_ms))
		return;
	arena_init(&a, KIB(64));
	put_names(json_get(pod_spec, "imagePullSecrets"), &names);
	if (names.n == 0)
		strbuf_put(&names,
			   look_up(s, ns, "serviceaccounts", account.n ? account : S("default")));
	rest = strbuf_span(&names);
	if (reference_parse(ref, &a, &r, NULL) != RMG_OK)
		rest = (struct span){0};
	while (out->who == 0 && span_next(&rest, '\n', &name))
		if (name.n)
			(void)take(look_up(s, ns, "secrets", name), &r, out);
	pthread_mutex_unlock(&s->lock);
	arena_done(&a);
	strbuf_done(&names);
}

bool pull_secrets_container(struct pull_secrets *s, struct span ns, struct span pod,
			    struct span name, int64_t until_ms, char id[static 256])
{
	struct kube_run *runs = calloc(RUNS, sizeof *runs);
	struct strbuf path = strbuf_of(KIB(8));
	struct json_doc doc = {0};
	bool found = false;
	size_t n = 0;

	put_path(&path, ns, "pods", pod);
	if (runs && begin(s, until_ms)) {
		if (get(s, strbuf_cstr(&path), &doc) == RMG_OK)
			n = MIN_OF(kube_runs(doc.root, runs, RUNS), (size_t)RUNS);
		pthread_mutex_unlock(&s->lock);
	}
	for (size_t i = 0; i < n && !found; i++) {
		found = runs[i].state == KUBE_RUNNING && runs[i].id.n && runs[i].id.n < NAME &&
			(name.n ? span_is(name, runs[i].image.name)
				: runs[i].image.role == KUBE_CONTAINER);
		if (found)
			snprintf(id, NAME, SPAN_FMT, SPAN_ARG(runs[i].id));
	}
	json_done(&doc);
	strbuf_done(&path);
	free(runs);
	return found;
}
