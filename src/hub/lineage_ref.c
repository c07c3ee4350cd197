/* SPDX-License-Identifier: Apache-2.0 */
/* lineage_ref.c - references in use: what they mean, where they mean several things, and whether
 * what they say is so. */
#include "base/limits.h"
#include "format/json.h"
#include "hub/lineage_inside.h"
#include "model/ref.h"

enum { SIDES = 4, WORKLOADS_TOLD = 1000, NODES_TOLD = 3, DIGEST_SHORT = 80 };

/* How often a content is used under a reference. */

static struct lineage_ref *entry_of(struct lineage *l, struct span ref, uint32_t image)
{
	uint32_t i = map_find(&l->by_ref, hash_span(ref));

	i = i == MAP_NONE ? 0 : i + 1;
	while (i && (l->refs.v[i - 1].image != image || !span_is(l->refs.v[i - 1].ref, ref)))
		i = l->refs.v[i - 1].next;
	return i ? &l->refs.v[i - 1] : NULL;
}

static struct lineage_ref *entry_add(struct lineage *l, struct span ref, uint32_t image)
{
	struct lineage_ref *have = entry_of(l, ref, image);
	uint32_t first = map_find(&l->by_ref, hash_span(ref));
	struct lineage_ref r = {ref, image, 0, first == MAP_NONE ? 0 : first + 1};

	if (have)
		return have;
	if (!VEC_PUSH(&l->refs, r) || !map_set(&l->by_ref, hash_span(ref), (uint32_t)l->refs.n - 1))
		return NULL;
	return &l->refs.v[l->refs.n - 1];
}

/* The entries of a reference that are in use, one after the other. */
static bool is_used(const struct world *w, const struct lineage_ref *r, struct span ref)
{
	return r->n && span_is(r->ref, ref) && image_known_as(w, r->image) == r->image;
}

const struct lineage_ref *ref_next(const struct world *w, const struct lineage *l, struct span ref,
				   const struct lineage_ref *at)
{
	uint32_t first = map_find(&l->by_ref, hash_span(ref));
	uint32_t i = at ? at->next : first == MAP_NONE ? 0 : first + 1;

	while (i && !is_used(w, &l->refs.v[i - 1], ref))
		i = l->refs.v[i - 1].next;
	return i ? &l->refs.v[i - 1] : NULL;
}

static bool counts(const struct world *w, const struct world_use *u)
{
	return u->id && !u->cached && u->image && ref_is_movable(world_use_ref(w, u));
}

/* From all uses, when first asked for: the one that is told of is among them. */
enum rmg_rc ref_make(struct call *c, struct lineage *l)
{
	if (l->refs_made)
		return RMG_OK;
	for (uint32_t i = 1; i < c->w->uses.n; i++) {
		const struct world_use *u = &c->w->uses.v[i];
		struct lineage_ref *r;

		if (!counts(c->w, u))
			continue;
		r = entry_add(l, world_use_ref(c->w, u), u->image);
		if (r == NULL)
			return call_no_memory(c);
		r->n++;
	}
	l->refs_made = true;
	return RMG_OK;
}

/* Skew. */

struct sides {
	uint32_t image[SIDES], n[SIDES];
	size_t count;
};

/* Contents of one platform: a tag may well be several platforms'. */
static void find_sides(const struct call *c, const struct lineage *l, struct span ref,
		       struct span platform, struct sides *out)
{
	const struct lineage_ref *r = NULL;

	out->count = 0;
	while ((r = ref_next(c->w, l, ref, r)) != NULL && out->count < SIDES) {
		const struct world_image *im = &c->w->images.v[r->image];

		if (im->platform.n == 0 || !span_is(im->platform, platform))
			continue;
		out->image[out->count] = r->image;
		out->n[out->count++] = r->n;
	}
}

/* A node that runs an image under a reference. */
static struct span node_of(const struct world *w, uint32_t image, struct span ref)
{
	for (uint32_t u = w->images.v[image].first_use; u; u = w->uses.v[u].next) {
		if (span_is(world_use_ref(w, &w->uses.v[u]), ref))
			return w->places.v[w->uses.v[u].place].place.node;
	}
	return (struct span){0};
}

