/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/object.h"

#include "base/limits.h"
#include "base/rfc3339.h"
#include "base/utf8.h"

/* How deep a kind that nobody knows is searched, and how wide. */
enum { FIND_DEPTH = 8, FIND_VALUES = 20000 };

static struct span clean(struct span s)
{
	return s.n <= LIMIT_TEXT_BYTES && utf8_is_clean(s) ? s : (struct span){0};
}

static struct span text(json *object, const char *key)
{
	return clean(json_get_str(object, key));
}

static int64_t time_of(json *object, const char *key)
{
	int64_t ms;

	return rfc3339_parse(json_get_str(object, key), &ms) ? ms : 0;
}

struct span kube_group(struct span api_version)
{
	struct span group, version;

	return span_cut(api_version, '/', &group, &version) ? group : (struct span){0};
}

static void read_owner(json *owners, struct kube_owner *out)
{
	for (struct json_iter it = json_iter(owners); json_next(&it);) {
		if (!json_get_bool(it.value, "controller"))
			continue;
		out->group = kube_group(text(it.value, "apiVersion"));
		out->kind = text(it.value, "kind");
		out->name = text(it.value, "name");
		out->uid = text(it.value, "uid");
		return;
	}
}

void kube_meta_read(json *object, struct kube_meta *out)
{
	json *m = json_get(object, "metadata");

	*out = (struct kube_meta){
	    .kind = text(object, "kind"),
	    .name = text(m, "name"),
	    .ns = text(m, "namespace"),
	    .uid = text(m, "uid"),
	    .version = text(m, "resourceVersion"),
	    .created_ms = time_of(m, "creationTimestamp"),
	    .labels = json_get(m, "labels"),
	    .annotations = json_get(m, "annotations"),
	};
	read_owner(json_get(m, "ownerReferences"), &out->owner);
}

struct span kube_label(json *labels, const char *key)
{
	return text(labels, key);
}

size_t kube_labels(json *labels, struct event_label *out, size_t max)
{
	size_t n = 0;

	for (struct json_iter it = json_iter(labels); n < max && json_next(&it);) {
		out[n] = (struct event_label){clean(it.key), clean(json_str(it.value))};
		n += out[n].key.n > 0;
	}
	return n;
}

/* Templates. */

static bool has_images(json *containers)
{
	return json_is_array(containers) && json_len(containers) &&
	       json_get_str(json_at(containers, 0), "image").n;
}

/* Breadth first, so that the outermost is taken. */
static json *find_spec(json *object)
{
	json *level[64], *next[64];
	size_t n = 1, n_next, seen = 0;

	level[0] = object;
	for (unsigned depth = 0; n && depth < FIND_DEPTH; depth++) {
		n_next = 0;
		for (size_t i = 0; i < n; i++) {
			if (has_images(json_get(level[i], "containers")))
				return level[i];
			for (struct json_iter it = json_iter(level[i]); json_next(&it);) {
				if (++seen > FIND_VALUES)
					return NULL;
				if (n_next < COUNT_OF(next) &&
				    (json_is_object(it.value) || json_is_array(it.value)))
					next[n_next++] = it.value;
			}
		}
		n = n_next;
		memcpy(level, next, n * sizeof *next);
	}
	return NULL;
}

json *kube_pod_spec(json *object, struct span kind)
{
	json *spec = json_get(object, "spec"), *found;

	if (span_is(kind, S("Pod")))
		return spec;
	if (span_is(kind, S("PodTemplate")))
		return json_get(json_get(object, "template"), "spec");
	if (span_is(kind, S("CronJob")))
		spec = json_get(json_get(spec, "jobTemplate"), "spec");
	found = json_get(json_get(spec, "template"), "spec");
	return json_is_array(json_get(found, "containers")) ? found : find_spec(spec);
}

static void put_image(struct kube_image *out, size_t max, size_t *n, struct kube_image image)
{
	/* A DeploymentConfig whose tag means nothing yet says " ". */
	if (span_trim(image.ref).n == 0)
		return;
	if (*n < max)
		out[*n] = image;
	(*n)++;
}

