/* SPDX-License-Identifier: Apache-2.0 */
/* platform.h - "os/arch/variant" of images: OCI image-index, "platform"; and which one to take.
 *
 * Values are spans that borrow from whatever they were made of. Names are compared after
 * platform_normal(), so that x86_64 is amd64 and arm64/v8 is arm64. */
#ifndef OCI_PLATFORM_H
#define OCI_PLATFORM_H

#include <rummage.h>

#include "base/err.h"
#include "base/span.h"

struct platform {
	struct span os, arch, variant;
};

/* "linux/arm64/v8", "linux/arm", "arm64" (the os is linux then). Normal. */
MUST enum rmg_rc platform_parse(struct span text, struct platform *out, struct rmg_err *err);

/* What this program was built for. Images are Linux's unless somebody asks otherwise. */
struct platform platform_host(void);

/* Other names of an architecture become OCI's; the default variant is left out. */
struct platform platform_normal(struct platform p);

/* How well have runs where want is asked for: 0 exactly, more is worse; -1 not at all. */
int platform_rank(struct platform want, struct platform have);

/* "linux/arm/v7" into buf, NUL-terminated; returns buf. */
enum { PLATFORM_TEXT = 96 };
const char *platform_text(struct platform p, char buf[PLATFORM_TEXT]);

#endif
