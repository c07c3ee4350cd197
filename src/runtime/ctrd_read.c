/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ctrd_read.h"

#include "base/limits.h"
#include "containerd.pb-c.h"
#include "runtime/unpack.h"

enum { CREATED = 1, RUNNING = 2, PAUSED = 4, PAUSING = 5 }; /* of a process's status */

static enum rmg_rc end(const struct arena *a, const char *what, struct rmg_err *err)
{
	return arena_rc(a) == RMG_OK ? RMG_OK : err_set(err, arena_rc(a), "no room for %s", what);
}

enum rmg_rc ctrd_read_namespaces(struct span message, struct arena *a, struct span **out, size_t *n,
				 struct rmg_err *err)
{
	UNPACK(Ctrd__ListNamespacesResponse, ctrd__list_namespaces_response__descriptor, m, message,
	       a, "containerd's list of namespaces", err);
	struct span *names = ARENA_ARRAY(a, m->n_namespaces + 1, struct span);
	size_t found = 0;

	for (size_t i = 0; names && i < m->n_namespaces; i++) {
		names[found] = unpack_text(m->namespaces[i]->name);
		found += names[found].n != 0;
	}
	*out = names;
	*n = found;
	return end(a, "containerd's list of namespaces", err);
}

static int64_t time_of(const Ctrd__Timestamp *t)
{
	return t ? unpack_time_ms(t->seconds, t->nanos) : 0;
}

static void read_labels(const Ctrd__Container *c, struct arena *a, struct ctrd_container *out)
{
	out->labels = ARENA_ARRAY(a, MIN_OF(c->n_labels, (size_t)EVENT_LABELS), struct event_label);
	for (size_t i = 0; out->labels && i < c->n_labels && out->n_labels < EVENT_LABELS; i++) {
		struct event_label l = {unpack_text(c->labels[i]->key),
					unpack_text(c->labels[i]->value)};

		if (l.key.n && l.value.n && l.key.n + l.value.n <= LIMIT_TEXT_BYTES)
			out->labels[out->n_labels++] = l;
	}
}

enum rmg_rc ctrd_read_containers(struct span message, struct arena *a, struct ctrd_container **out,
				 size_t *n, struct rmg_err *err)
{
	UNPACK(Ctrd__ListContainersResponse, ctrd__list_containers_response__descriptor, m, message,
	       a, "containerd's list of containers", err);
	struct ctrd_container *list = ARENA_ARRAY(a, m->n_containers + 1, struct ctrd_container);
	size_t found = 0;

	for (size_t i = 0; list && i < m->n_containers; i++) {
		const Ctrd__Container *c = m->containers[i];
		struct ctrd_container *to = &list[found];

		*to = (struct ctrd_container){.id = unpack_text(c->id),
					      .image = unpack_text(c->image),
					      .snapshotter = unpack_text(c->snapshotter),
					      .snapshot_key = unpack_text(c->snapshot_key),
					      .created_ms = time_of(c->created_at)};
		if (c->spec)
			to->spec = unpack_bytes(c->spec->value);
		read_labels(c, a, to);
		found += to->id.n != 0;
	}
	*out = list;
	*n = found;
	return end(a, "containerd's list of containers", err);
}

enum rmg_rc ctrd_read_tasks(struct span message, struct arena *a, struct ctrd_task **out, size_t *n,
			    struct rmg_err *err)
{
	UNPACK(Ctrd__ListTasksResponse, ctrd__list_tasks_response__descriptor, m, message, a,
	       "containerd's list of tasks", err);
	struct ctrd_task *list = ARENA_ARRAY(a, m->n_tasks + 1, struct ctrd_task);
	size_t found = 0;

