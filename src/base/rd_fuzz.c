/* SPDX-License-Identifier: Apache-2.0 */
/* The reader against a model that looks at one byte at a time. The input is a program: a count of
 * steps, the steps (what to read, and an argument), then the bytes to read. */
#include "base/rd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
	const uint8_t *p;
	size_t n, at;
	bool failed;
};

static uint8_t model_byte(struct model *m)
{
	if (m->failed || m->at == m->n) {
		m->failed = true;
		return 0;
	}
	return m->p[m->at++];
}

static uint64_t model_number(struct model *m, unsigned bytes, bool big)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++) {
		uint64_t byte = model_byte(m);

		value |= byte << 8 * (big ? bytes - 1 - i : i);
	}
	return m->failed ? 0 : value;
}

/* As many digits to the base 128 as make less than 2^64. */
static uint64_t model_varint(struct model *m)
{
	unsigned __int128 value = 0;
	unsigned digits = 0;
	uint8_t byte;

	do {
		byte = model_byte(m);
		value += (unsigned __int128)(byte % 128) << 7 * digits++;
		if (m->failed || digits > 10 || value > UINT64_MAX || (digits == 10 && byte > 127))
			m->failed = true;
	} while (!m->failed && byte > 127);
	return m->failed ? 0 : (uint64_t)value;
}

/* A span must be these very bytes of the input. */
static void check_span(struct span got, const struct model *m, size_t from, size_t n)
{
	CHECK(got.n == n);
	CHECK(n == 0 || got.p == m->p + from);
}

static void check_take(struct span got, struct model *m, uint64_t n)
{
	size_t from = m->at;

	if (!m->failed && n > m->n - m->at)
		m->failed = true;
	if (m->failed) {
		CHECK(got.n == 0);
		return;
	}
	check_span(got, m, from, (size_t)n);
	m->at += (size_t)n;
}

static void check_line(struct span got, struct model *m)
{
	size_t from = m->at, n = 0;

	if (m->failed) {
		CHECK(got.n == 0);
		return;
	}
	while (m->at < m->n && m->p[m->at] != '\n') {
		m->at++;
		n++;
	}
	if (n && m->p[m->at - 1] == '\r')
		n--;
	m->at += m->at < m->n;
	check_span(got, m, from, n);
}

static void check_until(struct span got, struct model *m, uint8_t c)
{
	size_t from = m->at, to = from;

	while (!m->failed && to < m->n && m->p[to] != c)
		to++;
	if (m->failed || to == m->n) {
		m->failed = true;
		CHECK(got.n == 0);
		return;
	}
	check_span(got, m, from, to - from);
	m->at = to + 1;
}

static void check_sub(struct rd got, struct model *m, uint64_t n)
{
	struct model before = *m;

	check_take(got.s, m, n);
	CHECK((got.rc == RMG_OK) == !m->failed);
	CHECK(m->failed || rd_u64le(&got) == (n < 8 ? 0 : model_number(&before, 8, false)));
}

static void check_count(size_t got, struct model *m, uint64_t n, size_t each)
{
	if (!m->failed && (unsigned __int128)n * each > m->n - m->at)
		m->failed = true;
	CHECK(got == (m->failed ? 0 : n));
}

static void one(struct rd *r, struct model *m, uint8_t what, uint64_t arg)
{
	switch (what % 14) {
	case 0:
		CHECK(rd_u8(r) == model_number(m, 1, false));
		break;
	case 1:
		CHECK(rd_u16le(r) == model_number(m, 2, false));
		break;
	case 2:
		CHECK(rd_u16be(r) == model_number(m, 2, true));
		break;
	case 3:
		CHECK(rd_u32le(r) == model_number(m, 4, false));
		break;
	case 4:
		CHECK(rd_u32be(r) == model_number(m, 4, true));
		break;
	case 5:
		CHECK(rd_u64le(r) == model_number(m, 8, false));
		break;
	case 6:
		CHECK(rd_u64be(r) == model_number(m, 8, true));
		break;
	case 7:
		CHECK(rd_varint(r) == model_varint(m));
		break;
	case 8:
		check_take(rd_take(r, arg), m, arg);
		break;
	case 9:
		check_line(rd_line(r), m);
		break;
	case 10:
		check_until(rd_until(r, (uint8_t)arg), m, (uint8_t)arg);
		break;
	case 11:
		check_sub(rd_sub(r, arg), m, arg);
		break;
	case 12:
		check_count(rd_count(r, arg, 1 + arg % 9), m, arg, 1 + arg % 9);
		break;
	default:
		rd_skip(r, arg);
		check_take((struct span){m->p + m->at, m->failed || arg > m->n - m->at ? 0 : arg},
			   m, arg);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t steps = size ? data[0] % 32 : 0;
	struct span all = span_of(data, size), program, bytes;
	struct model m;
	struct rd r;

	if (size > 4096 || !span_at(all, 1, 2 * steps, &program))
		return 0;
	bytes = span_from(all, 1 + 2 * steps);
	r = rd_of(bytes);
	m = (struct model){.p = bytes.p, .n = bytes.n};
	for (size_t i = 0; i < steps; i++) {
		uint8_t arg = program.p[2 * i + 1];

		/* The largest arguments stand for huge ones. */
		one(&r, &m, program.p[2 * i], arg < 0xf0 ? arg : UINT64_MAX >> (arg & 15));
		CHECK(rd_ok(&r) == !m.failed);
		CHECK(rd_more(&r) == (!m.failed && m.at < m.n));
		CHECK(m.failed || r.s.n == m.n - m.at);
	}
	CHECK(rd_end(&r) == (m.failed ? RMG_E_FORMAT : RMG_OK));
	return 0;
}
