/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/crawl_entry.h"

#include "oci/reference.h"

static const char *const KINDS[] = {"include", "exclude", "tags"};

/* The next "KIND=GLOB". */
static bool next_glob(struct span *rest, struct span *kind, struct span *glob)
{
	struct span one;

	if (!span_next(rest, ',', &one))
		return false;
	if (!span_cut(one, '=', kind, glob)) {
		*kind = one;
		*glob = (struct span){0};
	}
	return true;
}

static bool globs_good(struct span rest)
{
	struct span kind, glob;

	while (next_glob(&rest, &kind, &glob)) {
		bool known = false;

		for (size_t i = 0; i < COUNT_OF(KINDS); i++)
			known |= span_is(kind, span_cstr(KINDS[i]));
		if (!known || glob.n == 0)
			return false;
	}
	return true;
}

/* 1: one of this kind takes it; 0: none does; -1: there is none of this kind. */
static int taken(struct span rest, struct span wanted, struct span text)
{
	struct span kind, glob;
	int found = -1;

	while (next_glob(&rest, &kind, &glob)) {
		if (!span_is(kind, wanted))
			continue;
		if (span_glob(glob, text))
			return 1;
		found = 0;
	}
	return found;
}

static enum rmg_rc bad(const char *text, struct rmg_err *err)
{
	return err_set(err, RMG_E_ARG,
		       "'%s' is nothing to walk through: "
		       "HOST[/NAME][,include=GLOB][,exclude=GLOB][,tags=GLOB]",
		       text);
}

enum rmg_rc crawl_entry_read(const char *text, struct arena *a, struct crawl_entry *out,
			     struct rmg_err *err)
{
	struct span all = span_cstr(text), place = all, name = {0}, host;
	struct reference r;
	bool below;

	*out = (struct crawl_entry){.text = text};
	if (!span_cut(all, ',', &place, &out->globs)) {
		place = all;
		out->globs = (struct span){0};
	}
	if (!span_cut(place, '/', &host, &name)) {
		host = place;
		name = (struct span){0};
	}
	below = span_ends(name, S("/"));
	name = span_rtrim_chr(name, '/');
	if (reference_parse(ARENA_JOIN(a, host, S("/"), name.n ? name : S("x")), a, &r, err) !=
		RMG_OK ||
	    !span_is(r.host, host) || r.digest.n || span_chr(name, ':') != SIZE_MAX ||
	    !globs_good(out->globs))
		return bad(text, err);
	out->host = host;
	out->name = name.n ? below ? name : r.repository : (struct span){0};
	out->below = below;
	return arena_rc(a) == RMG_OK ? RMG_OK : err_set(err, arena_rc(a), "no memory for a name");
}

bool crawl_entry_repository(const struct crawl_entry *e, struct span repository)
{
	if (e->name.n && !span_is(repository, e->name) &&
	    !(span_starts(repository, e->name) && repository.p[e->name.n] == '/'))
		return false;
	return taken(e->globs, S("include"), repository) != 0 &&
	       taken(e->globs, S("exclude"), repository) != 1;
}

bool crawl_entry_tag(const struct crawl_entry *e, struct span tag)
{
	return taken(e->globs, S("tags"), tag) != 0;
}
