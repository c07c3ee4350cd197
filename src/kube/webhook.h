/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.h - what a cluster's configuration of webhooks says of the pods that are made in a
 * namespace: whether anybody is asked, and what becomes of them while who is asked is away. Pure;
 * spans borrow from the document. */
#ifndef KUBE_WEBHOOK_H
#define KUBE_WEBHOOK_H

#include "format/json.h"

enum kube_away { KUBE_UNASKED, KUBE_LETS_IN, KUBE_DENIES };

struct kube_asked {
	enum kube_away away;
	struct span webhook; /* "" none */
	uint64_t timeout_s;
	bool sometimes; /* it asks about some pods alone: by their labels, or by an expression */
};

/* config: a ValidatingWebhookConfiguration. Of several webhooks that take the namespace the one
 * that denies counts. */
void kube_webhook_asked(json *config, json *ns_labels, struct kube_asked *out);

/* A LabelSelector against labels; one that is not there, or empty, takes all. */
bool kube_selects(json *selector, json *labels);

#endif
