/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/registry.h"

#include "base/limits.h"
#include "format/json.h"

struct span registry_api_host(struct span host)
{
	return span_is(host, S("docker.io")) ? S("registry-1.docker.io") : host;
}

static char *join(struct arena *arena, const struct span *parts, size_t n)
{
	struct span s = arena_join(arena, parts, n);

	return arena_rc(arena) == RMG_OK ? arena_cstr(arena, s) : NULL;
}

#define JOIN(arena, ...)                                                                           \
	join((arena), (const struct span[]){__VA_ARGS__},                                          \
	     COUNT_OF(((const struct span[]){__VA_ARGS__})))

char *registry_manifest_url(struct span base, struct span repository, struct span reference,
			    struct arena *arena)
{
	return JOIN(arena, base, S("/v2/"), repository, S("/manifests/"), reference);
}

char *registry_blob_url(struct span base, struct span repository, struct span digest,
			struct arena *arena)
{
	return JOIN(arena, base, S("/v2/"), repository, S("/blobs/"), digest);
}

struct span registry_escape(struct span s, struct arena *arena)
{
	static const char hex[] = "0123456789ABCDEF";
	uint8_t *p = arena_array(arena, s.n, 3);
	size_t n = 0;

	for (size_t i = 0; p && i < s.n; i++) {
		if (is_alnum(s.p[i]) || span_chr(S("-._~"), s.p[i]) != SIZE_MAX) {
			p[n++] = s.p[i];
			continue;
		}
		p[n++] = '%';
		p[n++] = (uint8_t)hex[s.p[i] >> 4];
		p[n++] = (uint8_t)hex[s.p[i] & 15];
	}
	return span_of(p, n);
}

char *registry_upload_url(struct span base, struct span repository, struct arena *arena)
{
	return JOIN(arena, base, S("/v2/"), repository, S("/blobs/uploads/"));
}

/* "host:443" is "host": proxies add and drop the port. */
static struct span without_port(struct span host)
{
	return span_head(host, host.n - (span_ends(host, S(":443"))  ? 4
					 : span_ends(host, S(":80")) ? 3
								     : 0));
}

/* The scheme does not count: behind a proxy registries often believe that they are spoken to by
 * http. */
bool registry_cut_host(struct span *location, struct span host)
{
	struct span rest = *location, authority;

	if (span_starts(rest, S("https://")))
		rest = span_from(rest, 6);
	else if (span_starts(rest, S("http://")))
		rest = span_from(rest, 5);
	if (!span_starts(rest, S("//")))
		return true;
	rest = span_from(rest, 2);
	authority = span_head(rest, MIN_OF(span_chr(rest, '/'), rest.n));
	*location = span_from(rest, authority.n);
	return span_is_icase(without_port(authority), without_port(host));
}

bool registry_is_path(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
			return false;
	return span_starts(s, S("/"));
}

enum rmg_rc registry_upload_path(struct span host, struct span location, struct span digest,
				 struct arena *arena, char **out, struct rmg_err *err)
{
	struct span path = location;
	bool query;

	if (!registry_cut_host(&path, host))
		return err_set(err, RMG_E_UNSUPPORTED,
			       "the registry wants uploads to go elsewhere, to " SPAN_FMT,
			       SPAN_ARG(span_head(location, 200)));
	if (!registry_is_path(path))
		return err_set(err, RMG_E_FORMAT,
			       "the registry does not say where an upload goes: '" SPAN_FMT "'",
			       SPAN_ARG(span_head(location, 200)));
	query = span_chr(path, '?') != SIZE_MAX;
	*out = JOIN(arena, path, query ? S("&digest=") : S("?digest="),
		    registry_escape(digest, arena));
	return *out ? RMG_OK : err_set(err, arena_rc(arena), "no memory for a URL");
}

static struct span scope_of(const struct challenge *c, struct span repository, const char *actions,
			    struct arena *arena)
{
	bool enough = strcmp(actions, REGISTRY_PUSH) != 0 || span_has(c->scope, S("push"));

