/* SPDX-License-Identifier: Apache-2.0 */
/* golang_version.h - the version of a Go program's main module, where the linker wrote "(devel)":
 * before Go 1.24 that is every program built in its own source tree.
 *
 * It is looked for in what the build set a variable to ("-X main.version=1.2.3"), then made of
 * the commit as a pseudo-version (Go modules reference, "Pseudo-versions"). */
#ifndef CATALOG_GOLANG_VERSION_H
#define CATALOG_GOLANG_VERSION_H

#include "base/arena.h"
#include "base/span.h"

/* modules: the lines of the build information. "" where nothing tells; may borrow from modules or
 * lie in the arena. Linear in modules. */
struct span golang_main_version(struct span path, struct span modules, struct arena *a);

#endif
