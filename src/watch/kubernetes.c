/* SPDX-License-Identifier: Apache-2.0 */
/* kubernetes.c - a cluster, by its API: containers of pods are uses, and what makes pods is
 * declared.
 *
 * Each kind of object is a source of its own, so that each is told anew when its own watch has to
 * begin anew. What the objects say is kube_told.c's. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "watch/kube_openshift.h"
#include "watch/kube_told.h"
#include "watch/rounds.h"

enum {
	OVERLAP_MS = 2000, /* clocks of nodes may differ */
	BATCH = 2048,
};

static const struct {
	const char *kind, *path;
	enum kube_part role;
	const char *source; /* NULL: as the resource */
	bool rare;
} builtin[] = {
    {"Pod", "/api/v1/pods", POD, NULL, false},
    {"Deployment", "/apis/apps/v1/deployments", WORKLOAD, NULL, false},
    {"ReplicaSet", "/apis/apps/v1/replicasets", BETWEEN, NULL, false},
    {"StatefulSet", "/apis/apps/v1/statefulsets", WORKLOAD, NULL, false},
    {"DaemonSet", "/apis/apps/v1/daemonsets", WORKLOAD, NULL, false},
    {"Job", "/apis/batch/v1/jobs", BETWEEN, NULL, false},
    {"CronJob", "/apis/batch/v1/cronjobs", WORKLOAD, NULL, false},
    {"ReplicationController", "/api/v1/replicationcontrollers", BETWEEN, NULL, false},
    {"ControllerRevision", "/apis/apps/v1/controllerrevisions", REVISION, NULL, false},
    {"Node", "/api/v1/nodes", NODE, NULL, false},
    /* OpenShift's. */
    {"DeploymentConfig", "/apis/apps.openshift.io/v1/deploymentconfigs", WORKLOAD, NULL, true},
    {"ImageStream", "/apis/image.openshift.io/v1/imagestreams", STREAM, "imagestreams" EVENT_TAGS,
     true},
    {"Image", "/apis/image.openshift.io/v1/images", IMAGE, NULL, true},
    {"Build", "/apis/build.openshift.io/v1/builds", BUILD, NULL, true},
};

/* What the follower says. */

static enum rmg_rc on_object(void *user, size_t kind, enum kube_change change, json *object,
			     struct rmg_err *err)
{
	struct cluster *c = user;
	const struct watch_eye *eye = c->opts->eye;

	if (eye)
		eye->object(eye->user, c->kinds[kind].path, c->kinds[kind].name, object,
			    change == KUBE_DELETED);
	return kube_told(c, kind, change, object, err);
}

static enum rmg_rc on_began(void *user, size_t kind, struct rmg_err *err)
{
	struct cluster *c = user;
	enum rmg_rc rc = kube_room(c, err);

	if (rc != RMG_OK)
		return rc;
	if (c->opts->eye)
		c->opts->eye->began(c->opts->eye->user, c->kinds[kind].path);
	kube_next(c, kind, EVENT_SNAPSHOT_BEGAN, 0);
	if (c->kinds[kind].role == STREAM)
		openshift_streams_clear(&c->streams);
	if (c->kinds[kind].role != POD) {
		map_clear(&c->kinds[kind].told);
		return RMG_OK;
	}
	kube_lives_begin(&c->kinds[kind].lives);
	c->listing = true;
	c->began_ms = clock_ms();
	c->gap_ms = c->heard_ms ? c->heard_ms - OVERLAP_MS : INT64_MAX;
	return RMG_OK;
}

/* What a list took while it came is the machine's again, where the library does not see to it. */
static void give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

static void tell_size(const struct cluster *c)
{
	size_t bytes = kube_owners_bytes(&c->owners);

	for (size_t i = 0; i < c->n; i++)
		bytes += map_bytes(&c->kinds[i].told) + kube_lives_bytes(&c->kinds[i].lives);
	if (c->opts->holds)
		c->opts->holds(c->opts->user, bytes);
}

static enum rmg_rc on_ended(void *user, size_t kind, struct rmg_err *err)
{
	struct cluster *c = user;
	enum rmg_rc rc = kube_room(c, err);
	struct event *e;

