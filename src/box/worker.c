/* SPDX-License-Identifier: Apache-2.0 */
#include "box/worker.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EXIT_CHANNEL = 70 };

static void read_all(void *p, size_t n)
{
	uint8_t *at = p;

	while (n) {
		ssize_t got = read(WIRE_FD_CONTROL, at, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			_exit(EXIT_CHANNEL);
		at += got;
		n -= (size_t)got;
	}
}

static void write_all(int fd, struct span bytes)
{
	while (bytes.n) {
		ssize_t put = write(fd, bytes.p, bytes.n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			_exit(EXIT_CHANNEL);
		bytes = span_from(bytes, (size_t)put);
	}
}

void worker_start(struct worker *w)
{
	void *p = mmap(NULL, WIRE_RING_BYTES, PROT_READ, MAP_SHARED, WIRE_FD_RING, 0);

	if (p == MAP_FAILED)
		_exit(EXIT_CHANNEL);
	w->ring = p;
	read_all(&w->job, sizeof w->job);
	if (w->job.op != OP_JOB)
		_exit(EXIT_CHANNEL);
}

bool worker_next(struct worker *w, struct span *bytes)
{
	struct wire_order order;

	if (w->holding) {
		write_all(WIRE_FD_CONTROL, S("f"));
		w->slot = (w->slot + 1) % WIRE_SLOTS;
		w->holding = false;
	}
	if (w->ended)
		return false;
	read_all(&order, sizeof order);
	if (order.op == OP_END) {
		w->ended = true;
		return false;
	}
	if (order.op != OP_SLOT || order.value == 0 || order.value > WIRE_SLOT_BYTES)
		_exit(EXIT_CHANNEL);
	w->holding = true;
	*bytes = span_of(w->ring + w->slot * WIRE_SLOT_BYTES, order.value);
	return true;
}

void worker_write(struct worker *w, struct span bytes)
{
	(void)w;
	write_all(WIRE_FD_ANSWER, bytes);
}

void worker_answer(struct worker *w, enum rmg_rc rc, struct span result)
{
	struct wire_answer a = {.magic = WIRE_MAGIC, .rc = (uint32_t)rc, .bytes = result.n};

	memcpy(a.level, w->sandbox->level, sizeof a.level);
	write_all(WIRE_FD_ANSWER, span_of(&a, sizeof a));
	write_all(WIRE_FD_ANSWER, result);
	_exit(0);
}
