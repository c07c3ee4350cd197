/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/docker_json.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/strbuf.h"
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

/* A command may be of several lines, and longer than a text: what is not clean of it is "?". */
static struct span command(struct arena *a, struct span s)
{
	char *copy;

	s = span_head(s, LIMIT_TEXT_BYTES);
	copy = arena_cstr(a, s);
	if (copy == NULL)
		return (struct span){0};
	for (size_t i = 0; i < s.n; i++)
		if (copy[i] == '\0')
			copy[i] = '?';
	utf8_clean_cstr(copy, s.n + 1);
	return span_of(copy, s.n);
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

/* Words of an array, from one on, as the engine's events have a command: a space between two. */
static void put_words(struct strbuf *b, json *array, size_t from)
{
	size_t i = 0;

	for (struct json_iter it = json_iter(array); json_is_array(array) && json_next(&it); i++) {
		if (i < from)
			continue;
		strbuf_puts(b, b->n ? " " : "");
		strbuf_put(b, json_str(it.value));
	}
}

static struct span command_of(struct arena *a, struct strbuf *b)
{
	struct span s = {0};

	if (strbuf_rc(b) == RMG_OK)
		s = command(a, strbuf_span(b));
	strbuf_done(b);
	return s;
}

/* Docker's API says "die", Podman's own "died"; both are read. Podman says "pull" whenever a
 * container is started. */
static const struct row {
	const char *type, *action;
	enum docker_what what;
	enum event_way way;
} rows[] = {
    {"container", "create", DOCKER_CREATED, WAY_UNKNOWN},
    {"container", "start", DOCKER_STARTED, WAY_UNKNOWN},
    {"container", "die", DOCKER_DIED, WAY_UNKNOWN},
    {"container", "died", DOCKER_DIED, WAY_UNKNOWN},
    {"container", "destroy", DOCKER_DESTROYED, WAY_UNKNOWN},
    {"container", "remove", DOCKER_DESTROYED, WAY_UNKNOWN},
    {"container", "exec", DOCKER_ENTERED, WAY_UNKNOWN}, /* Podman, which does not say what */
    {"container", "commit", DOCKER_IMAGE_CAME, WAY_COMMIT},
    {"image", "pull", DOCKER_IMAGE_CAME, WAY_UNKNOWN},
    {"image", "push", DOCKER_IMAGE_CAME, WAY_REGISTRY},
    {"image", "load", DOCKER_IMAGE_CAME, WAY_LOAD},
    {"image", "import", DOCKER_IMAGE_CAME, WAY_IMPORT},
    {"image", "tag", DOCKER_IMAGE_CAME, WAY_UNKNOWN},
    {"image", "create", DOCKER_IMAGE_CAME, WAY_UNKNOWN},
    {"image", "loadfromarchive", DOCKER_IMAGE_CAME, WAY_LOAD},
    {"image", "delete", DOCKER_IMAGE_WENT, WAY_UNKNOWN},
    {"image", "untag", DOCKER_IMAGE_CAME, WAY_UNKNOWN},
    {"image", "remove", DOCKER_IMAGE_WENT, WAY_UNKNOWN},
};

static const struct row *row_of(struct span type, struct span action)
{
	static const struct row other = {"", "", DOCKER_OTHER, WAY_UNKNOWN};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_is(type, span_cstr(rows[i].type)) &&
		    span_is(action, span_cstr(rows[i].action)))
			return &rows[i];
	return &other;
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

/* Podman leaves "sha256:" out. */
static struct span image_id(struct arena *a, struct span id)
{
	uint8_t sha256[32];

