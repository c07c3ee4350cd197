/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/event_json.h"

#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "model/way.h"

#define LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static const char *const type_names[EVENT_COUNT] = {
#define X(name, text) [EVENT_##name] = text,
    EVENT_TYPES(X)
#undef X
};

const char *event_type_name(enum event_type t)
{
	return type_names[t];
}

static bool type_of(struct span name, enum event_type *out)
{
	for (size_t i = 0; i < COUNT_OF(type_names); i++) {
		if (span_is(name, span_cstr(type_names[i]))) {
			*out = (enum event_type)i;
			return true;
		}
	}
	return false;
}

/* One document being read. The first fault sticks. */
struct reading {
	struct arena *a;
	struct rmg_err *err;
	enum rmg_rc rc;
};

static void fault(struct reading *r, enum rmg_rc rc, const char *what, const char *key)
{
	if (r->rc == RMG_OK)
		r->rc = err_set(r->err, rc, "\"%s\" %s", key, what);
}

/* A member that is absent or null is empty; text is clean and bounded, as the store wants it. */
static struct span text(struct reading *r, json *object, const char *key)
{
	json *v = json_get(object, key);
	struct span s = json_str(v);

	if (v == NULL || yyjson_is_null(v))
		return (struct span){0};
	if (!json_is_str(v))
		fault(r, RMG_E_FORMAT, "is not text", key);
	else if (s.n > LIMIT_TEXT_BYTES)
		fault(r, RMG_E_LIMIT, "is too long", key);
	else if (!utf8_is_clean(s))
		fault(r, RMG_E_FORMAT, "has control characters", key);
	else
		return arena_dup(r->a, s);
	return (struct span){0};
}

static uint64_t number(struct reading *r, json *object, const char *key)
{
	uint64_t n = 0;

	if (json_get(object, key) && !json_get_u64(object, key, &n))
		fault(r, RMG_E_FORMAT, "is not a whole number", key);
	return n;
}

/* How many elements v has; more than max, or no array, is a fault. */
static size_t elements(struct reading *r, json *v, const char *key, size_t max)
{
	if (v == NULL || yyjson_is_null(v))
		return 0;
	if (!json_is_array(v))
		fault(r, RMG_E_FORMAT, "is not an array", key);
	else if (json_len(v) > max)
		fault(r, RMG_E_LIMIT, "has too many elements", key);
	else
		return json_len(v);
	return 0;
}

/* "ALGORITHM:HEX" in lower case: what may name content. */
static bool is_digest(struct span s)
{
	struct span algorithm, hex;

	if (!span_cut(s, ':', &algorithm, &hex) || algorithm.n == 0 || hex.n < 32 || hex.n > 128)
		return false;
	for (size_t i = 0; i < algorithm.n; i++)
		if (!is_alnum(algorithm.p[i]))
			return false;
	for (size_t i = 0; i < hex.n; i++)
		if (!is_digit(hex.p[i]) && (hex.p[i] < 'a' || hex.p[i] > 'f'))
			return false;
	return true;
}

static void read_names(struct reading *r, json *v, struct event_image *out)
{
	size_t n = elements(r, v, "names", EVENT_NAMES);
	struct span *names = n ? ARENA_ARRAY(r->a, n, struct span) : NULL;

	for (struct json_iter it = json_iter(v); names && json_next(&it);) {
		struct span s = json_str(it.value);

		if (s.n == 0 || s.n > LIMIT_TEXT_BYTES || !utf8_is_clean(s))
			fault(r, RMG_E_FORMAT, "has an element that is no clean text", "names");
		else
			names[out->n_names++] = arena_dup(r->a, s);
	}
	out->names = names;
}

