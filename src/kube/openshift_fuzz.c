/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever an object says: no bad read, digests are digests, and no count is above its array; what
 * is annotated is a state that writing comes to an end of. */
#include "kube/openshift.h"

#include "base/utf8.h"
#include "kube/quality.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void clean(struct span s)
{
	if (!utf8_is_clean(s) || s.n > LIMIT_TEXT_BYTES)
		__builtin_trap();
}

static void digest(struct span s)
{
	clean(s);
	if (s.n && (s.n != 71 || !span_starts(s, S("sha256:"))))
		__builtin_trap();
}

static void stream(json *object)
{
	struct openshift_stream s;
	struct openshift_tag tag;

	openshift_stream_read(object, &s);
	clean(s.repository);
	clean(s.outside);
	for (struct json_iter it = json_iter(s.tags); json_next(&it);) {
		if (!openshift_tag_read(it.value, &tag))
			continue;
		clean(tag.name);
		if (tag.n == 0 || tag.n > COUNT_OF(tag.v))
			__builtin_trap();
		for (size_t i = 0; i < tag.n; i++)
			digest(tag.v[i].digest);
	}
}

static void qualities(json *annotations)
{
	struct strbuf out = strbuf_of(LIMIT_TEXT_BYTES);
	struct span provider;

	for (struct json_iter it = json_iter(annotations); json_next(&it);)
		if (openshift_quality(it.key, json_str(it.value), &provider, &out)) {
			clean(provider);
			clean(strbuf_span(&out));
		}
	strbuf_done(&out);
}

/* Once it is as it is to be, there is nothing more to write, and what is written is JSON. */
static void state(json *annotations, const struct quality *q)
{
	uint64_t seen = quality_seen(annotations), want = quality_wanted(seen, q);
	struct strbuf out = strbuf_of(KIB(16));
	struct json_doc doc = {0};

	if (quality_wanted(want, q) != want)
		__builtin_trap();
	quality_patch(seen, q, S("u"), S("1"), "2026-03-01T00:00:00Z", &out);
	if (strbuf_rc(&out) != RMG_OK ||
	    json_parse(&doc, strbuf_span(&out), KIB(16), NULL) != RMG_OK)
		__builtin_trap();
	json_done(&doc);
	strbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct quality deny = {"1", "", {1, 2, 3, 4}, true, true};
	struct json_doc doc = {0};
	struct openshift_image image;
	struct openshift_build build;

	if (size > KIB(64) || json_parse(&doc, span_of(data, size), KIB(64), NULL) != RMG_OK)
		return 0;
	stream(doc.root);
	if (openshift_image_read(doc.root, &image) != (image.digest.n != 0))
		__builtin_trap();
	digest(image.digest);
	digest(image.config);
	clean(image.ref);
	qualities(image.annotations);
	state(image.annotations, NULL);
	state(image.annotations, &deny);
	openshift_build_read(doc.root, &build);
	digest(build.digest);
	clean(build.ref);
	clean(build.commit);
	json_done(&doc);
	return 0;
}