	if (rc != RMG_OK)
		return rc;
	if (c->kinds[kind].role == POD) {
		kube_lives_end(&c->kinds[kind].lives);
		c->listing = false;
		c->heard_ms = c->began_ms;
	}
	e = kube_next(c, kind, EVENT_SNAPSHOT_ENDED, 0);
	/* A namespace that is left out may have been in the list before: its tags are still there.
	 */
	if (c->kinds[kind].role == STREAM && c->without[0] == '\0')
		e->scope = S("tags");
	rc = batch_flush(&c->batch, err);
	if (rc == RMG_OK && c->opts->eye)
		c->opts->eye->ended(c->opts->eye->user, c->kinds[kind].path);
	if (rc == RMG_OK && c->failed && c->opts->warn)
		c->opts->warn(c->opts->user, "the cluster answers again");
	if (rc == RMG_OK)
		c->failed = 0;
	if (c->kinds[kind].role == POD)
		give_back();
	tell_size(c);
	return rc;
}

/* What changes is told at once; a list takes its time, and is told in large pieces. */
static enum rmg_rc on_pause(void *user, struct rmg_err *err)
{
	struct cluster *c = user;
	enum rmg_rc rc = arena_rc(&c->batch.arena);

	if (rc == RMG_OK && c->listing && c->batch.n < c->batch.cap / 2)
		return RMG_OK;

	if (rc != RMG_OK)
		return err_set(err, rc, "no room for events");
	return batch_flush(&c->batch, err);
}

/* Whether the server has this kind at all: who may not list it is told the same where it has none.
 */
static bool has_group(struct cluster *c, size_t kind)
{
	struct span path = span_cstr(c->kinds[kind].path);
	char api[sizeof c->kinds[0].path];
	unsigned status = 0;

	snprintf(api, sizeof api, SPAN_FMT, SPAN_ARG(span_head(path, span_rchr(path, '/'))));
	return kube_ask(c->kube, "GET", api, NULL, S(""), &c->text, &status, NULL) != RMG_OK ||
	       status != 404;
}

static void on_trouble(void *user, size_t kind, enum kube_trouble what, const char *text)
{
	struct cluster *c = user;
	const struct watch_opts *o = c->opts;
	bool of_pods = c->kinds[kind].role == POD;

	if (what == KUBE_REFUSED && c->rows[kind].rare && !has_group(c, kind))
		return;

	/* A server that is away is away to all kinds: one of them says it. */
	if (what == KUBE_AWAY && !of_pods)
		return;
	if (what == KUBE_OVER && !of_pods)
		return;
	if (o->remark)
		o->remark(o->user, text);
	if (of_pods && what != KUBE_ODD && o->answers)
		o->answers(o->user, what == KUBE_OVER);
}

static bool on_stop(void *user)
{
	const struct cluster *c = user;

	return c->opts->stop(c->opts->user);
}

/* Kinds. */

/* In no namespace. */
static bool is_of_cluster(enum kube_part role)
{
	return role == NODE || role == IMAGE;
}

/* A kind as it is in one namespace, or in all; source: what it is called there. */
static enum rmg_rc add_one(struct cluster *c, const char *name, const char *path,
			   enum kube_part role, bool custom, const char *source, const char *ns,
			   struct rmg_err *err)
{
	struct kube_watched *k = &c->kinds[c->n];
	struct span text = span_cstr(path), before = span_head(text, span_rchr(text, '/'));
	const char *last = path + before.n;

	if (c->n == COUNT_OF(c->kinds) || text.n + 96 >= sizeof k->path)
		return err_set(err, RMG_E_LIMIT,
			       "at most %zu kinds of a cluster, of each of its namespaces that are "
			       "watched alone",
			       COUNT_OF(c->kinds));
	*k = (struct kube_watched){.role = role, .custom = custom};
	snprintf(k->name, sizeof k->name, "%s", name);
	snprintf(k->path, sizeof k->path, "%s", path);
	if (ns)
		snprintf(k->at, sizeof k->at, SPAN_FMT "/namespaces/%s%s", SPAN_ARG(before), ns,
			 last);
	else
		snprintf(k->at, sizeof k->at, "%s", path);
	snprintf(k->source, sizeof k->source, "%s%s%s/%s", c->batch.source, ns ? "/" : "",
		 ns ? ns : "", source);
	c->rows[c->n] = (struct kube_kind){
	    .path = k->at,
	    .query = c->without[0] && !is_of_cluster(role) ? c->without : NULL,
	    .first = role == BETWEEN || role == BUILD || role == REVISION || custom,
	};
	c->n++;
	return RMG_OK;
}

