/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ctrd.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "runtime/ask.h"
#include "runtime/unpack.h"

#define SERVICE "/containerd.services."

struct ctrd {
	struct asker ask;
	ctrd_event_fn *fn; /* of the subscription */
	void *user;
};

enum rmg_rc ctrd_open(const struct grpc_opts *opts, struct ctrd **out, struct rmg_err *err)
{
	struct ctrd *c = calloc(1, sizeof *c);
	enum rmg_rc rc;

	if (c == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a connection");
	rc = asker_open(&c->ask, opts, err);
	if (rc != RMG_OK) {
		ctrd_close(c);
		return rc;
	}
	*out = c;
	return RMG_OK;
}

void ctrd_close(struct ctrd *c)
{
	if (c == NULL)
		return;
	asker_done(&c->ask);
	free(c);
}

enum rmg_rc ctrd_namespaces(struct ctrd *c, struct arena *a, struct span **out, size_t *n,
			    struct rmg_err *err)
{
	enum rmg_rc rc;

	asker_say(&c->ask, S(""), S(""), S(""));
	rc = asker_ask(&c->ask, SERVICE "namespaces.v1.Namespaces/List", S(""), err);
	return rc == RMG_OK ? ctrd_read_namespaces(strbuf_span(&c->ask.answer), a, out, n, err)
			    : rc;
}

struct each {
	struct ctrd *c;
	ctrd_container_fn *fn;
	void *user;
};

static enum rmg_rc each_container(void *user, struct span message, struct rmg_err *err)
{
	struct each *e = user;
	struct ctrd_container *list;
	size_t n;
	enum rmg_rc rc;

	arena_reset(&e->c->ask.arena);
	rc = ctrd_read_containers(message, &e->c->ask.arena, &list, &n, err);
	for (size_t i = 0; rc == RMG_OK && i < n; i++)
		rc = e->fn(e->user, &list[i], err);
	return rc;
}

enum rmg_rc ctrd_containers_each(struct ctrd *c, struct span ns, ctrd_container_fn *fn, void *user,
				 struct rmg_err *err)
{
	struct each e = {c, fn, user};

	asker_say(&c->ask, S(""), S(""), S(""));
	return asker_stream(&c->ask, SERVICE "containers.v1.Containers/ListStream", ns,
			    each_container, &e, err);
}

enum rmg_rc ctrd_container(struct ctrd *c, struct span ns, struct span id, struct arena *a,
			   struct ctrd_container *out, struct rmg_err *err)
{
	struct ctrd_container *list = NULL;
	size_t n = 0;
	enum rmg_rc rc;

	asker_say(&c->ask, id, S(""), S(""));
	rc = asker_ask(&c->ask, SERVICE "containers.v1.Containers/Get", ns, err);
	if (rc == RMG_OK)
		rc = ctrd_read_containers(strbuf_span(&c->ask.answer), a, &list, &n, err);
	if (rc == RMG_OK && n != 1)
		rc = err_set(err, RMG_E_FORMAT, "containerd says nothing of a container");
	/* The spec borrows from the answer no more than the rest does: all is the arena's. */
	if (rc == RMG_OK)
		*out = list[0];
	return rc;
}

enum rmg_rc ctrd_tasks(struct ctrd *c, struct span ns, struct arena *a, struct ctrd_task **out,
		       size_t *n, struct rmg_err *err)
{
	enum rmg_rc rc;

	asker_say(&c->ask, S(""), S(""), S(""));
	rc = asker_ask(&c->ask, SERVICE "tasks.v1.Tasks/List", ns, err);
	return rc == RMG_OK ? ctrd_read_tasks(strbuf_span(&c->ask.answer), a, out, n, err) : rc;
}

enum rmg_rc ctrd_images(struct ctrd *c, struct span ns, struct arena *a, struct ctrd_image **out,
			size_t *n, struct rmg_err *err)
{
	enum rmg_rc rc;

	asker_say(&c->ask, S(""), S(""), S(""));
	rc = asker_ask(&c->ask, SERVICE "images.v1.Images/List", ns, err);
	return rc == RMG_OK ? ctrd_read_images(strbuf_span(&c->ask.answer), a, out, n, err) : rc;
}

enum rmg_rc ctrd_image(struct ctrd *c, struct span ns, struct span name, struct arena *a,
		       struct ctrd_image *out, struct rmg_err *err)
{
	struct ctrd_image *list = NULL;
	size_t n = 0;
	enum rmg_rc rc;

	asker_say(&c->ask, name, S(""), S(""));
	rc = asker_ask(&c->ask, SERVICE "images.v1.Images/Get", ns, err);
	if (rc == RMG_OK)
		rc = ctrd_read_images(strbuf_span(&c->ask.answer), a, &list, &n, err);
	if (rc == RMG_OK && n != 1)
		rc = err_set(err, RMG_E_FORMAT, "containerd says nothing of an image");
	if (rc == RMG_OK)
		*out = list[0];
	return rc;
}

enum rmg_rc ctrd_blob(struct ctrd *c, struct span ns, struct span digest, struct arena *a,
		      struct ctrd_blob *out, struct rmg_err *err)
{
	enum rmg_rc rc;

	asker_say(&c->ask, digest, S(""), S(""));
	rc = asker_ask(&c->ask, SERVICE "content.v1.Content/Info", ns, err);
	return rc == RMG_OK ? ctrd_read_blob(strbuf_span(&c->ask.answer), a, out, err) : rc;
}

struct reading {
	struct ctrd *c;
	ctrd_sink *sink;
	void *user;
	uint64_t at;
};

static enum rmg_rc take_piece(void *user, struct span message, struct rmg_err *err)
{
	struct reading *r = user;
	uint64_t offset;
	struct span data;
	enum rmg_rc rc;