	/* Who will push says so at once: to one who only pulls, a repository that is not there yet
	 * may be forbidden. */
	if (c->scope.n && enough)
		return c->scope;
	return ARENA_JOIN(arena, S("repository:"), repository, S(":"), span_cstr(actions));
}

char *registry_token_url(const struct challenge *c, struct span repository, const char *actions,
			 struct arena *arena)
{
	struct span scope = registry_escape(scope_of(c, repository, actions, arena), arena);
	struct span service = registry_escape(c->service, arena);
	bool query = span_chr(c->realm, '?') != SIZE_MAX;

	return JOIN(arena, c->realm, query ? S("&") : S("?"), service.n ? S("service=") : S(""),
		    service, service.n ? S("&") : S(""), S("scope="), scope);
}

char *registry_token_form(const struct challenge *c, struct span repository, const char *actions,
			  struct span refresh_token, struct arena *arena)
{
	return JOIN(arena, S("grant_type=refresh_token&client_id=rummage&service="),
		    registry_escape(c->service, arena), S("&scope="),
		    registry_escape(scope_of(c, repository, actions, arena), arena),
		    S("&refresh_token="), registry_escape(refresh_token, arena));
}

/* The specification's default is 60 seconds; a token that lives for ever is renewed all the same.
 */
enum { TOKEN_DEFAULT_S = 60, TOKEN_MAX_S = 86400 };

/* Goes into a header: no control bytes, no spaces. */
static bool token_valid(struct span token)
{
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return false;
	return token.n != 0;
}

enum rmg_rc registry_token_parse(struct span bytes, struct arena *arena, struct registry_token *out,
				 struct rmg_err *err)
{
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, bytes, LIMIT_MANIFEST_BYTES, err);
	struct span token;

	if (rc == RMG_OK) {
		token = json_get_str(doc.root, "token");
		if (token.n == 0)
			token = json_get_str(doc.root, "access_token");
		if (!json_get_u64(doc.root, "expires_in", &out->expires_s))
			out->expires_s = TOKEN_DEFAULT_S;
		out->expires_s = MIN_OF(out->expires_s, (uint64_t)TOKEN_MAX_S);
		out->token = token_valid(token) ? arena_dup(arena, token) : (struct span){0};
		if (out->token.n == 0)
			rc = err_set(err, RMG_E_AUTH,
				     "the token server's answer has no usable token");
	}
	json_done(&doc);
	return rc;
}

bool registry_error_text(struct span body, char *buf, size_t n)
{
	struct json_doc doc = {0};
	bool found = false;

	if (json_parse(&doc, body, KIB(64), NULL) == RMG_OK) {
		json *first = json_at(json_get(doc.root, "errors"), 0);
		struct span code = json_get_str(first, "code");
		struct span text = json_get_str(first, "message");

		found = code.n || text.n;
		if (found)
			snprintf(buf, n, SPAN_FMT "%s" SPAN_FMT, SPAN_ARG(code),
				 code.n && text.n ? ": " : "", SPAN_ARG(text));
	}
	json_done(&doc);
	return found;
}

bool registry_says_unknown(struct span body)
{
	/* The specification's, and Harbor's. */
	static const char *const codes[] = {"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"};
	struct json_doc doc = {0};
	bool found = false;

	if (json_parse(&doc, body, KIB(64), NULL) == RMG_OK) {
		struct span code = json_get_str(json_at(json_get(doc.root, "errors"), 0), "code");

		for (size_t i = 0; i < COUNT_OF(codes); i++)
			found |= span_is(code, span_cstr(codes[i]));
	}
	json_done(&doc);
	return found;
}

unsigned registry_pause_s(unsigned attempt, unsigned retry_after_s)
{
	unsigned pause = retry_after_s ? retry_after_s : 1u << MIN_OF(attempt - 1, 4u);

	return MIN_OF(pause, (unsigned)REGISTRY_PAUSE_MAX_S);
}
