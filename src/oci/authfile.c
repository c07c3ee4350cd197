/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/authfile.h"

#include "base/limits.h"
#include "format/json.h"

#define DOCKER_SERVER "https://index.docker.io/v1/"

struct span authfile_server(struct span host)
{
	return span_is(host, S("docker.io")) ? S(DOCKER_SERVER) : host;
}

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* RFC 4648, padding optional; false for anything else. */
static bool base64_decode(struct span text, struct arena *arena, struct span *out)
{
	struct span s = span_rtrim_chr(span_trim(text), '=');
	uint8_t *p = arena_bytes(arena, s.n * 3 / 4 + 3);
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; p && i < s.n; i++) {
		int v = base64_value(s.p[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			p[n++] = (uint8_t)(bits >> have);
		}
	}
	*out = span_of(p, n);
	return p != NULL && s.n % 4 != 1;
}

/* A key of "auths" without its scheme, API version and trailing slash, as docker compares them. */
static struct span server_bare(struct span key)
{
	if (span_starts(key, S("https://")))
		key = span_from(key, 8);
	else if (span_starts(key, S("http://")))
		key = span_from(key, 7);
	key = span_rtrim_chr(key, '/');
	if (span_ends(key, S("/v1")) || span_ends(key, S("/v2")))
		key = span_rtrim_chr(span_head(key, key.n - 3), '/');
	return key;
}

/* Length of what key says of HOST/REPOSITORY, 0 where it is about another one. */
static size_t key_matches(struct span key, struct span host, struct span repository)
{
	struct span bare = server_bare(key), path;

	if (span_is(bare, S("index.docker.io")) || span_is(bare, S("registry-1.docker.io")))
		bare = S("docker.io");
	if (span_is(bare, host))
		return bare.n;
	if (!span_starts(bare, host) || bare.p[host.n] != '/')
		return 0;
	path = span_from(bare, host.n + 1);
	if (!span_starts(repository, path) ||
	    (repository.n > path.n && repository.p[path.n] != '/'))
		return 0;
	return bare.n;
}

static enum rmg_rc read_entry(json *v, struct arena *arena, struct credentials *out,
			      struct rmg_err *err)
{
	struct span plain, auth = json_get_str(v, "auth");
	struct credentials c = {
	    .username = arena_dup(arena, json_get_str(v, "username")),
	    .password = arena_dup(arena, json_get_str(v, "password")),
	    .identity_token = arena_dup(arena, json_get_str(v, "identitytoken")),
	};

	if (auth.n && c.password.n == 0) {
		if (!base64_decode(auth, arena, &plain) ||
		    !span_cut(plain, ':', &c.username, &c.password))
			return err_set(err, RMG_E_FORMAT,
				       "an \"auth\" is not base64 of user:password");
		c.password = span_rtrim_chr(c.password, '\0');
	}
	*out = c;
	return RMG_OK;
}

static enum rmg_rc find_entry(json *auths, struct span host, struct span repository,
			      struct arena *arena, struct credentials *out, struct rmg_err *err)
{
	struct json_iter it = json_iter(auths);
	json *best = NULL;
	size_t best_n = 0;

	while (json_is_object(auths) && json_next(&it)) {
		size_t n = key_matches(it.key, host, repository);

		/* Docker writes {} for hosts whose secret is in the credential store. */
		if (n > best_n && json_len(it.value) > 0) {
			best = it.value;
			best_n = n;
		}
	}
	return best ? read_entry(best, arena, out, err) : RMG_OK;
}

static struct span find_helper(json *helpers, struct span host)
{
	struct json_iter it = json_iter(helpers);

	while (json_is_object(helpers) && json_next(&it))
		if (key_matches(it.key, host, (struct span){0}))
			return json_str(it.value);
	return (struct span){0};
}

/* It becomes part of a program's name. */
static bool helper_valid(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!is_alnum(name.p[i]) && span_chr(S("._-"), name.p[i]) == SIZE_MAX)
			return false;
	return name.n <= 100;
}

static enum rmg_rc find(json *root, struct span host, struct span repository, struct arena *arena,
			struct authfile *out, struct rmg_err *err)
{
	struct span helper = find_helper(json_get(root, "credHelpers"), host);
	enum rmg_rc rc;

	if (helper.n == 0) {
		/* A .dockercfg, as secrets of Kubernetes' older kind have it, is that alone. */
		json *auths = json_get(root, "auths");

		rc = find_entry(auths ? auths : root, host, repository, arena, &out->found, err);
		if (rc != RMG_OK || out->found.password.n || out->found.identity_token.n)
			return rc;
		helper = json_get_str(root, "credsStore");
	}
	if (!helper_valid(helper))
		return err_set(err, RMG_E_FORMAT, "a credential helper with an impossible name");
	out->helper = arena_dup(arena, helper);
	out->server = authfile_server(host);
	return RMG_OK;
}

enum rmg_rc authfile_find(struct span bytes, struct span host, struct span repository,
			  struct arena *arena, struct authfile *out, struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct authfile found = {0};
	enum rmg_rc rc = json_parse(&doc, bytes, LIMIT_MANIFEST_BYTES, err);

	if (rc == RMG_OK)
		rc = find(doc.root, host, repository, arena, &found, err);
	json_done(&doc);
	if (rc == RMG_OK && arena_rc(arena) != RMG_OK)
		rc = err_set(err, arena_rc(arena), "no memory for credentials");
	if (rc == RMG_OK)
		*out = found;
	return rc;
}

enum rmg_rc authfile_helper_answer(struct span bytes, struct arena *arena, struct credentials *out,
				   struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct credentials c = {0};
	enum rmg_rc rc = json_parse(&doc, bytes, KIB(64), err);

	if (rc == RMG_OK) {
		c.username = arena_dup(arena, json_get_str(doc.root, "Username"));
		c.password = arena_dup(arena, json_get_str(doc.root, "Secret"));
		if (span_is(c.username, S("<token>")))
			c = (struct credentials){.identity_token = c.password};
	}
	json_done(&doc);
	if (rc == RMG_OK)
		*out = c;
	return rc;
}