static enum kube_role role_of(json *c, enum kube_role role)
{
	return role == KUBE_INIT && span_is(json_get_str(c, "restartPolicy"), S("Always"))
		   ? KUBE_SIDECAR
		   : role;
}

const char *kube_role_list(enum kube_role role)
{
	static const char *const lists[] = {[KUBE_INIT] = "initContainers",
					    [KUBE_SIDECAR] = "initContainers",
					    [KUBE_CONTAINER] = "containers",
					    [KUBE_VOLUME] = "volumes",
					    [KUBE_EPHEMERAL] = "ephemeralContainers"};

	return lists[role];
}

static void put_list(json *pod_spec, enum kube_role role, struct kube_image *out, size_t max,
		     size_t *n)
{
	uint32_t nth = 0;

	for (struct json_iter it = json_iter(json_get(pod_spec, kube_role_list(role)));
	     json_next(&it); nth++) {
		json *at = role == KUBE_VOLUME ? json_get(it.value, "image") : it.value;

		put_image(out, max, n,
			  (struct kube_image){
			      .role = role_of(at, role),
			      .nth = nth,
			      .name = text(it.value, "name"),
			      .ref = text(at, role == KUBE_VOLUME ? "reference" : "image"),
			      .at = at,
			  });
	}
}

size_t kube_images(json *pod_spec, struct kube_image *out, size_t max)
{
	size_t n = 0;

	put_list(pod_spec, KUBE_INIT, out, max, &n);
	put_list(pod_spec, KUBE_CONTAINER, out, max, &n);
	put_list(pod_spec, KUBE_EPHEMERAL, out, max, &n);
	put_list(pod_spec, KUBE_VOLUME, out, max, &n);
	return n;
}

/* Runs. */

static bool is_hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_digit(s.p[i]) && (to_lower(s.p[i]) < 'a' || to_lower(s.p[i]) > 'f'))
			return false;
	return true;
}

struct span kube_image_digest(struct span image_id)
{
	size_t at = span_rchr(image_id, '@');
	size_t scheme = span_find(image_id, S("://"));
	struct span s = image_id;

	if (at != SIZE_MAX)
		s = span_from(s, at + 1);
	else if (scheme != SIZE_MAX)
		s = span_from(s, scheme + 3);
	s = clean(s);
	if (s.n == 64 && is_hex(s))
		return s;
	return span_starts(s, S("sha256:")) || span_starts(s, S("sha512:")) ? s : (struct span){0};
}

static bool read_id(json *state, struct kube_run *out)
{
	struct span s = text(state, "containerID");
	size_t at = span_find(s, S("://"));

	if (at == SIZE_MAX || s.n == at + 3)
		return false;
	out->scheme = span_head(s, at);
	out->id = span_from(s, at + 3);
	return true;
}

/* The life that is now, and the one before it where it is told. */
static size_t read_status(json *status, const struct kube_image *image, struct kube_run *out,
			  size_t max)
{
	struct kube_run now = {.image = *image, .state = KUBE_WAITING}, was = {.image = *image};
	json *state = json_get(status, "state"), *ended = json_get(state, "terminated");
	json *before = json_get(json_get(status, "lastState"), "terminated");
	size_t n = 0;

	now.digest = kube_image_digest(json_get_str(status, "imageID"));
	if (json_is_object(json_get(state, "running"))) {
		now.state = KUBE_RUNNING;
		now.began_ms = time_of(json_get(state, "running"), "startedAt");
	} else if (json_is_object(ended)) {
		now.state = KUBE_ENDED;
		now.began_ms = time_of(ended, "startedAt");
		now.ended_ms = time_of(ended, "finishedAt");
	}
	/* Of one that waits to be started again this is the one before. */
	if (now.state != KUBE_WAITING && read_id(status, &now) && n < max)
		out[n++] = now;
	if (!read_id(before, &was) || span_is(was.id, now.id) || n == max)
		return n;
	was.state = KUBE_ENDED;
	was.digest = now.digest;
	was.began_ms = time_of(before, "startedAt");
	was.ended_ms = time_of(before, "finishedAt");
	out[n++] = was;
	return n;
}

