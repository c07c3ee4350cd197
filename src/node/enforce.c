/* SPDX-License-Identifier: Apache-2.0 */
#include "node/enforce.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/exec_mark.h"
#include "node/guard.h"

enum {
	JUDGES = 2,
	MOST_PENDING = 1024,
	BUF_BYTES = 8192,
	LOOK_MS = 20,
	IDLE_MS = 250,
	AGAIN_MS = 30000,
	URGENT = -10,
	STEPS = 64
};

#define STEP_UP 1.189207115 /* a quarter of a doubling */

/* What is being judged. Its descriptor is also what the kernel knows the question by. */
struct question {
	struct exec_subject *subject; /* held */
	struct exec_file file;
	int fd;
	unsigned pid;
	int64_t until_ms;
	double asked_ms;
	bool taken, answered;
};

struct enforce {
	struct enforce_opts opts;
	int group;
	pthread_t reader, judges[JUDGES];
	size_t n_judges;
	bool reading;
	_Atomic bool stopping;
	int64_t gave_up_ms; /* when it was seen that the guard has; 0: it has not */

	pthread_mutex_t lock;
	pthread_cond_t asked;
	VEC(struct question *) questions;

	/* How long answers took: steps of doubling microseconds. */
	_Atomic uint64_t asked_n, known, refused, late, steps[STEPS];
	uint64_t before[STEPS]; /* as they were told last */
};

/* Answers. */

static void count_time(struct enforce *e, double asked_ms)
{
	double us = (clock_tick_exact_ms() - asked_ms) * 1000;
	unsigned step = 0;

	while (step + 1 < STEPS && us > 4)
		us /= STEP_UP, step++;
	e->steps[step]++;
}

static void answer(struct enforce *e, int fd, bool let, double asked_ms)
{
	const struct fanotify_response r = {.fd = fd, .response = let ? FAN_ALLOW : FAN_DENY};

	if (!let)
		e->refused++;
	count_time(e, asked_ms); /* before it: who waited runs then, maybe in this one's place */
	(void)!write(e->group, &r, sizeof r);
}

/* Judging. */

static bool is_refused(const struct exec_subject *s, uint32_t how)
{
	return (how & atomic_load(&s->refused)) != 0;
}

/* The first that nobody has taken; NULL: the end. */
static struct question *take(struct enforce *e)
{
	struct question *q = NULL;

	pthread_mutex_lock(&e->lock);
	while (q == NULL && !atomic_load(&e->stopping)) {
		VEC_EACH (it, &e->questions)
			if (q == NULL && !(*it)->taken)
				q = *it;
		if (q == NULL)
			pthread_cond_wait(&e->asked, &e->lock);
	}
	if (q)
		q->taken = true;
	pthread_mutex_unlock(&e->lock);
	return q;
}

static void forget(struct enforce *e, struct question *q)
{
	for (size_t i = 0; i < e->questions.n; i++)
		if (e->questions.v[i] == q) {
			e->questions.v[i] = e->questions.v[--e->questions.n];
			return;
		}
}

/* Whoever is first: the judge or the time. */
static bool answer_once(struct enforce *e, struct question *q, bool let)
{
	bool first;

	pthread_mutex_lock(&e->lock);
	first = !q->answered;
	q->answered = true;
	pthread_mutex_unlock(&e->lock);
	if (first)
		answer(e, q->fd, let, q->asked_ms);
	return first;
}

static void judge(struct enforce *e, struct question *q)
{
	struct exec_seen *x = calloc(1, sizeof *x);
	bool refused, late;

	if (x == NULL) {
		(void)answer_once(e, q, true);
		return;
	}
	exec_judge(e->opts.subjects, q->subject, &q->file, q->fd, &x->verdict);
	refused = is_refused(q->subject, x->verdict.how);
	if (x->verdict.how || x->verdict.unsure) /* while it waits it is there to be asked about */
		exec_seen_fill(x, q->pid);
	late = !answer_once(e, q, !refused);
	exec_remember(e->opts.memory, q->subject, &q->file, &x->verdict);
	if (x->verdict.how || x->verdict.unsure || late) {
		x->subject = exec_subject_hold(q->subject);
		x->fd = q->fd;
		x->at_ms = node_now_ms(e->opts.node);
		x->refused = refused && !late;
		x->late = late;
		q->fd = -1;
		e->opts.seen(e->opts.user, x);
	} else {
		free(x);
	}
}

