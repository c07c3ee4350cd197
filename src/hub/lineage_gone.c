/* SPDX-License-Identifier: Apache-2.0 */
/* lineage_gone.c - tags that their registries do not have any more, while something runs or would
 * run under them. */
#include "base/limits.h"
#include "hub/lineage_inside.h"

static bool has_ref(const struct world_workload *l, uint64_t ref)
{
	for (uint32_t i = 0; i < l->n_refs; i++)
		if (l->refs[i] == ref)
			return true;
	return false;
}

/* Of what is declared, also while it runs: it is not over in the moment between two lives. */
static size_t declared_with(const struct world *w, struct span ref)
{
	uint64_t hash = hash_span(ref);
	size_t n = 0;

	for (size_t i = 1; i < w->workloads.n; i++) {
		const struct world_workload *l = &w->workloads.v[i];

		n += l->declared && l->removed_ms == 0 && has_ref(l, hash);
	}
	return n;
}

static void put_text(const struct call *c, const struct world_tag *tag,
		     const struct lineage_ref *used, size_t declared, struct strbuf *out)
{
	if (used) {
		ref_put_nodes(c->w, used->image, tag->ref, out);
		strbuf_printf(out, SPAN_FMT " from its cache. ",
			      SPAN_ARG(digest_short(c->w->images.v[used->image].digest)));
	}
	if (declared)
		strbuf_printf(out, "%zu workload%s would start under it. ", declared,
			      declared == 1 ? "" : "s");
	strbuf_puts(out,
		    "The registry says that it has no such tag: where it is not cached, nothing "
		    "starts under it.");
}

enum rmg_rc gone_hold(struct call *c, struct lineage *l, const struct world_tag *tag)
{
	const struct lineage_ref *used = tag->gone_ms ? ref_next(c->w, l, tag->ref, NULL) : NULL;
	size_t declared = tag->gone_ms ? declared_with(c->w, tag->ref) : 0;
	struct wording t = {.title = strbuf_of(KIB(16)), .text = strbuf_of(KIB(32))};
	struct happening x = {
	    .kind = RULE_TAG_VANISHED, .subject = tag->ref, .over = used == NULL && declared == 0};

	strbuf_printf(&t.title, SPAN_FMT " is in its registry no more", SPAN_ARG(tag->ref));
	if (!x.over)
		put_text(c, tag, used, declared, &t.text);
	return wording_end(c, &x, &t);
}

enum rmg_rc gone_hold_ref(struct call *c, struct lineage *l, struct span ref)
{
	uint32_t id = world_tag_of(c->w, ref);

	return id && c->w->tags.v[id].gone_ms ? gone_hold(c, l, &c->w->tags.v[id]) : RMG_OK;
}

static enum rmg_rc write_gone(struct call *c, const struct world_tag *tag, uint32_t image)
{
	struct strbuf text = strbuf_of(KIB(32));
	enum rmg_rc rc;

	strbuf_printf(&text, SPAN_FMT " is in its registry no more.", SPAN_ARG(tag->ref));
	rc = ref_write_rows(c, tag, image, "tag-vanished", strbuf_span(&text));
	strbuf_done(&text);
	return rc;
}

enum rmg_rc lineage_vanished(struct alerts *a, const struct alerts_env *env, uint32_t tag,
			     struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	const struct world_tag *t = &env->world->tags.v[tag];
	struct lineage *l = lineage_of(&c);
	const struct lineage_ref *r = NULL;
	enum rmg_rc rc = l ? alerts_take_policy(&c) : call_no_memory(&c);

	if (rc == RMG_OK)
		rc = ref_make(&c, l);
	while (rc == RMG_OK && (r = ref_next(c.w, l, t->ref, r)) != NULL)
		rc = write_gone(&c, t, r->image);
	return rc == RMG_OK ? gone_hold(&c, l, t) : rc;
}

static enum rmg_rc hold_id(struct call *c, uint32_t tag)
{
	struct lineage *l = lineage_of(c);
	enum rmg_rc rc = l ? alerts_take_policy(c) : call_no_memory(c);

	if (rc == RMG_OK)
		rc = ref_make(c, l);
	return rc == RMG_OK ? gone_hold(c, l, &c->w->tags.v[tag]) : rc;
}

enum rmg_rc lineage_refs(struct alerts *a, const struct alerts_env *env, const uint64_t *refs,
			 size_t n, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; i < n && rc == RMG_OK; i++) {
		uint32_t id = world_tag_of_hash(env->world, refs[i]);

		if (id && env->world->tags.v[id].gone_ms)
			rc = hold_id(&c, id);
	}
	return rc;
}