	for (size_t i = 0; list && i < m->n_tasks; i++) {
		const Ctrd__Process *p = m->tasks[i];
		uint32_t s = p->status;
		struct span id = unpack_text(p->container_id);

		/* A list names the container as the process's own id. */
		list[found] =
		    (struct ctrd_task){.container = id.n ? id : unpack_text(p->id),
				       .pid = p->pid,
				       .running = s == RUNNING || s == PAUSED || s == PAUSING};
		if (!list[found].running)
			list[found].exited_ms = time_of(p->exited_at);
		found += list[found].container.n != 0;
	}
	*out = list;
	*n = found;
	return end(a, "containerd's list of tasks", err);
}

enum rmg_rc ctrd_read_images(struct span message, struct arena *a, struct ctrd_image **out,
			     size_t *n, struct rmg_err *err)
{
	UNPACK(Ctrd__ListImagesResponse, ctrd__list_images_response__descriptor, m, message, a,
	       "containerd's list of images", err);
	struct ctrd_image *list = ARENA_ARRAY(a, m->n_images + 1, struct ctrd_image);
	size_t found = 0;

	for (size_t i = 0; list && i < m->n_images; i++) {
		const Ctrd__Image *image = m->images[i];

		if (image->target == NULL)
			continue;
		list[found] = (struct ctrd_image){
		    .name = unpack_text(image->name),
		    .digest = unpack_text(image->target->digest),
		    .media_type = unpack_text(image->target->media_type),
		    .size_bytes = image->target->size < 0 ? 0 : (uint64_t)image->target->size};
		found += list[found].name.n && list[found].digest.n;
	}
	*out = list;
	*n = found;
	return end(a, "containerd's list of images", err);
}

/* Labels hold references, so that nothing is collected that something else needs. */
static void read_snapshots(const Ctrd__ContentInfo *info, struct arena *a, struct ctrd_blob *out)
{
	const struct span prefix = S("containerd.io/gc.ref.snapshot.");

	out->snapshots = ARENA_ARRAY(a, info->n_labels, struct event_label);
	for (size_t i = 0; out->snapshots && i < info->n_labels; i++) {
		struct span key = unpack_text(info->labels[i]->key);
		struct span value = unpack_text(info->labels[i]->value);

		/* The rest of the name is the registry's. */
		out->pulled |= span_starts(key, S("containerd.io/distribution.source."));
		if (span_starts(key, prefix) && key.n > prefix.n && value.n)
			out->snapshots[out->n_snapshots++] =
			    (struct event_label){span_from(key, prefix.n), value};
	}
}

enum rmg_rc ctrd_read_blob(struct span message, struct arena *a, struct ctrd_blob *out,
			   struct rmg_err *err)
{
	UNPACK(Ctrd__InfoResponse, ctrd__info_response__descriptor, m, message, a,
	       "what containerd says of a blob", err);
	struct ctrd_blob b = {0};

	if (m->info == NULL || m->info->size < 0)
		return err_set(err, RMG_E_FORMAT, "containerd says no size of a blob");
	b.size_bytes = (uint64_t)m->info->size;
	read_snapshots(m->info, a, &b);
	*out = b;
	return end(a, "what containerd says of a blob", err);
}

enum rmg_rc ctrd_read_piece(struct span message, struct arena *a, uint64_t *offset,
			    struct span *data, struct rmg_err *err)
{
	UNPACK(Ctrd__ReadContentResponse, ctrd__read_content_response__descriptor, m, message, a,
	       "a piece of a blob", err);

	*offset = (uint64_t)m->offset;
	*data = unpack_bytes(m->data);
	return RMG_OK;
}

enum rmg_rc ctrd_read_parent(struct span message, struct arena *a, struct span *out,
			     struct rmg_err *err)
{
	UNPACK(Ctrd__StatSnapshotResponse, ctrd__stat_snapshot_response__descriptor, m, message, a,
	       "what containerd says of a snapshot", err);

	*out = m->info ? unpack_text(m->info->parent) : (struct span){0};
	return RMG_OK;
}

static bool is_folder(struct span path)
{
	return span_starts(path, S("/")) && path.n <= LIMIT_PATH_BYTES &&
	       memchr(path.p, '\0', path.n) == NULL;
}

