/* SPDX-License-Identifier: Apache-2.0 */
/* ref.h - the parts of an image's reference as somebody wrote it, without a judgement whether it is
 * a good one (that is oci/reference.h's): total, so that what is shown and compared is the same
 * everywhere. */
#ifndef MODEL_REF_H
#define MODEL_REF_H

#include "base/span.h"

/* One that can mean another thing tomorrow: it names no digest. */
bool ref_is_movable(struct span ref);

/* "registry.example/team/app" and "1.9" of "registry.example/team/app:1.9@sha256:..."; a port is no
 * tag; tag is "" where there is none. */
void ref_cut(struct span ref, struct span *repository, struct span *tag);

#endif
