/* SPDX-License-Identifier: Apache-2.0 */
#include "format/tar_sparse.h"

#include "base/limits.h"

void tar_sparse_done(struct tar_sparse *s)
{
	VEC_DONE(&s->numbers);
}

void tar_sparse_clear(struct tar_sparse *s)
{
	s->numbers.n = 0;
	s->at = 0;
	s->pos = s->number = s->wanted = s->text_bytes = 0;
	s->digits = false;
}

enum rmg_rc tar_sparse_add(struct tar_sparse *s, uint64_t number)
{
	if (number > INT64_MAX)
		return RMG_E_FORMAT;
	return VEC_PUSH(&s->numbers, number) ? RMG_OK : RMG_E_NOMEM;
}

enum rmg_rc tar_sparse_commas(struct tar_sparse *s, struct span map)
{
	bool more = map.n != 0;

	while (more) {
		struct span item = map;
		uint64_t number;
		enum rmg_rc rc;

		more = span_cut(map, ',', &item, &map);
		if (!span_u64(item, 10, INT64_MAX, &number))
			return RMG_E_FORMAT;
		rc = tar_sparse_add(s, number);
		if (rc != RMG_OK)
			return rc;
	}
	return RMG_OK;
}

/* A line is complete: the count of pairs comes first, then the numbers. */
static enum rmg_rc line(struct tar_sparse *s)
{
	uint64_t number = s->number;

	if (!s->digits)
		return RMG_E_FORMAT;
	s->number = 0;
	s->digits = false;
	if (s->wanted)
		return tar_sparse_add(s, number);
	/* One more than there are numbers, so that 0 says that the count is still to come. */
	if (number > INT64_MAX / 2)
		return RMG_E_FORMAT;
	s->wanted = number * 2 + 1;
	return RMG_OK;
}

enum rmg_rc tar_sparse_block(struct tar_sparse *s, struct span block, bool *done)
{
	s->text_bytes += block.n;
	if (s->text_bytes > LIMIT_PAX_BYTES)
		return RMG_E_LIMIT;
	for (size_t i = 0; i < block.n && s->wanted != s->numbers.n + 1; i++) {
		enum rmg_rc rc = RMG_OK;

		if (block.p[i] == '\n')
			rc = line(s);
		else if (!is_digit(block.p[i]) || s->number > INT64_MAX / 10 - 1)
			rc = RMG_E_FORMAT;
		else
			s->number = s->number * 10 + (block.p[i] - '0');
		if (rc != RMG_OK)
			return rc;
		s->digits = block.p[i] != '\n';
	}
	*done = s->wanted == s->numbers.n + 1;
	return RMG_OK;
}

bool tar_sparse_fits(const struct tar_sparse *s, uint64_t size, uint64_t stored)
{
	uint64_t end = 0, sum = 0;

	if (s->numbers.n % 2)
		return false;
	for (size_t i = 0; i < s->numbers.n; i += 2) {
		uint64_t offset = s->numbers.v[i], length = s->numbers.v[i + 1];

		/* Both are below 2^63. */
		if (offset < end || offset + length > size)
			return false;
		end = offset + length;
		sum += length;
	}
	return sum == stored;
}

bool tar_sparse_run(struct tar_sparse *s, uint64_t size, uint64_t *n)
{
	for (; s->at < s->numbers.n; s->at += 2) {
		uint64_t offset = s->numbers.v[s->at], end = offset + s->numbers.v[s->at + 1];

		if (s->pos < offset) {
			*n = offset - s->pos;
			return false;
		}
		if (s->pos < end) {
			*n = end - s->pos;
			return true;
		}
	}
	*n = size - s->pos;
	return false;
}