static void read_image(struct reading *r, json *v, struct event_image *out)
{
	json *digests = json_get(v, "digests");

	out->ref = text(r, v, "ref");
	out->container = text(r, v, "container");
	out->platform = text(r, v, "platform");
	read_names(r, json_get(v, "names"), out);
	out->parent = text(r, v, "parent");
	if (out->parent.n && !is_digest(out->parent))
		fault(r, RMG_E_FORMAT, "is no digest", "parent");
	/* Words of agents that are newer say nothing here. */
	if (!way_of(text(r, v, "way"), &out->way))
		out->way = WAY_UNKNOWN;
	if (elements(r, digests, "digests", EVENT_DIGESTS) == 0)
		return;
	for (struct json_iter it = json_iter(digests); json_next(&it);) {
		struct span s = json_str(it.value);

		if (!is_digest(s))
			fault(r, RMG_E_FORMAT, "has an element that is no digest", "digests");
		else
			out->digests[out->n_digests++] = arena_dup(r->a, s);
	}
}

static void read_images(struct reading *r, json *root, const char *key, struct event_image **out,
			size_t *n)
{
	json *v = json_get(root, key);
	size_t count = elements(r, v, key, EVENT_IMAGES);

	if (count == 0)
		return;
	*out = ARENA_ARRAY(r->a, count, struct event_image);
	for (struct json_iter it = json_iter(v); *out && json_next(&it);)
		read_image(r, it.value, &(*out)[(*n)++]);
}

static void read_labels(struct reading *r, json *v, struct event *out)
{
	if (v == NULL || yyjson_is_null(v))
		return;
	if (!json_is_object(v) || json_len(v) > EVENT_LABELS) {
		fault(r, RMG_E_LIMIT, "is no object of at most 64 members", "labels");
		return;
	}
	out->labels = ARENA_ARRAY(r->a, json_len(v) + 1, struct event_label);
	for (struct json_iter it = json_iter(v); out->labels && json_next(&it);) {
		struct span value = json_str(it.value);

		if (!utf8_is_clean(it.key) || !utf8_is_clean(value) ||
		    it.key.n + value.n > LIMIT_TEXT_BYTES) {
			fault(r, RMG_E_FORMAT, "has a member that is no clean text", "labels");
			return;
		}
		out->labels[out->n_labels++] =
		    (struct event_label){arena_dup(r->a, it.key), arena_dup(r->a, value)};
	}
}

static void read_change(struct reading *r, json *v, struct event_change *out)
{
	out->kind = text(r, v, "kind");
	out->path = text(r, v, "path");
	out->sha256 = text(r, v, "sha256");
	out->text = text(r, v, "text");
	out->purl = text(r, v, "purl");
	out->was_purl = text(r, v, "was_purl");
	out->who = text(r, v, "who");
	out->how = text(r, v, "how");
	out->ancestry = text(r, v, "ancestry");
}

static void read_answers(struct reading *r, json *v, struct event_answers *out)
{
	out->asked = number(r, v, "asked");
	out->known = number(r, v, "known");
	out->refused = number(r, v, "refused");
	out->late = number(r, v, "late");
	out->p50_us = number(r, v, "p50_us");
	out->p99_us = number(r, v, "p99_us");
}

static void read_head(struct reading *r, json *root, struct event *out)
{
	struct span at = json_get_str(root, "at");

	out->source = text(r, root, "source");
	if (out->source.n == 0)
		fault(r, RMG_E_FORMAT, "is missing: who says this?", "source");
	out->epoch = number(r, root, "epoch");
	out->seq = number(r, root, "seq");
	if (out->seq == 0)
		fault(r, RMG_E_FORMAT, "is missing: events are counted from 1", "seq");
	if (!rfc3339_parse(at, &out->at_ms) || out->at_ms < 0 || out->at_ms > LAST_MS)
		fault(r, RMG_E_FORMAT, "is not a time since 1970 (RFC 3339)", "at");
	out->place.cluster = text(r, root, "cluster");
	out->place.node = text(r, root, "node");
	out->place.ns = text(r, root, "namespace");
}

