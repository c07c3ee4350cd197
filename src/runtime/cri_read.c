/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cri_read.h"

#include "base/limits.h"
#include "cri.pb-c.h"
#include "runtime/unpack.h"

enum { RUNNING = 1, READY = 0 }; /* of a container's and a sandbox's state */

static enum rmg_rc end(const struct arena *a, const char *what, struct rmg_err *err)
{
	return arena_rc(a) == RMG_OK ? RMG_OK : err_set(err, arena_rc(a), "no room for %s", what);
}

static int64_t time_of(int64_t ns)
{
	return ns > 0 ? unpack_time_ms(ns / 1000000000, (int32_t)(ns % 1000000000)) : 0;
}

static struct event_label *labels_of(Cri__Entry *const *entries, size_t n, struct arena *a,
				     size_t *out_n)
{
	struct event_label *out =
	    ARENA_ARRAY(a, MIN_OF(n, (size_t)EVENT_LABELS), struct event_label);

	*out_n = 0;
	for (size_t i = 0; out && i < n && *out_n < EVENT_LABELS; i++) {
		struct event_label l = {unpack_text(entries[i]->key),
					unpack_text(entries[i]->value)};

		if (l.key.n && l.value.n && l.key.n + l.value.n <= LIMIT_TEXT_BYTES)
			out[(*out_n)++] = l;
	}
	return out;
}

enum rmg_rc cri_read_version(struct span message, struct arena *a, struct span *out,
			     struct rmg_err *err)
{
	UNPACK(Cri__VersionResponse, cri__version_response__descriptor, m, message, a,
	       "the runtime's version", err);

	*out = unpack_text(m->runtime_name);
	return RMG_OK;
}

static void name_pod(const Cri__PodSandboxMetadata *m, struct cri_pod *out)
{
	if (m == NULL)
		return;
	out->name = unpack_text(m->name);
	out->ns = unpack_text(m->namespace_);
}

enum rmg_rc cri_read_pods(struct span message, struct arena *a, struct cri_pod **out, size_t *n,
			  struct rmg_err *err)
{
	UNPACK(Cri__ListPodSandboxResponse, cri__list_pod_sandbox_response__descriptor, m, message,
	       a, "the runtime's list of pods", err);
	struct cri_pod *list = ARENA_ARRAY(a, m->n_items + 1, struct cri_pod);
	size_t found = 0;

	for (size_t i = 0; list && i < m->n_items; i++) {
		const Cri__PodSandbox *p = m->items[i];
		struct cri_pod *to = &list[found];

		*to = (struct cri_pod){.id = unpack_text(p->id),
				       .ready = p->state == READY,
				       .created_ms = time_of(p->created_at)};
		name_pod(p->metadata, to);
		to->labels = labels_of(p->labels, p->n_labels, a, &to->n_labels);
		found += to->id.n != 0;
	}
	*out = list;
	*n = found;
	return end(a, "the runtime's list of pods", err);
}

enum rmg_rc cri_read_pod_info(struct span message, struct arena *a, struct span *json,
			      struct rmg_err *err)
{
	UNPACK(Cri__PodSandboxStatusResponse, cri__pod_sandbox_status_response__descriptor, m,
	       message, a, "what the runtime says of a pod", err);

	*json = (struct span){0};
	for (size_t i = 0; i < m->n_info; i++)
		if (span_is(unpack_bytes(m->info[i]->key), S("info")))
			*json = unpack_bytes(m->info[i]->value);
	return RMG_OK;
}

static void name_image(const Cri__ImageSpec *spec, struct cri_container *out)
{
	struct span asked = spec ? unpack_text(spec->user_specified_image) : (struct span){0};

	out->asked = asked.n || spec == NULL ? asked : unpack_text(spec->image);
}

enum rmg_rc cri_read_containers(struct span message, struct arena *a, struct cri_container **out,
				size_t *n, struct rmg_err *err)
{
	UNPACK(Cri__ListContainersResponse, cri__list_containers_response__descriptor, m, message,
	       a, "the runtime's list of containers", err);
	struct cri_container *list = ARENA_ARRAY(a, m->n_containers + 1, struct cri_container);
	size_t found = 0;

	for (size_t i = 0; list && i < m->n_containers; i++) {
		const Cri__Container *c = m->containers[i];
		struct cri_container *to = &list[found];

		*to = (struct cri_container){.id = unpack_text(c->id),
					     .pod = unpack_text(c->pod_sandbox_id),
					     .image_ref = unpack_text(c->image_ref),
					     .image_id = unpack_text(c->image_id),
					     .running = c->state == RUNNING,
					     .began_ms = time_of(c->created_at)};
		if (c->metadata)
			to->name = unpack_text(c->metadata->name);
		name_image(c->image, to);
		to->labels = labels_of(c->labels, c->n_labels, a, &to->n_labels);
		found += to->id.n != 0;
	}
	*out = list;
	*n = found;
	return end(a, "the runtime's list of containers", err);
}

