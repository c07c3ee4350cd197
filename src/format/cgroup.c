/* SPDX-License-Identifier: Apache-2.0 */
#include "format/cgroup.h"

enum { ID_DIGITS = 64 };

static bool is_id(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return s.n == ID_DIGITS;
}

/* What runtimes write before an id. */
static struct span without_prefix(struct span s)
{
	static const char *const prefixes[] = {"docker-", "cri-containerd-", "crio-", "libpod-",
					       "nerdctl-"};

	for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
		struct span prefix = span_cstr(prefixes[i]);

		if (span_starts(s, prefix) && s.n > prefix.n)
			return span_from(s, prefix.n);
	}
	return s;
}

static struct cgroup_name name_of(struct span component)
{
	struct span before, after;
	struct cgroup_name name;

	if (span_ends(component, S(".scope")))
		component.n -= S(".scope").n;
	if (span_rcut(component, ':', &before, &after))
		component = after;
	name.id = without_prefix(component);
	name.is_hex = is_id(name.id);
	return name;
}

/* conmon-ID, crio-conmon-ID.scope, libpod-conmon-ID.scope: the process that watches. */
static bool is_keeper(struct span component)
{
	return span_has(component, S("conmon-"));
}

/* The last component of a line's path, which it loses. */
static bool last(struct span *path, struct span *component)
{
	struct span rest = span_rtrim_chr(*path, '/');
	size_t slash = span_rchr(rest, '/');

	*component = slash == SIZE_MAX ? rest : span_from(rest, slash + 1);
	*path = span_head(rest, slash == SIZE_MAX ? 0 : slash);
	return component->n != 0;
}

static bool next_line(struct cgroup_walk *w)
{
	struct span line, number, controllers;

	while (span_next(&w->text, '\n', &line)) {
		if (!span_cut(line, ':', &number, &line) ||
		    !span_cut(line, ':', &controllers, &w->path))
			continue;
		if (span_ends(w->path, S(" (deleted)")))
			w->path.n -= S(" (deleted)").n;
		if (!is_keeper(span_basename(w->path)))
			return true;
	}
	return false;
}

bool cgroup_next(struct cgroup_walk *w, struct cgroup_name *out)
{
	struct span component;

	for (;;) {
		if (w->path.n == 0 && !next_line(w))
			return false;
		if (!last(&w->path, &component))
			continue;
		*out = name_of(component);
		if (out->id.n && !span_is(out->id, S("..")))
			return true;
	}
}

bool cgroup_has(struct span text, struct span id)
{
	struct cgroup_walk w = cgroup_walk(text);
	struct cgroup_name name;

	while (cgroup_next(&w, &name))
		if (span_is(name.id, id))
			return true;
	return false;
}

bool cgroup_container(struct span text, struct span *id)
{
	struct cgroup_walk w = cgroup_walk(text);
	struct cgroup_name name;

	while (cgroup_next(&w, &name)) {
		if (!name.is_hex)
			continue;
		*id = name.id;
		return true;
	}
	return false;
}