	if (id.n == 2 * sizeof sha256 && span_unhex(id, sha256, sizeof sha256))
		return ARENA_JOIN(a, S("sha256:"), id);
	return id;
}

/* Docker names the image, and what a commit made beside the container that it was made of. Podman
 * leaves "sha256:" out, says what was pulled by its reference, and of what was loaded or committed
 * nothing. */
static void name_image(struct docker_event *ev, struct arena *a, json *root, json *attributes)
{
	struct span type = json_get_str(root, "Type"), action = json_get_str(root, "Action");

	if (ev->way == WAY_COMMIT)
		ev->container = ev->id;
	if (json_get_str(attributes, "imageID").n)
		ev->id = member(a, attributes, "imageID");
	else if (span_is(type, S("container")))
		ev->id = (struct span){0};
	else if (ev->id.n == 0 && span_is(action, S("pull")))
		ev->id = ev->name;
	ev->id = image_id(a, ev->id);
	/* What was pushed is named by its repository. */
	if (ev->id.n == 0 || (ev->way == WAY_REGISTRY && !span_starts(ev->id, S("sha256:"))))
		ev->what = DOCKER_SOME_IMAGE_CAME;
}

static int64_t time_of_event(json *root)
{
	uint64_t ns = 0, s = 0;

	if (json_get_u64(root, "timeNano", &ns))
		return (int64_t)(ns / 1000000);
	return json_get_u64(root, "time", &s) && s < UINT32_MAX ? (int64_t)s * 1000 : 0;
}

enum rmg_rc docker_event_parse(struct span line, struct arena *a, struct docker_event *out,
			       struct rmg_err *err)
{
	struct json_doc doc = {0};
	const struct row *row;
	json *actor, *attributes;
	struct span action;
	enum rmg_rc rc = document(line, &doc, "an event of the engine", err);

	if (rc != RMG_OK)
		return rc;
	actor = json_get(doc.root, "Actor");
	attributes = json_get(actor, "Attributes");
	action = json_get_str(doc.root, "Action");
	row = row_of(json_get_str(doc.root, "Type"), action);
	*out = (struct docker_event){
	    .what = row->what,
	    .way = row->way,
	    .id = member(a, actor, "ID"),
	    .exec = member(a, attributes, "execID"),
	    .name = member(a, attributes, "name"),
	    .ref = member(a, attributes, "image"),
	    .at_ms = time_of_event(doc.root),
	};
	if (span_starts(action, S("exec_start:"))) {
		out->what = DOCKER_ENTERED;
		out->command = command(a, span_trim(span_from(action, 11)));
	}
	if (out->what == DOCKER_IMAGE_CAME || out->what == DOCKER_IMAGE_WENT)
		name_image(out, a, doc.root, attributes);
	if (is_made_name(out->name) ||
	    json_get_str(attributes, "com.docker.swarm.service.name").n ||
	    json_get_str(attributes, "com.docker.compose.service").n)
		out->name = (struct span){0};
	if (out->id.n == 0 && out->what != DOCKER_SOME_IMAGE_CAME)
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

/* The engine's events have no other sign of a health check than its command. */
static struct span health_of(struct arena *a, json *config)
{
	json *test = json_get(json_get(config, "Healthcheck"), "Test"), *shell;
	struct span how = json_is_array(test) ? json_str(json_at(test, 0)) : (struct span){0};
	struct strbuf b = strbuf_of(LIMIT_JSON_BYTES);

