/* SPDX-License-Identifier: Apache-2.0 */
/* alerts_local.c - images that run and that no registry has, as far as anybody said. */
#include "base/limits.h"
#include "format/jsonw.h"
#include "hub/alerts_inside.h"
#include "hub/difference.h"
#include "model/way.h"

static const char *said_of(enum event_way way)
{
	switch (way) {
	case WAY_LOAD:
		return "It was loaded from an archive";
	case WAY_IMPORT:
		return "It was imported";
	case WAY_COMMIT:
		return "It was committed from a container";
	case WAY_CHECKPOINT:
		return "It is a checkpoint of a container";
	case WAY_UNKNOWN:
	case WAY_LOCAL:
	case WAY_REGISTRY:
	case WAY_COUNT:
		break;
	}
	return "It was made on the machine, or nobody saw how it came";
}

static void put_text(const struct call *c, const struct descent_row *d, struct strbuf *out)
{
	const struct world_image *parent = &c->w->images.v[d->parent];

	strbuf_puts(out, said_of(d->way));
	if (d->container.n) {
		strbuf_puts(out, " (");
		strbuf_put(out, span_head(d->container, 12));
		strbuf_putc(out, ')');
	}
	if (d->parent) {
		strbuf_puts(out, "; it is based on ");
		strbuf_put(out, parent->ref.n ? parent->ref : parent->digest);
	}
	if (d->counted) {
		strbuf_puts(out, "; against that: ");
		difference_text(d->counts, out);
	}
	strbuf_putc(out, '.');
}

static void put_details(const struct call *c, const struct descent_row *d, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put(&w, "image", c->w->images.v[d->image].digest);
	jsonw_put(&w, "ref", c->w->images.v[d->image].ref);
	jsonw_put_cstr(&w, "origin", way_name(d->way));
	if (d->parent)
		jsonw_put(&w, "parent", c->w->images.v[d->parent].digest);
	if (d->container.n)
		jsonw_put(&w, "made_of", d->container);
	jsonw_object_end(&w);
}

enum rmg_rc image_unlisted(struct call *c, uint32_t image)
{
	const struct world_image *im = &c->w->images.v[image];
	const struct descent_row *d = world_descent_of(c->w, image);
	struct strbuf details = strbuf_of(LIMIT_EVENT_BYTES);
	struct wording t = {.title = strbuf_of(KIB(16)), .text = strbuf_of(KIB(32))};
	struct happening x = {.kind = RULE_NO_REGISTRY, .image = image, .subject = im->digest};
	enum rmg_rc rc;

	x.over = !way_is_local(d->way) || image_rule_of(c, RULE_NO_REGISTRY) == NO_RULE;
	/* What is over was open; what begins runs, and lasts until it is used no more. */
	if (x.over ? c->a->images.v[image].first == 0 : im->n_uses == 0)
		return RMG_OK;
	if (x.over)
		return alerts_happened(c->a, c->env, &x, c->err);
	strbuf_put(&t.title, im->ref.n ? im->ref : im->digest);
	strbuf_puts(&t.title, " exists in no registry");
	put_text(c, d, &t.text);
	put_details(c, d, &details);
	x.details = strbuf_span(&details);
	rc = strbuf_rc(&details) == RMG_OK ? wording_end(c, &x, &t) : call_no_memory(c);
	strbuf_done(&details);
	return rc;
}
