/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/strbuf.h"
#include "base/utf8.h"

enum { LINES = 12, NAME_COLUMNS = 24, BAR_COLUMNS = 24, PAUSE_MS = 80 };

struct line {
	bool active;
	unsigned owner;
	uint32_t id;
	char verb[12], name[80];
	uint64_t done, total;
};

struct progress {
	pthread_mutex_t lock;
	struct line lines[LINES]; /* further ones are not shown */
	unsigned drawn;           /* lines on the screen */
	double drawn_ms;
};

bool progress_possible(void)
{
	const char *term = env_get("TERM");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

struct progress *progress_new(bool on)
{
	struct progress *p = on ? calloc(1, sizeof *p) : NULL;

	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

static void put_size(struct strbuf *out, uint64_t bytes)
{
	if (bytes < 10 << 20)
		strbuf_printf(out, "%.1f MiB", (double)bytes / 1048576);
	else
		strbuf_printf(out, "%llu MiB", (unsigned long long)(bytes >> 20));
}

/* "download  sha256:0123  [=====>    ]  12 / 57 MiB", cut where the terminal ends. */
static void put_line(struct strbuf *out, const struct line *l, size_t columns)
{
	struct strbuf text = strbuf_of(400);
	size_t filled = 0;

	if (l->total)
		filled =
		    (size_t)((double)MIN_OF(l->done, l->total) / (double)l->total * BAR_COLUMNS);
	strbuf_printf(&text, "%-9s %-*.*s [", l->verb, NAME_COLUMNS, NAME_COLUMNS, l->name);
	for (size_t i = 0; i < BAR_COLUMNS; i++)
		strbuf_putc(&text, i < filled ? '=' : i == filled && l->total ? '>' : ' ');
	strbuf_puts(&text, "] ");
	put_size(&text, l->done);
	if (l->total) {
		strbuf_puts(&text, " of ");
		put_size(&text, l->total);
	}
	if (text.n)
		utf8_clean_cstr(text.p, text.n + 1);
	strbuf_printf(out, "\r\033[K%.*s\n", (int)MIN_OF(text.n, columns - 1), strbuf_cstr(&text));
	strbuf_done(&text);
}

static void write_all(struct strbuf *out)
{
	fwrite(strbuf_cstr(out), 1, out->n, stderr);
	fflush(stderr);
	strbuf_done(out);
}

static void draw(struct progress *p)
{
	struct strbuf out = strbuf_of(1 << 16);
	struct winsize w;
	size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
	unsigned lines = 0;

	if (p->drawn)
		strbuf_printf(&out, "\033[%uA", p->drawn);
	for (size_t i = 0; i < LINES; i++) {
		if (!p->lines[i].active)
			continue;
		put_line(&out, &p->lines[i], columns);
		lines++;
	}
	strbuf_puts(&out, "\033[J");
	p->drawn = lines;
	p->drawn_ms = clock_tick_exact_ms();
	write_all(&out);
}

static struct line *line_of(struct progress *p, unsigned owner, const struct rmg_progress *now)
{
	struct line *free_one = NULL;

	for (size_t i = 0; i < LINES; i++) {
		struct line *l = &p->lines[i];

		if (l->active && l->owner == owner && l->id == now->id &&
		    strcmp(l->verb, now->verb) == 0)
			return l;
		if (!l->active && free_one == NULL)
			free_one = l;
	}
	return free_one;
}

void progress_put(struct progress *p, unsigned owner, const struct rmg_progress *now)
{
	bool ends = now->total && now->done >= now->total, changed;
	struct line *l;

	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	l = line_of(p, owner, now);
	if (l && (l->active || !ends)) {
		changed = !l->active || ends;
		*l = (struct line){.active = !ends,
				   .owner = owner,
				   .id = now->id,
				   .done = now->done,
				   .total = now->total};
		snprintf(l->verb, sizeof l->verb, "%s", now->verb);
		snprintf(l->name, sizeof l->name, "%s", now->name ? now->name : "");
		if (changed || clock_tick_exact_ms() - p->drawn_ms >= PAUSE_MS)
			draw(p);
	}
	pthread_mutex_unlock(&p->lock);
}

void progress_clear(struct progress *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	if (p->drawn)
		fprintf(stderr, "\033[%uA\033[J", p->drawn);
	p->drawn = 0;
	pthread_mutex_unlock(&p->lock);
}

void progress_free(struct progress *p)
{
	if (p == NULL)
		return;
	progress_clear(p);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
