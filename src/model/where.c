/* SPDX-License-Identifier: Apache-2.0 */
#include "model/where.h"

bool where_glob(struct span pattern, struct span text)
{
	if (pattern.n && pattern.p[pattern.n - 1] == '*')
		return span_starts(text, span_head(pattern, pattern.n - 1));
	return pattern.n == 0 || span_is(pattern, text);
}

/* A pattern with a slash is of kind and name, one without is of the name. */
static bool names_workload(struct span pattern, struct span is_kind, struct span is_name)
{
	struct span kind, name;

	if (!span_cut(pattern, '/', &kind, &name))
		return where_glob(pattern, is_name);
	return span_is_icase(kind, is_kind) && where_glob(name, is_name);
}

bool where_names(const struct where *w, struct span ns, struct span kind, struct span name)
{
	bool in = w->n_namespaces == 0, is = w->n_workloads == 0;

	for (size_t i = 0; !in && i < w->n_namespaces; i++)
		in = where_glob(w->namespaces[i], ns);
	for (size_t i = 0; !is && name.n && i < w->n_workloads; i++)
		is = names_workload(w->workloads[i], kind, name);
	return in && is;
}

static bool has_label(const struct event *e, const struct event_label *want)
{
	for (size_t i = 0; i < e->n_labels; i++)
		if (span_is(e->labels[i].key, want->key))
			return where_glob(want->value, e->labels[i].value);
	return false;
}

bool where_takes(const struct where *w, const struct event *began)
{
	bool all = where_names(w, began->place.ns, began->workload_kind, began->workload_name);

	for (size_t i = 0; all && i < w->n_labels; i++)
		all = has_label(began, &w->labels[i]);
	return all;
}
