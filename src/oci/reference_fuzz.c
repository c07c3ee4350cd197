/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted reads back as the same reference; and the same bytes as the Location of an
 * upload lead nowhere but to a path of the registry. */
#include "oci/reference.h"

#include "oci/digest.h"
#include "oci/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_location(struct span location, struct arena *a)
{
	char *path;

	if (registry_upload_path(S("h.example:5000"), location, S("sha256:0"), a, &path, NULL) !=
	    RMG_OK)
		return;
	CHECK(path[0] == '/' && span_ends(span_cstr(path), S("digest=sha256%3A0")));
	for (size_t i = 0; path[i]; i++)
		CHECK(path[i] > ' ' && path[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct reference r, again;
	struct span text;

	arena_init(&a, 1 << 16);
	if (size <= 8192 && reference_parse(span_of(data, size), &a, &r, NULL) == RMG_OK) {
		CHECK(r.tag.n || r.digest.n);
		CHECK(r.digest.n == 0 || digest_valid(r.digest));
		text = reference_text(&r, &a);
		CHECK(reference_parse(text, &a, &again, NULL) == RMG_OK);
		CHECK(span_is(reference_text(&again, &a), text));
		(void)host_is_loopback(r.host);
	}
	arena_reset(&a);
	if (size <= 8192)
		as_location(span_of(data, size), &a);
	arena_done(&a);
	return 0;
}
