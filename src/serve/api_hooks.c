/* SPDX-License-Identifier: Apache-2.0 */
/* api_hooks.c - what registries send of their own accord, as hints: which tags to ask about at
 * once.
 *
 * A registry has no token of ours. It shows a secret, as it can: as "Authorization: SECRET" or
 * "Authorization: Bearer SECRET", as "?secret=", or GitHub by a signature of the body. */
#include "base/clock.h"
#include "base/limits.h"
#include "format/jsonw.h"
#include "format/sha256.h"
#include "io/file.h"
#include "serve/api.h"
#include "watch/hook.h"

/* How long it takes says nothing of how much of it is right. */
static bool same(const uint8_t a[SHA256_BYTES], const uint8_t b[SHA256_BYTES])
{
	volatile uint8_t other = 0;

	for (size_t i = 0; i < SHA256_BYTES; i++)
		other |= (uint8_t)(a[i] ^ b[i]);
	return other == 0;
}

static bool is_secret(struct span shown, struct span secret)
{
	uint8_t a[SHA256_BYTES], b[SHA256_BYTES];

	sha256_of(shown, a);
	sha256_of(secret, b);
	return same(a, b);
}

static struct span signature_of(const struct call *c)
{
	return span_cstr(server_header(c->request, "X-Hub-Signature-256"));
}

/* What is signed shows its secret by nothing else. */
static bool shows(const struct call *c, struct span secret)
{
	struct span said = span_cstr(server_header(c->request, "Authorization"));
	const char *query = server_query(c->request, "secret");

	if (span_starts_icase(said, S("Bearer ")))
		said = span_trim(span_from(said, 7));
	return (said.n && is_secret(said, secret)) ||
	       (query && is_secret(span_cstr(query), secret));
}

static bool is_signed(const struct call *c, struct span secret)
{
	struct span said = signature_of(c);
	uint8_t is[SHA256_BYTES], must[SHA256_BYTES];

	if (!span_starts(said, S("sha256=")) || !span_unhex(span_from(said, 7), is, sizeof is))
		return false;
	sha256_hmac(secret, server_body(c->request), must);
	return same(is, must);
}

static bool settle(struct api *api, const struct call *c, bool good, struct server_response *out)
{
	const struct login login = {.address = server_peer(c->request)->address,
				    .now_ms = hub_now_ms(api->hub),
				    .tick_ms = clock_tick_ms()};
	unsigned retry_s = 1;
	enum auth_said said;

	said = auth_other(api->auth, &login, "a registry's hook", good, &retry_s);
	if (said == AUTH_TOO_OFTEN)
		api_later(out, 429, retry_s, "too many requests");
	else if (said != AUTH_GOOD)
		api_error(out, 403, "this is not the secret of the hub's file");
	return said == AUTH_GOOD;
}

bool api_hooks_admit(struct api *api, const struct call *c, struct server_response *out)
{
	struct strbuf secret = strbuf_of(FILE_SECRET_BYTES);
	bool has = api->hook_secret && api->hook_secret(api->user, &secret), good = false;

	if (!has || strbuf_rc(&secret) != RMG_OK)
		api_error(out, 404, "hints are not taken: the hub's file has no hooks.secret_file");
	else if (hook_kind_of(span_cstr(c->param)) == NULL)
		api_error(out, 404, "no registry's messages are called so");
	else if (signature_of(c).n)
		good = true;
	else
		good = settle(api, c, shows(c, strbuf_span(&secret)), out);
	strbuf_done(&secret);
	return good;
}

static bool is_good(struct api *api, const struct call *c, struct server_response *out)
{
	struct strbuf secret = strbuf_of(FILE_SECRET_BYTES);
	bool good;

	if (signature_of(c).n == 0)
		return true; /* it was admitted */
	good = api->hook_secret(api->user, &secret) && strbuf_rc(&secret) == RMG_OK &&
	       is_signed(c, strbuf_span(&secret));
	strbuf_done(&secret);
	return settle(api, c, good, out);
}

static bool ask(void *user, const struct hub_tag_wanted *w)
{
	struct api *api = user;

	(api->tag ? api->tag : api->own_tag)(api->user, w);
	return true;
}

static void answer(const struct hooks *hooks, size_t taken, struct server_response *out)
{
	struct jsonw w = jsonw_of(&out->body);

	out->status = 202;
	jsonw_object(&w);
	jsonw_put_u64(&w, "hints", hooks->n);
	jsonw_put_u64(&w, "left_out", hooks->left_out);
	jsonw_put_u64(&w, "tags", taken);
	jsonw_object_end(&w);
}

void api_hooks(struct api *api, const struct call *c, struct server_response *out)
{
	const struct hook_kind *kind = hook_kind_of(span_cstr(c->param));
	const struct hub_asker by = {.node = span_cstr(api->node),
				     .all = api->tag != NULL,
				     .own = api->own_tag != NULL,
				     .fn = ask,
				     .user = api};
	struct hooks hooks = {0};
	struct rmg_err err = {0};
	struct arena a;
	enum rmg_rc rc;

	if (!is_good(api, c, out))
		return;
	arena_init(&a, 4 * LIMIT_HOOK_BYTES);
	rc = hook_parse(kind, server_body(c->request), &a, &hooks, &err);
	if (rc == RMG_OK)
		answer(&hooks, hub_tags_hinted(api->hub, &hooks, &by), out);
	else
		api_fail(out, rc, &err);
	arena_done(&a);
}
