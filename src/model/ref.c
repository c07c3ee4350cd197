/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ref.h"

void ref_cut(struct span ref, struct span *repository, struct span *tag)
{
	struct span rest = ref, digest, name;

	*tag = (struct span){0};
	if (span_cut(ref, '@', &rest, &digest))
		ref = rest;
	if (span_rcut(ref, ':', &rest, &name) && span_chr(name, '/') == SIZE_MAX) {
		ref = rest;
		*tag = name;
	}
	*repository = ref;
}

bool ref_is_movable(struct span ref)
{
	return ref.n && span_chr(ref, '@') == SIZE_MAX && !span_starts(ref, S("sha256:"));
}
