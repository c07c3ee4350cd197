/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_json.h - lists of strings and of pairs, as manifests and configurations write them,
 * copied into an arena. Absent (or null, as Go writes it) is empty; another kind is an error. */
#ifndef OCI_MANIFEST_JSON_H
#define OCI_MANIFEST_JSON_H

#include "base/arena.h"
#include "format/json.h"
#include "oci/manifest.h"

enum { OCI_PAIRS_MAX = 10000 };

MUST enum rmg_rc oci_json_strings(json *list, size_t max, struct arena *arena, struct span **out,
				  size_t *n, struct rmg_err *err);

/* An object of strings; members that are no strings are left out. */
MUST enum rmg_rc oci_json_pairs(json *object, struct arena *arena, struct oci_pair **out, size_t *n,
				struct rmg_err *err);

/* The keys of an object that is a set ("ExposedPorts"). */
MUST enum rmg_rc oci_json_keys(json *object, struct arena *arena, struct span **out, size_t *n,
			       struct rmg_err *err);

#endif
