/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/lineage.h"

#include "base/limits.h"
#include "base/rfc3339.h"
#include "hub/lineage_inside.h"
#include "model/ref.h"

enum { DAY_MS = 86400000, HOUR_MS = 3600000, USES_ASKED = 50 };

struct lineage *lineage_of(struct call *c)
{
	if (c->a->lineage == NULL)
		c->a->lineage = calloc(1, sizeof *c->a->lineage);
	return c->a->lineage;
}

void lineage_free(struct lineage *l)
{
	if (l == NULL)
		return;
	VEC_DONE(&l->lines);
	VEC_DONE(&l->seen);
	VEC_DONE(&l->is_read);
	VEC_DONE(&l->refs);
	VEC_DONE(&l->asked);
	map_done(&l->by_name);
	map_done(&l->by_ref);
	free(l);
}

uint32_t image_known_as(const struct world *w, uint32_t image)
{
	const struct world_image *im = &w->images.v[image];
	uint32_t other = image && im->read_ms == 0 ? world_image_choose(w, im->digest) : 0;

	return other && w->images.v[other].read_ms ? other : image;
}

/* Lines. */

struct span digest_short(struct span digest)
{
	return span_head(digest, 19);
}

/* Names that an engine makes of the service's own and a number say nothing more. */
static bool is_made_of(struct span name, struct span workload)
{
	return span_find(name, workload) != SIZE_MAX;
}

/* What an engine runs on its own is a matter of the node; what is orchestrated is not. */
bool line_is_of_node(struct span kind)
{
	return span_is(kind, S("Container")) || span_is(kind, S("Repository")) ||
	       span_is(kind, S("Compose"));
}

void line_name(const struct world_workload *x, struct span ref, struct span container,
	       struct strbuf *out)
{
	struct span repository, tag;

	ref_cut(ref, &repository, &tag);
	strbuf_put(out, repository);
	if (is_made_of(container, x->name) || span_is(x->kind, S("Repository")))
		return;
	strbuf_putc(out, ' ');
	strbuf_put(out, container);
}

void line_name_of(const struct world *w, const struct world_use *u, struct strbuf *out)
{
	const struct world_workload *x = &w->workloads.v[u->workload];
	struct span ref = world_use_ref(w, u);

	if (ref.n == 0 || span_starts(ref, S("sha256:")))
		ref = w->images.v[u->image].ref;
	line_name(x, ref, world_use_name(w, u), out);
	if (line_is_of_node(x->kind)) {
		strbuf_puts(out, " on ");
		strbuf_put(out, w->places.v[u->place].place.node);
	}
}

static uint64_t line_hash(uint32_t workload, struct span name)
{
	return hash_mix(hash_span(name) * 3 + workload);
}

struct lineage_line *line_find(struct lineage *l, uint32_t workload, struct span name)
{
	uint32_t i = map_find(&l->by_name, line_hash(workload, name));

	return i == MAP_NONE ? NULL : &l->lines.v[i];
}

struct lineage_line *line_add(struct lineage *l, uint32_t workload, struct span name)
{
	struct lineage_line line = {.workload = workload};

	if (!VEC_PUSH(&l->lines, line) ||
	    !map_set(&l->by_name, line_hash(workload, name), (uint32_t)l->lines.n - 1))
		return NULL;
	return &l->lines.v[l->lines.n - 1];
}

struct lineage_seen *seen_find(const struct world *w, struct lineage *l,
			       const struct lineage_line *line, uint32_t image)
{
	for (uint32_t i = line->seen; i; i = l->seen.v[i - 1].next) {
		struct lineage_seen *seen = &l->seen.v[i - 1];

		seen->image = image_known_as(w, seen->image);
		if (seen->image == image)
			return seen;
	}
	return NULL;
}

bool seen_add(const struct world *w, struct lineage *l, struct lineage_line *line, uint32_t image,
	      int64_t at_ms)
{
	struct lineage_seen *have = seen_find(w, l, line, image);
	struct lineage_seen seen = {image, line->seen, at_ms};

	if (have) {
		have->first_ms = MIN_OF(have->first_ms, at_ms);
		return true;
	}
	if (!VEC_PUSH(&l->seen, seen))
		return false;
	line->seen = (uint32_t)l->seen.n;
	return true;
}

