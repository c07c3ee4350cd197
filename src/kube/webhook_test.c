/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations as kube-apiserver 1.36 gives them, shortened. */
#include "kube/webhook.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"

#define PODS                                                                                       \
	"\"rules\":[{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],\"operations\":[\"CREATE\"],"   \
	"\"resources\":[\"pods\"],\"scope\":\"*\"}]"

static const char config[] =
    "{\"webhooks\":[{\"name\":\"open\",\"failurePolicy\":\"Ignore\",\"timeoutSeconds\":7,"
    "\"namespaceSelector\":{\"matchExpressions\":["
    "{\"key\":\"rummage/admission\",\"operator\":\"NotIn\",\"values\":[\"closed\"]},"
    "{\"key\":\"kubernetes.io/metadata.name\",\"operator\":\"NotIn\",\"values\":[\"own\"]}]}," PODS
    "},{\"name\":\"closed\",\"failurePolicy\":\"Fail\",\"namespaceSelector\":{\"matchLabels\":"
    "{\"rummage/admission\":\"closed\"}}," PODS "},"
    "{\"name\":\"some\",\"failurePolicy\":\"Fail\",\"objectSelector\":{\"matchLabels\":"
    "{\"a\":\"b\"}},\"namespaceSelector\":{\"matchExpressions\":[{\"key\":\"some\","
    "\"operator\":\"Exists\"}]}," PODS "},"
    "{\"name\":\"services\",\"rules\":[{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],"
    "\"operations\":[\"*\"],\"resources\":[\"services\"]}]}]}";

static struct kube_asked asked(json *root, const char *labels, struct json_doc *doc)
{
	struct kube_asked out;

	assert_int_equal(json_parse(doc, span_cstr(labels), MIB(1), NULL), RMG_OK);
	kube_webhook_asked(root, doc->root, &out);
	return out;
}

static void what_becomes_of_pods(void **state)
{
	static const struct {
		const char *labels, *webhook;
		enum kube_away away;
	} rows[] = {
	    {"{\"kubernetes.io/metadata.name\":\"shop\"}", "open", KUBE_LETS_IN},
	    {"{\"kubernetes.io/metadata.name\":\"shop\",\"rummage/admission\":\"closed\"}",
	     "closed", KUBE_DENIES},
	    {"{\"kubernetes.io/metadata.name\":\"own\"}", "", KUBE_UNASKED},
	    {"{\"kubernetes.io/metadata.name\":\"own\",\"some\":\"\"}", "some", KUBE_DENIES},
	    {"{\"kubernetes.io/metadata.name\":\"shop\",\"some\":\"\"}", "open", KUBE_LETS_IN},
	};
	struct json_doc doc = {0};

	(void)state;
	assert_int_equal(json_parse(&doc, span_cstr(config), MIB(1), NULL), RMG_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json_doc labels = {0};
		struct kube_asked got = asked(doc.root, rows[i].labels, &labels);

		assert_int_equal(got.away, rows[i].away);
		assert_true(span_is(got.webhook, span_cstr(rows[i].webhook)));
		assert_int_equal(got.timeout_s, got.away == KUBE_LETS_IN  ? 7
						: got.away == KUBE_DENIES ? 10
									  : 0);
		json_done(&labels);
	}
	json_done(&doc);
}

static void what_is_no_configuration_asks_nobody(void **state)
{
	struct kube_asked out;

	(void)state;
	kube_webhook_asked(NULL, NULL, &out);
	assert_int_equal(out.away, KUBE_UNASKED);
	assert_true(kube_selects(NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_becomes_of_pods),
	    cmocka_unit_test(what_is_no_configuration_asks_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
