/* SPDX-License-Identifier: Apache-2.0 */
/* admission.h - the hub as a webhook of Kubernetes' admission (admission.k8s.io/v1), on an address
 * of its own: may this start, be scaled up, be entered?
 *
 *     POST /validate   judged by the policy: let in, let in with warnings, or denied
 *     POST /mutate     tags become the digests that were judged, so that these are what runs
 *
 * What is known is answered from memory. An image that nobody has read is read in its registry
 * while the API server waits (its timeout, less ADMISSION_SPARE_MS); then the policy's rule about
 * what is not known decides. Only what is new in an update is judged: what was there runs already,
 * and to refuse the rest would keep it from getting better. An object with the annotation
 * rummage/break-glass is let in whatever the policy says; that, and what is denied, is in the audit
 * log with who asked.
 *
 * The certificate is its own unless one is given, and is renewed by itself; where `webhooks` names
 * them, it is written into the cluster's webhook configurations (caBundle), beside those of other
 * replicas. */
#ifndef SERVE_ADMISSION_H
#define SERVE_ADMISSION_H

#include "hub/ask.h"
#include "serve/parts.h"

enum { ADMISSION_SPARE_MS = 500 };

struct admission;
/* By the options of the hub; out is NULL where these ask for none. */
MUST enum rmg_rc admission_start(struct env *env, struct admission **out, struct rmg_err *err);
void admission_stop(struct admission *a);
/* What becomes of pods while no hub answers. NULL: nothing is known. */
MUST enum rmg_rc admission_list(struct admission *a, const struct ask *q, struct strbuf *out,
				struct rmg_err *err);
void admission_metrics(struct admission *a, struct strbuf *out); /* NULL: nothing is put */

#endif
