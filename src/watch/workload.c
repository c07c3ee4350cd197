/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/workload.h"

#include "model/ref.h"

static bool is_pod(workload_label_fn *label, const void *user, struct workload *w)
{
	struct span name = label(user, "io.kubernetes.pod.name");

	if (name.n == 0)
		return false;
	w->pod = true;
	w->kind = S("Pod");
	w->name = name;
	w->ns = label(user, "io.kubernetes.pod.namespace");
	w->container_name = label(user, "io.kubernetes.container.name");
	return true;
}

static bool is_service(workload_label_fn *label, const void *user, struct workload *w)
{
	struct span swarm = label(user, "com.docker.swarm.service.name");
	struct span project = label(user, "com.docker.compose.project");
	struct span service = label(user, "com.docker.compose.service");

	w->ns = label(user, "com.docker.stack.namespace");
	if (swarm.n) {
		w->kind = S("Service");
		w->name = swarm;
		return true;
	}
	if (project.n == 0 || service.n == 0)
		return false;
	w->kind = S("Compose");
	w->name = service;
	w->ns = project;
	return true;
}

void workload_of(workload_label_fn *label, const void *user, struct span id, struct span name,
		 struct span ref, struct workload *out)
{
	struct workload w = {.container_name = name,
			     .revision = label(user, "org.opencontainers.image.version")};
	struct span tag;

	if (is_pod(label, user, &w) || is_service(label, user, &w)) {
		*out = w;
		return;
	}
	if (name.n) {
		w.kind = S("Container");
		w.name = name;
		w.named = true;
	} else {
		w.kind = S("Repository");
		ref_cut(ref, &w.name, &tag);
	}
	if (w.name.n == 0)
		w.name = id;
	*out = w;
}

struct list {
	const struct event_label *labels;
	size_t n;
};

static struct span of_list(const void *user, const char *key)
{
	const struct list *l = user;

	for (size_t i = 0; i < l->n; i++)
		if (span_is(l->labels[i].key, span_cstr(key)))
			return l->labels[i].value;
	return (struct span){0};
}

void workload_of_list(const struct event_label *labels, size_t n, struct span id, struct span name,
		      struct span ref, struct workload *out)
{
	struct list l = {labels, n};

	workload_of(of_list, &l, id, name, ref, out);
}
