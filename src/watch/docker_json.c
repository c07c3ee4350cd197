/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/docker_json.h"

#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "format/json.h"
#include "oci/digest.h"
#include "watch/workload.h"

/* Text that is not clean or too long is as good as not there: an engine has no reason for it. */
static struct span text(struct arena *a, struct span s)
{
	if (s.n > LIMIT_TEXT_BYTES || !utf8_is_clean(s))
		return (struct span){0};
	return arena_dup(a, s);
}

static struct span member(struct arena *a, json *object, const char *key)
{
	return text(a, json_get_str(object, key));
}

static enum rmg_rc document(struct span bytes, struct json_doc *doc, const char *what,
			    struct rmg_err *err)
{
	enum rmg_rc rc = json_parse(doc, bytes, LIMIT_JSON_BYTES, err);

	if (rc != RMG_OK)
		err_add(err, "%s", what);
	return rc;
}

static enum rmg_rc done(struct json_doc *doc, struct arena *a, struct rmg_err *err)
{
	json_done(doc);
	if (arena_rc(a) != RMG_OK)
		return err_set(err, arena_rc(a), "no room for what the engine says");
	return RMG_OK;
}

/* Docker's API says "die", Podman's own "died"; both are read. */
static enum docker_what what_of(struct span type, struct span action)
{
	static const struct {
		const char *type, *action;
		enum docker_what what;
	} rows[] = {
	    {"container", "create", DOCKER_CREATED},
	    {"container", "start", DOCKER_STARTED},
	    {"container", "die", DOCKER_DIED},
	    {"container", "died", DOCKER_DIED},
	    {"container", "destroy", DOCKER_DESTROYED},
	    {"container", "remove", DOCKER_DESTROYED},
	    {"container", "commit", DOCKER_IMAGE_CAME},
	    {"image", "pull", DOCKER_IMAGE_CAME},
	    {"image", "load", DOCKER_IMAGE_CAME},
	    {"image", "import", DOCKER_IMAGE_CAME},
	    {"image", "tag", DOCKER_IMAGE_CAME},
	    {"image", "create", DOCKER_IMAGE_CAME},
	    {"image", "loadfromarchive", DOCKER_IMAGE_CAME},
	    {"image", "delete", DOCKER_IMAGE_WENT},
	    {"image", "untag", DOCKER_IMAGE_CAME},
	    {"image", "remove", DOCKER_IMAGE_WENT},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_is(type, span_cstr(rows[i].type)) &&
		    span_is(action, span_cstr(rows[i].action)))
			return rows[i].what;
	return DOCKER_OTHER;
}

/* The engine makes "adjective_surname", with a digit where that is taken. */
static bool is_made_name(struct span name)
{
	size_t underscores = 0;

	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '_')
			underscores++;
		else if (!is_alpha(name.p[i]) && !(is_digit(name.p[i]) && i + 1 == name.n))
			return false;
	}
	return underscores == 1;
}

enum rmg_rc docker_event_parse(struct span line, struct arena *a, struct docker_event *out,
			       struct rmg_err *err)
{
	struct json_doc doc = {0};
	json *actor, *attributes;
	uint64_t ns = 0, s = 0;
	enum rmg_rc rc = document(line, &doc, "an event of the engine", err);

	if (rc != RMG_OK)
		return rc;
	actor = json_get(doc.root, "Actor");
	attributes = json_get(actor, "Attributes");
	*out = (struct docker_event){
	    .what = what_of(json_get_str(doc.root, "Type"), json_get_str(doc.root, "Action")),
	    .id = member(a, actor, "ID"),
	};
	/* What a commit made is named beside the container that it was made of. */
	if (out->what == DOCKER_IMAGE_CAME && json_get_str(attributes, "imageID").n)
		out->id = member(a, attributes, "imageID");
	out->name = member(a, attributes, "name");
	out->ref = member(a, attributes, "image");
	if (is_made_name(out->name) ||
	    json_get_str(attributes, "com.docker.swarm.service.name").n ||
	    json_get_str(attributes, "com.docker.compose.service").n)
		out->name = (struct span){0};
	if (json_get_u64(doc.root, "timeNano", &ns))
		out->at_ms = (int64_t)(ns / 1000000);
	else if (json_get_u64(doc.root, "time", &s) && s < UINT32_MAX)
		out->at_ms = (int64_t)s * 1000;
	if (out->id.n == 0)
		out->what = DOCKER_OTHER;
	return done(&doc, a, err);
}

struct labels {
	struct arena *a;
	json *object;
};

static struct span label_of(const void *user, const char *key)
{
	const struct labels *l = user;

	return member(l->a, l->object, key);
}

