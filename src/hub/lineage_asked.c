/* SPDX-License-Identifier: Apache-2.0 */
/* lineage_asked.c - a way back that somebody asks an orchestrator for, told when it is asked for.
 * What declares it later, and what begins of it, finds it told. */
#include "base/limits.h"
#include "hub/lineage_inside.h"

/* "jane asked for it. It ran here before, ..." */
static void put_basis(const struct event *e, struct span basis, struct strbuf *out)
{
	if (e->change.who.n)
		strbuf_printf(out, SPAN_FMT " asked for it. ",
			      SPAN_ARG(span_head(e->change.who, 200)));
	strbuf_put(out, basis);
}

static enum rmg_rc go_back(struct call *c, struct lineage *l, struct step *s, struct span basis)
{
	struct lineage_line *line = s->line;
	enum rmg_rc rc = line_go_back(c, s, basis);

	if (rc == RMG_OK && !(seen_add(c->w, l, line, s->from, s->at_ms) &&
			      seen_add(c->w, l, line, s->to, s->at_ms) &&
			      VEC_PUSH(&l->asked, (uint32_t)(line - l->lines.v))))
		rc = call_no_memory(c);
	line->asked_ms = c->env->now_ms;
	return rc;
}

/* A container that is made beside others like it is none: both versions are there while one is
 * rolled out. */
static bool is_step(const struct call *c, const struct step *s, const struct event *e)
{
	return s->to && s->from && s->to != s->from &&
	       (e->n_before || !line_runs(c, s->line->workload, 0, s->name, s->to));
}

static enum rmg_rc asked_of(struct call *c, struct lineage *l, struct step *s,
			    const struct event *e, size_t i)
{
	const struct event_image *before = line_before(e, i);
	struct strbuf basis = strbuf_of(KIB(2)), text = strbuf_of(KIB(2));
	enum rmg_rc rc = RMG_OK;

	s->line->image = image_known_as(c->w, s->line->image);
	s->to = line_meaning(c, l, s->line, &e->images[i]);
	s->from = s->line->image;
	if (s->from == 0 && before)
		s->from = line_meaning(c, l, s->line, before);
	if (is_step(c, s, e) && step_goes_back(c, l, s, &basis)) {
		put_basis(e, strbuf_span(&basis), &text);
		rc = go_back(c, l, s, strbuf_span(&text));
	}
	strbuf_done(&basis);
	strbuf_done(&text);
	return rc;
}

static enum rmg_rc with_image(struct call *c, struct lineage *l, uint32_t workload,
			      const struct event *e, size_t i)
{
	const struct world_workload *x = &c->w->workloads.v[workload];
	struct span container = e->images[i].container;
	struct strbuf name = strbuf_of(KIB(32));
	struct step s = step_new(NULL, c->env->now_ms);
	enum rmg_rc rc = RMG_OK;

	line_name(x, e->images[i].ref, container.n ? container : x->name, &name);
	s.name = strbuf_span(&name);
	if (strbuf_rc(&name) == RMG_OK)
		s.line = line_find(l, workload, s.name);
	if (s.line) /* else nothing of it ever ran */
		rc = asked_of(c, l, &s, e, i);
	strbuf_done(&name);
	step_done(&s);
	return rc;
}

enum rmg_rc lineage_asked(struct alerts *a, const struct alerts_env *env, uint32_t workload,
			  const struct event *e, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	struct lineage *l;
	enum rmg_rc rc;

	if (line_is_of_node(env->world->workloads.v[workload].kind))
		return RMG_OK;
	rc = lineage_ready(&c, &l, workload);
	for (size_t i = 0; rc == RMG_OK && i < e->n_images; i++)
		rc = with_image(&c, l, workload, e, i);
	return rc;
}

/* What does not come about. */

struct named {
	struct lineage_line *line;
	struct strbuf name;
};

/* A line has no name of its own: it is that of a use of what it ran. */
static bool name_line(const struct call *c, struct lineage *l, struct named *n)
{
	const struct world *w = c->w;

	for (uint32_t u = w->workloads.v[n->line->workload].first_use; u;
	     u = w->uses.v[u].next_of_workload) {
		strbuf_clear(&n->name);
		line_name_of(w, &w->uses.v[u], &n->name);
		if (line_find(l, n->line->workload, strbuf_span(&n->name)) == n->line)
			return true;
	}
	return false;
}

static bool came_about(const struct call *c, const struct lineage_line *line)
{
	const struct world_workload *x = &c->w->workloads.v[line->workload];

	if (!x->declared || x->removed_ms || x->n_would_run == 0 || line_would(x, line->image))
		return true;
	for (uint32_t u = x->first_use; u; u = c->w->uses.v[u].next_of_workload)
		if (c->w->uses.v[u].image == line->image)
			return true;
	return false;
}

static enum rmg_rc take_back(struct call *c, struct lineage *l, struct named *n)
{
	struct lineage_line *line = n->line;
	struct step s = step_new(line, c->env->now_ms);
	enum rmg_rc rc;

	s.from = line->image;
	s.to = line->from;
	s.name = strbuf_span(&n->name);
	s.what = "withdrawn";
	line->said = line->rolled_back = false;
	strbuf_puts(&s.text, "Not rolled back: it was asked for and did not come about.");
	rc = step_write(c, &s);
	if (rc == RMG_OK)
		rc = step_tell(c, &s, true);
	if (rc == RMG_OK && !seen_add(c->w, l, line, s.to, s.at_ms))
		rc = call_no_memory(c);
	line->image = s.to;
	line->from = s.from;
	line->since_ms = s.at_ms;
	step_done(&s);
	return rc;
}

/* The last look at one that was asked for; false: it is to be looked at again. */
static bool is_settled(struct call *c, struct lineage *l, uint32_t at, enum rmg_rc *rc)
{
	struct named n = {.line = &l->lines.v[at], .name = strbuf_of(KIB(32))};
	bool over = n.line->asked_ms == 0 || came_about(c, n.line),
	     late = c->env->now_ms - n.line->asked_ms >= LINEAGE_ASKED_MS;

	if (!over && late && name_line(c, l, &n))
		*rc = take_back(c, l, &n);
	if (over || late)
		n.line->asked_ms = 0;
	strbuf_done(&n.name);
	return over || late;
}

enum rmg_rc look_at_asked(struct call *c)
{
	struct lineage *l = c->a->lineage;
	enum rmg_rc rc = RMG_OK;
	size_t kept = 0;

	for (size_t i = 0; l && i < l->asked.n; i++)
		if (rc != RMG_OK || !is_settled(c, l, l->asked.v[i], &rc))
			l->asked.v[kept++] = l->asked.v[i];
	if (l)
		l->asked.n = kept;
	return rc;
}