static void read_body(struct reading *r, json *root, struct event *out)
{
	json *workload = json_get(root, "workload");

	out->workload_kind = text(r, workload, "kind");
	out->workload_name = text(r, workload, "name");
	out->container = text(r, root, "container");
	out->container_name = text(r, root, "name");
	out->pod = text(r, root, "pod");
	out->runtime = text(r, root, "runtime");
	out->revision = text(r, root, "revision");
	out->schedule = text(r, root, "schedule");
	out->scope = text(r, root, "scope");
	out->replicas = number(r, root, "replicas");
	out->suspended = json_get_bool(root, "suspended");
	read_image(r, json_get(root, "image"), &out->image);
	out->update = text(r, root, "update");
	out->availability = text(r, root, "availability");
	out->state = text(r, root, "state");
	read_images(r, root, "images", &out->images, &out->n_images);
	read_images(r, root, "before", &out->before, &out->n_before);
	read_labels(r, json_get(root, "labels"), out);
	read_change(r, json_get(root, "change"), &out->change);
	read_answers(r, json_get(root, "answers"), &out->answers);
}

/* What an event of this type cannot be without. */
static void check(struct reading *r, const struct event *e)
{
	bool use = e->type == EVENT_USE_BEGAN || e->type == EVENT_USE_ENDED ||
		   e->type == EVENT_CONTAINER_CHANGED || e->type == EVENT_NODE_SEEN ||
		   e->type == EVENT_NODE_REMOVED || e->type == EVENT_POD_REVIEWED ||
		   e->type == EVENT_POD_UNREVIEWED;
	bool image = e->type == EVENT_USE_BEGAN || e->type == EVENT_IMAGE_SEEN ||
		     e->type == EVENT_IMAGE_REMOVED || e->type == EVENT_TAG_RESOLVED ||
		     e->type == EVENT_IMAGE_SAID;
	bool workload = e->type == EVENT_WORKLOAD_DECLARED || e->type == EVENT_WORKLOAD_REMOVED ||
			e->type == EVENT_WORKLOAD_ASKED;

	if (use && e->container.n == 0)
		fault(r, RMG_E_FORMAT, "is missing", "container");
	if (image && e->image.ref.n == 0 && e->image.n_digests == 0)
		fault(r, RMG_E_FORMAT, "is missing: a reference or a digest", "image");
	if (e->type == EVENT_TAG_RESOLVED &&
	    (e->image.ref.n == 0 || (e->image.n_digests == 0 && e->change.text.n == 0)))
		fault(r, RMG_E_FORMAT, "needs a reference and its digest", "image");
	if (workload && e->workload_name.n == 0)
		fault(r, RMG_E_FORMAT, "is missing", "workload");
}

enum rmg_rc event_parse(struct span line, struct arena *a, struct event *out, struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct reading r = {.a = a, .err = err};
	struct event e = {0};
	struct span type;
	enum rmg_rc rc = json_parse(&doc, line, LIMIT_EVENT_BYTES, err);

	if (rc != RMG_OK)
		return rc;
	type = json_get_str(doc.root, "type");
	if (!json_is_object(doc.root)) {
		r.rc = err_set(err, RMG_E_FORMAT, "an event is an object");
	} else if (!type_of(type, &e.type)) {
		r.rc = err_set(err, RMG_E_UNSUPPORTED, "no event is of type \"" SPAN_FMT "\"",
			       SPAN_ARG(span_head(type, 40)));
	} else {
		read_head(&r, doc.root, &e);
		read_body(&r, doc.root, &e);
		check(&r, &e);
	}
	json_done(&doc);
	if (r.rc == RMG_OK && arena_rc(a) != RMG_OK)
		r.rc = err_set(err, RMG_E_LIMIT, "no room for an event");
	if (r.rc == RMG_OK)
		*out = e;
	return r.rc;
}

static void put(struct jsonw *w, const char *key, struct span s)
{
	if (s.n)
		jsonw_put(w, key, s);
}

static void put_number(struct jsonw *w, const char *key, uint64_t n)
{
	if (n)
		jsonw_put_u64(w, key, n);
}