/* What the store knows of a workload, read when it is first heard of. */

struct reading {
	struct call *c;
	struct lineage *l;
	int64_t ended_ms;
	size_t left;
};

static enum rmg_rc take_step(void *user, const struct lineage_row *row)
{
	struct reading *r = user;
	struct lineage_line *line;
	struct json_doc doc = {0};
	struct span name = {0};
	bool ok = true, back, said;

	if (json_parse(&doc, row->counts, LIMIT_EVENT_BYTES, NULL) == RMG_OK)
		name = json_get_str(doc.root, "line");
	line = line_find(r->l, row->workload, name);
	if (line == NULL)
		line = line_add(r->l, row->workload, name);
	back = span_is(row->what, S("rolled-back"));
	said = json_get_bool(doc.root, "said");
	if (line && back && (said || line->image != row->image))
		verdict_read(doc.root, line);
	json_done(&doc);
	if (line == NULL)
		return call_no_memory(r->c);
	if (span_is(row->what, S("ended"))) {
		line->ended_ms = row->at_ms;
		return RMG_OK;
	}
	if (row->image == 0 || span_starts(row->what, S("tag-")))
		return RMG_OK;
	if (row->from)
		ok = seen_add(r->c->w, r->l, line, row->from, row->at_ms);
	ok = ok && seen_add(r->c->w, r->l, line, row->image, row->at_ms);
	if (line->image != row->image || (back && said)) {
		line->from = row->from;
		line->image = row->image;
		line->since_ms = row->at_ms;
		line->rolled_back = back;
		line->said = said;
	}
	return ok ? RMG_OK : call_no_memory(r->c);
}

static enum rmg_rc take_end(void *user, const struct use_row *row)
{
	struct reading *r = user;

	r->ended_ms = MAX_OF(r->ended_ms, row->ended_ms);
	return --r->left ? RMG_OK : RMG_E_STOPPED;
}

static bool is_read_grow(struct lineage *l, uint32_t workload)
{
	while (l->is_read.n <= workload)
		if (!VEC_PUSH(&l->is_read, 0))
			return false;
	return true;
}

enum rmg_rc lineage_read(struct call *c, struct lineage *l, uint32_t workload)
{
	struct reading r = {.c = c, .l = l, .left = USES_ASKED};
	size_t first = l->lines.n;
	enum rmg_rc rc;

	if (!is_read_grow(l, workload))
		return call_no_memory(c);
	if (l->is_read.v[workload])
		return RMG_OK;
	l->is_read.v[workload] = 1;
	rc = store_lineage_each(c->env->store, workload, take_step, &r, c->err);
	if (rc == RMG_OK && l->lines.n > first)
		rc = store_use_of_workload(c->env->store, workload, take_end, &r, c->err);
	for (size_t i = first; i < l->lines.n; i++)
		l->lines.v[i].ended_ms = MAX_OF(l->lines.v[i].ended_ms, r.ended_ms);
	return rc;
}

enum rmg_rc lineage_ready(struct call *c, struct lineage **l, uint32_t workload)
{
	enum rmg_rc rc;

	*l = lineage_of(c);
	rc = *l ? alerts_take_policy(c) : call_no_memory(c);
	return rc == RMG_OK ? lineage_read(c, *l, workload) : rc;
}

/* Steps. */

/* In which container, where one that begins is the step. */
static void put_where(const struct call *c, struct jsonw *w)
{
	const struct use_row *row = c->env->begins;

	if (row == NULL)
		return;
	jsonw_put(w, "node", c->w->places.v[row->place].place.node);
	jsonw_put(w, "pod", row->pod);
	jsonw_put(w, "container", row->name);
}

