/* SPDX-License-Identifier: Apache-2.0 */
/* admission_scope.h - what becomes of pods while no hub answers, in each namespace of the cluster
 * whose webhook this hub is: read back from the cluster's own configuration every SCOPE_EVERY_S, so
 * that it is what holds, whoever wrote it. */
#ifndef SERVE_ADMISSION_SCOPE_H
#define SERVE_ADMISSION_SCOPE_H

#include "hub/ask.h"
#include "kube/webhook.h"
#include "serve/parts.h"

enum { SCOPE_EVERY_S = 5 };

struct admission_scope;
/* address: of the cluster; NULL: none is asked, and nothing is known. */
MUST enum rmg_rc admission_scope_new(struct env *env, const char *address, struct span cluster,
				     struct admission_scope **out, struct rmg_err *err);
void admission_scope_free(struct admission_scope *s);
void admission_scope_look(struct admission_scope *s); /* one thread */

/* Any thread. *known: the namespace is. webhook: its name is copied there. */
enum kube_away admission_scope_of(struct admission_scope *s, struct span ns, bool *known,
				  char webhook[static 128]);
/* GET /api/v1/admission, and figures. */
MUST enum rmg_rc admission_scope_list(struct admission_scope *s, const struct ask *q,
				      struct strbuf *out, struct rmg_err *err);
void admission_scope_metrics(struct admission_scope *s, struct strbuf *out);

#endif