	shell = json_get(config, "Shell");
	if (span_is(how, S("CMD-SHELL")) && json_is_array(shell) && json_len(shell))
		put_words(&b, shell, 0);
	else if (span_is(how, S("CMD-SHELL")))
		strbuf_puts(&b, "/bin/sh -c");
	if (span_is(how, S("CMD-SHELL")) || span_is(how, S("CMD")))
		put_words(&b, test, 1);
	return command_of(a, &b);
}

static void read_execs(struct docker_container *c, struct arena *a, json *ids)
{
	for (struct json_iter it = json_iter(ids); json_is_array(ids) && json_next(&it);) {
		struct span id = text(a, json_str(it.value));

		if (c->n_execs == DOCKER_EXECS)
			memmove(c->execs, c->execs + 1, --c->n_execs * sizeof *c->execs);
		if (id.n)
			c->execs[c->n_execs++] = id;
	}
}

enum rmg_rc docker_exec_parse(struct span bytes, struct arena *a, struct docker_exec *out,
			      struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct docker_exec x = {0};
	struct strbuf b = strbuf_of(LIMIT_JSON_BYTES);
	json *process;
	uint64_t pid = 0, code;
	enum rmg_rc rc = document(bytes, &doc, "a program that the engine started", err);

	if (rc != RMG_OK)
		return rc;
	process = json_get(doc.root, "ProcessConfig");
	strbuf_put(&b, json_get_str(process, "entrypoint"));
	put_words(&b, json_get(process, "arguments"), 0);
	x.command = command_of(a, &b);
	x.user = member(a, process, "user");
	x.terminal = json_get_bool(process, "tty");
	if (json_get_bool(doc.root, "Running") && json_get_u64(doc.root, "Pid", &pid) &&
	    pid <= INT32_MAX)
		x.pid = (uint32_t)pid;
	/* An engine says that it runs a moment before there is a process. */
	x.started = x.pid || json_get_u64(doc.root, "ExitCode", &code);
	*out = x;
	return done(&doc, a, err);
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
	c.health = health_of(a, config);
	read_execs(&c, a, json_get(doc.root, "ExecIDs"));
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

static void read_names(struct event_image *out, struct arena *a, json *tags)
{
	size_t n = json_is_array(tags) ? MIN_OF(json_len(tags), (size_t)EVENT_NAMES) : 0;
	struct span *names = n ? ARENA_ARRAY(a, n, struct span) : NULL;

	for (struct json_iter it = json_iter(tags); names && out->n_names < n && json_next(&it);) {
		struct span name = text(a, json_str(it.value));

		if (name.n)
			names[out->n_names++] = name;
	}
	out->names = names;
	if (out->n_names)
		out->ref = names[0];
}

/* Docker has a digest beside a repository's name where a registry gave it; with the store of
 * containerd of each image, and another member says so. */
static enum event_way docker_way(json *root)
{
	json *digests = json_get(root, "RepoDigests");
	bool has = json_is_array(digests) && json_len(digests);
	json *pulls = json_get(json_get(root, "Identity"), "Pull");

	if (json_is_array(pulls) && json_len(pulls))
		return WAY_REGISTRY;
	if (json_is_object(json_get(root, "Descriptor")))
		return WAY_UNKNOWN;
	if (has)
		return WAY_REGISTRY;
	return span_starts(json_get_str(root, "Comment"), S("Imported from ")) ? WAY_IMPORT
									       : WAY_LOCAL;
}

/* Only what it names itself is no registry's for certain. */
static enum event_way podman_way(json *root)
{
	json *tags = json_get(root, "RepoTags");
	bool local = json_is_array(tags) && json_len(tags);

	for (struct json_iter it = json_iter(tags); local && json_next(&it);)
		local = span_starts(json_str(it.value), S("localhost/"));
	if (!local)
		return WAY_UNKNOWN;
	return json_get_str(root, "Parent").n == 0 &&
		       span_is(json_get_str(root, "Comment"), S("imported from tarball"))
		   ? WAY_IMPORT
		   : WAY_LOCAL;
}

static void read_digests(json *root, struct arena *a, struct event_image *out)
{
	json *digests = json_get(root, "RepoDigests");
	struct span parent = image_id(a, member(a, root, "Parent"));
	uint8_t sha256[32];

	add_digest(out, a, json_get_str(root, "Id"));
	add_digest(out, a, json_get_str(json_get(root, "Descriptor"), "digest"));
	for (struct json_iter it = json_iter(digests); json_is_array(digests) && json_next(&it);) {
		struct span name, digest;

		if (span_cut(json_str(it.value), '@', &name, &digest))
			add_digest(out, a, digest);
	}
	if (digest_sha256(parent, sha256))
		out->parent = parent;
}

static enum rmg_rc parse_image(struct span bytes, struct arena *a, enum event_way (*way)(json *),
			       struct event_image *out, struct rmg_err *err)
{
	struct json_doc doc = {0};
	struct event_image image = {0};
	json *tags;
	enum rmg_rc rc = document(bytes, &doc, "an image of the engine", err);

	if (rc != RMG_OK)
		return rc;
	tags = json_get(doc.root, "RepoTags");
	read_digests(doc.root, a, &image);
	read_names(&image, a, tags);
	if (image.n_digests == 0) {
		json_done(&doc);
		return err_set(err, RMG_E_FORMAT, "an image of the engine has no digest");
	}
	image.way = way(doc.root);
	*out = image;
	return done(&doc, a, err);
}

enum rmg_rc docker_image_parse(struct span bytes, struct arena *a, struct event_image *out,
			       struct rmg_err *err)
{
	return parse_image(bytes, a, docker_way, out, err);
}

enum rmg_rc podman_image_parse(struct span bytes, struct arena *a, struct event_image *out,
			       struct rmg_err *err)
{
	return parse_image(bytes, a, podman_way, out, err);
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
