/* SPDX-License-Identifier: Apache-2.0 */
/* kube_openshift.h - what OpenShift's own kinds say, as events; for kube_told.c.
 *
 * An image stream's tags are told as a registry's word on them (EVENT_TAGS): what each means, and
 * before that what it meant, the oldest first. One that it has no more has vanished; what went
 * while nobody watched the hub misses in the list (the scope "tags"). */
#ifndef WATCH_KUBE_OPENSHIFT_H
#define WATCH_KUBE_OPENSHIFT_H

#include "watch/kube_told.h"

void openshift_streams_clear(struct kube_streams *s); /* all are listed anew; or it ends */
MUST enum rmg_rc openshift_on_stream(struct cluster *c, size_t kind, enum kube_change change,
				     const struct kube_meta *m, json *object, struct rmg_err *err);
/* An Image is said to be what it is annotated as; one of the cluster's own registry lies there. */
MUST enum rmg_rc openshift_on_image(struct cluster *c, size_t kind, enum kube_change change,
				    const struct kube_meta *m, json *object, struct rmg_err *err);

/* Of the image that a Build made: which build, of which BuildConfig, of what. */
MUST enum rmg_rc openshift_on_build(struct cluster *c, size_t kind, enum kube_change change,
				    const struct kube_meta *m, json *object, struct rmg_err *err);

#endif