static enum rmg_rc tell_skew(struct call *c, struct span ref, struct span platform,
			     const struct sides *sides)
{
	struct wording t = {
	    .subject = strbuf_of(KIB(16)), .title = strbuf_of(KIB(16)), .text = strbuf_of(KIB(32))};
	struct happening x = {.kind = RULE_TAG_SKEW, .over = sides->count < 2};

	strbuf_printf(&t.subject, SPAN_FMT " " SPAN_FMT, SPAN_ARG(ref), SPAN_ARG(platform));
	strbuf_printf(&t.title, SPAN_FMT " is not the same everywhere", SPAN_ARG(ref));
	for (size_t i = 0; i < sides->count; i++)
		strbuf_printf(&t.text, "%s" SPAN_FMT " on " SPAN_FMT, i ? ", " : "In use are ",
			      SPAN_ARG(digest_short(c->w->images.v[sides->image[i]].digest)),
			      SPAN_ARG(node_of(c->w, sides->image[i], ref)));
	strbuf_putc(&t.text, '.');
	return wording_end(c, &x, &t);
}

static enum rmg_rc hold_skew(struct call *c, struct lineage *l, struct span ref, uint32_t image)
{
	struct span platform = c->w->images.v[image].platform;
	struct sides sides;

	find_sides(c, l, ref, platform, &sides);
	return tell_skew(c, ref, platform, &sides);
}

/* Tags that moved. */

void ref_put_nodes(const struct world *w, uint32_t image, struct span ref, struct strbuf *out)
{
	struct span told[NODES_TOLD];
	size_t n = 0, more = 0;

	for (uint32_t u = w->images.v[image].first_use; u; u = w->uses.v[u].next) {
		struct span node = w->places.v[w->uses.v[u].place].place.node;
		bool again = false;

		if (!span_is(world_use_ref(w, &w->uses.v[u]), ref))
			continue;
		for (size_t i = 0; i < n; i++)
			again |= span_is(told[i], node);
		if (!again && n < NODES_TOLD)
			told[n++] = node;
		else
			more += !again;
	}
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(out, i == 0 ? "" : i + 1 == n && !more ? " and " : ", ");
		strbuf_put(out, told[i].n ? told[i] : S("a node"));
	}
	if (more)
		strbuf_printf(out, " and %zu more uses", more);
	strbuf_puts(out, n + more > 1 ? " run " : " runs ");
}

static enum rmg_rc tell_moved(struct call *c, const struct world_tag *tag, uint32_t image,
			      struct span was, bool over)
{
	struct wording t = {.title = strbuf_of(KIB(16)), .text = strbuf_of(KIB(32))};
	struct happening x = {.kind = RULE_TAG_MOVED, .subject = tag->ref, .over = over};

	strbuf_printf(&t.title, SPAN_FMT " means another image now", SPAN_ARG(tag->ref));
	if (!over) {
		ref_put_nodes(c->w, image, tag->ref, &t.text);
		strbuf_printf(&t.text, SPAN_FMT " from its cache; the tag is " SPAN_FMT ".",
			      SPAN_ARG(digest_short(was)), SPAN_ARG(digest_short(tag->digest)));
	}
	return wording_end(c, &x, &t);
}

/* Whether an image is another one than the tag means: for certain, or since the tag meant it once.
 * was: the digest that the tag had then, else the image's own; the store's, copied into buf. */
struct history {
	const struct world *w;
	uint32_t image;
	struct span now;
	char digest[DIGEST_SHORT];
};

static enum rmg_rc look_back(void *user, const struct tag_row *row)
{
	struct history *h = user;

	if (span_is(row->digest, h->now) || !world_digest_means(h->w, row->digest, h->image))
		return RMG_OK;
	snprintf(h->digest, sizeof h->digest, SPAN_FMT, SPAN_ARG(row->digest));
	return RMG_E_STOPPED;
}

static enum rmg_rc is_old(struct call *c, const struct world_tag *tag, uint32_t image, bool *old,
			  struct history *h)
{
	enum tag_means now = world_tag_means(c->w, tag, image);
	enum rmg_rc rc;