static void write_image(struct jsonw *w, const struct event_image *image)
{
	jsonw_object(w);
	put(w, "ref", image->ref);
	put(w, "container", image->container);
	put(w, "way", span_cstr(way_name(image->way)));
	put(w, "parent", image->parent);
	if (image->n_digests)
		jsonw_put_array(w, "digests", image->digests, image->n_digests);
	put(w, "platform", image->platform);
	if (image->n_names)
		jsonw_put_array(w, "names", image->names, image->n_names);
	jsonw_object_end(w);
}

static void write_images(struct jsonw *w, const char *key, const struct event_image *v, size_t n)
{
	if (n == 0)
		return;
	jsonw_key(w, key);
	jsonw_array(w);
	for (size_t i = 0; i < n; i++)
		write_image(w, &v[i]);
	jsonw_array_end(w);
}

static void write_lists(struct jsonw *w, const struct event *e)
{
	write_images(w, "images", e->images, e->n_images);
	write_images(w, "before", e->before, e->n_before);
	if (e->n_labels) {
		jsonw_key(w, "labels");
		jsonw_object(w);
		for (size_t i = 0; i < e->n_labels; i++) {
			jsonw_key_span(w, e->labels[i].key);
			jsonw_str(w, e->labels[i].value);
		}
		jsonw_object_end(w);
	}
}

static void write_change(struct jsonw *w, const struct event_change *c)
{
	jsonw_key(w, "change");
	jsonw_object(w);
	put(w, "kind", c->kind);
	put(w, "path", c->path);
	put(w, "sha256", c->sha256);
	put(w, "text", c->text);
	put(w, "purl", c->purl);
	put(w, "was_purl", c->was_purl);
	put(w, "who", c->who);
	put(w, "how", c->how);
	put(w, "ancestry", c->ancestry);
	jsonw_object_end(w);
}

static void write_answers(struct jsonw *w, const struct event_answers *a)
{
	jsonw_key(w, "answers");
	jsonw_object(w);
	jsonw_put_u64(w, "asked", a->asked);
	jsonw_put_u64(w, "known", a->known);
	jsonw_put_u64(w, "refused", a->refused);
	jsonw_put_u64(w, "late", a->late);
	jsonw_put_u64(w, "p50_us", a->p50_us);
	jsonw_put_u64(w, "p99_us", a->p99_us);
	jsonw_object_end(w);
}

static void write_workload(struct jsonw *w, const struct event *e)
{
	jsonw_key(w, "workload");
	jsonw_object(w);
	put(w, "kind", e->workload_kind);
	put(w, "name", e->workload_name);
	jsonw_object_end(w);
}

void event_write(const struct event *e, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);
	char at[RFC3339_BYTES];

	jsonw_object(&w);
	jsonw_put_cstr(&w, "type", event_type_name(e->type));
	put(&w, "source", e->source);
	put_number(&w, "epoch", e->epoch);
	put_number(&w, "seq", e->seq);
	jsonw_put_cstr(&w, "at", rfc3339_text(e->at_ms, at));
	put(&w, "cluster", e->place.cluster);
	put(&w, "node", e->place.node);
	put(&w, "namespace", e->place.ns);
	if (e->workload_kind.n || e->workload_name.n)
		write_workload(&w, e);
	put(&w, "container", e->container);
	put(&w, "name", e->container_name);
	put(&w, "pod", e->pod);
	put(&w, "runtime", e->runtime);
	if (e->image.ref.n || e->image.n_digests) {
		jsonw_key(&w, "image");
		write_image(&w, &e->image);
	}
	put(&w, "revision", e->revision);
	put(&w, "schedule", e->schedule);
	put(&w, "scope", e->scope);
	put_number(&w, "replicas", e->replicas);
	put(&w, "update", e->update);
	put(&w, "availability", e->availability);
	put(&w, "state", e->state);
	if (e->suspended)
		jsonw_put_bool(&w, "suspended", true);
	write_lists(&w, e);
	if (e->change.kind.n || e->change.text.n || e->change.who.n)
		write_change(&w, &e->change);
	if (e->answers.asked)
		write_answers(&w, &e->answers);
	jsonw_object_end(&w);
	strbuf_putc(out, '\n');
}
