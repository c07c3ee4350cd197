/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/review.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "format/jsonw.h"

static const char version[] = "admission.k8s.io/v1", kind[] = "AdmissionReview";

static struct span text(json *object, const char *key)
{
	struct span s = json_get_str(object, key);

	return s.n <= LIMIT_TEXT_BYTES && utf8_is_clean(s) ? s : (struct span){0};
}

static json *object(json *request, const char *key)
{
	json *v = json_get(request, key);

	return json_is_object(v) ? v : NULL;
}

enum rmg_rc kube_review_read(json *root, struct kube_review *out, struct rmg_err *err)
{
	json *request = object(root, "request");
	json *of = json_get(request, "kind"), *in = json_get(request, "resource");

	if (!span_is(text(root, "apiVersion"), span_cstr(version)) ||
	    !span_is(text(root, "kind"), span_cstr(kind)))
		return err_set(err, RMG_E_FORMAT, "not an %s of %s", kind, version);
	*out = (struct kube_review){
	    .uid = text(request, "uid"),
	    .group = text(of, "group"),
	    .kind = text(of, "kind"),
	    .resource = text(in, "resource"),
	    .subresource = text(request, "subResource"),
	    .operation = text(request, "operation"),
	    .ns = text(request, "namespace"),
	    .name = text(request, "name"),
	    .user = text(json_get(request, "userInfo"), "username"),
	    .groups = json_get(json_get(request, "userInfo"), "groups"),
	    .dry_run = json_get_bool(request, "dryRun"),
	    .object = object(request, "object"),
	    .old = object(request, "oldObject"),
	};
	if (out->uid.n == 0 || out->kind.n == 0 || out->operation.n == 0)
		return err_set(err, RMG_E_FORMAT, "a review without uid, kind or operation");
	return RMG_OK;
}

/* Whole characters of it. */
static struct span cut(struct span s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max && (s.p[max] & 0xc0) == 0x80)
		max--;
	return span_head(s, max);
}

static void put_status(struct jsonw *w, const struct kube_ruling *r)
{
	jsonw_key(w, "status");
	jsonw_object(w);
	jsonw_put_u64(w, "code", 403);
	jsonw_put_cstr(w, "reason", "Forbidden");
	jsonw_put(w, "message", r->message);
	jsonw_object_end(w);
}

static void put_patch(struct jsonw *w, struct span patch)
{
	jsonw_put_cstr(w, "patchType", "JSONPatch");
	jsonw_key(w, "patch");
	strbuf_putc(w->out, '"');
	base64_put(w->out, patch);
	strbuf_putc(w->out, '"');
	w->comma = true;
}

void kube_ruling_write(const struct kube_ruling *r, struct strbuf *out)
{
	struct jsonw w = jsonw_of(out);

	jsonw_object(&w);
	jsonw_put_cstr(&w, "apiVersion", version);
	jsonw_put_cstr(&w, "kind", kind);
	jsonw_key(&w, "response");
	jsonw_object(&w);
	jsonw_put(&w, "uid", r->uid);
	jsonw_put_bool(&w, "allowed", r->allowed);
	if (!r->allowed)
		put_status(&w, r);
	if (r->n_warnings) {
		jsonw_key(&w, "warnings");
		jsonw_array(&w);
		for (size_t i = 0; i < r->n_warnings; i++)
			jsonw_str(&w, cut(r->warnings[i], KUBE_WARNING));
		jsonw_array_end(&w);
	}
	if (r->allowed && r->patch.n)
		put_patch(&w, r->patch);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
}

struct span kube_scaled_kind(struct span resource)
{
	static const struct {
		const char *resource, *kind;
	} scaled[] = {{"deployments", "Deployment"},
		      {"statefulsets", "StatefulSet"},
		      {"replicasets", "ReplicaSet"},
		      {"replicationcontrollers", "ReplicationController"},
		      {"deploymentconfigs", "DeploymentConfig"}};

	for (size_t i = 0; i < COUNT_OF(scaled); i++)
		if (span_is(resource, span_cstr(scaled[i].resource)))
			return span_cstr(scaled[i].kind);
	return (struct span){0};
}

bool kube_same_images(json *pod_spec, json *other)
{
	struct kube_image a[EVENT_IMAGES], b[EVENT_IMAGES];
	size_t n = kube_images(pod_spec, a, EVENT_IMAGES);

	if (n > EVENT_IMAGES || n != kube_images(other, b, EVENT_IMAGES))
		return false;
	for (size_t i = 0; i < n; i++)
		if (a[i].role != b[i].role || !span_is(a[i].name, b[i].name) ||
		    !span_is(a[i].ref, b[i].ref))
			return false;
	return true;
}

void kube_pod_owner(const struct kube_meta *pod, struct span *of, struct span *name)
{
	struct span hash = kube_label(pod->labels, "pod-template-hash");
	struct span whole = pod->owner.name;

	*of = pod->owner.name.n ? pod->owner.kind : S("Pod");
	*name = pod->owner.name.n ? pod->owner.name : pod->name;
	if (!span_is(*of, S("ReplicaSet")) || hash.n == 0 || whole.n <= hash.n + 1 ||
	    !span_ends(whole, hash) || whole.p[whole.n - hash.n - 1] != '-')
		return;
	*of = S("Deployment");
	*name = span_head(whole, whole.n - hash.n - 1);
}

const char *kube_pod_spec_path(struct span of)
{
	static const char *const templates[] = {
	    "Deployment",      "ReplicaSet", "StatefulSet",
	    "DaemonSet",       "Job",        "ReplicationController",
	    "DeploymentConfig"};

	if (span_is(of, S("Pod")))
		return "/spec";
	if (span_is(of, S("CronJob")))
		return "/spec/jobTemplate/spec/template/spec";
	if (span_is(of, S("PodTemplate")))
		return "/template/spec";
	for (size_t i = 0; i < COUNT_OF(templates); i++)
		if (span_is(of, span_cstr(templates[i])))
			return "/spec/template/spec";
	return "";
}
