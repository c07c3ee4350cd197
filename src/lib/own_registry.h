/* SPDX-License-Identifier: Apache-2.0 */
/* own_registry.h - the registry that an OpenShift cluster has of its own, as pods of the cluster
 * know it: it takes the token of a service account for a password, and is vouched for by the
 * authority that the cluster gives to each pod. The token goes to these names alone, which nobody
 * outside can have. */
#ifndef LIB_OWN_REGISTRY_H
#define LIB_OWN_REGISTRY_H

#include "oci/authfile.h"

/* All empty where it is another host, or there is no service account. */
MUST enum rmg_rc own_registry_credentials(struct span host, struct arena *arena,
					  struct credentials *out, struct span *from,
					  struct rmg_err *err);
/* PEM; NULL: it is another host, or there is none. */
const char *own_registry_ca(struct span host, struct arena *arena);

#endif