/* "lowerdir=A:B:C" of an overlay. */
static enum rmg_rc read_lower(const Ctrd__Mount *mount, struct arena *a, struct span **out,
			      size_t *n, struct rmg_err *err)
{
	struct span lower = {0}, rest, folder;
	size_t found = 0;

	for (size_t i = 0; i < mount->n_options; i++)
		if (span_starts(unpack_bytes(mount->options[i]), S("lowerdir=")))
			lower = span_from(unpack_bytes(mount->options[i]), 9);
	*out = ARENA_ARRAY(a, LIMIT_LAYERS, struct span);
	for (rest = lower; *out && span_next(&rest, ':', &folder);) {
		if (!is_folder(folder) || found == LIMIT_LAYERS)
			return err_set(err, RMG_E_FORMAT,
				       "containerd's overlay has a folder that is none");
		(*out)[found++] = folder;
	}
	*n = found;
	return end(a, "containerd's mounts", err);
}

enum rmg_rc ctrd_read_folders(struct span message, struct arena *a, struct span **out, size_t *n,
			      struct rmg_err *err)
{
	UNPACK(Ctrd__MountsResponse, ctrd__mounts_response__descriptor, m, message, a,
	       "containerd's mounts", err);
	struct span type;

	if (m->n_mounts != 1)
		return err_set(err, RMG_E_UNSUPPORTED, "%zu mounts of containerd, not one",
			       m->n_mounts);
	type = unpack_bytes(m->mounts[0]->type);
	if (span_is(type, S("overlay")))
		return read_lower(m->mounts[0], a, out, n, err);
	if (!span_is(type, S("bind")) || !is_folder(unpack_bytes(m->mounts[0]->source)))
		return err_set(err, RMG_E_UNSUPPORTED,
			       "a snapshot that is no folder (\"" SPAN_FMT "\")",
			       SPAN_ARG(span_head(unpack_text(m->mounts[0]->type), 40)));
	*out = ARENA_NEW(a, struct span);
	if (*out)
		**out = unpack_bytes(m->mounts[0]->source);
	*n = 1;
	return end(a, "containerd's mounts", err);
}

enum rmg_rc ctrd_read_root(struct span message, struct span type, struct span id, struct arena *a,
			   struct span *out, struct rmg_err *err)
{
	UNPACK(Ctrd__PluginsResponse, ctrd__plugins_response__descriptor, m, message, a,
	       "containerd's list of plug-ins", err);

	*out = (struct span){0};
	for (size_t i = 0; i < m->n_plugins; i++) {
		const Ctrd__Plugin *p = m->plugins[i];

		if (!span_is(unpack_bytes(p->type), type) || !span_is(unpack_bytes(p->id), id))
			continue;
		for (size_t k = 0; k < p->n_exports; k++)
			if (span_is(unpack_bytes(p->exports[k]->key), S("root")) &&
			    is_folder(unpack_bytes(p->exports[k]->value)))
				*out = unpack_bytes(p->exports[k]->value);
	}
	return RMG_OK;
}

static enum ctrd_what what_of(struct span topic)
{
	static const struct {
		const char *topic;
		enum ctrd_what what;
	} rows[] = {
	    {"/containers/create", CTRD_CREATED}, {"/containers/update", CTRD_UPDATED},
	    {"/containers/delete", CTRD_DELETED}, {"/tasks/start", CTRD_STARTED},
	    {"/tasks/exit", CTRD_EXITED},         {"/tasks/delete", CTRD_TASK_DELETED},
	    {"/images/create", CTRD_IMAGE_CAME},  {"/images/update", CTRD_IMAGE_CHANGED},
	    {"/images/delete", CTRD_IMAGE_WENT},  {"/tasks/exec-started", CTRD_ENTERED},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (span_is(topic, span_cstr(rows[i].topic)))
			return rows[i].what;
	return CTRD_OTHER;
}

static enum rmg_rc read_named(struct span bytes, struct arena *a, struct ctrd_event *out,
			      struct rmg_err *err)
{
	UNPACK(Ctrd__Named, ctrd__named__descriptor, m, bytes, a, "an event of containerd", err);