struct step step_new(struct lineage_line *line, int64_t at_ms)
{
	return (struct step){
	    .line = line,
	    .at_ms = at_ms,
	    .text = strbuf_of(KIB(32)),
	    .before = strbuf_of(KIB(1)),
	    .after = strbuf_of(KIB(1)),
	};
}

void step_done(struct step *s)
{
	strbuf_done(&s->text);
	strbuf_done(&s->before);
	strbuf_done(&s->after);
}

enum rmg_rc step_write(struct call *c, struct step *s)
{
	struct strbuf counts = strbuf_of(KIB(64));
	struct jsonw w = jsonw_of(&counts);
	struct lineage_row row = {
	    .workload = s->line->workload,
	    .image = s->to,
	    .from = s->from,
	    .at_ms = s->at_ms,
	    .what = span_cstr(s->what),
	    .text = strbuf_span(&s->text),
	};
	enum rmg_rc rc;

	jsonw_object(&w);
	jsonw_put(&w, "line", s->name);
	put_where(c, &w);
	if (s->line->said)
		jsonw_put_bool(&w, "said", true);
	if (s->from)
		verdict_write(&w, "before", c, s->from);
	verdict_write(&w, "after", c, s->to);
	jsonw_object_end(&w);
	row.counts = strbuf_span(&counts);
	rc = strbuf_rc(&counts) == RMG_OK && strbuf_rc(&s->text) == RMG_OK
		 ? store_lineage_add(c->env->store, &row, c->err)
		 : err_set(c->err, RMG_E_LIMIT, "the texts of a workload are too long");
	strbuf_done(&counts);
	return rc;
}

static void put_time(struct strbuf *out, int64_t ms)
{
	char buf[RFC3339_BYTES];

	strbuf_puts(out, rfc3339_text(ms, buf));
}

/* Whether the declared revisions say that this is newer, against the creation times. */
static bool revision_is_newer(struct span from, struct span to)
{
	uint64_t was, is;

	return span_u64(from, 10, INT64_MAX, &was) && span_u64(to, 10, INT64_MAX, &is) && is > was;
}

bool step_goes_back(const struct call *c, struct lineage *l, const struct step *s,
		    struct strbuf *text)
{
	const struct lineage_seen *was = seen_find(c->w, l, s->line, s->from),
				  *is = seen_find(c->w, l, s->line, s->to);
	const struct world_image *from = &c->w->images.v[s->from], *to = &c->w->images.v[s->to];

	if (was && is) {
		if (is->first_ms >= was->first_ms)
			return false;
		strbuf_puts(text, "It ran here before, first at ");
		put_time(text, is->first_ms);
		strbuf_putc(text, '.');
		return true;
	}
	if (is || from->created_ms <= 0 || to->created_ms <= 0 ||
	    to->created_ms >= from->created_ms || revision_is_newer(from->revision, to->revision))
		return false;
	strbuf_puts(text, "It never ran here; by what the images say it was made at ");
	put_time(text, to->created_ms);
	strbuf_puts(text, ", the other at ");
	put_time(text, from->created_ms);
	strbuf_putc(text, '.');
	return true;
}

static void say_workload(const struct call *c, uint32_t workload, struct strbuf *out)
{
	const struct world_workload *x = &c->w->workloads.v[workload];

	strbuf_printf(out, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(x->kind), SPAN_ARG(x->name));
}

static void say_image(const struct call *c, uint32_t image, struct strbuf *out)
{
	const struct world_image *im = &c->w->images.v[image];

	strbuf_put(out, im->ref.n ? im->ref : digest_short(im->digest));
}

static void put_subject(const struct call *c, const struct step *s, struct strbuf *out)
{
	const struct world_workload *x = &c->w->workloads.v[s->line->workload];
	const struct place *p = &c->w->places.v[x->place].place;

	strbuf_printf(out, SPAN_FMT "/" SPAN_FMT "/", SPAN_ARG(p->cluster), SPAN_ARG(p->ns));
	say_workload(c, s->line->workload, out);
	strbuf_putc(out, '/');
	strbuf_put(out, s->name);
}

