/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/openshift.h"

#include "base/rfc3339.h"
#include "base/utf8.h"
#include "format/jsonw.h"
#include "kube/quality.h"

#define QUALITY "quality.images.openshift.io/vulnerability."
#define MANAGED "openshift.io/image.managed"

enum { QUALITY_TEXT = 200, QUALITY_BYTES = 65536 };

static struct span text(json *object, const char *key)
{
	struct span s = json_get_str(object, key);

	return s.n <= LIMIT_TEXT_BYTES && utf8_is_clean(s) ? s : (struct span){0};
}

static struct span digest(json *object, const char *key)
{
	struct span s = json_get_str(object, key);
	struct span hex = span_starts(s, S("sha256:")) ? span_from(s, 7) : (struct span){0};

	for (size_t i = 0; i < hex.n; i++)
		if (!is_digit(hex.p[i]) && (hex.p[i] < 'a' || hex.p[i] > 'f'))
			return (struct span){0};
	return hex.n == 64 ? s : (struct span){0};
}

static int64_t time_of(json *object, const char *key)
{
	int64_t ms;

	return rfc3339_parse(json_get_str(object, key), &ms) && ms > 0 ? ms : 0;
}

void openshift_stream_read(json *object, struct openshift_stream *out)
{
	json *status = json_get(object, "status");

	*out = (struct openshift_stream){
	    .repository = text(status, "dockerImageRepository"),
	    .outside = text(status, "publicDockerImageRepository"),
	    .tags = json_get(status, "tags"),
	};
}

bool openshift_tag_read(json *tag, struct openshift_tag *out)
{
	*out = (struct openshift_tag){.name = text(tag, "tag")};
	for (struct json_iter it = json_iter(json_get(tag, "items")); json_next(&it);) {
		struct openshift_meaning m = {digest(it.value, "image"),
					      time_of(it.value, "created")};

		/* What is imported anew, and is the same, is a generation more. */
		if (m.digest.n && out->n && span_is(out->v[out->n - 1].digest, m.digest))
			out->v[out->n - 1].since_ms = m.since_ms;
		else if (m.digest.n && out->n < COUNT_OF(out->v))
			out->v[out->n++] = m;
	}
	return out->name.n && out->n;
}

bool openshift_image_read(json *object, struct openshift_image *out)
{
	json *meta = json_get(object, "metadata");

	*out = (struct openshift_image){
	    .digest = digest(meta, "name"),
	    .config = digest(json_get(object, "dockerImageMetadata"), "Id"),
	    .ref = text(object, "dockerImageReference"),
	    .annotations = json_get(meta, "annotations"),
	};
	/* What the hub wrote is no news to it. */
	out->denied = span_is(json_get_str(out->annotations, OPENSHIFT_DENY), S("true")) &&
		      json_get(out->annotations, QUALITY_OURS) == NULL;
	out->managed = span_is(json_get_str(out->annotations, MANAGED), S("true"));
	return out->digest.n != 0;
}

static void copy_text(struct jsonw *w, json *object, const char *key, size_t max)
{
	struct span s = text(object, key);

	if (s.n)
		jsonw_put(w, key, span_head(s, max));
}

static void copy_row(struct jsonw *w, json *row)
{
	uint64_t severity;

	jsonw_object(w);
	copy_text(w, row, "label", 60);
	copy_text(w, row, "data", 60);
	if (json_get_u64(row, "severityIndex", &severity))
		jsonw_put_u64(w, "severityIndex", severity);
	copy_text(w, row, "reference", QUALITY_TEXT);
	jsonw_object_end(w);
}

static void copy_quality(json *root, struct strbuf *out)
{
	static const char *const keys[] = {"name", "timestamp", "description", "reference",
					   "scannerVersion"};
	struct jsonw w = jsonw_of(out);
	size_t n = 0;

	jsonw_object(&w);
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		copy_text(&w, root, keys[i], QUALITY_TEXT);
	if (json_get(root, "compliant"))
		jsonw_put_bool(&w, "compliant", json_get_bool(root, "compliant"));
	jsonw_key(&w, "summary");
	jsonw_array(&w);
	for (struct json_iter it = json_iter(json_get(root, "summary"));
	     n < OPENSHIFT_SUMMARY && json_next(&it); n++)
		copy_row(&w, it.value);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

bool openshift_quality(struct span key, struct span value, struct span *provider,
		       struct strbuf *out)
{
	struct json_doc doc = {0};
	bool good = span_starts(key, S(QUALITY)) && key.n > strlen(QUALITY) && key.n < 300 &&
		    utf8_is_clean(key) && value.n <= QUALITY_BYTES &&
		    json_parse(&doc, value, QUALITY_BYTES, NULL) == RMG_OK;

	strbuf_clear(out);
	if (good && json_is_object(doc.root)) {
		*provider = span_from(key, strlen(QUALITY));
		copy_quality(doc.root, out);
	}
	json_done(&doc);
	return good && out->n && strbuf_rc(out) == RMG_OK;
}

void openshift_build_read(json *object, struct openshift_build *out)
{
	json *meta = json_get(object, "metadata"), *spec = json_get(object, "spec");
	json *status = json_get(object, "status");

	*out = (struct openshift_build){
	    .name = text(meta, "name"),
	    .ns = text(meta, "namespace"),
	    .config = text(json_get(status, "config"), "name"),
	    .digest = digest(json_get(json_get(status, "output"), "to"), "imageDigest"),
	    .ref = text(status, "outputDockerImageReference"),
	    .git = text(json_get(json_get(spec, "source"), "git"), "uri"),
	    .commit = text(json_get(json_get(spec, "revision"), "git"), "commit"),
	    .made_ms = time_of(status, "completionTimestamp"),
	};
	if (out->config.n == 0)
		out->config = text(json_get(meta, "labels"), "openshift.io/build-config.name");
}
