/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/auth.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/vec.h"
#include "format/sha256.h"

/* Addresses that failed lately, by hash; two that share a slot share its patience. */
enum { SLOTS = 4096, FREE_FAILURES = 10, MAX_WAIT_S = 60 };
/* Requests of one caller: so many a second, and as many at once. */
enum { RATE_A_SECOND = 200, RATE_BURST = 1000 };

struct known {
	uint8_t hash[32];
	struct caller caller;
	char certificate[128]; /* of a "cert:NAME" row; "" a token */
	int64_t until_ms;
};

struct bucket {
	double tokens;
	int64_t at_ms;
};

/* Held by the auth and by the requests that ask it. */
struct provider {
	struct oidc *oidc;
	unsigned users;
};

struct auth {
	struct hub *hub;
	pthread_mutex_t lock;      /* of all below */
	struct provider *provider; /* NULL: none */
	VEC(struct known) known;
	struct {
		unsigned failures;
		int64_t last_s;
	} failed[SLOTS];
	struct bucket rate[SLOTS];
};

static const char *const names[] = {"none", "reader", "agent", "operator", "admin"};

const char *role_name(enum role r)
{
	return names[r];
}

bool role_of(struct span name, enum role *out)
{
	for (size_t i = 1; i < COUNT_OF(names); i++) {
		if (span_is(name, span_cstr(names[i]))) {
			*out = (enum role)i;
			return true;
		}
	}
	return false;
}

static void copy(char *buf, size_t size, struct span s)
{
	snprintf(buf, size, SPAN_FMT, SPAN_ARG(s));
}

struct reload {
	VEC(struct known) known;
};

static enum rmg_rc take_row(void *user, const struct token_row *row)
{
	struct reload *r = user;
	struct known *k = VEC_ADD(&r->known);

	if (k == NULL)
		return RMG_E_NOMEM;
	memcpy(k->hash, row->hash, 32);
	k->until_ms = row->until_ms;
	if (!role_of(row->role, &k->caller.role))
		k->caller.role = ROLE_NONE;
	copy(k->caller.name, sizeof k->caller.name, row->name);
	copy(k->caller.cluster, sizeof k->caller.cluster, row->place.cluster);
	copy(k->caller.node, sizeof k->caller.node, row->place.node);
	if (span_starts(row->name, S("cert:")))
		copy(k->certificate, sizeof k->certificate, span_from(row->name, 5));
	return RMG_OK;
}

enum rmg_rc auth_reload(struct auth *a, struct rmg_err *err)
{
	struct reload r = {0};
	struct store *st = hub_store_lock(a->hub, err);
	enum rmg_rc rc;

	if (st == NULL)
		return RMG_E_IO;
	rc = store_token_each(st, take_row, &r, err);
	hub_store_unlock(a->hub);
	if (rc == RMG_OK) {
		pthread_mutex_lock(&a->lock);
		VEC_DONE(&a->known);
		a->known.v = r.known.v;
		a->known.n = r.known.n;
		a->known.cap = r.known.cap;
		pthread_mutex_unlock(&a->lock);
	} else {
		VEC_DONE(&r.known);
	}
	return rc;
}

static struct provider *provider_take(struct auth *a)
{
	struct provider *p;

	pthread_mutex_lock(&a->lock);
	p = a->provider;
	if (p)
		p->users++;
	pthread_mutex_unlock(&a->lock);
	return p;
}

static void provider_give(struct auth *a, struct provider *p)
{
	bool last;

	if (p == NULL)
		return;
	pthread_mutex_lock(&a->lock);
	last = --p->users == 0;
	pthread_mutex_unlock(&a->lock);
	if (!last)
		return;
	oidc_close(p->oidc);
	free(p);
}

enum rmg_rc auth_provider(struct auth *a, struct oidc *oidc, struct rmg_err *err)
{
	struct provider *fresh = oidc ? calloc(1, sizeof *fresh) : NULL, *old;