static void done(struct enforce *e, struct question *q)
{
	pthread_mutex_lock(&e->lock);
	forget(e, q);
	pthread_mutex_unlock(&e->lock);
	if (q->fd >= 0)
		close(q->fd);
	exec_subject_let_go(q->subject);
	free(q);
}

static void *judge_all(void *user)
{
	struct enforce *e = user;
	struct question *q;

	while ((q = take(e)) != NULL) {
		judge(e, q);
		done(e, q);
	}
	return NULL;
}

/* Questions. */

/* False: there are too many of them, or no memory. */
static bool ask(struct enforce *e, struct exec_subject *s, const struct exec_file *f, int fd,
		unsigned pid, double asked_ms)
{
	struct question *q = calloc(1, sizeof *q);
	bool good;

	if (q == NULL)
		return false;
	*q = (struct question){.subject = s,
			       .file = *f,
			       .fd = fd,
			       .pid = pid,
			       .asked_ms = asked_ms,
			       .until_ms = clock_tick_ms() + (int64_t)LIMIT_EXEC_ANSWER_MS};
	pthread_mutex_lock(&e->lock);
	good = e->questions.n < MOST_PENDING && VEC_PUSH(&e->questions, q);
	if (good)
		pthread_cond_signal(&e->asked);
	pthread_mutex_unlock(&e->lock);
	if (!good)
		free(q);
	return good;
}

static void one(struct enforce *e, int fd, unsigned pid)
{
	double asked = clock_tick_exact_ms();
	struct exec_subject *s = NULL;
	struct exec_file f;
	uint32_t how;

	e->asked_n++;
	if (exec_file_of(fd, &f))
		s = exec_subject_of(e->opts.subjects, NULL, &f, pid);
	if (s && exec_remembered(e->opts.memory, s, &f, &how)) {
		answer(e, fd, !is_refused(s, how), asked);
		e->known++;
	} else if (s && ask(e, s, &f, fd, pid, asked)) {
		return; /* both are the judge's */
	} else {
		answer(e, fd, true, asked);
	}
	close(fd);
	exec_subject_let_go(s);
}

static void read_questions(struct enforce *e)
{
	_Alignas(struct fanotify_event_metadata) char buf[BUF_BYTES];
	ssize_t n = read(e->group, buf, sizeof buf);
	const struct fanotify_event_metadata *m = (const void *)buf;

	for (; n > 0 && FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n))
		if (m->fd >= 0)
			one(e, m->fd, (unsigned)m->pid);
}

/* What is not answered in time is let run. */
static void let_late(struct enforce *e)
{
	int64_t now = clock_tick_ms();

	pthread_mutex_lock(&e->lock);
	VEC_EACH (it, &e->questions) {
		struct question *q = *it;

		if (q->answered || now < q->until_ms)
			continue;
		q->answered = true;
		e->late++;
		answer(e, q->fd, true, q->asked_ms);
	}
	pthread_mutex_unlock(&e->lock);
}

static bool anything_waits(struct enforce *e)
{
	bool waits;

	pthread_mutex_lock(&e->lock);
	waits = e->questions.n != 0;
	pthread_mutex_unlock(&e->lock);
	return waits;
}

static void *read_all(void *user)
{
	struct enforce *e = user;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), URGENT); /* somebody waits */
	while (!atomic_load(&e->stopping)) {
		struct pollfd p = {e->group, POLLIN, 0};
		int n = poll(&p, 1, anything_waits(e) ? LOOK_MS : IDLE_MS);

		if (n > 0)
			read_questions(e);
		let_late(e);
		guard_beat(e->opts.node->guard);
	}
	return NULL;
}

