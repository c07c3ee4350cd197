/* SPDX-License-Identifier: Apache-2.0 */
/* about.c - what this build is. */
#include <rummage.h>

#include "catalog/catalog.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#endif

const char *rmg_version(void)
{
	return RUMMAGE_VERSION;
}

const char *rmg_build(void)
{
	return COMPILER ", " RUMMAGE_LIBRARIES;
}

const char *rmg_catalogers(void)
{
	return catalog_fingerprint();
}
