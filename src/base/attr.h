/* SPDX-License-Identifier: Apache-2.0 */
/* attr.h - compiler attributes under one name each, and CHECK.
 *
 * CHECK(x) is for our own bugs only: it aborts, also in a release, and no input may reach it.
 * What the world does wrong is returned as an enum rmg_rc. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#define MUST __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NONNULL __attribute__((nonnull))
#define UNUSED __attribute__((unused))
#define COLD __attribute__((cold))
#define NORETURN __attribute__((noreturn))
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

NORETURN COLD void check_failed(const char *what, const char *file, int line);

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (UNLIKELY(!(x)))                                                                \
			check_failed(#x, __FILE__, __LINE__);                                      \
	} while (0)

#endif
