/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/listing.h"

#include "base/limits.h"
#include "format/json.h"
#include "oci/reference.h"
#include "oci/registry.h"

enum { PATH_MAX_BYTES = 4096 };

char *listing_path(enum listing of, struct span repository, struct arena *arena)
{
	struct span path = of == LISTING_REPOSITORIES
			       ? S("/v2/_catalog?n=1000")
			       : ARENA_JOIN(arena, S("/v2/"), repository, S("/tags/list?n=1000"));

	return arena_rc(arena) == RMG_OK ? arena_cstr(arena, path) : NULL;
}

enum rmg_rc listing_parse(enum listing of, struct span bytes, listing_fn *fn, void *user,
			  size_t *odd, struct rmg_err *err)
{
	const char *key = of == LISTING_REPOSITORIES ? "repositories" : "tags";
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, bytes, LIMIT_LISTING_BYTES, err);
	json *names = json_get(doc.root, key);
	bool more = true;

	*odd = 0;
	/* A repository whose tags are all gone has null, or nothing. */
	if (rc == RMG_OK && !json_is_object(doc.root))
		rc = err_set(err, RMG_E_FORMAT, "what the registry lists is no list");
	for (struct json_iter it = json_iter(names); rc == RMG_OK && more && json_next(&it);) {
		struct span name = json_str(it.value);

		if (of == LISTING_REPOSITORIES ? repository_valid(name) : tag_valid(name))
			more = fn(user, name);
		else
			++*odd;
	}
	json_done(&doc);
	return rc;
}

/* <TARGET>; rel="next", among others after commas. */
static struct span target_of_next(struct span link)
{
	struct span before, target, parameters, rest = link;

	while (span_cut(rest, '<', &before, &rest) && span_cut(rest, '>', &target, &rest)) {
		parameters = span_head(rest, MIN_OF(span_chr(rest, '<'), rest.n));
		if (span_has(parameters, S("rel=\"next\"")) || span_has(parameters, S("rel=next")))
			return target;
	}
	return (struct span){0};
}

enum rmg_rc listing_next(struct span host, struct span path, struct span link, struct arena *arena,
			 char **out, struct rmg_err *err)
{
	struct span next = target_of_next(link);

	*out = NULL;
	if (next.n == 0)
		return RMG_OK;
	if (!registry_cut_host(&next, registry_api_host(host)))
		return err_set(err, RMG_E_UNSUPPORTED,
			       "the registry goes on with its list elsewhere, at " SPAN_FMT,
			       SPAN_ARG(span_head(next, 200)));
	if (span_starts(next, S("?")))
		next =
		    ARENA_JOIN(arena, span_head(path, MIN_OF(span_chr(path, '?'), path.n)), next);
	if (!registry_is_path(next) || !span_starts(next, S("/v2/")) || next.n > PATH_MAX_BYTES)
		return err_set(err, RMG_E_FORMAT,
			       "the registry does not say where its list goes on: '" SPAN_FMT "'",
			       SPAN_ARG(span_head(next, 200)));
	if (span_is(next, path))
		return err_set(err, RMG_E_FORMAT, "the registry's list goes on where it is");
	*out = arena_cstr(arena, next);
	return *out ? RMG_OK : err_set(err, arena_rc(arena), "no memory for a URL");
}
