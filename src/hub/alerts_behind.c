/* SPDX-License-Identifier: Apache-2.0 */
/* alerts_behind.c - images in use whose base means something else now. */
#include "base/limits.h"
#include "format/jsonw.h"
#include "hub/alerts_inside.h"
#include "hub/base_change.h"

enum { SHORT = 19 }; /* "sha256:0123456789ab" */

/* "2 critical, 1 high"; "none" where there are none. */
static void put_counts(const struct world_counts *n, struct strbuf *out)
{
	size_t told = 0;

	for (int s = SEV_CRITICAL; s >= SEV_UNKNOWN; s--)
		if (n->by_severity[s])
			strbuf_printf(out, "%s%u %s", told++ ? ", " : "", n->by_severity[s],
				      severity_name((enum adv_severity)s));
	if (told == 0)
		strbuf_puts(out, "none");
}

static void put_text(const struct world_base *b, const struct base_change *n, struct strbuf *out)
{
	strbuf_printf(out,
		      "Its base " SPAN_FMT " was " SPAN_FMT " when it was built, and is " SPAN_FMT
		      " now.",
		      SPAN_ARG(b->ref), SPAN_ARG(span_head(b->was, SHORT)),
		      SPAN_ARG(span_head(b->now, SHORT)));
	if (!n->known) {
		strbuf_puts(out, " What building it anew would change is not known: "
				 "nobody has read both bases.");
		return;
	}
	strbuf_puts(out, " Built anew it would be rid of these findings: ");
	put_counts(&n->fixes, out);
	strbuf_puts(out, "; and it would have new ones: ");
	put_counts(&n->brings, out);
	strbuf_putc(out, '.');
}

static void put_details(const struct call *c, const struct world_base *b, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put(&w, "image", c->w->images.v[b->image].digest);
	jsonw_put(&w, "ref", c->w->images.v[b->image].ref);
	jsonw_put(&w, "base", b->ref);
	jsonw_put(&w, "from", b->was);
	jsonw_put(&w, "to", b->now);
	jsonw_put(&w, "how", b->how);
	jsonw_object_end(&w);
}

/* What the rule says; else the worst that would be mended, and low where nothing would. */
static enum adv_severity severity_for(const struct rule *r, const struct base_change *n)
{
	int s = SEV_CRITICAL;

	if (r->severity != SEV_UNKNOWN)
		return r->severity;
	while (s > SEV_LOW && n->fixes.by_severity[s] == 0)
		s--;
	return (enum adv_severity)s;
}

static enum rmg_rc tell(struct call *c, const struct world_base *b, size_t rule)
{
	struct span digest = c->w->images.v[b->image].digest, ref = c->w->images.v[b->image].ref;
	struct wording t = {
	    .subject = strbuf_of(KIB(16)), .title = strbuf_of(KIB(16)), .text = strbuf_of(KIB(32))};
	struct strbuf details = strbuf_of(LIMIT_EVENT_BYTES);
	struct happening x = {.kind = RULE_BASE_BEHIND, .image = b->image};
	struct base_change change = {0};
	enum rmg_rc rc = RMG_OK;

	x.over = rule == NO_RULE || b->now.n == 0;
	strbuf_printf(&t.subject, SPAN_FMT " " SPAN_FMT, SPAN_ARG(b->ref), SPAN_ARG(digest));
	if (!x.over) {
		rc = base_change_of(c->w, b, &change);
		strbuf_printf(&t.title, SPAN_FMT " is behind its base " SPAN_FMT,
			      SPAN_ARG(ref.n ? ref : digest), SPAN_ARG(b->ref));
		put_text(b, &change, &t.text);
		put_details(c, b, &details);
		x.severity = severity_for(&c->env->policy->rules[rule], &change);
		x.details = strbuf_span(&details);
	}
	if (rc == RMG_OK && strbuf_rc(&details) == RMG_OK) {
		rc = wording_end(c, &x, &t);
	} else {
		rc = call_no_memory(c);
		strbuf_done(&t.subject);
		strbuf_done(&t.title);
		strbuf_done(&t.text);
	}
	strbuf_done(&details);
	return rc;
}

enum rmg_rc image_behind(struct call *c, uint32_t image)
{
	size_t rule = image_rule_of(c, RULE_BASE_BEHIND);
	enum rmg_rc rc = RMG_OK;

	for (uint32_t id = c->w->images.v[image].first_base; id && rc == RMG_OK;
	     id = c->w->bases.v[id].next) {
		const struct world_base *b = &c->w->bases.v[id];

		if ((b->now.n && rule != NO_RULE) || c->a->images.v[image].first)
			rc = tell(c, b, rule);
	}
	return rc;
}