/* A while after answers have stopped they are there again: it is tried anew. */
enum enforce_state enforce_check(struct enforce *e)
{
	struct guard *g = e->opts.node->guard;
	int64_t now = clock_tick_ms();

	if (!guard_gave_up(g))
		return ENFORCING;
	if (e->gave_up_ms == 0)
		e->gave_up_ms = now;
	if (now - e->gave_up_ms < AGAIN_MS)
		return ENFORCE_GAVE_UP;
	e->gave_up_ms = 0;
	guard_again(g);
	return ENFORCE_AGAIN;
}

bool enforce_mark(struct enforce *e, struct exec_subject *s, bool on)
{
	return !guard_gave_up(e->opts.node->guard) &&
	       exec_mark(e->group, e->opts.subjects, s, FAN_OPEN_EXEC_PERM, on);
}

/* The upper end of the step that has the one of all n that so many in 100 are not above. */
static uint64_t percentile(const uint64_t *steps, uint64_t n, unsigned percent)
{
	uint64_t below = 0;
	double us = 4;

	for (unsigned i = 0; i < STEPS && n; i++, us *= STEP_UP) {
		below += steps[i];
		if (below * 100 >= n * percent)
			return (uint64_t)(us + 0.5);
	}
	return 0;
}

void enforce_figures(struct enforce *e, bool of_late, struct event_answers *out)
{
	uint64_t fresh[STEPS], n = 0;

	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t now = e->steps[i];

		fresh[i] = of_late ? now - e->before[i] : now;
		if (of_late)
			e->before[i] = now;
		n += fresh[i];
	}
	*out = (struct event_answers){.asked = e->asked_n,
				      .known = e->known,
				      .refused = e->refused,
				      .late = e->late,
				      .p50_us = percentile(fresh, n, 50),
				      .p99_us = percentile(fresh, n, 99)};
}

/* Beginning and end. */

static enum rmg_rc start_threads(struct enforce *e, struct rmg_err *err)
{
	while (e->n_judges < JUDGES &&
	       pthread_create(&e->judges[e->n_judges], NULL, judge_all, e) == 0)
		e->n_judges++;
	e->reading = e->n_judges == JUDGES && pthread_create(&e->reader, NULL, read_all, e) == 0;
	return e->reading ? RMG_OK : err_set(err, RMG_E_NOMEM, "no thread for programs that start");
}

enum rmg_rc enforce_start(const struct enforce_opts *opts, struct enforce **out,
			  struct rmg_err *err)
{
	struct enforce *e = calloc(1, sizeof *e);
	enum rmg_rc rc;

	if (e == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for programs that start");
	e->opts = *opts;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->asked, NULL);
	e->group = guard_group(opts->node->guard);
	rc = start_threads(e, err);
	if (rc != RMG_OK) {
		enforce_stop(e);
		return rc;
	}
	*out = e;
	return RMG_OK;
}

void enforce_let_go(struct enforce *e)
{
	atomic_store(&e->stopping, true);
	guard_let_go(e->opts.node->guard);
}

void enforce_stop(struct enforce *e)
{
	if (e == NULL)
		return;
	enforce_let_go(e);
	pthread_mutex_lock(&e->lock);
	pthread_cond_broadcast(&e->asked);
	pthread_mutex_unlock(&e->lock);
	if (e->reading)
		pthread_join(e->reader, NULL);
	for (size_t i = 0; i < e->n_judges; i++)
		pthread_join(e->judges[i], NULL);
	VEC_EACH (it, &e->questions) {
		close((*it)->fd);
		exec_subject_let_go((*it)->subject);
		free(*it);
	}
	VEC_DONE(&e->questions);
	pthread_cond_destroy(&e->asked);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
