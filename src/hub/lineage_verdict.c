/* SPDX-License-Identifier: Apache-2.0 */
/* lineage_verdict.c - which of two contents is the worse: by what is known now, and as it was known
 * when a workload went from one to the other. */
#include "hub/lineage_inside.h"

static bool counts_worse(const struct world_counts *was, const struct world_counts *is)
{
	if (was->kev != is->kev)
		return is->kev > was->kev;
	for (int s = SEV_CRITICAL; s > SEV_UNKNOWN; s--) {
		if (was->by_severity[s] != is->by_severity[s])
			return is->by_severity[s] > was->by_severity[s];
	}
	return false;
}

bool verdict_known(const struct call *c, uint32_t image)
{
	return c->env->db && image && c->w->images.v[image].read_ms;
}

void verdict_say(const struct call *c, uint32_t image, struct strbuf *out)
{
	const struct world_counts *n = &c->w->images.v[image].counts;

	if (!verdict_known(c, image)) {
		strbuf_puts(out, "nobody has read it yet");
		return;
	}
	strbuf_printf(out, "%u critical", n->by_severity[SEV_CRITICAL]);
	if (n->by_severity[SEV_HIGH])
		strbuf_printf(out, ", %u high", n->by_severity[SEV_HIGH]);
	if (n->kev)
		strbuf_printf(out, ", %u known to be exploited", n->kev);
}

/* What cannot be judged yet is not better. */
bool verdict_worse(const struct call *c, uint32_t from, uint32_t to)
{
	static const struct world_counts nothing;
	const struct world_counts *was = &nothing, *is = &c->w->images.v[to].counts;

	if (!verdict_known(c, to))
		return true;
	if (verdict_known(c, from))
		was = &c->w->images.v[from].counts;
	return counts_worse(was, is);
}

void verdict_write(struct jsonw *w, const char *key, const struct call *c, uint32_t image)
{
	jsonw_key(w, key);
	if (!verdict_known(c, image)) {
		jsonw_null(w);
		return;
	}
	jsonw_object(w);
	for (int s = SEV_CRITICAL; s >= SEV_UNKNOWN; s--)
		jsonw_put_u64(w, severity_name((enum adv_severity)s),
			      c->w->images.v[image].counts.by_severity[s]);
	jsonw_put_u64(w, "kev", c->w->images.v[image].counts.kev);
	jsonw_object_end(w);
}

/* Verdicts of then, as a step's row has them: verdict_write(). */

static bool read_counts(json *root, const char *key, struct world_counts *out)
{
	json *v = json_get(root, key);
	uint64_t n = 0;

	*out = (struct world_counts){0};
	for (int s = SEV_CRITICAL; s > SEV_UNKNOWN; s--)
		if (json_get_u64(v, severity_name((enum adv_severity)s), &n))
			out->by_severity[s] = (uint32_t)n;
	if (json_get_u64(v, "kev", &n))
		out->kev = (uint32_t)n;
	return json_is_object(v);
}

void verdict_read(json *root, struct lineage_line *line)
{
	struct world_counts was, is;

	(void)read_counts(root, "before", &was);
	line->judged = read_counts(root, "after", &is);
	line->worse = !line->judged || counts_worse(&was, &is);
}
