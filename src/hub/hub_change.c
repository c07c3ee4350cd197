/* SPDX-License-Identifier: Apache-2.0 */
/* hub_change.c - what was found in a running container: changes, programs that were started, who
 * entered it. Each is a row of the use, and an alert where a rule asks for it; both are the
 * instance's, and end with it. */
#include "base/err.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "format/jsonw.h"
#include "hub/hub_inside.h"
#include "model/how.h"

static bool is_at(const struct world *w, uint32_t source, const struct place *p)
{
	const struct place *at = &w->places.v[w->sources.v[source].place].place;

	return span_is(at->node, p->node) && span_is(at->cluster, p->cluster);
}

/* Another source of the same node knows the container: the runtime's watcher told that it began,
 * and who looks into it tells what was found. */
uint32_t change_use(const struct tx *tx, const struct event *e, uint32_t source)
{
	const struct world *w = tx->w;
	uint32_t slot = world_use_of(w, source, e->container, false);

	if (slot == 0)
		slot = world_use_elsewhere(w, source, e->container, false);
	for (uint32_t id = 1; slot == 0 && id < w->sources.n; id++)
		if (is_at(w, id, &e->place))
			slot = world_use_of(w, id, e->container, false);
	return slot;
}

static enum rule_kind kind_of(const struct event_change *c)
{
	if (span_is(c->kind, S("run")))
		return RULE_EXEC;
	return span_is(c->kind, S("entered")) ? RULE_ENTERED : RULE_DRIFT;
}

/* An executable that came, or went, with a package: the package is told. */
static bool is_explained(const struct event_change *c)
{
	return span_is(c->kind, S("exec")) && (c->purl.n || c->was_purl.n);
}

/* What could not be judged in time may be anything that a rule refuses. */
static bool asks_for(const struct rule *r, uint32_t how)
{
	return r->how == 0 || (r->how & how) || (r->enforce && (how & HOW_UNJUDGED));
}

/* The first rule that asks for it. */
static const struct rule *rule_for(const struct tx *tx, const struct world_use *u,
				   const struct event_change *c)
{
	const struct policy *p = tx->env.policy;
	enum rule_kind kind = kind_of(c);
	uint32_t how = how_bits(c->how);

	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];

		if (r->kind == kind && asks_for(r, how) && !policy_excepts(r, c->path) &&
		    policy_applies(r, tx->w, u->workload, u->place, false))
			return r;
	}
	return NULL;
}

/* Its texts. */

struct words {
	struct strbuf subject, title, text, details;
};

static void done(struct words *t)
{
	strbuf_done(&t->subject);
	strbuf_done(&t->title);
	strbuf_done(&t->text);
	strbuf_done(&t->details);
}

static struct span what_of(const struct event_change *c)
{
	if (span_is(c->kind, S("package")))
		return c->purl.n ? c->purl : c->was_purl;
	if (kind_of(c) == RULE_ENTERED && c->path.n == 0)
		return S("with a program that had ended before it could be seen");
	return c->path.n ? c->path : c->purl;
}

static void put_title(struct strbuf *b, const struct event_change *c, struct span name)
{
	enum rule_kind kind = kind_of(c);

	if (kind == RULE_EXEC) {
		strbuf_put(b, c->path);
		strbuf_puts(b, how_bits(c->how) & HOW_REFUSED ? " was not let run in "
							      : " was started in ");
	} else if (kind == RULE_ENTERED) {
		strbuf_puts(b, "somebody entered ");
	} else {
		strbuf_put(b, c->kind);
		strbuf_puts(b, " changed in ");
	}
	strbuf_puts(b, name.n ? "container " : "a container");
	strbuf_put(b, name);
	if (kind == RULE_EXEC && c->how.n) {
		strbuf_puts(b, " (");
		strbuf_put(b, c->how);
		strbuf_putc(b, ')');
	} else if (kind != RULE_EXEC) {
		strbuf_puts(b, ": ");
		strbuf_put(b, what_of(c));
	}
}

/* What a person needs who has the message alone. */
static void put_text(struct strbuf *b, const struct event_change *c)
{
	strbuf_put(b, c->text);
	if (c->ancestry.n) {
		strbuf_puts(b, b->n ? "; processes: " : "processes: ");
		strbuf_put(b, c->ancestry);
	}
	if (c->who.n) {
		strbuf_puts(b, b->n ? "; by " : "by ");
		strbuf_put(b, c->who);
	} else if (kind_of(c) == RULE_ENTERED) {
		strbuf_puts(b, b->n ? "; " : "");
		strbuf_puts(b, "by whom is unknown: the runtime does not say");
	}
	if (c->sha256.n) {
		strbuf_puts(b, b->n ? "; sha256 " : "sha256 ");
		strbuf_put(b, c->sha256);
	}
}

static void put_some(struct jsonw *w, const char *key, struct span s)
{
	if (s.n)
		jsonw_put(w, key, s);
}

