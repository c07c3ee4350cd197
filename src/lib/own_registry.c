/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/own_registry.h"

#include <unistd.h>

#include "base/env.h"
#include "io/file.h"

enum { TOKEN_BYTES = 65536 };

static bool is_own(struct span host)
{
	static const char *const hosts[] = {
	    "image-registry.openshift-image-registry.svc:5000",
	    "image-registry.openshift-image-registry.svc.cluster.local:5000",
	};

	for (size_t i = 0; i < COUNT_OF(hosts); i++)
		if (span_is(host, span_cstr(hosts[i])))
			return true;
	return false;
}

/* Tests look below another root. */
static char *given(const char *name, struct arena *arena)
{
	const char *root = env_get("RUMMAGE_TEST_ROOT");

	return arena_cstr(arena, ARENA_JOIN(arena, span_cstr(root ? root : ""),
					    S("/var/run/secrets/kubernetes.io/serviceaccount/"),
					    span_cstr(name)));
}

enum rmg_rc own_registry_credentials(struct span host, struct arena *arena, struct credentials *out,
				     struct span *from, struct rmg_err *err)
{
	const char *path = is_own(host) ? given("token", arena) : NULL;
	struct span bytes = {0};
	enum rmg_rc rc;

	*out = (struct credentials){0};
	if (path == NULL)
		return arena_rc(arena);
	rc = file_read(path, TOKEN_BYTES, &bytes, err);
	if (rc == RMG_E_NOTFOUND)
		return RMG_OK;
	if (rc == RMG_OK && span_trim(bytes).n) {
		*out = (struct credentials){.username = S("serviceaccount"),
					    .password = arena_dup(arena, span_trim(bytes))};
		*from = span_cstr(path);
	}
	file_free(&bytes);
	return rc == RMG_OK ? arena_rc(arena) : rc;
}

const char *own_registry_ca(struct span host, struct arena *arena)
{
	const char *path = is_own(host) ? given("service-ca.crt", arena) : NULL;

	return path && access(path, R_OK) == 0 ? path : NULL;
}