/* Of nodes one learns who may see them all. */
static enum rmg_rc add_kind(struct cluster *c, const char *name, const char *path,
			    enum kube_part role, bool custom, const char *source,
			    struct rmg_err *err)
{
	const char *const *ns = c->opts->namespaces;
	enum rmg_rc rc = RMG_OK;

	if (ns == NULL || ns[0] == NULL)
		return add_one(c, name, path, role, custom, source, NULL, err);
	for (; rc == RMG_OK && !is_of_cluster(role) && *ns; ns++)
		rc = add_one(c, name, path, role, custom, source, *ns, err);
	return rc;
}

/* What the kind of a resource is called, which its owners' references have; "": it may not be there
 * yet, and is learnt from its objects then. */
static void discover(struct cluster *c, const char *api, struct span resource,
		     char name[static KUBE_NAME])
{
	struct json_doc doc = {0};
	unsigned status = 0;

	name[0] = '\0';
	if (kube_ask(c->kube, "GET", api, NULL, S(""), &c->text, &status, NULL) != RMG_OK ||
	    status != 200 ||
	    json_parse(&doc, strbuf_span(&c->text), LIMIT_JSON_BYTES, NULL) != RMG_OK)
		return;
	for (struct json_iter it = json_iter(json_get(doc.root, "resources")); json_next(&it);)
		if (span_is(json_get_str(it.value, "name"), resource))
			snprintf(
			    name, KUBE_NAME, SPAN_FMT,
			    SPAN_ARG(span_head(json_get_str(it.value, "kind"), KUBE_NAME - 1)));
	json_done(&doc);
}

static enum rmg_rc add_custom(struct cluster *c, const char *text, struct rmg_err *err)
{
	struct span group, rest, version, resource;
	char path[sizeof c->kinds[0].path], api[sizeof path - KUBE_SOURCE_PART * 2];
	char source[KUBE_SOURCE_PART], name[KUBE_NAME];
	size_t first;
	enum rmg_rc rc;

	if (!span_cut(span_cstr(text), '/', &group, &rest) ||
	    !span_cut(rest, '/', &version, &resource) || group.n == 0 || version.n == 0 ||
	    resource.n == 0 || span_chr(resource, '/') != SIZE_MAX || strlen(text) > 200 ||
	    strpbrk(text, "?#%& ") != NULL)
		return err_set(err, RMG_E_ARG, "%s is not GROUP/VERSION/RESOURCE", text);
	snprintf(api, sizeof api, "/apis/" SPAN_FMT "/" SPAN_FMT, SPAN_ARG(group),
		 SPAN_ARG(version));
	snprintf(path, sizeof path, "%s/" SPAN_FMT, api, SPAN_ARG(resource));
	/* Resources of two groups may have one name. */
	snprintf(source, sizeof source, SPAN_FMT "." SPAN_FMT, SPAN_ARG(span_head(resource, 40)),
		 SPAN_ARG(span_head(group, 40)));
	first = c->n;
	discover(c, api, resource, name);
	rc = add_kind(c, name, path, WORKLOAD, true, source, err);
	for (; rc == RMG_OK && first < c->n; first++)
		snprintf(c->kinds[first].group, sizeof c->kinds[first].group, SPAN_FMT,
			 SPAN_ARG(span_head(group, 127)));
	return rc;
}

static enum rmg_rc add_builtin(struct cluster *c, size_t i, struct rmg_err *err)
{
	const char *path = builtin[i].path;
	const char *source = builtin[i].source ? builtin[i].source : strrchr(path, '/') + 1;
	size_t first = c->n;
	enum rmg_rc rc = add_kind(c, builtin[i].kind, path, builtin[i].role, false, source, err);

	for (; rc == RMG_OK && first < c->n; first++)
		c->rows[first].rare = builtin[i].rare;
	return rc;
}

/* Namespaces. */

static bool is_namespace(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n < 64 && name[n] == '\0';
}

/* The server leaves them out: "metadata.namespace!=a,metadata.namespace!=b". */
static enum rmg_rc choose_namespaces(struct cluster *c, struct rmg_err *err)
{
	const char *const *lists[] = {c->opts->namespaces, c->opts->without};
	struct strbuf q = strbuf_of(sizeof c->without);

