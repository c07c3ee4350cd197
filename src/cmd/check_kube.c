/* SPDX-License-Identifier: Apache-2.0 */
/* check_kube.c - whether a cluster's API answers, whether we may there what the parts that are
 * asked for do, and whether its webhooks are those of this hub. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/limits.h"
#include "cmd/check.h"
#include "format/json.h"
#include "format/jsonw.h"
#include "io/file.h"
#include "io/pem.h"
#include "kube/client.h"
#include "serve/admission_cert.h"
#include "serve/cluster.h"
#include "serve/writeback.h"

enum { ANSWER_S = 15, OLDEST_MINOR = 25, SHORTEST_S = 3, PEM_BYTES = 1 << 20 };

struct asking {
	struct checks *c;
	struct kube *kube;
	const char *address, *cluster;
	struct strbuf answer;
};

/* What who watches needs (watch/kubernetes.c); the chart's roles have the same. */
static const struct need {
	const char *group, *resource, *verbs;
} watched[] = {
    {"", "pods", "list watch"},
    {"", "nodes", "list watch"},
    {"", "replicationcontrollers", "get list watch"},
    {"apps", "deployments", "list watch"},
    {"apps", "replicasets", "get list watch"},
    {"apps", "statefulsets", "list watch"},
    {"apps", "daemonsets", "list watch"},
    {"apps", "controllerrevisions", "list watch"},
    {"batch", "jobs", "get list watch"},
    {"batch", "cronjobs", "list watch"},
};

/* OpenShift's, where a cluster has them. */
static const struct need openshift[] = {
    {"apps.openshift.io", "deploymentconfigs", "list watch"},
    {"image.openshift.io", "imagestreams", "list watch"},
    {"image.openshift.io", "images", "list watch"},
    {"build.openshift.io", "builds", "get list watch"},
};

static const struct need images = {"image.openshift.io", "images", "patch"};

/* What the hub writes, by --kubernetes-write: "none" takes it away. */
static const struct written {
	const char *form;
	struct need need;
} written[] = {
#define LABELS(group, resource)                                                                    \
	{                                                                                          \
		"labels",                                                                          \
		{                                                                                  \
			group, resource, "patch"                                                   \
		}                                                                                  \
	}
    LABELS("", "pods"),
    LABELS("", "replicationcontrollers"),
    LABELS("apps", "deployments"),
    LABELS("apps", "replicasets"),
    LABELS("apps", "statefulsets"),
    LABELS("apps", "daemonsets"),
    LABELS("batch", "jobs"),
    LABELS("batch", "cronjobs"),
#undef LABELS
    {"events", {"", "events", "create patch"}},
};
/* Of reports one kind, the first that a cluster has (serve/write_reports.c). */
static const struct need reports[] = {
    {"openreports.io", "reports", "list create patch delete"},
    {"wgpolicyk8s.io", "policyreports", "list create patch delete"},
};

/* What admission reads besides its webhooks: what happens while no hub answers, and, where they are
 * to be used, the pods' own secrets. */
static const struct need namespaces = {"", "namespaces", "list"};
static const struct need pull_secrets[] = {
    {"", "secrets", "get"},
    {"", "serviceaccounts", "get"},
};

/* Whether it answers. */

static enum rmg_rc version_of(struct asking *a, int64_t *date_s, struct rmg_err *err)
{
	struct strbuf url = strbuf_of(KIB(64));
	struct http_request req = {.no_redirect = true};
	struct http_response resp;
	struct http *http = NULL;
	bool anew;
	enum rmg_rc rc = kube_ready(a->kube, &anew, err);

	if (rc == RMG_OK)
		rc = kube_http(a->kube, ANSWER_S, &http, err);
	if (rc == RMG_OK) {
		kube_url(a->kube, "/version", &url);
		req.url = strbuf_cstr(&url);
		req.headers = kube_headers(a->kube);
		rc = http_do(http, &req, &resp, err);
	}
	if (rc == RMG_OK)
		*date_s = http_date(&resp);
	http_free(http);
	strbuf_done(&url);
	return rc;
}

static void say_version(struct asking *a, unsigned status)
{
	struct json_doc doc = {0};
	struct span minor, digits;
	uint64_t n = 0;

	if (status != 200 ||
	    json_parse(&doc, strbuf_span(&a->answer), LIMIT_JSON_BYTES, NULL) != RMG_OK) {
		check_put(a->c, CHECK_MISSING, "kubernetes", a->cluster,
			  "log in: the token, the certificate or the plug-in of the kubeconfig",
			  "%u for /version", status);
		return;
	}
	minor = json_get_str(doc.root, "minor");
	digits = span_head(minor, MIN_OF(span_chr(minor, '+'), minor.n));
	if (!span_u64(digits, 10, 10000, &n))
		n = 0;
	check_put(a->c, n >= OLDEST_MINOR ? CHECK_OK : CHECK_WARN, "kubernetes", a->cluster,
		  "1.25 is the oldest that is known to do", "answers: " SPAN_FMT,
		  SPAN_ARG(json_get_str(doc.root, "gitVersion")));
	json_done(&doc);
}

