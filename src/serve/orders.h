/* SPDX-License-Identifier: Apache-2.0 */
/* orders.h - what the hub is told by its file and by its policy, read as one: both are good, and
 * fit each other, or nothing of them is taken. */
#ifndef SERVE_ORDERS_H
#define SERVE_ORDERS_H

#include "hub/policy.h"
#include "serve/config.h"
#include "serve/serve.h"

struct orders {
	struct config *config;
	struct policy *policy;
	struct oidc *provider; /* NULL: none, or as before; whoever takes it sets it to NULL */
	bool new_provider;     /* other than before: none, or this one */
};

/* before: what holds now; NULL: nothing does. */
MUST enum rmg_rc orders_read(const struct serve_opts *o, const struct orders *before,
			     struct orders *out, struct rmg_err *err);
void orders_free(struct orders *o);

#endif
