/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/swarm_json.h"

#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "format/json.h"
#include "oci/digest.h"

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

static int64_t time_of(json *v, const char *key)
{
	int64_t ms;

	return rfc3339_parse(json_get_str(v, key), &ms) && ms > 0 ? ms : 0;
}

static enum rmg_rc done(struct json_doc *doc, struct arena *a, struct rmg_err *err)
{
	json_done(doc);
	if (arena_rc(a) != RMG_OK)
		return err_set(err, arena_rc(a), "no room for what the swarm says");
	return RMG_OK;
}

/* An array with room for all of a list; rows for which take() says no are left out. */
typedef bool take_fn(struct arena *a, json *v, void *row);

static enum rmg_rc list(struct span bytes, struct arena *a, size_t each, take_fn *take, void **out,
			size_t *n, struct rmg_err *err)
{
	struct json_doc doc = {0};
	size_t found = 0;
	uint8_t *rows;
	enum rmg_rc rc = json_parse(&doc, bytes, LIMIT_JSON_BYTES, err);

	if (rc != RMG_OK) {
		err_add(err, "a list of the swarm");
		return rc;
	}
	if (!json_is_array(doc.root)) {
		json_done(&doc);
		return err_set(err, RMG_E_FORMAT, "a list of the swarm is no array");
	}
	rows = arena_array(a, json_len(doc.root) + 1, each);
	for (struct json_iter it = json_iter(doc.root); rows && json_next(&it);) {
		memset(rows + found * each, 0, each);
		found += take(a, it.value, rows + found * each);
	}
	rc = done(&doc, a, err);
	if (rc == RMG_OK) {
		*out = rows;
		*n = found;
	}
	return rc;
}

enum rmg_rc swarm_self_parse(struct span bytes, struct arena *a, struct swarm_self *out,
			     struct rmg_err *err)
{
	struct json_doc doc = {0};
	json *swarm;
	enum rmg_rc rc = json_parse(&doc, bytes, LIMIT_JSON_BYTES, err);

	if (rc != RMG_OK) {
		err_add(err, "what the engine says of itself");
		return rc;
	}
	swarm = json_get(doc.root, "Swarm");
	*out = (struct swarm_self){
	    .node = member(a, swarm, "NodeID"),
	    .manager = json_get_bool(swarm, "ControlAvailable") &&
		       span_is(json_get_str(swarm, "LocalNodeState"), S("active")),
	};
	return done(&doc, a, err);
}

/* Services. */

static struct span image_of(struct arena *a, json *spec)
{
	json *task = json_get(spec, "TaskTemplate");

	return member(a, json_get(task, "ContainerSpec"), "Image");
}

/* Tasks that are wanted: what the manager counts, else what was asked for. */
static uint64_t replicas_of(json *service, json *mode)
{
	json *replicated = json_get(mode, "Replicated"), *job = json_get(mode, "ReplicatedJob");
	uint64_t n = 0;

	if (json_get_u64(replicated, "Replicas", &n) || json_get_u64(job, "TotalCompletions", &n))
		return n;
	if (json_get_u64(json_get(service, "ServiceStatus"), "DesiredTasks", &n))
		return n;
	return replicated == NULL; /* of one that is everywhere nobody says how often that is */
}

static void add_labels(struct arena *a, json *labels, struct swarm_service *s)
{
	for (struct json_iter it = json_iter(labels);
	     json_is_object(labels) && json_next(&it) && s->n_labels < EVENT_LABELS;) {
		struct event_label l = {text(a, it.key), text(a, json_str(it.value))};

		if (l.key.n && l.value.n && l.key.n + l.value.n <= LIMIT_TEXT_BYTES)
			s->labels[s->n_labels++] = l;
	}
}

static bool take_service(struct arena *a, json *v, void *row)
{
	struct swarm_service *s = row;
	json *spec = json_get(v, "Spec"), *container;

	container = json_get(json_get(spec, "TaskTemplate"), "ContainerSpec");
	s->id = member(a, v, "ID");
	s->name = member(a, spec, "Name");
	s->ref = image_of(a, spec);
	if (s->id.n == 0 || s->name.n == 0 || s->ref.n == 0)
		return false;
	/* As the containers have it: they are to be the same workload's. */
	s->ns = member(a, json_get(container, "Labels"), "com.docker.stack.namespace");
	s->was_ref = image_of(a, json_get(v, "PreviousSpec"));
	s->update = member(a, json_get(v, "UpdateStatus"), "State");
	s->changed_ms = time_of(v, "UpdatedAt");
	s->replicas = replicas_of(v, json_get(spec, "Mode"));
	if (!json_get_u64(json_get(v, "Version"), "Index", &s->version))
		s->version = 0;
	s->labels = ARENA_ARRAY(
	    a, json_len(json_get(container, "Labels")) + json_len(json_get(spec, "Labels")) + 1,
	    struct event_label);
	if (s->labels == NULL)
		return false;
	add_labels(a, json_get(container, "Labels"), s);
	add_labels(a, json_get(spec, "Labels"), s);
	return true;
}

enum rmg_rc swarm_services_parse(struct span bytes, struct arena *a, struct swarm_service **out,
				 size_t *n, struct rmg_err *err)
{
	return list(bytes, a, sizeof **out, take_service, (void **)out, n, err);
}

/* Tasks. */

static bool take_task(struct arena *a, json *v, void *row)
{
	struct swarm_task *t = row;
	json *status = json_get(v, "Status");

	t->id = member(a, v, "ID");
	t->service = member(a, v, "ServiceID");
	t->node = member(a, v, "NodeID");
	t->container = member(a, json_get(status, "ContainerStatus"), "ContainerID");
	t->ref = member(a, json_get(json_get(v, "Spec"), "ContainerSpec"), "Image");
	t->running = span_is(json_get_str(status, "State"), S("running"));
	t->created_ms = time_of(v, "CreatedAt");
	t->state_ms = time_of(status, "Timestamp");
	if (!json_get_u64(v, "Slot", &t->slot))
		t->slot = 0;
	return t->id.n && t->service.n && t->ref.n;
}

enum rmg_rc swarm_tasks_parse(struct span bytes, struct arena *a, struct swarm_task **out,
			      size_t *n, struct rmg_err *err)
{
	return list(bytes, a, sizeof **out, take_task, (void **)out, n, err);
}

/* Nodes. */

static bool take_node(struct arena *a, json *v, void *row)
{
	struct swarm_node *x = row;

	x->id = member(a, v, "ID");
	x->name = member(a, json_get(v, "Description"), "Hostname");
	x->availability = member(a, json_get(v, "Spec"), "Availability");
	x->state = member(a, json_get(v, "Status"), "State");
	x->leader = json_get_bool(json_get(v, "ManagerStatus"), "Leader");
	return x->id.n != 0;
}

enum rmg_rc swarm_nodes_parse(struct span bytes, struct arena *a, struct swarm_node **out,
			      size_t *n, struct rmg_err *err)
{
	return list(bytes, a, sizeof **out, take_node, (void **)out, n, err);
}

void swarm_image(struct span ref, struct event_image *out)
{
	struct span name, digest;
	uint8_t sha256[32];

	*out = (struct event_image){.ref = ref};
	if (span_rcut(ref, '@', &name, &digest) && digest_sha256(digest, sha256))
		out->digests[out->n_digests++] = digest;
}
