/* SPDX-License-Identifier: Apache-2.0 */
#include "format/zpack.h"

#include <zstd.h>

/* Levels above take minutes for a few percent. A patch is small where a match is found wherever it
 * lies in the other buffer: so its tables have room for every position of tens of megabytes. */
enum {
	LEVEL = 9,
	PATCH_LEVEL = 10,
	PATCH_TABLE_LOG = 24,
	WINDOW_LOG_MIN = 10,
	WINDOW_LOG_MAX = 30
};

static enum rmg_rc no_memory(struct rmg_err *err)
{
	return err_set(err, RMG_E_NOMEM, "no memory to pack");
}

static int window_log(uint64_t bytes)
{
	int log = WINDOW_LOG_MIN;

	while (log < WINDOW_LOG_MAX && UINT64_C(1) << log < bytes)
		log++;
	return log;
}

static bool set(ZSTD_CCtx *z, ZSTD_cParameter what, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(z, what, value));
}

static bool set_up_patch(ZSTD_CCtx *z, struct span from, struct span to)
{
	return set(z, ZSTD_c_compressionLevel, PATCH_LEVEL) &&
	       set(z, ZSTD_c_windowLog, window_log((uint64_t)from.n + to.n)) &&
	       set(z, ZSTD_c_hashLog, PATCH_TABLE_LOG) &&
	       set(z, ZSTD_c_chainLog, PATCH_TABLE_LOG) &&
	       set(z, ZSTD_c_enableLongDistanceMatching, 1) &&
	       !ZSTD_isError(ZSTD_CCtx_refPrefix(z, from.p, from.n));
}

static enum rmg_rc run(ZSTD_CCtx *z, struct span bytes, struct span *out, struct rmg_err *err)
{
	size_t cap = ZSTD_compressBound(bytes.n), n;
	uint8_t *p = malloc(cap);
	uint8_t *whole;

	if (p == NULL)
		return no_memory(err);
	n = ZSTD_compress2(z, p, cap, bytes.p, bytes.n);
	if (ZSTD_isError(n)) {
		free(p);
		return err_set(err, RMG_E_NOMEM, "zstd: %s", ZSTD_getErrorName(n));
	}
	whole = realloc(p, n);
	*out = span_of(whole ? whole : p, n);
	return RMG_OK;
}

enum rmg_rc zpack(struct span bytes, struct span *out, struct rmg_err *err)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	enum rmg_rc rc = RMG_E_NOMEM;

	if (z && set(z, ZSTD_c_checksumFlag, 1) && set(z, ZSTD_c_compressionLevel, LEVEL))
		rc = run(z, bytes, out, err);
	else
		no_memory(err);
	(void)ZSTD_freeCCtx(z);
	return rc;
}

enum rmg_rc zpack_patch(struct span from, struct span to, struct span *out, struct rmg_err *err)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	enum rmg_rc rc = RMG_E_NOMEM;

	if (z && set(z, ZSTD_c_checksumFlag, 1) && set_up_patch(z, from, to))
		rc = run(z, to, out, err);
	else
		no_memory(err);
	(void)ZSTD_freeCCtx(z);
	return rc;
}

/* One frame that says how long it is, and nothing behind it. */
static enum rmg_rc size_of(struct span patch, size_t max, size_t *out, struct rmg_err *err)
{
	unsigned long long n = ZSTD_getFrameContentSize(patch.p, patch.n);

	if (n == ZSTD_CONTENTSIZE_UNKNOWN || n == ZSTD_CONTENTSIZE_ERROR ||
	    ZSTD_findFrameCompressedSize(patch.p, patch.n) != patch.n)
		return err_set(err, RMG_E_FORMAT, "not a patch, or cut short");
	if (n > max)
		return err_set(err, RMG_E_LIMIT,
			       "a patch makes %llu bytes, more than the limit of %zu", n, max);
	*out = (size_t)n;
	return RMG_OK;
}

enum rmg_rc zpack_unpatch(struct span from, struct span patch, size_t max, struct span *out,
			  struct rmg_err *err)
{
	ZSTD_DCtx *z;
	uint8_t *p;
	size_t size = 0, n;
	enum rmg_rc rc = size_of(patch, max, &size, err);

	if (rc != RMG_OK)
		return rc;
	z = ZSTD_createDCtx();
	p = malloc(size + 1);
	if (z == NULL || p == NULL || ZSTD_isError(ZSTD_DCtx_refPrefix(z, from.p, from.n)))
		rc = no_memory(err);
	if (rc == RMG_OK) {
		/* In one call to its end: the window is the result itself, however large. */
		n = ZSTD_decompressDCtx(z, p, size, patch.p, patch.n);
		if (ZSTD_isError(n))
			rc = err_set(err, RMG_E_FORMAT, "patch: %s", ZSTD_getErrorName(n));
		else if (n != size)
			rc = err_set(err, RMG_E_FORMAT, "patch: too short");
	}
	(void)ZSTD_freeDCtx(z);
	if (rc == RMG_OK)
		*out = span_of(p, size);
	else
		free(p);
	return rc;
}
