/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/reference.h"

#include "oci/digest.h"

/* RFC 1035: a domain name has at most 253 characters as it is written. */
enum { REPOSITORY_MAX = 255, TAG_MAX = 128, HOST_NAME_MAX_BYTES = 253 };

bool tag_valid(struct span tag)
{
	for (size_t i = 0; i < tag.n; i++)
		if (!is_alnum(tag.p[i]) && tag.p[i] != '_' &&
		    (i == 0 || (tag.p[i] != '.' && tag.p[i] != '-')))
			return false;
	return tag.n != 0 && tag.n <= TAG_MAX;
}

/* path-component: [a-z0-9]+ joined by ".", "_", "__" or any number of "-". */
static bool component_valid(struct span s)
{
	size_t i = 0;

	while (i < s.n) {
		size_t begin = i, joint;

		while (i < s.n && (is_digit(s.p[i]) || (s.p[i] >= 'a' && s.p[i] <= 'z')))
			i++;
		if (i == begin)
			return false;
		if (i == s.n)
			return true;
		joint = i;
		while (i < s.n && s.p[i] == s.p[joint] && s.p[i] == '-')
			i++;
		if (i == joint && (s.p[i] == '.' || s.p[i] == '_'))
			i++;
		if (i == joint + 1 && i < s.n && s.p[joint] == '_' && s.p[i] == '_')
			i++;
		if (i == joint)
			return false;
	}
	return false;
}

bool repository_valid(struct span s)
{
	struct span rest = s, part;

	if (s.n == 0 || s.n > REPOSITORY_MAX || s.p[s.n - 1] == '/')
		return false;
	while (span_next(&rest, '/', &part))
		if (!component_valid(part))
			return false;
	return true;
}

/* Labels of letters, digits and inner hyphens, joined by dots. */
static bool domain_valid(struct span s)
{
	struct span rest = s, part;

	if (s.n == 0 || s.n > HOST_NAME_MAX_BYTES || s.p[s.n - 1] == '.')
		return false;
	while (span_next(&rest, '.', &part)) {
		if (part.n == 0 || part.p[0] == '-' || part.p[part.n - 1] == '-')
			return false;
		for (size_t i = 0; i < part.n; i++)
			if (!is_alnum(part.p[i]) && part.p[i] != '-')
				return false;
	}
	return true;
}

static bool ipv6_valid(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && !(to_lower(s.p[i]) >= 'a' && to_lower(s.p[i]) <= 'f') &&
		    s.p[i] != ':')
			return false;
	return s.n != 0 && s.n <= HOST_NAME_MAX_BYTES;
}

/* Cuts a host into its name (without brackets) and port ("" where there is none). */
static bool host_split(struct span host, struct span *name, struct span *port)
{
	size_t close = host.n && host.p[0] == '[' ? span_chr(host, ']') : SIZE_MAX;
	struct span rest;

	*port = (struct span){0};
	if (close == SIZE_MAX) {
		if (!span_cut(host, ':', name, port)) {
			*name = host;
			return true;
		}
		return port->n != 0;
	}
	*name = span_of(host.p + 1, close - 1);
	rest = span_from(host, close + 1);
	if (rest.n == 0)
		return true;
	*port = span_from(rest, 1);
	return rest.p[0] == ':' && port->n != 0;
}

static bool host_valid(struct span host)
{
	struct span name, port;
	uint64_t number;

	if (!host_split(host, &name, &port))
		return false;
	if (port.n && !span_u64(port, 10, 65535, &number))
		return false;
	return host.p[0] == '[' ? ipv6_valid(name) : domain_valid(name);
}

bool host_is_loopback(struct span host)
{
	struct span name, port;

	if (!host_split(host, &name, &port))
		return false;
	if (span_is(name, S("localhost")) || span_is(name, S("::1")))
		return true;
	if (!span_starts(name, S("127.")))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_digit(name.p[i]) && name.p[i] != '.')
			return false;
	return true;
}

static bool has_capital(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return true;
	return false;
}

/* Whether the first component names a host rather than a folder of docker.io. */
static bool names_host(struct span first)
{
	return span_chr(first, '.') != SIZE_MAX || span_chr(first, ':') != SIZE_MAX ||
	       span_is(first, S("localhost")) || has_capital(first);
}