	*h = (struct history){.w = c->w, .image = image, .now = tag->digest};
	*old = false;
	if (now == TAG_SAME)
		return RMG_OK;
	rc = store_tag_history(c->env->store, tag->ref, look_back, h, c->err);
	*old = h->digest[0] || now == TAG_OTHER;
	if (h->digest[0] == '\0')
		snprintf(h->digest, sizeof h->digest, SPAN_FMT,
			 SPAN_ARG(c->w->images.v[image].digest));
	return rc;
}

/* A node started an image from its cache that the tag does not mean any more. */
static enum rmg_rc hold_cache(struct call *c, const struct world_use *u)
{
	uint32_t id = world_tag_of(c->w, world_use_ref(c->w, u));
	struct history h;
	bool old;
	enum rmg_rc rc;

	if (id == 0)
		return RMG_OK;
	rc = is_old(c, &c->w->tags.v[id], u->image, &old, &h);
	if (rc != RMG_OK || !old)
		return rc;
	return tell_moved(c, &c->w->tags.v[id], u->image, span_cstr(h.digest), false);
}

/* Whether any use still runs what a tag does not mean any more; the image of one. */
static enum rmg_rc find_old(struct call *c, const struct lineage *l, const struct world_tag *tag,
			    uint32_t *image, struct history *h)
{
	const struct lineage_ref *r = NULL;
	enum rmg_rc rc = RMG_OK;
	bool old = false;

	*image = 0;
	while (rc == RMG_OK && !old && (r = ref_next(c->w, l, tag->ref, r)) != NULL) {
		rc = is_old(c, tag, r->image, &old, h);
		if (old)
			*image = r->image;
	}
	return rc;
}

static enum rmg_rc hold_moved(struct call *c, struct lineage *l, struct span ref)
{
	uint32_t id = world_tag_of(c->w, ref), image;
	struct history h = {0};
	enum rmg_rc rc;

	if (id == 0)
		return RMG_OK;
	rc = find_old(c, l, &c->w->tags.v[id], &image, &h);
	if (rc != RMG_OK)
		return rc;
	return tell_moved(c, &c->w->tags.v[id], image, span_cstr(h.digest), image == 0);
}

enum rmg_rc ref_write_rows(struct call *c, const struct world_tag *tag, uint32_t image,
			   const char *what, struct span text)
{
	struct lineage_row row = {
	    .image = image, .at_ms = c->env->now_ms, .what = span_cstr(what), .text = text};
	enum rmg_rc rc = RMG_OK;
	size_t told = 0;

	for (uint32_t u = c->w->images.v[image].first_use;
	     u && rc == RMG_OK && told < WORKLOADS_TOLD; u = c->w->uses.v[u].next) {
		const struct world_use *use = &c->w->uses.v[u];

		if (use->workload == 0 || use->workload == row.workload ||
		    !span_is(world_use_ref(c->w, use), tag->ref))
			continue;
		row.workload = use->workload;
		told++;
		rc = store_lineage_add(c->env->store, &row, c->err);
	}
	return rc;
}

static enum rmg_rc write_moved(struct call *c, const struct world_tag *tag, struct span was,
			       uint32_t image)
{
	struct strbuf text = strbuf_of(KIB(32));
	enum rmg_rc rc;

	strbuf_printf(&text, SPAN_FMT " meant " SPAN_FMT " and means " SPAN_FMT " now.",
		      SPAN_ARG(tag->ref), SPAN_ARG(digest_short(was)),
		      SPAN_ARG(digest_short(tag->digest)));
	rc = ref_write_rows(c, tag, image, "tag-moved", strbuf_span(&text));
	strbuf_done(&text);
	return rc;
}

enum rmg_rc lineage_tag(struct alerts *a, const struct alerts_env *env, uint32_t tag,
			struct span was, struct rmg_err *err)
{
	struct call c = call_of(a, env, err);
	const struct world_tag *t = &env->world->tags.v[tag];
	struct lineage *l = lineage_of(&c);
	enum rmg_rc rc = l ? alerts_take_policy(&c) : call_no_memory(&c);
	uint32_t image;

