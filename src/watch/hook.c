/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/hook.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "format/json.h"
#include "oci/digest.h"
#include "oci/reference.h"

enum { HOST_BYTES = 256, REPOSITORY_BYTES = 512 };

struct reading {
	struct arena *a;
	struct hooks *out;
	struct span host; /* of the kind */
	struct rmg_err *err;
};

typedef enum rmg_rc read_fn(struct reading *r, json *root);

struct hook_kind {
	const char *name, *host;
	read_fn *read;
};

static enum rmg_rc bad(struct reading *r, const char *what)
{
	return err_set(r->err, RMG_E_FORMAT, "a registry's message: %s", what);
}

static bool is_text(struct span s, size_t max)
{
	return s.n && s.n <= max && utf8_is_clean(s);
}

/* "https://host/path" is "host". */
static struct span host_of(struct span url)
{
	size_t at = span_find(url, S("://"));
	struct span rest = at == SIZE_MAX ? url : span_from(url, at + 3), host, path;

	return span_cut(rest, '/', &host, &path) ? host : rest;
}

/* "a" and "b" are "a/b". */
static struct span path_of(struct reading *r, struct span a, struct span b)
{
	return a.n && b.n ? ARENA_JOIN(r->a, a, S("/"), b) : b.n ? b : a;
}

/* What is no tag of a repository is no hint. */
static void add(struct reading *r, struct hook h)
{
	struct hooks *o = r->out;

	if (!tag_valid(h.tag) || !is_text(h.repository, REPOSITORY_BYTES))
		return;
	if (o->n == LIMIT_HOOK_HINTS) {
		o->left_out++;
		return;
	}
	h.host = r->host.n ? r->host : h.host;
	if (o->v == NULL)
		o->v = ARENA_ARRAY(r->a, LIMIT_HOOK_HINTS, struct hook);
	if (o->v)
		o->v[o->n++] = (struct hook){
		    .host =
			is_text(h.host, HOST_BYTES) ? arena_dup(r->a, h.host) : (struct span){0},
		    .repository = arena_dup(r->a, h.repository),
		    .tag = arena_dup(r->a, h.tag),
		    .digest = digest_valid(h.digest) ? arena_dup(r->a, h.digest) : (struct span){0},
		};
}

/* Pulls are told of as well, and asking is one of them. */
static enum rmg_rc read_distribution(struct reading *r, json *root)
{
	json *events = json_get(root, "events");

	if (!json_is_array(events))
		return bad(r, "\"events\" is no array");
	for (struct json_iter it = json_iter(events); json_next(&it);) {
		json *target = json_get(it.value, "target"), *asked = json_get(it.value, "request");
		struct span action = json_get_str(it.value, "action");
		struct span host = json_get_str(asked, "host");

		if (!span_is(action, S("push")) && !span_is(action, S("delete")))
			continue;
		add(r, (struct hook){
			   .host = host.n ? host : host_of(json_get_str(target, "url")),
			   .repository = json_get_str(target, "repository"),
			   .tag = json_get_str(target, "tag"),
			   .digest = span_is(action, S("push")) ? json_get_str(target, "digest")
								: (struct span){0},
		       });
	}
	return RMG_OK;
}

/* In a CloudEvent the same stands in "data". */
static enum rmg_rc read_harbor(struct reading *r, json *root)
{
	json *event = json_get(root, "event_data"), *of, *resources;
	struct span what = json_get_str(root, "type");

	event = event ? event : json_get(root, "data");
	of = json_get(event, "repository");
	resources = json_get(event, "resources");
	if (!json_is_object(of))
		return bad(r, "there is no repository");
	if (span_has(what, S("PULL")) || span_has(what, S("pulled")))
		return RMG_OK;
	for (struct json_iter it = json_iter(resources); json_next(&it);) {
		struct span url = json_get_str(it.value, "resource_url");

		add(r, (struct hook){
			   .host = host_of(url),
			   .repository = json_get_str(of, "repo_full_name"),
			   .tag = json_get_str(it.value, "tag"),
			   .digest = span_has(what, S("PUSH")) ? json_get_str(it.value, "digest")
							       : (struct span){0},
		       });
	}
	return RMG_OK;
}

static enum rmg_rc read_quay(struct reading *r, json *root)
{
	json *tags = json_get(root, "updated_tags");

	if (json_get_str(root, "repository").n == 0)
		return bad(r, "there is no repository");
	for (struct json_iter it = json_iter(tags); json_next(&it);)
		add(r, (struct hook){.host = host_of(json_get_str(root, "docker_url")),
				     .repository = json_get_str(root, "repository"),
				     .tag = json_str(it.value)});
	return RMG_OK;
}

