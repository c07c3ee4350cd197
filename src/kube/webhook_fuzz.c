/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a configuration says, a namespace that nobody is asked about has no webhook. */
#include "kube/webhook.h"

#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_doc doc = {0};
	struct kube_asked a;

	if (size > KIB(32) || json_parse(&doc, span_of(data, size), KIB(32), NULL) != RMG_OK)
		return 0;
	kube_webhook_asked(doc.root, json_get(doc.root, "labels"), &a);
	if ((a.away == KUBE_UNASKED) != (a.timeout_s == 0 && a.webhook.n == 0) &&
	    a.away == KUBE_UNASKED)
		__builtin_trap();
	json_done(&doc);
	return 0;
}