	if (rc == RMG_OK)
		rc = ref_make(&c, l);
	for (size_t nth = 0; rc == RMG_OK && (image = world_image_of(env->world, was, nth)) != 0;
	     nth++) {
		if (!world_digest_means(env->world, t->digest, image))
			rc = write_moved(&c, t, was, image);
	}
	if (rc == RMG_OK)
		rc = gone_hold(&c, l, t);
	return rc == RMG_OK ? hold_moved(&c, l, t->ref) : rc;
}

/* What a tag says against what the image says. */

/* "1.9" of "v1.9-alpine": numbers and dots, at least two of them; false: it is no version. */
static bool version_of(struct span text, struct span *out)
{
	size_t n = 0, dots = 0;

	if (text.n && (text.p[0] == 'v' || text.p[0] == 'V'))
		text = span_from(text, 1);
	while (n < text.n && (is_digit(text.p[n]) || text.p[n] == '.'))
		dots += text.p[n++] == '.';
	*out = span_head(text, n);
	return n && dots && is_digit(text.p[0]) && is_digit(text.p[n - 1]) &&
	       !span_has(*out, S("..")) && (n == text.n || strchr("-+_~", text.p[n]) != NULL);
}

/* "1.9" and "1.9.3" agree: the shorter one says less. */
static bool versions_differ(struct span a, struct span b)
{
	struct span x, y;

	while (span_next(&a, '.', &x) && span_next(&b, '.', &y)) {
		uint64_t m, n;

		if (!span_u64(x, 10, INT64_MAX, &m) || !span_u64(y, 10, INT64_MAX, &n))
			return false;
		if (m != n)
			return true;
	}
	return false;
}

struct claim {
	struct span repository, tag; /* the repository's last part */
	char version[100], from[120];
};

/* Labels come down from base images; they are the image's own where their title, or the last part
 * of their source, is the repository's name. */
static void read_label(struct claim *x, struct span about)
{
	struct json_doc doc = {0};
	json *labels;
	struct span title, source, version;

	if (json_parse(&doc, about, LIMIT_MESSAGE_BYTES, NULL) != RMG_OK)
		return;
	labels = json_get(doc.root, "labels");
	title = json_get_str(labels, "org.opencontainers.image.title");
	source = span_basename(json_get_str(labels, "org.opencontainers.image.source"));
	version = json_get_str(labels, "org.opencontainers.image.version");
	if (span_is_icase(title, x->repository) || span_is_icase(source, x->repository)) {
		snprintf(x->version, sizeof x->version, SPAN_FMT, SPAN_ARG(version));
		snprintf(x->from, sizeof x->from, "its label org.opencontainers.image.version");
	}
	json_done(&doc);
}

static enum rmg_rc read_about(void *user, const struct image_row *row)
{
	read_label(user, row->about);
	return RMG_OK;
}

/* "1:1.2.3-4" is "1.2.3": without a distribution's epoch and revision. */
static struct span upstream(struct span version)
{
	struct span epoch, rest;

	return span_cut(version, ':', &epoch, &rest) ? rest : version;
}

/* The one component that is called as the repository is. */
static void read_component(const struct call *c, uint32_t image, struct claim *x)
{
	const struct world_image *im = &c->w->images.v[image];
	const struct world_component *found = NULL;

	for (uint32_t i = 0; i < im->n_components; i++) {
		const struct world_component *in = &c->w->components.v[im->components[i]];

		if (!span_is(in->name, x->repository))
			continue;
		if (found && !span_is(found->version, in->version))
			return;
		found = in;
	}
	if (found == NULL)
		return;
	snprintf(x->version, sizeof x->version, SPAN_FMT, SPAN_ARG(upstream(found->version)));
	snprintf(x->from, sizeof x->from, "its component " SPAN_FMT,
		 SPAN_ARG(span_head(found->purl, 100)));
}

static enum rmg_rc tell_said(struct call *c, uint32_t image, struct span ref, const struct claim *x)
{
	struct wording t = {
	    .subject = strbuf_of(KIB(16)), .title = strbuf_of(KIB(16)), .text = strbuf_of(KIB(16))};
	struct happening h = {.kind = RULE_VERSION_SAID, .image = image};

