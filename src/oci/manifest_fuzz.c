/* SPDX-License-Identifier: Apache-2.0 */
/* The same bytes as a manifest, as a configuration, and as what a registry answers. */
#include "oci/manifest.h"

#include "base/limits.h"
#include "oci/digest.h"
#include "oci/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_manifest(struct span bytes, struct arena *a)
{
	struct manifest m;
	const struct descriptor *d = NULL;

	if (manifest_parse(bytes, S(""), a, &m, NULL) != RMG_OK)
		return;
	CHECK(m.n_children <= LIMIT_LAYERS);
	for (size_t i = 0; i < m.n_children; i++)
		CHECK(digest_valid(m.children[i].digest));
	if (m.kind == MANIFEST_INDEX &&
	    manifest_select(&m, platform_host(), true, &d, NULL) == RMG_OK)
		CHECK(descriptor_is_image(d));
}

static void as_config(struct span bytes, struct arena *a)
{
	struct oci_config c;
	const struct oci_step *steps[4];
	char buf[PLATFORM_TEXT];

	if (oci_config_parse(bytes, a, &c, NULL) != RMG_OK)
		return;
	CHECK(platform_rank(c.platform, c.platform) == 0);
	CHECK(strlen(platform_text(c.platform, buf)) < PLATFORM_TEXT);
	oci_config_steps(&c, COUNT_OF(steps), steps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size);
	struct arena a;
	struct registry_token t;
	char buf[200];

	if (size > 65536)
		return 0;
	arena_init(&a, 1 << 24);
	as_manifest(bytes, &a);
	as_config(bytes, &a);
	(void)!registry_token_parse(bytes, &a, &t, NULL);
	(void)registry_error_text(bytes, buf, sizeof buf);
	arena_done(&a);
	return 0;
}