static enum rmg_rc read_dockerhub(struct reading *r, json *root)
{
	json *of = json_get(root, "repository"), *push = json_get(root, "push_data");

	if (!json_is_object(of) || !json_is_object(push))
		return bad(r, "there is no repository, or nothing pushed");
	add(r, (struct hook){.repository = json_get_str(of, "repo_name"),
			     .tag = json_get_str(push, "tag")});
	return RMG_OK;
}

/* By either of the two events that there are for it. */
static enum rmg_rc read_ghcr(struct reading *r, json *root)
{
	json *package = json_get(root, "package"), *version, *tag;

	package = package ? package : json_get(root, "registry_package");
	if (package == NULL && json_get(root, "zen"))
		return RMG_OK; /* it asks whether somebody is here */
	if (!json_is_object(package))
		return bad(r, "there is no package");
	version = json_get(package, "package_version");
	tag = json_get(json_get(version, "container_metadata"), "tag");
	add(r, (struct hook){.repository = path_of(r, json_get_str(package, "namespace"),
						   json_get_str(package, "name")),
			     .tag = json_get_str(tag, "name"),
			     .digest = json_get_str(tag, "digest")});
	return RMG_OK;
}

/* The first component may stand in the host or in the path of what machines pull. Its sha256 is
 * that of the file of the manifest. */
static enum rmg_rc read_artifactory(struct reading *r, json *root)
{
	json *data = json_get(root, "data");
	struct span name = json_get_str(data, "image_name"), hex = json_get_str(data, "sha256");
	struct hook h = {.repository = name, .tag = json_get_str(data, "tag")};

	if (!json_is_object(data))
		return bad(r, "there is no data");
	if (!span_is(json_get_str(root, "domain"), S("docker")))
		return RMG_OK;
	if (hex.n && span_is(json_get_str(root, "event_type"), S("pushed")))
		h.digest = ARENA_JOIN(r->a, S("sha256:"), hex);
	add(r, h);
	h.repository = path_of(r, json_get_str(data, "repo_key"), name);
	if (!span_is(h.repository, name))
		add(r, h);
	return RMG_OK;
}

/* Azure's is one event of distribution's, not a list of them. */
static enum rmg_rc read_acr(struct reading *r, json *root)
{
	json *target = json_get(root, "target");
	struct span action = json_get_str(root, "action");

	if (span_is(action, S("ping")))
		return RMG_OK;
	if (!json_is_object(target))
		return bad(r, "there is no target");
	if (span_is(action, S("push")) || span_is(action, S("delete")))
		add(r, (struct hook){.host = json_get_str(json_get(root, "request"), "host"),
				     .repository = json_get_str(target, "repository"),
				     .tag = json_get_str(target, "tag"),
				     .digest = span_is(action, S("push"))
						   ? json_get_str(target, "digest")
						   : (struct span){0}});
	return RMG_OK;
}

/* "123456789012.dkr.ecr.us-west-2.amazonaws.com", by which machines pull. */
static struct span ecr_host(struct reading *r, json *root)
{
	struct span account = json_get_str(root, "account"), region = json_get_str(root, "region");

	if (account.n == 0 || region.n == 0)
		return (struct span){0};
	return ARENA_JOIN(r->a, account, S(".dkr.ecr."), region,
			  span_starts(region, S("cn-")) ? S(".amazonaws.com.cn")
							: S(".amazonaws.com"));
}

static bool is_of_sns(struct reading *r, json *root, enum rmg_rc *rc)
{
	struct span type = json_get_str(root, "Type");

	/* Who follows such a URL asks whatever the message says. */
	if (span_is(type, S("SubscriptionConfirmation")) ||
	    span_is(type, S("UnsubscribeConfirmation"))) {
		*rc = err_set(r->err, RMG_E_UNSUPPORTED,
			      "a subscription is not confirmed from here: open its SubscribeURL "
			      "yourself, once you know that it is yours, or have EventBridge send "
			      "to this address itself (an API destination)");
		return true;
	}
	return span_is(type, S("Notification"));
}

/* EventBridge's: "ECR Image Action" of pushes and deletions; "ECR Image Scan", which ends with the
 * registry's own verdict, names all tags of an image. */
static enum rmg_rc read_ecr_event(struct reading *r, json *root)
{
	json *detail = json_get(root, "detail"), *tags = json_get(detail, "image-tags");
	struct span action = json_get_str(detail, "action-type");
	struct hook h = {.host = ecr_host(r, root),
			 .repository = json_get_str(detail, "repository-name"),
			 .tag = json_get_str(detail, "image-tag")};

