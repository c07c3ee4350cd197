/* SPDX-License-Identifier: Apache-2.0 */
/* pull_secrets.h - the cluster asked about one pod: which container of it is which, and with what
 * its images are pulled: the secrets that it names, else those of its service account, of the two
 * kinds that kubelets know (kubernetes.io/dockerconfigjson, kubernetes.io/dockercfg).
 *
 * Secrets are asked for only where the hub is told to (--admission-pull-secrets); they are kept in
 * memory for SECRET_MS, and go to the registry that they are for. Credential helpers that a secret
 * names are not run. Any thread; one question at a time. */
#ifndef SERVE_PULL_SECRETS_H
#define SERVE_PULL_SECRETS_H

#include "format/json.h"
#include "serve/parts.h"

enum { SECRET_MS = 30000 };

/* Who asks a registry. who: 0 the hub; else a hash by which two are told apart. */
struct pull_as {
	uint64_t who;
	char user[256], password[8192];
};

struct pull_secrets;
/* address: of the cluster; NULL: nobody is asked. */
MUST enum rmg_rc pull_secrets_new(struct env *env, const char *address, struct pull_secrets **out,
				  struct rmg_err *err);
void pull_secrets_free(struct pull_secrets *s);

/* Of a pod that would be made so, for an image; who 0 where the cluster has not answered a second
 * before until_ms (of the tick), or half of what there is. */
void pull_secrets_for(struct pull_secrets *s, struct span ns, json *pod_spec, struct span ref,
		      int64_t until_ms, struct pull_as *out);

/* The id of a container that runs now (name "": of its first one), as watches tell it; false: that
 * is not known, or not as soon as that. */
bool pull_secrets_container(struct pull_secrets *s, struct span ns, struct span pod,
			    struct span name, int64_t until_ms, char id[static 256]);

#endif
