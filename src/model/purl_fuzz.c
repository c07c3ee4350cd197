/* SPDX-License-Identifier: Apache-2.0 */
/* What parses, rebuilds to a purl that parses to the same, and from then on nothing changes. (An
 * rpm version gives its epoch to a qualifier, so that "1:2:3" does change.) */
#include "model/purl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span rebuild(const struct purl *p, struct arena *a)
{
	struct pkg pkg = {.type = p->type, .ns = p->ns, .name = p->name, .version = p->version};

	return purl_of(&pkg, NULL, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct purl p;
	struct arena a;

	if (size > 4096)
		return 0;
	arena_init(&a, 1 << 20);
	if (purl_parse(span_of(data, size), &a, &p) && !span_is(p.type, S("rpm"))) {
		struct span once = rebuild(&p, &a), twice;

		if (purl_parse(once, &a, &p)) {
			twice = rebuild(&p, &a);
			CHECK(purl_parse(twice, &a, &p));
			CHECK(span_is(twice, rebuild(&p, &a)));
		}
	}
	arena_done(&a);
	return 0;
}