	if (!json_is_object(detail))
		return bad(r, "there is no detail");
	if (span_is(json_get_str(root, "detail-type"), S("ECR Image Scan"))) {
		for (struct json_iter it = json_iter(tags);
		     json_is_array(tags) && json_next(&it);) {
			h.tag = json_str(it.value);
			add(r, h);
		}
		return RMG_OK;
	}
	if (!span_is(json_get_str(root, "detail-type"), S("ECR Image Action")) ||
	    !span_is(json_get_str(detail, "result"), S("SUCCESS")))
		return RMG_OK;
	if (span_is(action, S("PUSH")))
		h.digest = json_get_str(detail, "image-digest");
	if (span_is(action, S("PUSH")) || span_is(action, S("DELETE")))
		add(r, h);
	return RMG_OK;
}

/* The event itself, or as SNS wraps it: as text. */
static enum rmg_rc read_ecr(struct reading *r, json *root)
{
	struct json_doc doc = {0};
	enum rmg_rc rc = RMG_OK;

	if (!is_of_sns(r, root, &rc))
		return read_ecr_event(r, root);
	if (rc == RMG_OK)
		rc = json_parse(&doc, json_get_str(root, "Message"), LIMIT_HOOK_BYTES, r->err);
	if (rc == RMG_OK)
		rc = json_is_object(doc.root) ? read_ecr_event(r, doc.root)
					      : bad(r, "its Message is no object");
	json_done(&doc);
	return rc;
}

/* "host/project/repository@sha256:..." of digest, ".../repository:tag" of tag; a deleted tag names
 * no digest. */
static enum rmg_rc read_gar_event(struct reading *r, json *root)
{
	struct span action = json_get_str(root, "action"), digest = json_get_str(root, "digest");
	struct span name, host, path, tag, repository, at;
	struct hook h = {0};

	if (action.n == 0)
		return bad(r, "there is no action");
	if (!span_rcut(json_get_str(root, "tag"), ':', &name, &tag) ||
	    !span_cut(name, '/', &host, &path))
		return RMG_OK; /* of an image without a tag */
	h = (struct hook){.host = host, .repository = path, .tag = tag};
	if (span_is(action, S("INSERT")) && span_rcut(digest, '@', &repository, &at))
		h.digest = at;
	add(r, h);
	return RMG_OK;
}

/* As Pub/Sub pushes it: message.data is the event in base64; or the event itself, where the
 * subscription unwraps it. */
static enum rmg_rc read_gar(struct reading *r, json *root)
{
	json *message = json_get(root, "message");
	struct span coded = json_get_str(message, "data");
	struct json_doc doc = {0};
	uint8_t *bytes;
	size_t n;
	enum rmg_rc rc;

	if (message == NULL)
		return read_gar_event(r, root);
	bytes = ARENA_ARRAY(r->a, coded.n + 1, uint8_t);
	if (bytes == NULL)
		return err_set(r->err, RMG_E_NOMEM, "no room for a registry's message");
	if (coded.n == 0 || !base64_bytes(coded, bytes, coded.n, &n))
		return bad(r, "message.data is no base64");
	rc = json_parse(&doc, span_of(bytes, n), LIMIT_HOOK_BYTES, r->err);
	if (rc == RMG_OK)
		rc = json_is_object(doc.root) ? read_gar_event(r, doc.root)
					      : bad(r, "message.data is no object");
	json_done(&doc);
	return rc;
}

static const struct hook_kind kinds[] = {
#define X(kind, host) {#kind, host, read_##kind},
#include "watch/hook.def"
#undef X
};

const struct hook_kind *hook_kind_of(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (span_is(name, span_cstr(kinds[i].name)))
			return &kinds[i];
	return NULL;
}

enum rmg_rc hook_parse(const struct hook_kind *kind, struct span text, struct arena *a,
		       struct hooks *out, struct rmg_err *err)
{
	struct hooks all = {0};
	struct reading r = {a, &all, span_cstr(kind->host), err};
	struct json_doc doc = {0};
	enum rmg_rc rc = json_parse(&doc, text, LIMIT_HOOK_BYTES, err);

	if (rc == RMG_OK)
		rc = json_is_object(doc.root) ? kind->read(&r, doc.root) : bad(&r, "no object");
	if (rc == RMG_OK && arena_rc(a) != RMG_OK)
		rc = err_set(err, arena_rc(a), "no room for a registry's message");
	if (rc == RMG_OK)
		*out = all;
	json_done(&doc);
	return rc;
}