static void take_status(const Cri__ContainerStatus *c, struct arena *a, struct cri_container *out)
{
	*out = (struct cri_container){.id = unpack_text(c->id),
				      .image_ref = unpack_text(c->image_ref),
				      .image_id = unpack_text(c->image_id),
				      .running = c->state == RUNNING,
				      .began_ms =
					  time_of(c->started_at ? c->started_at : c->created_at)};
	if (c->metadata)
		out->name = unpack_text(c->metadata->name);
	name_image(c->image, out);
	out->labels = labels_of(c->labels, c->n_labels, a, &out->n_labels);
}

enum rmg_rc cri_read_status(struct span message, struct arena *a, struct cri_container *out,
			    struct rmg_err *err)
{
	UNPACK(Cri__ContainerStatusResponse, cri__container_status_response__descriptor, m, message,
	       a, "what the runtime says of a container", err);

	if (m->status == NULL)
		return err_set(err, RMG_E_FORMAT, "the runtime says nothing of a container");
	take_status(m->status, a, out);
	return end(a, "what the runtime says of a container", err);
}

static struct span *texts_of(const ProtobufCBinaryData *from, size_t n, struct arena *a,
			     size_t *out_n)
{
	struct span *out = ARENA_ARRAY(a, n, struct span);

	*out_n = 0;
	for (size_t i = 0; out && i < n; i++) {
		out[*out_n] = unpack_text(from[i]);
		*out_n += out[*out_n].n != 0;
	}
	return out;
}

/* CRI-O leaves the algorithm out. */
static struct span id_of(ProtobufCBinaryData from, struct arena *a)
{
	struct span id = unpack_text(from);

	if (id.n != 64 || span_chr(id, ':') != SIZE_MAX)
		return id;
	return ARENA_JOIN(a, S("sha256:"), id);
}

enum rmg_rc cri_read_images(struct span message, struct arena *a, struct cri_image **out, size_t *n,
			    struct rmg_err *err)
{
	UNPACK(Cri__ListImagesResponse, cri__list_images_response__descriptor, m, message, a,
	       "the runtime's list of images", err);
	struct cri_image *list = ARENA_ARRAY(a, m->n_images + 1, struct cri_image);
	size_t found = 0;

	for (size_t i = 0; list && i < m->n_images; i++) {
		const Cri__Image *image = m->images[i];
		struct cri_image *to = &list[found];

		to->id = id_of(image->id, a);
		to->tags = texts_of(image->repo_tags, image->n_repo_tags, a, &to->n_tags);
		to->digests =
		    texts_of(image->repo_digests, image->n_repo_digests, a, &to->n_digests);
		found += to->id.n != 0;
	}
	*out = list;
	*n = found;
	return end(a, "the runtime's list of images", err);
}

static void take_pod(const Cri__PodSandboxStatus *p, struct arena *a, struct cri_pod *out)
{
	*out = (struct cri_pod){.id = unpack_text(p->id),
				.ready = p->state == READY,
				.created_ms = time_of(p->created_at)};
	name_pod(p->metadata, out);
	out->labels = labels_of(p->labels, p->n_labels, a, &out->n_labels);
}

enum rmg_rc cri_read_event(struct span message, struct arena *a, struct cri_event *out,
			   struct rmg_err *err)
{
	UNPACK(Cri__ContainerEventResponse, cri__container_event_response__descriptor, m, message,
	       a, "an event of the runtime", err);
	struct cri_event e = {
	    .what = CRI_OTHER, .id = unpack_text(m->container_id), .at_ms = time_of(m->created_at)};

	if (e.id.n && m->container_event_type < CRI_OTHER)
		e.what = (enum cri_what)m->container_event_type;
	if (m->pod_sandbox_status)
		take_pod(m->pod_sandbox_status, a, &e.pod);
	for (size_t i = 0; i < m->n_containers_statuses && e.container == NULL; i++) {
		const Cri__ContainerStatus *c = m->containers_statuses[i];

		if (!span_is(unpack_text(c->id), e.id))
			continue;
		e.container = ARENA_NEW(a, struct cri_container);
		if (e.container)
			take_status(c, a, e.container);
	}
	if (e.container)
		e.container->pod = e.pod.id;
	*out = e;
	return end(a, "an event of the runtime", err);
}