/* over: it went forward again. */
enum rmg_rc step_tell(struct call *c, const struct step *s, bool over)
{
	struct strbuf subject = strbuf_of(KIB(32)), title = strbuf_of(KIB(32));
	struct happening x = {
	    .kind = RULE_ROLLBACK,
	    .image = s->to,
	    .workload = s->line->workload,
	    .text = strbuf_span(&s->text),
	    .before = strbuf_span(&s->before),
	    .after = strbuf_span(&s->after),
	    .over = over,
	};
	enum rmg_rc rc;

	put_subject(c, s, &subject);
	say_workload(c, s->line->workload, &title);
	strbuf_puts(&title, " rolled back from ");
	say_image(c, s->from, &title);
	strbuf_puts(&title, " to ");
	say_image(c, s->to, &title);
	x.subject = strbuf_span(&subject);
	x.title = strbuf_span(&title);
	rc = alerts_happened(c->a, c->env, &x, c->err);
	strbuf_done(&subject);
	strbuf_done(&title);
	return rc;
}

void step_say(const struct call *c, struct step *s, const char *verb, struct span basis)
{
	verdict_say(c, s->from, &s->before);
	verdict_say(c, s->to, &s->after);
	strbuf_printf(
	    &s->text, "%s from " SPAN_FMT " (" SPAN_FMT ") to " SPAN_FMT " (" SPAN_FMT ").", verb,
	    SPAN_ARG(digest_short(c->w->images.v[s->from].digest)),
	    SPAN_ARG(strbuf_span(&s->before)), SPAN_ARG(digest_short(c->w->images.v[s->to].digest)),
	    SPAN_ARG(strbuf_span(&s->after)));
	if (basis.n)
		strbuf_printf(&s->text, " " SPAN_FMT, SPAN_ARG(basis));
}

/* From one content to another. */
enum rmg_rc step_change(struct call *c, struct lineage *l, struct step *s)
{
	struct strbuf basis = strbuf_of(KIB(1));
	bool back = step_goes_back(c, l, s, &basis),
	     told = back && verdict_worse(c, s->from, s->to);
	enum rmg_rc rc;

	s->line->said = false;
	s->what = back ? "rolled-back" : "updated";
	step_say(c, s, back ? "Rolled back" : "Updated", strbuf_span(&basis));
	strbuf_done(&basis);
	rc = step_write(c, s);
	if (rc == RMG_OK && (told || s->line->rolled_back))
		rc = step_tell(c, s, !told);
	s->line->rolled_back = back;
	s->line->worse = told;
	s->line->judged = verdict_known(c, s->to);
	return rc;
}

static bool was_dormant(const struct lineage_line *line, int64_t at_ms)
{
	return line->ended_ms && at_ms - line->ended_ms >= (int64_t)LINEAGE_DORMANT_DAYS * DAY_MS;
}

static bool is_told(struct call *c, const struct step *s)
{
	struct strbuf subject = strbuf_of(KIB(32)), key = strbuf_of(KIB(64));
	bool told;

	put_subject(c, s, &subject);
	happening_key(RULE_ROLLBACK, strbuf_span(&subject), &key);
	told = alerts_find_key(c->a, strbuf_span(&key)) != NULL;
	strbuf_done(&subject);
	strbuf_done(&key);
	return told;
}

/* A rollback that lasts: as it was judged, or it can be for the first time. */
static enum rmg_rc hold_rollback(struct call *c, struct lineage *l, struct step *s)
{
	struct lineage_line *line = s->line;
	struct strbuf basis = strbuf_of(KIB(1));
	bool now = !line->judged && verdict_known(c, s->to);
	enum rmg_rc rc = RMG_OK;

	s->from = line->from;
	if (now && line->rolled_back) {
		line->worse = verdict_worse(c, s->from, s->to);
		line->judged = true;
	}
	if (line->said)
		strbuf_puts(&basis, LINEAGE_SAID);
	if (line->rolled_back && (now || (line->worse && !is_told(c, s))) &&
	    (line->said || step_goes_back(c, l, s, &basis))) {
		step_say(c, s, "Rolled back", strbuf_span(&basis));
		rc = step_tell(c, s, !line->worse);
	}
	strbuf_done(&basis);
	return rc;
}