/* Takes "@DIGEST" and ":TAG" off the end of *rest. A colon before a slash belongs to a port. */
static enum rmg_rc take_suffixes(struct span text, struct span *rest, struct reference *r,
				 struct rmg_err *err)
{
	size_t colon, slash;

	*rest = text;
	if (span_cut(text, '@', rest, &r->digest) && !digest_valid(r->digest))
		return err_set(err, RMG_E_ARG,
			       "'" SPAN_FMT
			       "': what follows '@' is no digest: it must be sha256: and 64 "
			       "digits 0-9a-f",
			       SPAN_ARG(text));
	colon = span_rchr(*rest, ':');
	slash = span_rchr(*rest, '/');
	if (colon == SIZE_MAX || (slash != SIZE_MAX && slash > colon))
		return RMG_OK;
	r->tag = span_from(*rest, colon + 1);
	*rest = span_head(*rest, colon);
	if (!tag_valid(r->tag))
		return err_set(err, RMG_E_ARG,
			       "'" SPAN_FMT "': '" SPAN_FMT
			       "' is no tag: up to 128 letters, digits, '_', "
			       "'.' and '-', not beginning with '.' or '-'",
			       SPAN_ARG(text), SPAN_ARG(r->tag));
	return RMG_OK;
}

static enum rmg_rc refuse(struct span text, const struct reference *r, struct rmg_err *err)
{
	if (span_starts(text, S("http://")) || span_starts(text, S("https://")))
		return err_set(err, RMG_E_ARG,
			       "'" SPAN_FMT
			       "' is a URL: write HOST/REPOSITORY:TAG without the scheme",
			       SPAN_ARG(text));
	if (text.n && (text.p[0] == '/' || text.p[0] == '.'))
		return err_set(err, RMG_E_NOTFOUND,
			       "'" SPAN_FMT "': there is no such file, and no image is called so",
			       SPAN_ARG(text));
	if (!host_valid(r->host))
		return err_set(err, RMG_E_ARG,
			       "'" SPAN_FMT "': '" SPAN_FMT
			       "' is no registry host (HOST or HOST:PORT)",
			       SPAN_ARG(text), SPAN_ARG(r->host));
	if (has_capital(r->repository))
		return err_set(err, RMG_E_ARG,
			       "'" SPAN_FMT "': names of repositories have no capital letters",
			       SPAN_ARG(text));
	return err_set(err, RMG_E_ARG,
		       "'" SPAN_FMT "' is no image reference: HOST/REPOSITORY[:TAG][@DIGEST]",
		       SPAN_ARG(text));
}

enum rmg_rc reference_parse(struct span text, struct arena *arena, struct reference *out,
			    struct rmg_err *err)
{
	struct reference r = {0};
	struct span rest, first;
	enum rmg_rc rc;

	if (text.n > 4096)
		return err_set(err, RMG_E_ARG, "image reference of %zu bytes", text.n);
	if (span_starts(text, S("http://")) || span_starts(text, S("https://")))
		return refuse(text, &r, err);
	rc = take_suffixes(text, &rest, &r, err);
	if (rc != RMG_OK)
		return rc;
	if (span_cut(rest, '/', &first, &r.repository) && names_host(first)) {
		r.host = first;
	} else {
		r.host = S("docker.io");
		r.repository = rest;
	}
	if (span_is(r.host, S("index.docker.io")))
		r.host = S("docker.io");
	/* The bound on the length is that of the whole name. */
	if (span_is(r.host, S("docker.io")) && r.repository.n &&
	    span_chr(r.repository, '/') == SIZE_MAX)
		r.repository = ARENA_JOIN(arena, S("library/"), r.repository);
	if (!host_valid(r.host) || !repository_valid(r.repository))
		return refuse(text, &r, err);
	if (r.tag.n == 0 && r.digest.n == 0)
		r.tag = S("latest");
	if (arena_rc(arena) != RMG_OK)
		return err_set(err, arena_rc(arena), "no memory for a reference");
	*out = r;
	return RMG_OK;
}

struct span reference_text(const struct reference *r, struct arena *arena)
{
	return ARENA_JOIN(arena, r->host, S("/"), r->repository, r->tag.n ? S(":") : S(""), r->tag,
			  r->digest.n ? S("@") : S(""), r->digest);
}
