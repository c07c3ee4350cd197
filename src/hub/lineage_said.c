/* SPDX-License-Identifier: Apache-2.0 */
/* lineage_said.c - a rollback by the orchestrator's own word, before a container of it runs, or
 * where what began does not tell: a version that failed at its start left others running. */
#include "base/limits.h"
#include "hub/lineage_inside.h"

/* What a line has run of what an image may mean; else what a digest alone is taken for. */
uint32_t line_meaning(const struct call *c, struct lineage *l, const struct lineage_line *line,
		      const struct event_image *e)
{
	uint32_t tag = e->n_digests ? 0 : world_tag_of(c->w, e->ref), image, any = 0;
	size_t n = tag ? 1 : e->n_digests;

	for (size_t i = 0; i < n; i++) {
		struct span digest = tag ? c->w->tags.v[tag].digest : e->digests[i];

		for (size_t nth = 0; (image = world_image_of(c->w, digest, nth)) != 0; nth++)
			if (seen_find(c->w, l, line, image))
				return image;
		any = any ? any : world_image_choose(c->w, digest);
	}
	return any;
}

const struct event_image *line_before(const struct event *e, size_t i)
{
	for (size_t k = 0; k < e->n_before; k++)
		if (span_is(e->before[k].container, e->images[i].container))
			return &e->before[k];
	return NULL;
}

static bool is_news(const struct step *s)
{
	const struct lineage_line *line = s->line;

	if (s->to == 0 || s->from == 0 || s->from == s->to)
		return false;
	if (line->image == s->to)
		return !line->rolled_back;
	/* Said late: something else has begun since. */
	return line->image == 0 || line->since_ms <= s->at_ms;
}

enum rmg_rc line_go_back(struct call *c, struct step *s, struct span basis)
{
	struct lineage_line *line = s->line;
	enum rmg_rc rc;

	line->said = line->rolled_back = true;
	line->worse = verdict_worse(c, s->from, s->to);
	line->judged = verdict_known(c, s->to);
	s->what = "rolled-back";
	step_say(c, s, "Rolled back", basis);
	rc = step_write(c, s);
	if (rc == RMG_OK)
		rc = step_tell(c, s, !line->worse);
	line->image = s->to;
	line->from = s->from;
	line->since_ms = s->at_ms;
	return rc;
}

/* What was before is first seen after it: forward again is no way back. */
static enum rmg_rc go_back(struct call *c, struct lineage *l, struct step *s)
{
	enum rmg_rc rc = line_go_back(c, s, S(LINEAGE_SAID));

	if (rc == RMG_OK && !(seen_add(c->w, l, s->line, s->to, s->at_ms - 1) &&
			      seen_add(c->w, l, s->line, s->from, s->at_ms)))
		rc = call_no_memory(c);
	return rc;
}

static enum rmg_rc said_of(struct call *c, struct lineage *l, uint32_t workload,
			   const struct event *e, size_t i)
{
	const struct world_workload *x = &c->w->workloads.v[workload];
	const struct event_image *before = line_before(e, i);
	struct span container = e->images[i].container;
	struct strbuf name = strbuf_of(KIB(32));
	struct step s = step_new(NULL, e->at_ms ? e->at_ms : c->env->now_ms);
	enum rmg_rc rc = RMG_OK;

	line_name(x, e->images[i].ref, container.n ? container : x->name, &name);
	s.name = strbuf_span(&name);
	s.line = line_find(l, workload, s.name);
	if (s.line == NULL)
		s.line = line_add(l, workload, s.name);
	if (s.line == NULL || strbuf_rc(&name) != RMG_OK)
		rc = call_no_memory(c);
	if (rc == RMG_OK) {
		s.line->image = image_known_as(c->w, s.line->image);
		s.to = line_meaning(c, l, s.line, &e->images[i]);
		s.from = before ? line_meaning(c, l, s.line, before) : s.line->image;
		if (is_news(&s))
			rc = go_back(c, l, &s);
	}
	strbuf_done(&name);
	step_done(&s);
	return rc;
}

bool line_would(const struct world_workload *x, uint32_t image)
{
	for (uint32_t i = 0; i < x->n_would_run; i++)
		if (x->would_run[i] == image)
			return true;
	return false;
}

static enum rmg_rc go_there(struct call *c, struct lineage *l, struct lineage_line *line,
			    struct span name, uint32_t to)
{
	struct step s = step_new(line, c->env->now_ms);
	enum rmg_rc rc;

	s.from = line->image;
	s.to = to;
	s.name = name;
	rc = step_change(c, l, &s);
	if (rc == RMG_OK && !seen_add(c->w, l, line, to, s.at_ms))
		rc = call_no_memory(c);
	line->from = s.from;
	line->image = to;
	line->since_ms = s.at_ms;
	step_done(&s);
	return rc;
}

enum rmg_rc line_settle(struct call *c, struct lineage *l, uint32_t workload, uint32_t ended)
{
	const struct world_workload *x = &c->w->workloads.v[workload];
	const struct lineage_line *last = NULL;
	struct strbuf name = strbuf_of(KIB(32));
	enum rmg_rc rc = RMG_OK;

	for (uint32_t u = x->first_use; u && rc == RMG_OK; u = c->w->uses.v[u].next_of_workload) {
		uint32_t image = c->w->uses.v[u].image;
		struct lineage_line *line;

		if (u == ended || !line_would(x, image))
			continue;
		strbuf_clear(&name);
		line_name_of(c->w, &c->w->uses.v[u], &name);
		line = line_find(l, workload, strbuf_span(&name));
		if (line == NULL || line == last || line->image == 0 || line->asked_ms ||
		    line->image == image || line_would(x, line->image))
			continue;
		last = line;
		if (!line_runs(c, workload, ended, strbuf_span(&name), line->image))
			rc = go_there(c, l, line, strbuf_span(&name), image);
	}
	strbuf_done(&name);
	return rc;
}

enum rmg_rc lineage_said(struct alerts *a, const struct alerts_env *env, uint32_t workload,
			 const struct event *e, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	struct lineage *l;
	enum rmg_rc rc;

	if (line_is_of_node(env->world->workloads.v[workload].kind))
		return RMG_OK;
	rc = lineage_ready(&c, &l, workload);
	for (size_t i = 0; span_starts(e->update, S("rollback")) && rc == RMG_OK && i < e->n_images;
	     i++)
		rc = said_of(&c, l, workload, e, i);
	return rc == RMG_OK ? line_settle(&c, l, workload, 0) : rc;
}
