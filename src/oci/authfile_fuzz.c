/* SPDX-License-Identifier: Apache-2.0 */
/* The same bytes as a file of credentials, asked for several hosts and repositories, and as what a
 * helper prints. */
#include "oci/authfile.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* It becomes part of a program's name. */
static void check_helper(struct span helper)
{
	CHECK(helper.n <= 100);
	CHECK(span_chr(helper, '/') == SIZE_MAX && span_chr(helper, '\0') == SIZE_MAX);
}

static void find(struct span bytes, struct span host, struct span repository, struct arena *a)
{
	struct authfile f = {.helper = S("-")}, before = f;

	if (authfile_find(bytes, host, repository, a, &f, NULL) != RMG_OK) {
		CHECK(memcmp(&f, &before, sizeof f) == 0);
		return;
	}
	check_helper(f.helper);
	CHECK(f.found.username.n + f.found.password.n + f.found.identity_token.n <= bytes.n);
	CHECK(f.helper.n == 0 || f.server.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size);
	struct arena a;
	struct credentials c;

	if (size > 65536)
		return 0;
	arena_init(&a, MIB(4));
	find(bytes, S("h"), S("r"), &a);
	find(bytes, S("h:5000"), S("team/r"), &a);
	find(bytes, S("docker.io"), S("library/r"), &a);
	(void)!authfile_helper_answer(bytes, &a, &c, NULL);
	arena_done(&a);
	return 0;
}