	for (size_t i = 0; i < COUNT_OF(lists); i++)
		for (size_t k = 0; lists[i] && lists[i][k]; k++) {
			if (!is_namespace(lists[i][k]) || k == LIMIT_KUBE_NAMESPACES_MAX) {
				strbuf_done(&q);
				return err_set(err, RMG_E_ARG,
					       "%s is no namespace, or one too many (%u)",
					       lists[i][k], (unsigned)LIMIT_KUBE_NAMESPACES_MAX);
			}
			if (i == 1)
				strbuf_printf(&q, "%smetadata.namespace!%%3D%s",
					      q.n ? "%2C" : "fieldSelector=", lists[i][k]);
		}
	snprintf(c->without, sizeof c->without, SPAN_FMT, SPAN_ARG(strbuf_span(&q)));
	strbuf_done(&q);
	return RMG_OK;
}

/* What is not watched is not known, which is said. */
static void say_namespaces(const struct cluster *c)
{
	const struct watch_opts *o = c->opts;

	if (o->remark && o->namespaces && o->namespaces[0])
		o->remark(o->user, "only the namespaces that are named are watched: of others, and "
				   "of nodes, nothing is known");
	else if (o->remark && c->without[0])
		o->remark(o->user, "the namespaces that are named are not watched: nothing is "
				   "known of what runs there but by agents");
}

static enum rmg_rc add_kinds(struct cluster *c, struct rmg_err *err)
{
	enum rmg_rc rc = RMG_OK;

	for (size_t i = 0; rc == RMG_OK && i < COUNT_OF(builtin); i++)
		rc = add_builtin(c, i, err);
	for (size_t i = 0; rc == RMG_OK && c->opts->kinds && c->opts->kinds[i]; i++)
		rc = add_custom(c, c->opts->kinds[i], err);
	return rc;
}

/* Rounds. */

static void forget(struct cluster *c)
{
	for (size_t i = 0; i < c->n; i++) {
		map_done(&c->kinds[i].told);
		kube_lives_done(&c->kinds[i].lives);
	}
	c->n = 0;
	openshift_streams_clear(&c->streams);
	kube_owners_done(&c->owners);
	c->owners = (struct kube_owners){0};
}

static enum rmg_rc one_round(struct cluster *c, struct rmg_err *err)
{
	const struct kube_opts k = {
	    .address = c->opts->address, .stop = c->opts->stop, .user = c->opts->user};
	const struct kube_hear hear = {
	    .began = on_began,
	    .object = on_object,
	    .ended = on_ended,
	    .pause = on_pause,
	    .warn = on_trouble,
	    .stop = c->opts->stop ? on_stop : NULL,
	    .user = c,
	};
	enum rmg_rc rc = kube_open(&k, &c->kube, err);

	if (rc == RMG_OK)
		rc = choose_namespaces(c, err);
	if (rc == RMG_OK)
		rc = add_kinds(c, err);
	if (rc == RMG_OK)
		rc = kube_follow(c->kube, c->rows, c->n, &hear, err);
	kube_close(c->kube);
	c->kube = NULL;
	batch_drop(&c->batch);
	c->listing = false;
	forget(c);
	return rc;
}

static bool is_over(const struct watch_opts *o)
{
	return o->stop && o->stop(o->user);
}

enum rmg_rc watch_kubernetes(const struct watch_opts *opts, struct rmg_err *err);

enum rmg_rc watch_kubernetes(const struct watch_opts *opts, struct rmg_err *err)
{
	struct cluster *c = calloc(1, sizeof *c);
	struct span name = kube_cluster_of(opts->address);
	struct rmg_err own = {0}, *why = err ? err : &own;

	if (c == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a watcher");
	c->own = *opts;
	if (name.n)
		c->own.place.cluster = name;
	/* Who sees all of a kind as one list would take the others for gone. */
	if (opts->namespaces && opts->namespaces[0])
		c->own.eye = NULL;
	c->opts = &c->own;
	c->text = strbuf_of(LIMIT_JSON_BYTES);
	c->heard_ms = opts->since_ms;
	batch_init(&c->batch, c->opts);
	if (batch_enlarge(&c->batch, BATCH) != RMG_OK)
		(void)0; /* a smaller one does */
	c->own.place.node = (struct span){0};
	if (choose_namespaces(c, why) == RMG_OK)
		say_namespaces(c);
	while (!is_over(opts)) {
		enum rmg_rc rc = one_round(c, why);

		if (rc == RMG_OK || is_over(opts))
			continue;
		if (c->failed++ == 0 && rc != RMG_E_STOPPED && opts->warn)
			opts->warn(opts->user, why->msg);
		(void)clock_rest(rounds_pause_ms(c->failed), opts->stop, opts->user);
	}
	strbuf_done(&c->text);
	batch_done(&c->batch);
	free(c);
	return RMG_OK;
}
