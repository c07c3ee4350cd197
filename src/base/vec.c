/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include <string.h>

bool vec_reserve(void *v, size_t *cap, size_t n, size_t each)
{
	size_t want = *cap, bytes;
	void *old, *grown;

	if (n <= *cap)
		return true;
	want = MAX_OF(want > SIZE_MAX / 2 ? n : want * 2, MAX_OF(n, (size_t)8));
	if (__builtin_mul_overflow(want, each, &bytes))
		return false;
	memcpy(&old, v, sizeof old); /* the pointer's own type is not ours to name */
	grown = realloc(old, bytes);
	if (grown == NULL)
		return false;
	memcpy(v, &grown, sizeof grown);
	*cap = want;
	return true;
}