static void name_workload(struct docker_container *c, struct arena *a, json *labels)
{
	struct labels l = {a, labels};
	struct workload w;

	workload_of(label_of, &l, c->id, is_made_name(c->name) ? (struct span){0} : c->name, c->ref,
		    &w);
	c->ns = w.ns;
	c->workload_kind = w.kind;
	c->workload_name = w.name;
	c->revision = w.revision;
	c->named = w.named;
	if (w.pod && w.container_name.n)
		c->name = w.container_name;
}

static void read_labels(struct docker_container *c, struct arena *a, json *labels)
{
	for (struct json_iter it = json_iter(labels);
	     json_is_object(labels) && json_next(&it) && c->n_labels < EVENT_LABELS;) {
		struct event_label l = {text(a, it.key), text(a, json_str(it.value))};

		if (l.key.n && l.value.n && l.key.n + l.value.n <= LIMIT_TEXT_BYTES)
			c->labels[c->n_labels++] = l;
	}
}

/* "0001-01-01T00:00:00Z" is never. */
static int64_t time_of(json *v, const char *key)
{
	int64_t ms;

	return rfc3339_parse(json_get_str(v, key), &ms) && ms > 0 ? ms : 0;
}

enum rmg_rc docker_container_parse(struct span bytes, struct arena *a, struct docker_container *out,
				   struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct docker_container c = {0};
	json *config, *state;
	uint64_t pid = 0;
	enum rmg_rc rc = document(bytes, &doc, "a container of the engine", err);

	if (rc != RMG_OK)
		return rc;
	config = json_get(doc.root, "Config");
	state = json_get(doc.root, "State");
	c.id = member(a, doc.root, "Id");
	c.image_id = member(a, doc.root, "Image");
	c.ref = member(a, config, "Image");
	c.name = member(a, doc.root, "Name");
	if (span_starts(c.name, S("/")))
		c.name = span_from(c.name, 1);
	c.running = json_get_bool(state, "Running");
	c.started_ms = time_of(state, "StartedAt");
	c.finished_ms = time_of(state, "FinishedAt");
	if (json_get_u64(state, "Pid", &pid) && pid <= INT32_MAX)
		c.pid = (uint32_t)pid;
	read_labels(&c, a, json_get(config, "Labels"));
	name_workload(&c, a, json_get(config, "Labels"));
	if (c.id.n == 0) {
		json_done(&doc);
		return err_set(err, RMG_E_FORMAT, "a container of the engine has no Id");
	}
	*out = c;
	return done(&doc, a, err);
}

static void add_digest(struct event_image *out, struct arena *a, struct span digest)
{
	uint8_t sha256[32];

	/* Engines use no other algorithm. */
	if (!digest_sha256(digest, sha256) || out->n_digests == EVENT_DIGESTS)
		return;
	for (size_t i = 0; i < out->n_digests; i++)
		if (span_is(out->digests[i], digest))
			return;
	out->digests[out->n_digests++] = text(a, digest);
}

enum rmg_rc docker_image_parse(struct span bytes, struct arena *a, struct event_image *out,
			       struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct event_image image = {0};
	json *tags, *digests;
	enum rmg_rc rc = document(bytes, &doc, "an image of the engine", err);

	if (rc != RMG_OK)
		return rc;
	tags = json_get(doc.root, "RepoTags");
	digests = json_get(doc.root, "RepoDigests");
	add_digest(&image, a, json_get_str(doc.root, "Id"));
	add_digest(&image, a, json_get_str(json_get(doc.root, "Descriptor"), "digest"));
	for (struct json_iter it = json_iter(digests); json_is_array(digests) && json_next(&it);) {
		struct span name, digest;

		if (span_cut(json_str(it.value), '@', &name, &digest))
			add_digest(&image, a, digest);
	}
	if (json_is_array(tags) && json_len(tags))
		image.ref = text(a, json_str(json_at(tags, 0)));
	if (image.n_digests == 0) {
		json_done(&doc);
		return err_set(err, RMG_E_FORMAT, "an image of the engine has no digest");
	}
	*out = image;
	return done(&doc, a, err);
}

enum rmg_rc docker_ids_parse(struct span bytes, struct arena *a, struct span **out, size_t *n,
			     struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct span *ids;
	size_t found = 0;
	enum rmg_rc rc = document(bytes, &doc, "a list of the engine", err);

	if (rc != RMG_OK)
		return rc;
	if (!json_is_array(doc.root)) {
		json_done(&doc);
		return err_set(err, RMG_E_FORMAT, "a list of the engine is no array");
	}
	ids = ARENA_ARRAY(a, json_len(doc.root) + 1, struct span);
	for (struct json_iter it = json_iter(doc.root); ids && json_next(&it);) {
		ids[found] = member(a, it.value, "Id");
		if (ids[found].n)
			found++;
	}
	rc = done(&doc, a, err);
	if (rc == RMG_OK) {
		*out = ids;
		*n = found;
	}
	return rc;
}