static bool answers(struct asking *a)
{
	struct rmg_err err = {0};
	unsigned status = 0;
	int64_t date_s = 0;
	enum rmg_rc rc = version_of(a, &date_s, &err);

	if (rc == RMG_OK)
		rc = kube_ask(a->kube, "GET", "/version", NULL, S(""), &a->answer, &status, &err);
	if (rc != RMG_OK) {
		check_put(a->c, CHECK_MISSING, "kubernetes", a->cluster,
			  "see that its address is right and can be reached from here", "%s",
			  err.msg);
		return false;
	}
	say_version(a, status);
	if (status == 200 && date_s)
		check_clocks(a->c, a->cluster, date_s * 1000);
	return status == 200;
}

/* What may be done there. */

static void put_review(struct jsonw *w, const struct need *n, struct span verb, const char *name)
{
	jsonw_object(w);
	jsonw_put_cstr(w, "apiVersion", "authorization.k8s.io/v1");
	jsonw_put_cstr(w, "kind", "SelfSubjectAccessReview");
	jsonw_key(w, "spec");
	jsonw_object(w);
	jsonw_key(w, "resourceAttributes");
	jsonw_object(w);
	jsonw_put_cstr(w, "group", n->group);
	jsonw_put_cstr(w, "resource", n->resource);
	jsonw_put(w, "verb", verb);
	if (name)
		jsonw_put_cstr(w, "name", name);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

/* The API server's own word. */
static enum rmg_rc may(struct asking *a, const struct need *n, struct span verb, const char *name,
		       bool *out, struct rmg_err *err)
{
	struct strbuf body = strbuf_of(KIB(8));
	struct jsonw w = jsonw_of(&body);
	struct json_doc doc = {0};
	unsigned status = 0;
	enum rmg_rc rc;

	put_review(&w, n, verb, name);
	rc = kube_ask(a->kube, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		      NULL, strbuf_span(&body), &a->answer, &status, err);
	if (rc == RMG_OK && status / 100 != 2)
		rc = err_set(err, RMG_E_AUTH, "%u for what may be done", status);
	if (rc == RMG_OK)
		rc = json_parse(&doc, strbuf_span(&a->answer), LIMIT_JSON_BYTES, err);
	if (rc == RMG_OK)
		*out = json_get_bool(json_get(doc.root, "status"), "allowed");
	json_done(&doc);
	strbuf_done(&body);
	return rc;
}

static void check_need(struct asking *a, const struct need *n, const char *name)
{
	struct span rest = span_cstr(n->verbs), verb;
	struct strbuf subject = strbuf_of(512), no = strbuf_of(256);
	struct rmg_err err = {0};
	enum rmg_rc rc = RMG_OK;

	strbuf_printf(&subject, "%s: %s%s%s%s%s", a->cluster, n->resource, *n->group ? "." : "",
		      n->group, name ? "/" : "", name ? name : "");
	while (rc == RMG_OK && span_word(&rest, &verb)) {
		bool yes = false;

		rc = may(a, n, verb, name, &yes, &err);
		if (rc == RMG_OK && !yes) {
			strbuf_puts(&no, no.n ? ", " : "");
			strbuf_put(&no, verb);
		}
	}
	if (rc != RMG_OK)
		check_put(a->c, CHECK_UNKNOWN, "rbac", strbuf_cstr(&subject), NULL, "%s", err.msg);
	else if (no.n)
		check_put(a->c, CHECK_MISSING, "rbac", strbuf_cstr(&subject),
			  "give it by the ClusterRole of this service account, or user",
			  "may not %s", strbuf_cstr(&no));
	else
		check_put(a->c, CHECK_OK, "rbac", strbuf_cstr(&subject), NULL, "may %s", n->verbs);
	strbuf_done(&subject);
	strbuf_done(&no);
}

/* GROUP/VERSION/RESOURCE, and whether the cluster has it. */
static void check_kind(struct asking *a, const char *text, bool writes)
{
	char group[200], version[200], resource[200], path[640];
	struct need need = {group, resource, writes ? "list watch patch" : "list watch"};
	struct rmg_err err = {0};
	unsigned status = 0;
	struct span g, v, r, rest;

	if (!span_cut(span_cstr(text), '/', &g, &rest) || !span_cut(rest, '/', &v, &r) ||
	    strlen(text) >= sizeof group || strpbrk(text, "?#%& ") != NULL) {
		check_put(a->c, CHECK_MISSING, "kind", text, "GROUP/VERSION/RESOURCE",
			  "is no kind");
		return;
	}
	snprintf(group, sizeof group, SPAN_FMT, SPAN_ARG(g));
	snprintf(version, sizeof version, SPAN_FMT, SPAN_ARG(v));
	snprintf(resource, sizeof resource, SPAN_FMT, SPAN_ARG(r));
	snprintf(path, sizeof path, "/apis/%s/%s", group, version);
	if (kube_ask(a->kube, "GET", path, NULL, S(""), &a->answer, &status, &err) == RMG_OK &&
	    status == 404)
		check_put(a->c, CHECK_WARN, "kind", text,
			  "install its definition, or leave --kubernetes-kind out",
			  "%s does not have it", a->cluster);
	check_need(a, &need, NULL);
}

static bool has(struct asking *a, const struct need *n)
{
	char path[256];
	struct json_doc doc = {0};
	unsigned status = 0;
	bool there = false;

	snprintf(path, sizeof path, "/apis/%s/v1", n->group);
	if (kube_ask(a->kube, "GET", path, NULL, S(""), &a->answer, &status, NULL) != RMG_OK ||
	    status != 200 ||
	    json_parse(&doc, strbuf_span(&a->answer), LIMIT_JSON_BYTES, NULL) != RMG_OK)
		return false;
	for (struct json_iter it = json_iter(json_get(doc.root, "resources")); json_next(&it);)
		there |= span_is(json_get_str(it.value, "name"), span_cstr(n->resource));
	json_done(&doc);
	return there;
}

static const struct need *reports_there(struct asking *a)
{
	char path[128];

	for (size_t i = 0; i < COUNT_OF(reports); i++) {
		unsigned status = 0;

		snprintf(path, sizeof path, "/apis/%s", reports[i].group);
		if (kube_ask(a->kube, "GET", path, NULL, S(""), &a->answer, &status, NULL) ==
			RMG_OK &&
		    status == 200)
			return &reports[i];
	}
	return &reports[0];
}

static bool writes(const struct asking *a, const struct serve_opts *hub, const char *form)
{
	return writebacks_writes(hub, cluster_name(hub, a->address), form);
}

static void check_needs(struct asking *a, const char *const *kinds, const struct serve_opts *hub)
{
	bool labels = hub && writes(a, hub, "labels");

	for (size_t i = 0; i < COUNT_OF(watched); i++)
		check_need(a, &watched[i], NULL);
	for (size_t i = 0; i < COUNT_OF(openshift); i++)
		if (has(a, &openshift[i]))
			check_need(a, &openshift[i], NULL);
	for (size_t i = 0; kinds && kinds[i]; i++)
		check_kind(a, kinds[i], labels);
	for (size_t i = 0; hub && i < COUNT_OF(written); i++)
		if (writes(a, hub, written[i].form))
			check_need(a, &written[i].need, NULL);
	if (hub && writes(a, hub, "images") && has(a, &images))
		check_need(a, &images, NULL);
	if (hub && writes(a, hub, "reports"))
		check_need(a, reports_there(a), NULL);
}

/* The webhooks. */

struct webhooks {
	struct asking *a;
	const struct serve_opts *o;
	const char *name;        /* of the configuration */
	struct span cert;        /* PEM; n 0: none is there yet */
	char path[4200];         /* its file */
	const char *wanted_path; /* "/validate" */
};

static bool for_host(const struct webhooks *h, const char *host)
{
	struct rmg_err err;
	bool good = false;

	if (h->cert.n)
		return pem_is_for(h->path, host, &good, &err) == RMG_OK && good;
	for (size_t i = 0; h->o->admission_names && h->o->admission_names[i]; i++)
		good |= strcmp(h->o->admission_names[i], host) == 0;
	return good;
}

static bool has_cert(const struct webhooks *h, json *client)
{
	struct span text = json_get_str(client, "caBundle");
	struct strbuf none = strbuf_of(2 * PEM_BYTES);
	uint8_t *bytes = malloc(text.n + 3);
	size_t n = 0;
	bool there = bytes && h->cert.n && base64_bytes(text, bytes, text.n + 3, &n) && n &&
		     !admission_bundle_add(span_of(bytes, n), h->cert, &none);

	free(bytes);
	strbuf_done(&none);
	return there;
}

static void check_hook(const struct webhooks *h, json *hook)
{
	json *client = json_get(hook, "clientConfig"), *service = json_get(client, "service");
	struct span name = json_get_str(hook, "name"), path = json_get_str(service, "path");
	struct span policy = json_get_str(hook, "failurePolicy");
	uint64_t timeout;
	struct checks *c = h->a->c;
	const char *host, *subject;

	if (!json_get_u64(hook, "timeoutSeconds", &timeout))
		timeout = 10;
	subject = check_text(c, SPAN_FMT, SPAN_ARG(name));
	host = check_text(c, SPAN_FMT "." SPAN_FMT ".svc", SPAN_ARG(json_get_str(service, "name")),
			  SPAN_ARG(json_get_str(service, "namespace")));
	if (service && !span_is(path, span_cstr(h->wanted_path)))
		check_put(c, CHECK_MISSING, "webhook", subject, h->wanted_path,
			  "asks at the path \"" SPAN_FMT "\"", SPAN_ARG(path));
	else if (service && !for_host(h, host))
		check_put(c, CHECK_MISSING, "webhook", subject,
			  "--admission-name, or a certificate for it",
			  "asks %s, which the hub's certificate is not for", host);
	else if (h->cert.n && !has_cert(h, client))
		check_put(c, CHECK_WARN, "webhook", subject,
			  "the hub writes it when it starts, if it may patch the configuration",
			  "its caBundle does not have the hub's certificate");
	else if (timeout < SHORTEST_S)
		check_put(c, CHECK_WARN, "webhook", subject,
			  "timeoutSeconds: 10; unknown images are read meanwhile",
			  "waits for %llu s only", (unsigned long long)timeout);
	else if (json_get(hook, "namespaceSelector") == NULL && span_is(policy, S("Fail")))
		check_put(c, CHECK_WARN, "webhook", subject,
			  "leave the hub's namespace out by a namespaceSelector",
			  "asks about the hub itself: one that is gone cannot come back");
	else
		check_put(c, CHECK_OK, "webhook", subject, NULL,
			  "while no hub answers: " SPAN_FMT "; waits for %llu s", SPAN_ARG(policy),
			  (unsigned long long)timeout);
}

/* true: there is one of this kind. */
static bool check_hooks(struct webhooks *h, const char *kind)
{
	struct need need = {"admissionregistration.k8s.io", kind, "get patch"};
	struct asking *a = h->a;
	struct json_doc doc = {0};
	struct rmg_err err = {0};
	unsigned status = 0;
	char path[512];
	bool there;

	check_need(a, &need, h->name);
	snprintf(path, sizeof path, "/apis/%s/v1/%s/%.250s", need.group, kind, h->name);
	there = kube_ask(a->kube, "GET", path, NULL, S(""), &a->answer, &status, &err) == RMG_OK &&
		status == 200 &&
		json_parse(&doc, strbuf_span(&a->answer), LIMIT_KUBE_OBJECT_BYTES, &err) == RMG_OK;
	for (struct json_iter it = json_iter(json_get(doc.root, "webhooks"));
	     there && json_next(&it);)
		check_hook(h, it.value);
	json_done(&doc);
	return there || (status != 404 && status != 0);
}

static void check_webhooks(struct asking *a, const struct serve_opts *o)
{
	struct webhooks h = {.a = a, .o = o, .name = o->admission_webhooks};
	bool there;

	if (o->admission_cert)
		snprintf(h.path, sizeof h.path, "%s", o->admission_cert);
	else
		snprintf(h.path, sizeof h.path, "%s/admission.crt", o->state_dir);
	if (file_read(h.path, PEM_BYTES, &h.cert, NULL) != RMG_OK)
		h.cert = (struct span){0};
	h.wanted_path = "/validate";
	there = check_hooks(&h, "validatingwebhookconfigurations");
	h.wanted_path = "/mutate";
	there |= check_hooks(&h, "mutatingwebhookconfigurations");
	if (!there)
		check_put(a->c, CHECK_MISSING, "webhook", h.name,
			  "make it: the chart's admission.enabled, or deploy/manifests/admission",
			  "%s has no configuration of this name", a->cluster);
	file_free(&h.cert);
	check_need(a, &namespaces, NULL);
	for (size_t i = 0; o->admission_pull_secrets && i < COUNT_OF(pull_secrets); i++)
		check_need(a, &pull_secrets[i], NULL);
}

void check_kube(struct checks *c, const char *address, const char *const *kinds,
		const struct serve_opts *hub, bool webhooks)
{
	struct kube_opts opts = {.address = address};
	struct asking a = {.c = c, .address = address, .answer = strbuf_of(LIMIT_JSON_BYTES)};
	struct span named = kube_cluster_of(address);
	struct rmg_err err = {0};
	char cluster[256];

	snprintf(cluster, sizeof cluster, SPAN_FMT, SPAN_ARG(named.n ? named : S("cluster")));
	a.cluster = cluster;
	if (kube_open(&opts, &a.kube, &err) != RMG_OK) {
		check_put(c, CHECK_MISSING, "kubernetes", cluster,
			  "a kubeconfig, or in a pod automountServiceAccountToken", "%s", err.msg);
	} else if (answers(&a)) {
		check_needs(&a, kinds, hub);
		if (webhooks)
			check_webhooks(&a, hub);
	}
	kube_close(a.kube);
	strbuf_done(&a.answer);
}