	arena_reset(&r->c->ask.arena);
	rc = ctrd_read_piece(message, &r->c->ask.arena, &offset, &data, err);
	if (rc == RMG_OK && offset != r->at)
		rc = err_set(err, RMG_E_FORMAT,
			     "containerd gives byte %" PRIu64 " of a blob where %" PRIu64
			     " comes next",
			     offset, r->at);
	if (rc != RMG_OK)
		return rc;
	r->at += data.n;
	return r->sink(r->user, data, err);
}

enum rmg_rc ctrd_blob_read(struct ctrd *c, struct span ns, struct span digest, ctrd_sink *sink,
			   void *user, struct rmg_err *err)
{
	struct reading r = {.c = c, .sink = sink, .user = user};

	asker_say(&c->ask, digest, S(""), S(""));
	return asker_stream(&c->ask, SERVICE "content.v1.Content/Read", ns, take_piece, &r, err);
}

static enum rmg_rc gather(void *user, struct span bytes, struct rmg_err *err)
{
	struct strbuf *b = user;

	strbuf_put(b, bytes);
	return strbuf_rc(b) == RMG_OK
		   ? RMG_OK
		   : err_set(err, strbuf_rc(b), "more than %zu bytes are not read", b->max);
}

enum rmg_rc ctrd_document(struct ctrd *c, struct span ns, struct span digest, uint64_t max_bytes,
			  struct arena *a, struct span *out, struct rmg_err *err)
{
	struct strbuf text = strbuf_of((size_t)max_bytes);
	enum rmg_rc rc = ctrd_blob_read(c, ns, digest, gather, &text, err);

	if (rc == RMG_OK)
		*out = arena_dup(a, strbuf_span(&text));
	strbuf_done(&text);
	if (rc == RMG_OK && arena_rc(a) != RMG_OK)
		rc = err_set(err, arena_rc(a), "no room for a document");
	return rc;
}

enum rmg_rc ctrd_snapshot_parent(struct ctrd *c, struct span ns, struct span snapshotter,
				 struct span key, struct arena *a, struct span *out,
				 struct rmg_err *err)
{
	enum rmg_rc rc;

	asker_say(&c->ask, snapshotter, key, S(""));
	rc = asker_ask(&c->ask, SERVICE "snapshots.v1.Snapshots/Stat", ns, err);
	return rc == RMG_OK ? ctrd_read_parent(strbuf_span(&c->ask.answer), a, out, err) : rc;
}

enum rmg_rc ctrd_snapshot_folders(struct ctrd *c, struct span ns, struct span snapshotter,
				  struct span name, struct arena *a, struct span **out, size_t *n,
				  struct rmg_err *err)
{
	struct span key;
	char text[96];
	enum rmg_rc rc, gone;

	snprintf(text, sizeof text, "rummage-%d-%" PRId64, (int)getpid(), clock_tick_ms());
	key = span_cstr(text);
	asker_say(&c->ask, snapshotter, key, name);
	rc = asker_ask(&c->ask, SERVICE "snapshots.v1.Snapshots/View", ns, err);
	if (rc != RMG_OK)
		return rc;
	rc = ctrd_read_folders(strbuf_span(&c->ask.answer), a, out, n, err);
	/* One that stays behind, nothing holds: containerd's own collector takes it away. */
	asker_say(&c->ask, snapshotter, key, S(""));
	gone = asker_ask(&c->ask, SERVICE "snapshots.v1.Snapshots/Remove", ns, NULL);
	return rc == RMG_OK && gone == RMG_E_STOPPED ? err_set(err, gone, "stopped") : rc;
}

enum rmg_rc ctrd_plugin_root(struct ctrd *c, struct span type, struct span id, struct arena *a,
			     struct span *out, struct rmg_err *err)
{
	enum rmg_rc rc;

	asker_say(&c->ask, S(""), S(""), S(""));
	rc = asker_ask(&c->ask, SERVICE "introspection.v1.Introspection/Plugins", S(""), err);
	return rc == RMG_OK ? ctrd_read_root(strbuf_span(&c->ask.answer), type, id, a, out, err)
			    : rc;
}

static enum rmg_rc take_event(void *user, struct span message, struct rmg_err *err)
{
	struct ctrd *c = user;
	struct ctrd_event e;
	enum rmg_rc rc;

	arena_reset(&c->ask.arena);
	rc = ctrd_read_event(message, &c->ask.arena, &e, err);
	if (rc != RMG_OK || e.what == CTRD_OTHER)
		return rc;
	return c->fn(c->user, &e, err);
}

enum rmg_rc ctrd_subscribe(struct ctrd *c, uint32_t stall_s, ctrd_event_fn *fn, void *user,
			   struct rmg_err *err)
{
	static const char *const filters[] = {
	    "topic~=\"^/containers/\"",
	    "topic~=\"^/images/\"",
	    "topic~=\"^/tasks/(start|exit|delete|exec-started)$\"",
	};

	strbuf_clear(&c->ask.question);
	for (size_t i = 0; i < COUNT_OF(filters); i++)
		pack_text(&c->ask.question, 1, span_cstr(filters[i]));
	c->fn = fn;
	c->user = user;
	return asker_begin(&c->ask, SERVICE "events.v1.Events/Subscribe", stall_s, take_event, c,
			   err);
}

enum rmg_rc ctrd_wait(struct ctrd *c, uint32_t ms, bool *over, struct rmg_err *err)
{
	return grpc_wait(c->ask.grpc, ms, over, err);
}