static json *status_of(json *status, enum kube_role role, struct span name)
{
	const char *key = role == KUBE_EPHEMERAL   ? "ephemeralContainerStatuses"
			  : role == KUBE_CONTAINER ? "containerStatuses"
						   : "initContainerStatuses";

	for (struct json_iter it = json_iter(json_get(status, key)); json_next(&it);)
		if (span_is(json_get_str(it.value, "name"), name))
			return it.value;
	return NULL;
}

/* What a kubelet says that a mounted image is, where it does. */
static struct span volume_digest(json *status, struct span volume)
{
	static const char *const keys[] = {"containerStatuses", "initContainerStatuses"};

	for (size_t i = 0; i < COUNT_OF(keys); i++)
		for (struct json_iter c = json_iter(json_get(status, keys[i])); json_next(&c);)
			for (struct json_iter m = json_iter(json_get(c.value, "volumeMounts"));
			     json_next(&m);)
				if (span_is(json_get_str(m.value, "name"), volume))
					return kube_image_digest(json_get_str(
					    json_get(json_get(m.value, "volumeStatus"), "image"),
					    "imageRef"));
	return (struct span){0};
}

size_t kube_runs(json *pod, struct kube_run *out, size_t max)
{
	enum { IMAGES = 256 };
	struct kube_image images[IMAGES];
	json *status = json_get(pod, "status");
	size_t n_images = kube_images(json_get(pod, "spec"), images, IMAGES), n = 0, running = 0;

	n_images = MIN_OF(n_images, (size_t)IMAGES);
	for (size_t i = 0; i < n_images; i++)
		if (images[i].role != KUBE_VOLUME)
			n += read_status(status_of(status, images[i].role, images[i].name),
					 &images[i], out + n, max - n);
	for (size_t i = 0; i < n; i++)
		running += out[i].state == KUBE_RUNNING;
	for (size_t i = 0; i < n_images && n < max; i++)
		if (images[i].role == KUBE_VOLUME && running)
			out[n++] =
			    (struct kube_run){.image = images[i],
					      .state = KUBE_RUNNING,
					      .digest = volume_digest(status, images[i].name),
					      .began_ms = time_of(status, "startTime")};
	return n;
}

bool kube_pod_is_over(json *pod)
{
	struct span phase = json_get_str(json_get(pod, "status"), "phase");

	return span_is(phase, S("Succeeded")) || span_is(phase, S("Failed"));
}

/* Wishes. */

static bool is_over(json *job)
{
	for (struct json_iter it = json_iter(json_get(json_get(job, "status"), "conditions"));
	     json_next(&it);) {
		struct span type = json_get_str(it.value, "type");

		if (span_is(json_get_str(it.value, "status"), S("True")) &&
		    (span_is(type, S("Complete")) || span_is(type, S("Failed"))))
			return true;
	}
	return false;
}

static uint64_t replicas_of(json *object, struct span kind)
{
	json *spec = json_get(object, "spec"), *status = json_get(object, "status");
	uint64_t n = 0;

	if (span_is(kind, S("CronJob")))
		return 0;
	if (span_is(kind, S("DaemonSet")))
		return json_get_u64(status, "desiredNumberScheduled", &n) ? n : 0;
	if (span_is(kind, S("Job")) && is_over(object))
		return 0;
	if (span_is(kind, S("Job")))
		return json_get_u64(spec, "parallelism", &n) ? n : 1;
	if (span_is(kind, S("DeploymentConfig")) && json_get_bool(spec, "test"))
		return 0; /* it runs while it is rolled out alone */
	return json_get_u64(spec, "replicas", &n) ? n : 1;
}

void kube_want_read(json *object, const struct kube_meta *meta, struct kube_want *out)
{
	json *spec = json_get(object, "spec");

	*out = (struct kube_want){
	    .replicas = replicas_of(object, meta->kind),
	    .schedule = text(spec, "schedule"),
	    .suspended = json_get_bool(spec, "suspend") || json_get_bool(spec, "paused"),
	    .revision = kube_label(meta->annotations, "deployment.kubernetes.io/revision"),
	};
	/* What is paused runs on; it is its rollout that waits. */
	if (span_is(meta->kind, S("Deployment")) || span_is(meta->kind, S("DeploymentConfig")))
		out->suspended = false;
}
