/* SPDX-License-Identifier: Apache-2.0 */
/* others.h - asks the registries that it is told of (KIND=URL) what their own scanners say of the
 * images in use that come from them: one question at a time and a second, each image again after
 * hours, sooner where it was not scanned yet. With what docker, podman or skopeo login left for the
 * registry: as basic authentication, or as a bearer token where the user is "$oauthtoken". What it
 * is sent is kept (hub_other_put()) and believed in nothing. */
#ifndef SERVE_OTHERS_H
#define SERVE_OTHERS_H

#include "serve/parts.h"

struct others;
/* RMG_E_ARG: one of serve_opts.registry_scans is none, or not to be asked so. */
MUST enum rmg_rc others_check(const struct serve_opts *o, struct rmg_err *err);
MUST enum rmg_rc others_start(struct env *env, struct others **out, struct rmg_err *err);
void others_stop(struct others *o);

#endif
