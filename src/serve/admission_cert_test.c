/* SPDX-License-Identifier: Apache-2.0 */
/* The bundle in which the certificates of several replicas stand. */
#include "serve/admission_cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct span certificate(unsigned i, char buf[128])
{
	return span_of(buf, (size_t)snprintf(buf, 128,
					     "-----BEGIN CERTIFICATE-----\nAAA%u\n"
					     "-----END CERTIFICATE-----\n",
					     i));
}

static size_t count(struct span bundle)
{
	size_t n = 0, at;

	for (; (at = span_find(bundle, S("-----END"))) != SIZE_MAX; n++)
		bundle = span_from(bundle, at + 1);
	return n;
}

static void the_newest_is_first_and_the_oldest_goes(void **state)
{
	struct strbuf bundle = strbuf_of(1 << 20), next;
	char buf[128];

	(void)state;
	for (unsigned i = 0; i < 2 * ADMISSION_BUNDLE; i++) {
		next = strbuf_of(1 << 20);
		assert_true(admission_bundle_add(strbuf_span(&bundle), certificate(i, buf), &next));
		assert_true(span_starts(strbuf_span(&next), certificate(i, buf)));
		strbuf_done(&bundle);
		bundle = next;
	}
	assert_int_equal(count(strbuf_span(&bundle)), ADMISSION_BUNDLE);
	next = strbuf_of(1 << 20);
	assert_false(admission_bundle_add(strbuf_span(&bundle),
					  certificate(2 * ADMISSION_BUNDLE - 3, buf), &next));
	/* Whatever else stood there. */
	assert_true(admission_bundle_add(S("junk -----BEGIN CERTIFICATE-----"), certificate(1, buf),
					 &next));
	assert_int_equal(count(strbuf_span(&next)), 1);
	assert_false(admission_bundle_add(S(""), S("no certificate"), &next));
	strbuf_done(&next);
	strbuf_done(&bundle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_newest_is_first_and_the_oldest_goes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
