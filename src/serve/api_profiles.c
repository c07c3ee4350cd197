/* SPDX-License-Identifier: Apache-2.0 */
/* api_profiles.c - what of an image was used in its containers, from who watched them. */
#include <stdlib.h>

#include "base/limits.h"
#include "serve/api.h"
#include "watch/profile_json.h"

enum { MOST_BYTES = MIB(16) };

void api_profiles(struct api *api, const struct call *c, struct server_response *out)
{
	struct hub_profiled known = {0};
	struct rmg_err err = {0};
	struct profile told;
	struct arena a;
	struct jsonw w = jsonw_of(&out->body);
	enum rmg_rc rc;

	arena_init(&a, MOST_BYTES);
	rc = profile_parse(server_body(c->request), MOST_BYTES, &a, &told, &err);
	if (rc == RMG_OK)
		rc = hub_profile_put(api->hub, &told, &known, &err);
	arena_done(&a);
	if (rc != RMG_OK) {
		api_fail(out, rc, &err);
		return;
	}
	jsonw_object(&w);
	jsonw_put_bool(&w, "closed", known.closed);
	if (known.executed)
		profile_keys_write(&w, "executed", known.executed, known.n_executed);
	jsonw_object_end(&w);
	free(known.executed);
}