	strbuf_printf(&t.subject, SPAN_FMT " " SPAN_FMT, SPAN_ARG(ref),
		      SPAN_ARG(c->w->images.v[image].digest));
	strbuf_printf(&t.title, SPAN_FMT " contains %s", SPAN_ARG(ref), x->version);
	strbuf_printf(&t.text, "The tag says " SPAN_FMT ", %s says %s.", SPAN_ARG(x->tag), x->from,
		      x->version);
	return wording_end(c, &h, &t);
}

static enum rmg_rc hold_version(struct call *c, uint32_t image, struct span ref)
{
	struct claim x = {0};
	struct span tag, found;
	enum rmg_rc rc;

	ref_cut(ref, &x.repository, &x.tag);
	x.repository = span_basename(x.repository);
	if (c->w->images.v[image].read_ms == 0 || !version_of(x.tag, &tag))
		return RMG_OK;
	rc = store_image_get(c->env->store, image, read_about, &x, c->err);
	if (rc != RMG_OK && rc != RMG_E_NOTFOUND)
		return rc;
	if (x.version[0] == '\0')
		read_component(c, image, &x);
	if (!version_of(span_cstr(x.version), &found) || !versions_differ(tag, found))
		return RMG_OK;
	return tell_said(c, image, ref, &x);
}

/* Begin and end. */

enum rmg_rc ref_began(struct call *c, uint32_t use)
{
	const struct world_use *u = &c->w->uses.v[use];
	struct lineage *l = lineage_of(c);
	struct span ref = world_use_ref(c->w, u);
	struct lineage_ref *r;
	bool made = l && l->refs_made;
	enum rmg_rc rc = l ? RMG_OK : call_no_memory(c);

	if (rc != RMG_OK || !counts(c->w, u))
		return rc;
	rc = ref_make(c, l);
	if (rc != RMG_OK)
		return rc;
	r = entry_add(l, ref, u->image);
	if (r == NULL)
		return call_no_memory(c);
	r->n += made;
	rc = hold_cache(c, u);
	if (rc != RMG_OK || r->n > 1)
		return rc;
	rc = hold_skew(c, l, ref, u->image);
	if (rc == RMG_OK)
		rc = gone_hold_ref(c, l, ref);
	return rc == RMG_OK ? hold_version(c, u->image, ref) : rc;
}

enum rmg_rc ref_read(struct call *c, uint32_t image)
{
	struct lineage *l = lineage_of(c);
	struct span last = {0};
	enum rmg_rc rc = l ? RMG_OK : call_no_memory(c);
	size_t left = SIDES;

	if (rc == RMG_OK)
		rc = ref_make(c, l);
	for (uint32_t u = c->w->images.v[image].first_use; u && rc == RMG_OK && left;
	     u = c->w->uses.v[u].next) {
		struct span ref = world_use_ref(c->w, &c->w->uses.v[u]);

		if (!counts(c->w, &c->w->uses.v[u]) || span_is(ref, last))
			continue;
		last = ref;
		left--;
		rc = hold_skew(c, l, ref, image);
		if (rc == RMG_OK)
			rc = hold_version(c, image, ref);
		if (rc == RMG_OK)
			rc = hold_moved(c, l, ref);
	}
	return rc;
}

enum rmg_rc ref_ended(struct call *c, uint32_t use)
{
	const struct world_use *u = &c->w->uses.v[use];
	struct lineage *l = lineage_of(c);
	struct span ref = world_use_ref(c->w, u);
	struct lineage_ref *r;
	enum rmg_rc rc = l ? RMG_OK : call_no_memory(c);

	if (rc == RMG_OK && counts(c->w, u))
		rc = ref_make(c, l);
	if (rc != RMG_OK || !counts(c->w, u))
		return rc;
	r = entry_of(l, ref, u->image);
	if (r == NULL || r->n == 0 || --r->n)
		return RMG_OK;
	rc = hold_skew(c, l, ref, u->image);
	if (rc == RMG_OK)
		rc = gone_hold_ref(c, l, ref);
	return rc == RMG_OK ? hold_moved(c, l, ref) : rc;
}