/* The same content after a while; a rollback that is not mended is told again. */
static enum rmg_rc run_again(struct call *c, struct lineage *l, struct step *s)
{
	enum rmg_rc rc = RMG_OK;

	if (was_dormant(s->line, s->at_ms)) {
		s->what = "returned";
		strbuf_puts(&s->text, "It runs again; the last of it ended at ");
		put_time(&s->text, s->line->ended_ms);
		strbuf_putc(&s->text, '.');
		rc = step_write(c, s);
		strbuf_clear(&s->text);
	}
	return rc == RMG_OK ? hold_rollback(c, l, s) : rc;
}

static enum rmg_rc start_line(struct call *c, struct step *s)
{
	s->what = "started";
	verdict_say(c, s->to, &s->after);
	strbuf_printf(&s->text, "Runs " SPAN_FMT " (" SPAN_FMT ").",
		      SPAN_ARG(digest_short(c->w->images.v[s->to].digest)),
		      SPAN_ARG(strbuf_span(&s->after)));
	return step_write(c, s);
}

bool line_runs(const struct call *c, uint32_t workload, uint32_t use, struct span name,
	       uint32_t image)
{
	const struct world *w = c->w;
	struct strbuf other = strbuf_of(KIB(32));
	bool found = false;

	for (uint32_t u = w->workloads.v[workload].first_use; u && !found;
	     u = w->uses.v[u].next_of_workload) {
		if (u == use || (image && w->uses.v[u].image != image))
			continue;
		strbuf_clear(&other);
		line_name_of(w, &w->uses.v[u], &other);
		found = span_is(strbuf_span(&other), name);
	}
	strbuf_done(&other);
	return found;
}

static enum rmg_rc take_began(struct call *c, struct lineage *l, uint32_t use, struct step *s)
{
	struct lineage_line *line = s->line;
	bool first, same;
	enum rmg_rc rc = RMG_OK;

	line->image = image_known_as(c->w, line->image);
	first = line->image == 0;
	same = line->image == s->to;
	s->from = first ? 0 : line->image;
	/* What it is to become is told; what it was may begin once more until then. */
	if (line->asked_ms && s->to == line->from)
		return RMG_OK;
	/* Said late: what began before what runs now is no step, but it was here before. */
	if (!first && !same && s->at_ms < line->since_ms)
		return seen_add(c->w, l, line, s->to, s->at_ms) ? RMG_OK : call_no_memory(c);
	if (first)
		rc = start_line(c, s);
	else if (same)
		rc = run_again(c, l, s);
	else if (line_runs(c, line->workload, use, s->name, s->to))
		return RMG_OK;
	else
		rc = step_change(c, l, s);
	if (rc != RMG_OK)
		return rc;
	if (!seen_add(c->w, l, line, s->to, s->at_ms))
		return call_no_memory(c);
	if (!same) {
		line->since_ms = s->at_ms;
		line->from = s->from;
	}
	line->image = s->to;
	line->ended_ms = 0;
	return RMG_OK;
}

static enum rmg_rc with_line(struct call *c, uint32_t use, struct strbuf *name, struct lineage **l,
			     struct lineage_line **line)
{
	const struct world_use *u = &c->w->uses.v[use];
	enum rmg_rc rc;

	*l = lineage_of(c);
	if (*l == NULL)
		return call_no_memory(c);
	rc = lineage_read(c, *l, u->workload);
	if (rc != RMG_OK)
		return rc;
	line_name_of(c->w, u, name);
	if (strbuf_rc(name) != RMG_OK)
		return err_set(c->err, RMG_E_LIMIT, "the texts of a workload are too long");
	*line = line_find(*l, u->workload, strbuf_span(name));
	return RMG_OK;
}

