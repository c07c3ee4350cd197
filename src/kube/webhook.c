/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/webhook.h"

enum { TIMEOUT_S = 10 }; /* where the configuration does not say */

static bool has(json *list, struct span value)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (span_is(json_str(it.value), value))
			return true;
	return false;
}

/* An operator that we do not know takes nothing, as the API server would refuse it. */
static bool holds(json *requirement, json *labels)
{
	struct span op = json_get_str(requirement, "operator");
	json *value = json_get_span(labels, json_get_str(requirement, "key"));
	json *values = json_get(requirement, "values");
	bool in = json_is_str(value) && has(values, json_str(value));

	if (span_is(op, S("In")))
		return in;
	if (span_is(op, S("NotIn")))
		return !in;
	if (span_is(op, S("Exists")))
		return value != NULL;
	return span_is(op, S("DoesNotExist")) && value == NULL;
}

bool kube_selects(json *selector, json *labels)
{
	for (struct json_iter it = json_iter(json_get(selector, "matchLabels")); json_next(&it);) {
		json *value = json_get_span(labels, it.key);

		if (!json_is_str(value) || !span_is(json_str(value), json_str(it.value)))
			return false;
	}
	for (struct json_iter it = json_iter(json_get(selector, "matchExpressions"));
	     json_next(&it);)
		if (!holds(it.value, labels))
			return false;
	return true;
}

static bool either(json *list, struct span value)
{
	return has(list, value) || has(list, S("*"));
}

static bool is_of_pods(json *hook)
{
	for (struct json_iter it = json_iter(json_get(hook, "rules")); json_next(&it);) {
		json *resources = json_get(it.value, "resources");

		if (either(json_get(it.value, "apiGroups"), S("")) &&
		    either(json_get(it.value, "apiVersions"), S("v1")) &&
		    either(json_get(it.value, "operations"), S("CREATE")) &&
		    (either(resources, S("pods")) || has(resources, S("*/*"))) &&
		    !span_is(json_get_str(it.value, "scope"), S("Cluster")))
			return true;
	}
	return false;
}

static bool is_of_some(json *hook)
{
	json *by_labels = json_get(hook, "objectSelector");

	return json_len(json_get(hook, "matchConditions")) != 0 ||
	       json_len(json_get(by_labels, "matchLabels")) != 0 ||
	       json_len(json_get(by_labels, "matchExpressions")) != 0;
}

static void take(json *hook, struct kube_asked *out)
{
	struct kube_asked now = {.webhook = json_get_str(hook, "name"),
				 .sometimes = is_of_some(hook)};

	now.away =
	    span_is(json_get_str(hook, "failurePolicy"), S("Ignore")) ? KUBE_LETS_IN : KUBE_DENIES;
	if (!json_get_u64(hook, "timeoutSeconds", &now.timeout_s))
		now.timeout_s = TIMEOUT_S;
	if (out->away == KUBE_UNASKED || (out->sometimes && !now.sometimes) ||
	    (out->sometimes == now.sometimes && now.away > out->away))
		*out = now;
}

void kube_webhook_asked(json *config, json *ns_labels, struct kube_asked *out)
{
	*out = (struct kube_asked){0};
	for (struct json_iter it = json_iter(json_get(config, "webhooks")); json_next(&it);)
		if (is_of_pods(it.value) &&
		    kube_selects(json_get(it.value, "namespaceSelector"), ns_labels))
			take(it.value, out);
}