	out->name = unpack_text(m->name);
	return RMG_OK;
}

static enum rmg_rc read_start(struct span bytes, struct arena *a, struct ctrd_event *out,
			      struct rmg_err *err)
{
	UNPACK(Ctrd__TaskStart, ctrd__task_start__descriptor, m, bytes, a, "an event of containerd",
	       err);

	out->name = unpack_text(m->container_id);
	out->pid = m->pid <= INT32_MAX ? m->pid : 0;
	return RMG_OK;
}

static enum rmg_rc read_created(struct span bytes, struct arena *a, struct ctrd_event *out,
				struct rmg_err *err)
{
	UNPACK(Ctrd__ContainerCreate, ctrd__container_create__descriptor, m, bytes, a,
	       "an event of containerd", err);

	out->name = unpack_text(m->id);
	out->image = unpack_text(m->image);
	return RMG_OK;
}

/* Other processes are run in a container and end in it: these have ids of their own. */
static void only_own(struct ctrd_event *out, struct span container, struct span process)
{
	out->name = container;
	if (process.n && !span_is(process, container))
		out->what = CTRD_OTHER;
}

static enum rmg_rc read_exit(struct span bytes, struct arena *a, struct ctrd_event *out,
			     struct rmg_err *err)
{
	UNPACK(Ctrd__TaskExit, ctrd__task_exit__descriptor, m, bytes, a, "an event of containerd",
	       err);

	only_own(out, unpack_text(m->container_id), unpack_bytes(m->id));
	return RMG_OK;
}

static enum rmg_rc read_deleted(struct span bytes, struct arena *a, struct ctrd_event *out,
				struct rmg_err *err)
{
	UNPACK(Ctrd__TaskDelete, ctrd__task_delete__descriptor, m, bytes, a,
	       "an event of containerd", err);

	only_own(out, unpack_text(m->container_id), unpack_bytes(m->id));
	return RMG_OK;
}

static enum rmg_rc read_exec(struct span bytes, struct arena *a, struct ctrd_event *out,
			     struct rmg_err *err)
{
	UNPACK(Ctrd__TaskExecStarted, ctrd__task_exec_started__descriptor, m, bytes, a,
	       "an event of containerd", err);

	out->name = unpack_text(m->container_id);
	out->exec = unpack_text(m->exec_id);
	out->pid = m->pid <= INT32_MAX ? m->pid : 0;
	return RMG_OK;
}

enum rmg_rc ctrd_read_event(struct span message, struct arena *a, struct ctrd_event *out,
			    struct rmg_err *err)
{
	UNPACK(Ctrd__Envelope, ctrd__envelope__descriptor, m, message, a, "an event of containerd",
	       err);
	struct ctrd_event e = {.what = what_of(unpack_bytes(m->topic)),
			       .ns = unpack_text(m->namespace_),
			       .at_ms = time_of(m->timestamp)};
	struct span body = m->event ? unpack_bytes(m->event->value) : (struct span){0};
	enum rmg_rc rc = RMG_OK;

	if (e.what == CTRD_CREATED)
		rc = read_created(body, a, &e, err);
	else if (e.what == CTRD_STARTED)
		rc = read_start(body, a, &e, err);
	else if (e.what == CTRD_ENTERED)
		rc = read_exec(body, a, &e, err);
	else if (e.what == CTRD_EXITED)
		rc = read_exit(body, a, &e, err);
	else if (e.what == CTRD_TASK_DELETED)
		rc = read_deleted(body, a, &e, err);
	else if (e.what != CTRD_OTHER)
		rc = read_named(body, a, &e, err);
	if (rc != RMG_OK)
		return rc;
	if (e.name.n == 0 || e.ns.n == 0)
		e.what = CTRD_OTHER;
	*out = e;
	return RMG_OK;
}