	if (oidc && fresh == NULL) {
		oidc_close(oidc);
		return err_set(err, RMG_E_NOMEM, "no memory for the identity provider");
	}
	if (fresh)
		*fresh = (struct provider){.oidc = oidc, .users = 1};
	pthread_mutex_lock(&a->lock);
	old = a->provider;
	a->provider = fresh;
	pthread_mutex_unlock(&a->lock);
	provider_give(a, old);
	return RMG_OK;
}

enum rmg_rc auth_open(struct hub *hub, struct oidc *provider, struct auth **out,
		      struct rmg_err *err)
{
	struct auth *a = calloc(1, sizeof *a);
	enum rmg_rc rc;

	if (a == NULL) {
		oidc_close(provider);
		return err_set(err, RMG_E_NOMEM, "no memory for tokens");
	}
	a->hub = hub;
	pthread_mutex_init(&a->lock, NULL);
	rc = auth_provider(a, provider, err);
	if (rc == RMG_OK)
		rc = auth_reload(a, err);
	if (rc != RMG_OK) {
		auth_close(a);
		return rc;
	}
	*out = a;
	return RMG_OK;
}

void auth_close(struct auth *a)
{
	if (a == NULL)
		return;
	provider_give(a, a->provider);
	VEC_DONE(&a->known);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* Under the lock. Waits double from the eleventh failure on, up to a minute, after which all is
 * forgotten. */
static unsigned must_wait(struct auth *a, size_t slot, int64_t now_s)
{
	unsigned over = a->failed[slot].failures;
	int64_t wait;

	if (now_s - a->failed[slot].last_s >= MAX_WAIT_S)
		over = a->failed[slot].failures = 0;
	if (over <= FREE_FAILURES)
		return 0;
	over -= FREE_FAILURES;
	wait = over > 5 ? MAX_WAIT_S : (int64_t)1 << over;
	wait -= now_s - a->failed[slot].last_s;
	return wait > 0 ? (unsigned)wait : 0;
}

static bool within_rate(struct auth *a, const struct caller *c, int64_t ms)
{
	struct bucket *b = &a->rate[hash_span(span_cstr(c->name)) % SLOTS];

	if (b->at_ms == 0)
		b->tokens = RATE_BURST;
	b->tokens += (double)(ms - b->at_ms) * RATE_A_SECOND / 1000;
	if (b->tokens > RATE_BURST)
		b->tokens = RATE_BURST;
	b->at_ms = ms;
	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}

static bool by_hash(const struct auth *a, const uint8_t hash[32], int64_t now, struct caller *out)
{
	for (size_t i = 0; i < a->known.n; i++) {
		const struct known *k = &a->known.v[i];

		if (k->certificate[0] == '\0' && memcmp(k->hash, hash, 32) == 0 &&
		    (k->until_ms == 0 || now < k->until_ms)) {
			*out = k->caller;
			return true;
		}
	}
	return false;
}

static bool by_certificate(const struct auth *a, const char *name, int64_t now, struct caller *out)
{
	for (size_t i = 0; *name && i < a->known.n; i++) {
		const struct known *k = &a->known.v[i];

		if (strcmp(k->certificate, name) == 0 && (k->until_ms == 0 || now < k->until_ms)) {
			*out = k->caller;
			return true;
		}
	}
	return false;
}

/* Three parts of base64url: not one of our own tokens. */
static bool looks_like_jwt(struct span token)
{
	size_t dots = 0;

	for (size_t i = 0; i < token.n; i++)
		dots += token.p[i] == '.';
	return dots == 2;
}

/* One of our own, by its hash. */
static bool by_token(struct auth *a, struct span token, int64_t now, struct caller *out)
{
	uint8_t hash[32];
	bool found;

	sha256_of(token, hash);
	pthread_mutex_lock(&a->lock);
	found = by_hash(a, hash, now, out);
	pthread_mutex_unlock(&a->lock);
	return found;
}

/* A login that is good and is given no role is somebody who may nothing. */
static enum auth_said by_provider(struct provider *p, struct span token, int64_t now,
				  struct caller *out, struct rmg_err *why)
{
	const char *role = NULL;
	enum rmg_rc rc;

	*out = (struct caller){.role = ROLE_NONE};
	/* Marked in the audit log: a subject may be called as one of our tokens is. */
	memcpy(out->name, "oidc:", 6);
	rc =
	    oidc_check(p->oidc, token, now / 1000, out->name + 5, sizeof out->name - 5, &role, why);
	if (rc == RMG_E_NOTFOUND || (rc == RMG_OK && role_of(span_cstr(role), &out->role)))
		return AUTH_GOOD;
	return rc == RMG_E_NET || rc == RMG_E_NOMEM ? AUTH_NOT_NOW : AUTH_UNKNOWN;
}

static enum auth_said by_bearer(struct auth *a, const struct login *l, struct span token,
				struct caller *out, struct rmg_err *why)
{
	struct provider *p;
	enum auth_said said;

	if (by_token(a, token, l->now_ms, out))
		return AUTH_GOOD;
	p = looks_like_jwt(token) ? provider_take(a) : NULL;
	if (p) {
		said = by_provider(p, token, l->now_ms, out, why);
		provider_give(a, p);
		return said;
	}
	err_set(why, RMG_E_AUTH, "it is not known here, was taken back, or has expired");
	return AUTH_UNKNOWN;
}

/* Under the lock: what comes of it for a caller who guesses, or asks too much. */
static enum auth_said settle(struct auth *a, size_t slot, enum auth_said said,
			     const struct caller *c, const struct login *l, unsigned *retry_s)
{
	if (said == AUTH_UNKNOWN && *retry_s)
		return AUTH_TOO_OFTEN;
	if (said == AUTH_UNKNOWN) {
		a->failed[slot].failures++;
		a->failed[slot].last_s = l->tick_ms / 1000;
	} else if (said == AUTH_GOOD && !within_rate(a, c, l->tick_ms)) {
		*retry_s = 1;
		return AUTH_TOO_OFTEN;
	}
	return said;
}

enum auth_said auth_other(struct auth *a, const struct login *l, const char *name, bool good,
			  unsigned *retry_s)
{
	size_t slot = hash_span(span_cstr(l->address)) % SLOTS;
	struct caller c = {.role = ROLE_NONE};
	enum auth_said said;

	copy(c.name, sizeof c.name, span_cstr(name));
	pthread_mutex_lock(&a->lock);
	*retry_s = must_wait(a, slot, l->tick_ms / 1000);
	said = settle(a, slot, good ? AUTH_GOOD : AUTH_UNKNOWN, &c, l, retry_s);
	pthread_mutex_unlock(&a->lock);
	return said;
}

enum auth_said auth_who(struct auth *a, const struct login *l, struct caller *out,
			unsigned *retry_s, struct rmg_err *why)
{
	size_t slot = hash_span(span_cstr(l->address)) % SLOTS;
	bool shown = span_starts_icase(l->authorization, S("Bearer "));
	enum auth_said said = AUTH_NOBODY;

	pthread_mutex_lock(&a->lock);
	*retry_s = must_wait(a, slot, l->tick_ms / 1000);
	if (!shown && by_certificate(a, l->certificate, l->now_ms, out))
		said = AUTH_GOOD;
	pthread_mutex_unlock(&a->lock);
	if (shown)
		said = by_bearer(a, l, span_trim(span_from(l->authorization, 7)), out, why);
	pthread_mutex_lock(&a->lock);
	said = settle(a, slot, said, out, l, retry_s);
	pthread_mutex_unlock(&a->lock);
	return said;
}

enum rmg_rc auth_make_token(struct token_row *row, char text[TOKEN_TEXT], struct rmg_err *err)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t bytes[43];
	size_t n = 0;

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return err_os(err, RMG_E_IO, "random bytes");
	memcpy(text, "rmg_", 4);
	n = 4;
	for (size_t i = 0; i < sizeof bytes; i++)
		text[n++] = letters[bytes[i] & 63];
	text[n] = '\0';
	sha256_of(span_of(text, n), row->hash);
	return RMG_OK;
}
