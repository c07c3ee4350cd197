/* SPDX-License-Identifier: Apache-2.0 */
/* vec.h - growing arrays of one type: VEC(struct pkg) pkgs = { 0 };
 *
 * The fields are v, n and cap; memory is the heap's and ends with VEC_DONE. Growth doubles. */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *v;                                                                           \
		size_t n, cap;                                                                     \
	}

/* Room for n elements in all; false where memory ran out, and nothing has changed then.
 * v is the address of the array's pointer. */
MUST bool vec_reserve(void *v, size_t *cap, size_t n, size_t each);

#define VEC_RESERVE(vec, count) vec_reserve(&(vec)->v, &(vec)->cap, (count), sizeof *(vec)->v)

/* Appends a value; false where memory ran out. */
#define VEC_PUSH(vec, ...)                                                                         \
	(VEC_RESERVE((vec), (vec)->n + 1) && ((vec)->v[(vec)->n++] = (__VA_ARGS__), true))

/* Appends room for one element, zeroed, and gives its address; NULL where memory ran out. */
#define VEC_ADD(vec)                                                                               \
	(VEC_RESERVE((vec), (vec)->n + 1) ? memset(&(vec)->v[(vec)->n++], 0, sizeof *(vec)->v)     \
					  : NULL)

#define VEC_DONE(vec)                                                                              \
	do {                                                                                       \
		free((vec)->v);                                                                    \
		(vec)->v = NULL;                                                                   \
		(vec)->n = (vec)->cap = 0;                                                         \
	} while (0)

/* for each element: VEC_EACH (p, &pkgs) { ... } with p a pointer to it. */
#define VEC_EACH(it, vec)                                                                          \
	for (__typeof__((vec)->v) it = (vec)->v; it && it < (vec)->v + (vec)->n; it++)

#endif