static void put_details(const struct tx *tx, const struct world_use *u,
			const struct event_change *c, struct strbuf *out)
{
	char buf[WORLD_CONTAINER];
	struct jsonw w = jsonw_of(out);
	struct span left = c->how, word;

	jsonw_object(&w);
	jsonw_put(&w, "kind", c->kind);
	jsonw_put(&w, "container", world_use_container(u, buf));
	put_some(&w, "name", world_use_name(tx->w, u));
	put_some(&w, "path", c->path);
	put_some(&w, "sha256", c->sha256);
	put_some(&w, "purl", c->purl);
	put_some(&w, "was_purl", c->was_purl);
	put_some(&w, "who", kind_of(c) == RULE_ENTERED && c->who.n == 0 ? S("unknown") : c->who);
	if (c->how.n) {
		jsonw_key(&w, "how");
		jsonw_array(&w);
		while (span_word(&left, &word))
			jsonw_str(&w, word);
		jsonw_array_end(&w);
	}
	put_some(&w, "ancestry", c->ancestry);
	if (u->image) {
		jsonw_put(&w, "image", tx->w->images.v[u->image].digest);
		put_some(&w, "ref", world_use_ref(tx->w, u));
	}
	jsonw_object_end(&w);
}

static enum rmg_rc put_words(struct tx *tx, uint32_t slot, const struct event_change *c,
			     struct words *t)
{
	const struct world_use *u = &tx->w->uses.v[slot];
	char buf[WORLD_CONTAINER];
	struct span container = world_use_container(u, buf);

	if (!world_is_everybodys(container)) {
		strbuf_put(&t->subject, tx->w->sources.v[u->source].name);
		strbuf_putc(&t->subject, '/');
	}
	strbuf_put(&t->subject, container);
	strbuf_putc(&t->subject, ':');
	strbuf_put(&t->subject, what_of(c));
	put_title(&t->title, c, world_use_name(tx->w, u));
	put_text(&t->text, c);
	put_details(tx, u, c, &t->details);
	return strbuf_rc(&t->subject) != RMG_OK || strbuf_rc(&t->title) != RMG_OK ||
		       strbuf_rc(&t->text) != RMG_OK || strbuf_rc(&t->details) != RMG_OK
		   ? tx_no_memory(tx)
		   : RMG_OK;
}

static enum rmg_rc alert(struct tx *tx, uint32_t slot, const struct event_change *c, bool over)
{
	const struct world_use *u = &tx->w->uses.v[slot];
	struct words t = {.subject = strbuf_of(LIMIT_TEXT_BYTES * 4),
			  .title = strbuf_of(LIMIT_TEXT_BYTES * 4),
			  .text = strbuf_of(LIMIT_TEXT_BYTES * 8),
			  .details = strbuf_of(LIMIT_EVENT_BYTES)};
	struct happening x = {
	    .kind = kind_of(c),
	    .image = u->image,
	    .workload = u->workload,
	    .severity = SEV_UNKNOWN,
	    .over = over,
	};
	enum rmg_rc rc;

	if (!over && (is_explained(c) || (x.rule = rule_for(tx, u, c)) == NULL))
		return RMG_OK;
	rc = put_words(tx, slot, c, &t);
	x.subject = strbuf_span(&t.subject);
	x.title = strbuf_span(&t.title);
	x.text = strbuf_span(&t.text);
	x.details = strbuf_span(&t.details);
	if (rc == RMG_OK)
		rc = alerts_happened(tx->h->alerts, &tx->env, &x, tx->err);
	done(&t);
	return rc;
}

enum rmg_rc tx_change(struct tx *tx, uint32_t slot, const struct event_change *c, int64_t at_ms)
{
	struct change_row row = {.at_ms = at_ms, .change = *c, .use = tx->w->uses.v[slot].id};
	struct arena arena;
	enum rmg_rc rc = RMG_OK;

	tx->w->uses.v[slot].changed = true;
	if (tx->st == NULL)
		return RMG_OK;
	arena_init(&arena, MIB(1));
	if (kind_of(c) == RULE_ENTERED)
		rc = entered_join(tx, &row, &arena);
	if (rc == RMG_OK)
		rc = store_change_put(tx->st, &row, tx->err);
	if (rc == RMG_OK)
		rc = alert(tx, slot, &row.change, false);
	arena_done(&arena);
	return rc;
}

/* Changes in a container are over with it. */

struct over {
	struct tx *tx;
	struct arena arena;
	VEC(struct event_change) changes;
};

static enum rmg_rc keep_change(void *user, const struct change_row *row)
{
	struct over *o = user;
	struct event_change c = {
	    .kind = arena_dup(&o->arena, row->change.kind),
	    .path = arena_dup(&o->arena, row->change.path),
	    .text = arena_dup(&o->arena, row->change.text),
	    .purl = arena_dup(&o->arena, row->change.purl),
	    .was_purl = arena_dup(&o->arena, row->change.was_purl),
	};

	return VEC_PUSH(&o->changes, c) ? arena_rc(&o->arena) : RMG_E_NOMEM;
}

enum rmg_rc tx_changes_over(struct tx *tx, uint32_t slot)
{
	struct over o = {.tx = tx};
	enum rmg_rc rc;

	arena_init(&o.arena, MIB(64));
	rc = store_change_each(tx->st, tx->w->uses.v[slot].id, keep_change, &o, tx->err);
	for (size_t i = 0; i < o.changes.n && rc == RMG_OK; i++)
		rc = alert(tx, slot, &o.changes.v[i], true);
	VEC_DONE(&o.changes);
	arena_done(&o.arena);
	return rc;
}
