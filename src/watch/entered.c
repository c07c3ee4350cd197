/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/entered.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "format/cgroup.h"
#include "io/proc.h"
#include "io/process.h"

enum {
	AGAIN_MS = 600000,
	LATE_MS = 60000,
	SHORT_ID = 12,
	TRIES = 40,
	PAUSE_MS = 5,
	COMMAND_BYTES = 4096
};
enum { MOST_COMMAND = COMMAND_BYTES - 64 };

struct look {
	bool seen, has_login, terminal;
	uint32_t user, login;
	int64_t began_ms; /* 0 not known */
	char command[COMMAND_BYTES];
};

bool entered_is_in(uint32_t pid, struct span id)
{
	char buf[PROC_TEXT_BYTES];
	struct span text;

	return pid && proc_read(pid, "cgroup", buf, sizeof buf, &text) && cgroup_has(text, id);
}

/* The runtime's own program stands there until it has become the one that was asked for. */
static bool is_runtime(struct span line)
{
	return span_starts(line, S("runc\0init")) || span_starts(line, S("/proc/self/exe\0init"));
}

static void look_command(unsigned pid, struct look *out)
{
	struct span line = {0};

	for (int i = 0; i < TRIES; i++) {
		if (!proc_read(pid, "cmdline", out->command, sizeof out->command - 1, &line))
			line.n = 0;
		if (!is_runtime(line))
			break;
		(void)clock_rest(PAUSE_MS, NULL, NULL);
	}
	if (is_runtime(line))
		line.n = 0;
	while (line.n && line.p[line.n - 1] == '\0')
		line.n--;
	for (size_t i = 0; i < line.n; i++)
		if (out->command[i] == '\0')
			out->command[i] = ' ';
	out->command[line.n] = '\0';
	utf8_clean_cstr(out->command, line.n + 1);
}

/* proc_pid_stat(5): the seventh field is the terminal, the name in parentheses before may hold
 * anything. */
static bool has_terminal(unsigned pid)
{
	char buf[PROC_TEXT_BYTES];
	struct span text, name, rest, field = {0};

	if (!proc_read(pid, "stat", buf, sizeof buf, &text) || !span_rcut(text, ')', &name, &rest))
		return false;
	for (size_t i = 0; i < 5; i++)
		if (!span_word(&rest, &field))
			return false;
	return !span_is(field, S("0"));
}

/* As much as is to be seen; none of it where the process is another than the one that is meant. */
static void look_at(const struct entry *e, struct look *out)
{
	struct proc_about about;
	char buf[32];
	struct span text;
	uint64_t login;

	*out = (struct look){0};
	if (!entered_is_in(e->pid, e->id))
		return;
	out->began_ms = process_began_ms(e->pid);
	look_command(e->pid, out);
	out->terminal = has_terminal(e->pid);
	if (proc_read(e->pid, "loginuid", buf, sizeof buf, &text) &&
	    span_u64(span_trim(text), 10, UINT32_MAX - 1, &login)) {
		out->has_login = true;
		out->login = (uint32_t)login;
	}
	out->seen = proc_about(e->pid, &about) && entered_is_in(e->pid, e->id);
	out->user = about.user;
}

static void put_text(const struct entry *e, const struct look *seen, struct strbuf *b)
{
	if (e->user.n) {
		strbuf_puts(b, "as ");
		strbuf_put(b, e->user);
	}
	if (seen->seen)
		strbuf_printf(b, "%suid %u on the machine", b->n ? ", " : "", seen->user);
}

/* A terminal is a session of its own. */
static void put_command(const struct entry *e, const struct look *seen, struct strbuf *b)
{
	struct span command = e->command.n ? e->command : span_cstr(seen->command);

	strbuf_put(b, span_head(command, MOST_COMMAND));
	if ((e->terminal || seen->terminal) && e->exec.n) {
		strbuf_puts(b, " (terminal ");
		strbuf_put(b, span_head(e->exec, SHORT_ID));
		strbuf_putc(b, ')');
	}
}

/* Whether it is news, which it is not for a while then. */
static bool is_news(struct entered *t, struct span container, const struct event_change *c)
{
	uint64_t what = hash_mix(hash_span(container) * 3 + hash_span(c->path)) | 1;
	int64_t now = clock_tick_ms();

	for (size_t i = 0; i < ENTERED_REMEMBERED; i++) {
		if (t->told[i].what != what)
			continue;
		if (now - t->told[i].at_ms < AGAIN_MS)
			return false;
		t->told[i].at_ms = now;
		return true;
	}
	t->told[t->next].what = what;
	t->told[t->next].at_ms = now;
	t->next = (t->next + 1) % ENTERED_REMEMBERED;
	return true;
}

/* A runtime tells of it when it has begun, and what it did by then is told with an earlier time. */
static int64_t when(const struct entry *e, const struct look *seen)
{
	bool known =
	    seen->began_ms > 0 && seen->began_ms < e->at_ms && e->at_ms - seen->began_ms < LATE_MS;

	return known ? seen->began_ms : e->at_ms;
}

void entered_say(struct entered *t, struct batch *b, const struct entry *e)
{
	struct event_change c = {.kind = S("entered")};
	struct strbuf text = strbuf_of(LIMIT_TEXT_BYTES), command = strbuf_of(LIMIT_TEXT_BYTES);
	struct event *out;
	struct look seen;
	char who[32];

	look_at(e, &seen);
	put_text(e, &seen, &text);
	put_command(e, &seen, &command);
	if (strbuf_rc(&command) == RMG_OK)
		c.path = strbuf_span(&command);
	if (strbuf_rc(&text) == RMG_OK)
		c.text = strbuf_span(&text);
	if (seen.has_login) {
		snprintf(who, sizeof who, "uid %u", seen.login);
		c.who = span_cstr(who);
	}
	if (is_news(t, e->container, &c)) {
		out = batch_next(b, EVENT_CONTAINER_CHANGED, when(e, &seen));
		out->container = arena_dup(&b->arena, e->container);
		out->change.kind = c.kind;
		out->change.path = arena_dup(&b->arena, c.path);
		out->change.text = arena_dup(&b->arena, c.text);
		out->change.who = arena_dup(&b->arena, c.who);
	}
	strbuf_done(&command);
	strbuf_done(&text);
}