/* read: the use is known, its image was read since. */
static enum rmg_rc line_began(struct call *c, uint32_t use, bool read)
{
	const struct world_use *u = &c->w->uses.v[use];
	struct strbuf name = strbuf_of(KIB(32));
	struct step s = step_new(NULL, u->began_ms);
	struct lineage *l;
	enum rmg_rc rc = with_line(c, use, &name, &l, &s.line);

	s.to = u->image;
	s.name = strbuf_span(&name);
	if (rc == RMG_OK && s.line == NULL && !read) {
		s.line = line_add(l, u->workload, s.name);
		rc = s.line ? RMG_OK : call_no_memory(c);
	}
	if (rc == RMG_OK && !read)
		rc = take_began(c, l, use, &s);
	else if (rc == RMG_OK && s.line && s.line->image == s.to)
		rc = hold_rollback(c, l, &s);
	strbuf_done(&name);
	step_done(&s);
	return rc;
}

/* Short runs (jobs) leave no row each time they end: uses say when. */
static enum rmg_rc line_ended(struct call *c, uint32_t use)
{
	const struct world_use *u = &c->w->uses.v[use];
	struct strbuf name = strbuf_of(KIB(32));
	struct step s = {.to = u->image, .at_ms = c->env->now_ms, .what = "ended"};
	struct lineage *l;
	enum rmg_rc rc = with_line(c, use, &name, &l, &s.line);

	s.name = strbuf_span(&name);
	if (rc == RMG_OK && s.line && s.line->image == u->image &&
	    !line_runs(c, u->workload, use, s.name, u->image))
		rc = line_settle(c, l, u->workload, use);
	if (rc == RMG_OK && s.line && !line_runs(c, u->workload, use, s.name, 0)) {
		s.line->ended_ms = c->env->now_ms;
		if (c->env->now_ms - u->began_ms >= HOUR_MS) {
			s.text = strbuf_of(KIB(1));
			strbuf_puts(&s.text, "Nothing of it runs any more.");
			rc = step_write(c, &s);
			strbuf_done(&s.text);
		}
	}
	strbuf_done(&name);
	return rc;
}

enum rmg_rc line_read(struct call *c, uint32_t image)
{
	uint32_t last = 0;
	enum rmg_rc rc = RMG_OK;
	size_t left = USES_ASKED;

	for (uint32_t u = c->w->images.v[image].first_use; u && rc == RMG_OK && left;
	     u = c->w->uses.v[u].next) {
		uint32_t workload = c->w->uses.v[u].workload;

		if (workload == 0 || workload == last)
			continue;
		last = workload;
		left--;
		rc = line_began(c, u, true);
	}
	return rc;
}

enum rmg_rc lineage_made(struct alerts *a, const struct alerts_env *env, uint32_t workload,
			 struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	struct lineage *l = lineage_of(&c);

	if (l == NULL || !is_read_grow(l, workload))
		return call_no_memory(&c);
	l->is_read.v[workload] = 1;
	return RMG_OK;
}

/* What holds a pod together is no version of what runs in it. */
static bool is_sandbox(const struct use_row *begins)
{
	return begins && begins->pod.n && begins->name.n == 0;
}

enum rmg_rc lineage_began(struct alerts *a, const struct alerts_env *env, uint32_t use,
			  struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	const struct world_use *u = &env->world->uses.v[use];
	enum rmg_rc rc = alerts_take_policy(&c);

	if (rc != RMG_OK || u->image == 0 || u->cached)
		return rc;
	if (u->workload && !is_sandbox(env->begins))
		rc = line_began(&c, use, false);
	return rc == RMG_OK ? ref_began(&c, use) : rc;
}

enum rmg_rc lineage_ended(struct alerts *a, const struct alerts_env *env, uint32_t use,
			  struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	const struct world_use *u = &env->world->uses.v[use];
	enum rmg_rc rc = alerts_take_policy(&c);

	if (rc != RMG_OK || u->image == 0 || u->cached)
		return rc;
	if (u->workload)
		rc = line_ended(&c, use);
	return rc == RMG_OK ? ref_ended(&c, use) : rc;
}
