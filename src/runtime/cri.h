/* SPDX-License-Identifier: Apache-2.0 */
/* cri.h - questions to a runtime by Kubernetes' Container Runtime Interface (runtime.v1), over its
 * socket: ctrd.h's terms. */
#ifndef RUNTIME_CRI_H
#define RUNTIME_CRI_H

#include "io/grpc.h"
#include "runtime/cri_read.h"

struct cri;
MUST enum rmg_rc cri_open(const struct grpc_opts *opts, struct cri **out, struct rmg_err *err);
void cri_close(struct cri *c);

MUST enum rmg_rc cri_version(struct cri *c, struct arena *a, struct span *out, struct rmg_err *err);
MUST enum rmg_rc cri_pods(struct cri *c, struct arena *a, struct cri_pod **out, size_t *n,
			  struct rmg_err *err);
MUST enum rmg_rc cri_pod_info(struct cri *c, struct span id, struct arena *a, struct span *json,
			      struct rmg_err *err);
MUST enum rmg_rc cri_containers(struct cri *c, struct arena *a, struct cri_container **out,
				size_t *n, struct rmg_err *err);
MUST enum rmg_rc cri_status(struct cri *c, struct span id, struct arena *a,
			    struct cri_container *out, struct rmg_err *err);
MUST enum rmg_rc cri_images(struct cri *c, struct arena *a, struct cri_image **out, size_t *n,
			    struct rmg_err *err);

/* What happens, as it comes. RMG_E_UNSUPPORTED from either: the runtime tells of nothing, and has
 * to be asked. */
typedef enum rmg_rc cri_event_fn(void *user, const struct cri_event *e, struct rmg_err *err);
MUST enum rmg_rc cri_subscribe(struct cri *c, uint32_t stall_s, cri_event_fn *fn, void *user,
			       struct rmg_err *err);
MUST enum rmg_rc cri_wait(struct cri *c, uint32_t ms, bool *over, struct rmg_err *err);

#endif
