/* SPDX-License-Identifier: Apache-2.0 */
/* vendor.h - whether an operating-system package was made by the distribution itself.
 *
 * The distribution's advisories judge what it ships, backports included. Packages that others
 * publish for it (Docker, NodeSource, HashiCorp ...) bundle language packages that no distribution
 * judges. */
#ifndef MODEL_VENDOR_H
#define MODEL_VENDOR_H

#include "model/pkg.h"

bool vendor_is_distribution(const struct pkg *p);

#endif
