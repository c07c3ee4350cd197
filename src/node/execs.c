/* SPDX-License-Identifier: Apache-2.0 */
/* execs.c - which programs are started in the containers of this machine, and what is odd about
 * them.
 *
 * Two sources: fanotify on the containers' mounts, which gives the very file; and the kernel's
 * process connector, which tells of every process that starts another program, also of files that
 * have no name (memfd) or lie on a mount that came later. What runs already when a container is
 * first looked at is looked at too. An image's packages are read by a thread of its own: until then
 * nothing is called unowned. Where rules ask for it, permission is asked for (enforce.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/proc.h"
#include "io/proc_events.h"
#include "node/enforce.h"
#include "node/exec_mark.h"
#include "node/node.h"

enum { IDLE_MS = 500, RULES_MS = 1000, BUF_BYTES = 8192, PIDS = 256, MOST_HANDED = 10000 };
enum { MOST_CHILDREN = 4096, MOST_UNSURE = 256, URGENT = -10, SAY_ANSWERS_MS = 600000 };

struct execs {
	struct node *node;
	struct catalog_select *wants;
	struct exec_subjects subjects;
	struct exec_memory memory;
	struct exec_tell tell;
	struct enforce *enforce;      /* NULL: nothing is refused here */
	struct container_list unseen; /* that cannot be looked into: not tried again */
	/* Started before their image was read: judged again then. Files, by what they are. */
	VEC(struct exec_seen *) unsure;
	struct map unsure_keys;
	pthread_t thread, reader;
	bool running, reading;
	int group, processes, came, handed; /* fanotify, netlink (both may be -1), eventfds */
	uint64_t own_space;
	int64_t rules_ms, answers_ms;
	bool said_lost, said_off;

	pthread_mutex_t lock; /* of what others hand over */
	VEC(struct exec_seen *) seen;
	VEC(struct exec_subject *) again; /* their images have been read */
	struct bell unread;
};

static void ring(int fd)
{
	(void)!write(fd, &(uint64_t){1}, sizeof(uint64_t));
}

/* Another thread's finding; the teller's thread hashes and tells it. */
static void hand_over(void *user, struct exec_seen *x)
{
	struct execs *e = user;
	bool good;

	pthread_mutex_lock(&e->lock);
	good = e->seen.n < MOST_HANDED && VEC_PUSH(&e->seen, x);
	pthread_mutex_unlock(&e->lock);
	if (good) {
		ring(e->handed);
		return;
	}
	exec_seen_done(x);
	free(x);
}

/* One file that is started. */

static bool is_asked_for(const struct execs *e, uint32_t how)
{
	uint32_t wanted = e->node->hows ? e->node->hows(e->node->user) : UINT32_MAX;

	return (how & wanted) != 0;
}

static void free_seen(struct exec_seen *x)
{
	exec_seen_done(x);
	free(x);
}

/* Whether a package owns it is not known yet. Takes x over. */
static void keep_unsure(struct execs *e, struct exec_seen *x)
{
	struct exec_file f;

	if (e->unsure.n < MOST_UNSURE && exec_file_of(x->fd, &f) &&
	    !map_has(&e->unsure_keys, exec_key(x->subject, &f)) &&
	    map_set(&e->unsure_keys, exec_key(x->subject, &f), 1) && VEC_PUSH(&e->unsure, x))
		return;
	free_seen(x);
}

/* Told, where anybody wants to know. Takes x over. */
static void take_seen(struct execs *e, struct exec_seen *x)
{
	if (x->refused || x->late || is_asked_for(e, x->verdict.how))
		exec_tell_of(&e->tell, x);
	if (x->verdict.unsure)
		keep_unsure(e, x);
	else
		free_seen(x);
}

/* Closes fd, then or later. */
static void judge(struct execs *e, struct exec_subject *s, const struct exec_file *f, int fd,
		  unsigned pid)
{
	struct exec_seen *x = calloc(1, sizeof *x);

	if (x == NULL) {
		close(fd);
		return;
	}
	x->subject = exec_subject_hold(s);
	x->fd = fd;
	x->at_ms = node_now_ms(e->node);
	exec_seen_fill(x, pid); /* it may be gone soon */
	exec_judge(&e->subjects, s, f, fd, &x->verdict);
	exec_remember(&e->memory, s, f, &x->verdict);
	take_seen(e, x);
}

/* Told before, or known to be in order. */
static bool is_known(struct execs *e, const struct exec_subject *s, const struct exec_file *f)
{
	uint32_t how;

	return exec_remembered(&e->memory, s, f, &how) || map_has(&e->unsure_keys, exec_key(s, f));
}

static void hear_starts(struct execs *e)
{
	_Alignas(struct fanotify_event_metadata) char buf[BUF_BYTES];
	ssize_t n = read(e->group, buf, sizeof buf);
	const struct fanotify_event_metadata *m = (const void *)buf;

	for (; n > 0 && FAN_EVENT_OK(m, n); m = FAN_EVENT_NEXT(m, n)) {
		struct exec_subject *s = NULL;
		struct exec_file f;

		if (m->mask & FAN_Q_OVERFLOW && !e->said_lost) {
			e->said_lost = true;
			node_say(e->node, "warn", "more programs start than can be looked at");
		}
		if (m->fd < 0)
			continue;
		if (exec_file_of(m->fd, &f))
			s = exec_subject_of(&e->subjects, e->node->containers, &f,
					    (unsigned)m->pid);
		if (s && !is_known(e, s, &f))
			judge(e, s, &f, m->fd, (unsigned)m->pid);
		else
			close(m->fd);
		exec_subject_let_go(s);
	}
}

/* A process as it is now. */
static void look_at_process(struct execs *e, unsigned pid)
{
	struct exec_subject *s = NULL;
	struct exec_file f;
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%u/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	if (exec_file_of(fd, &f))
		s = exec_subject_by_pid(&e->subjects, e->node->containers, pid);
	if (s && !is_known(e, s, &f))
		judge(e, s, &f, fd, pid);
	else
		close(fd);
	exec_subject_let_go(s);
}

static void hear_processes(struct execs *e)
{
	unsigned pids[PIDS];
	bool lost;
	size_t n = proc_events_read(e->processes, pids, PIDS, &lost);

	for (size_t i = 0; i < n; i++) {
		struct container *c = containers_of_pid(e->node->containers, pids[i]);

		if (c)
			look_at_process(e, pids[i]);
		container_let_go(c);
	}
}

/* What runs in a container already: its first process and all that come of it. */
static void look_at_tree(struct execs *e, unsigned first)
{
	size_t n = 0;
	unsigned *pids = proc_tree(first, MOST_CHILDREN, &n);

	for (size_t i = 0; pids && i < n; i++)
		look_at_process(e, pids[i]);
	free(pids);
}

/* Containers. */

static void follow_rules(struct execs *e, struct exec_subject *s)
{
	const struct node *n = e->node;
	uint32_t refused = 0;
	bool on;

	if (e->enforce && n->refused)
		refused = n->refused(n->user, &s->container->began);
	on = refused != 0;
	if (on && !s->enforced && !enforce_mark(e->enforce, s, true)) {
		node_say(n, "warn",
			 "nothing is refused in container " SPAN_FMT
			 ": the kernel does not ask about it",
			 SPAN_ARG(s->container->began.container));
		refused = 0;
		on = false;
	}
	atomic_store(&s->refused, refused);
	if (on == s->enforced)
		return;
	/* Both would tell the same. */
	if (e->group >= 0)
		exec_mark(e->group, &e->subjects, s, FAN_OPEN_EXEC, !on);
	if (!on)
		enforce_mark(e->enforce, s, false);
	s->enforced = on;
}

static void take(struct execs *e, struct container *c)
{
	struct exec_subject *s = NULL;
	struct rmg_err err = {0};
	enum rmg_rc rc = container_look(c, &err);

	/* Ourselves: who asks for permission must not need it. */
	if (rc == RMG_OK && c->mnt_ns == e->own_space)
		rc = RMG_E_UNSUPPORTED;
	if (rc == RMG_OK)
		rc = exec_subject_add(&e->subjects, c, e->wants, &s, &err);
	if (rc != RMG_OK) {
		if (VEC_PUSH(&e->unseen, c))
			container_hold(c);
		return;
	}
	if (e->group >= 0)
		exec_mark(e->group, &e->subjects, s, FAN_OPEN_EXEC, true);
	follow_rules(e, s);
	look_at_tree(e, c->pid);
	exec_subject_let_go(s);
	bell_ring(&e->unread);
}

static bool has(struct execs *e, const struct container *c)
{
	for (size_t i = 0; i < e->unseen.n; i++)
		if (e->unseen.v[i] == c)
			return true;
	VEC_EACH (s, &e->subjects.v)
		if (*s && (*s)->container == c)
			return true;
	return false;
}

/* The image of a container has been read, or never will be. */
static void judge_unsure(struct execs *e, const struct exec_subject *s)
{
	size_t n = e->unsure.n, kept = 0;

	map_clear(&e->unsure_keys);
	for (size_t i = 0; i < n; i++) {
		struct exec_seen *x = e->unsure.v[i];
		struct exec_file f;

		if (x->subject != s) {
			e->unsure.v[kept++] = x;
			if (exec_file_of(x->fd, &f) &&
			    !map_set(&e->unsure_keys, exec_key(x->subject, &f), 1))
				continue; /* it is kept twice, and told once */
		} else if (exec_file_of(x->fd, &f)) {
			exec_judge(&e->subjects, x->subject, &f, x->fd, &x->verdict);
			exec_remember(&e->memory, x->subject, &f, &x->verdict);
			if (is_asked_for(e, x->verdict.how))
				exec_tell_of(&e->tell, x);
			free_seen(x);
		} else {
			free_seen(x);
		}
	}
	e->unsure.n = kept;
}

static void forget_ended(struct execs *e)
{
	for (size_t i = e->unseen.n; i > 0; i--) {
		struct container *c = e->unseen.v[i - 1];

		if (!atomic_load(&c->ended))
			continue;
		e->unseen.v[i - 1] = e->unseen.v[--e->unseen.n];
		container_let_go(c);
	}
	VEC_EACH (s, &e->subjects.v) {
		if (*s == NULL || !atomic_load(&(*s)->container->ended))
			continue;
		judge_unsure(e, *s);
		exec_subject_drop(&e->subjects, *s);
	}
}

static void sync_list(struct execs *e)
{
	struct container_list l;

	forget_ended(e);
	if (!containers_list(e->node->containers, &l))
		return;
	for (size_t i = 0; i < l.n; i++)
		if (!has(e, l.v[i]) && !atomic_load(&l.v[i]->ended))
			take(e, l.v[i]);
	container_list_done(&l);
}

/* What others hand over. */

static struct exec_seen *next_seen(struct execs *e)
{
	struct exec_seen *x = NULL;

	pthread_mutex_lock(&e->lock);
	if (e->seen.n) {
		x = e->seen.v[0];
		memmove(e->seen.v, e->seen.v + 1, --e->seen.n * sizeof *e->seen.v);
	}
	pthread_mutex_unlock(&e->lock);
	return x;
}

static struct exec_subject *next_again(struct execs *e)
{
	struct exec_subject *s = NULL;

	pthread_mutex_lock(&e->lock);
	if (e->again.n)
		s = e->again.v[--e->again.n];
	pthread_mutex_unlock(&e->lock);
	return s;
}

static void take_handed(struct execs *e)
{
	struct exec_seen *x;
	struct exec_subject *s;

	while ((x = next_seen(e)) != NULL)
		take_seen(e, x);
	while ((s = next_again(e)) != NULL) {
		judge_unsure(e, s);
		exec_subject_let_go(s);
	}
}

static void look_at_guard(struct execs *e)
{
	enum enforce_state state = enforce_check(e->enforce);

	if (state == ENFORCE_GAVE_UP && !e->said_off) {
		e->said_off = true;
		exec_tell_unrefused(&e->tell,
				    S("Answers to the kernel had stopped: all that waited "
				      "was let run, and no more is asked about."));
		node_say(e->node, "error",
			 "nothing is refused: answers to the kernel had stopped, and all that "
			 "waited was let run");
	}
	if (state != ENFORCE_AGAIN)
		return;
	e->said_off = false;
	e->rules_ms = 0;
	VEC_EACH (s, &e->subjects.v)
		if (*s)
			(*s)->enforced = false;
	exec_tell_unrefused(&e->tell, S(""));
	node_say(e->node, "info", "what rules name is refused again");
}

static void look_at_rules(struct execs *e)
{
	int64_t now = clock_tick_ms();

	if (e->enforce && !node_stopping(e->node))
		look_at_guard(e);
	if (e->said_off || now - e->rules_ms < RULES_MS)
		return;
	e->rules_ms = now;
	VEC_EACH (s, &e->subjects.v)
		if (*s && e->enforce)
			follow_rules(e, *s);
}

static void tell_answers(struct execs *e, bool last)
{
	struct event_answers a;

	if (e->enforce == NULL || (!last && !exec_tell_wants_answers(&e->tell)))
		return;
	enforce_figures(e->enforce, true, &a);
	exec_tell_answers(&e->tell, &a);
	if (a.asked == 0 || (!last && clock_tick_ms() - e->answers_ms < SAY_ANSWERS_MS))
		return;
	e->answers_ms = clock_tick_ms();
	enforce_figures(e->enforce, false, &a);
	node_say(e->node, "info",
		 "the kernel asked about %" PRIu64 " programs that start: %" PRIu64
		 " refused, %" PRIu64 " let run since judging took too long; half of the answers "
		 "took %" PRIu64 " us at most, 99 in 100 %" PRIu64 " us",
		 a.asked, a.refused, a.late, a.p50_us, a.p99_us);
}

static void drain(int fd)
{
	uint64_t times;

	(void)!read(fd, &times, sizeof times);
}

/* Who asks about a process has to be there before it ends. */
static void hurry(void)
{
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), URGENT);
}

static void *run(void *user)
{
	struct execs *e = user;
	struct pollfd fds[] = {{e->came, POLLIN, 0},
			       {e->group, POLLIN, 0},
			       {e->processes, POLLIN, 0},
			       {e->handed, POLLIN, 0}};

	hurry();
	while (!node_stopping(e->node)) {
		(void)poll(fds, COUNT_OF(fds), IDLE_MS);
		if (fds[0].revents & POLLIN) {
			drain(e->came);
			sync_list(e);
		}
		if (fds[1].revents & POLLIN)
			hear_starts(e);
		if (fds[2].revents & POLLIN)
			hear_processes(e);
		if (fds[3].revents & POLLIN)
			drain(e->handed);
		take_handed(e);
		look_at_rules(e);
		tell_answers(e, false);
		exec_tell_flush(&e->tell);
	}
	tell_answers(e, true);
	return NULL;
}

/* Images. */

/* The first whose image has not been read; with the index of another one of the same image. */
static struct exec_subject *next_unread(struct execs *e, struct image_index **same)
{
	struct exec_subject *found = NULL;

	*same = NULL;
	pthread_mutex_lock(&e->subjects.lock);
	VEC_EACH (it, &e->subjects.v)
		if (!found && *it && !(*it)->index && !(*it)->index_tried)
			found = exec_subject_hold(*it);
	VEC_EACH (it, &e->subjects.v)
		if (found && !*same && *it && (*it)->index && found->image[0] &&
		    strcmp((*it)->image, found->image) == 0)
			*same = image_index_hold((*it)->index);
	pthread_mutex_unlock(&e->subjects.lock);
	return found;
}

static enum rmg_rc read_image(struct execs *e, const struct exec_subject *s,
			      struct image_index **out, struct rmg_err *err)
{
	struct rmg_opts opts = node_scan_opts(e->node);
	struct rmg_inventory *inventory = NULL;
	struct rmg_image *image = NULL;
	char ref[64];
	enum rmg_rc rc;

	snprintf(ref, sizeof ref, "container-image:pid=%u", s->container->pid);
	rc = rmg_image_open(ref, &opts, &image, err);
	if (rc == RMG_OK)
		rc = rmg_inventory_take(image, &opts, &inventory, err);
	if (rc == RMG_OK)
		rc = image_index_new(inventory->inv, out, err);
	rmg_inventory_free(inventory);
	rmg_image_free(image);
	return rc;
}

static void give_index(struct execs *e, struct exec_subject *s, struct image_index *index)
{
	pthread_mutex_lock(&e->subjects.lock);
	s->index = index;
	s->index_tried = true;
	pthread_mutex_unlock(&e->subjects.lock);
	pthread_mutex_lock(&e->lock);
	if (VEC_PUSH(&e->again, s))
		exec_subject_hold(s);
	pthread_mutex_unlock(&e->lock);
	ring(e->handed);
}

static void *read_images(void *user)
{
	struct execs *e = user;
	uint64_t heard = 0;

	while (!node_stopping(e->node)) {
		struct image_index *index;
		struct exec_subject *s = next_unread(e, &index);
		struct rmg_err err = {0};
		enum rmg_rc rc = RMG_OK;

		if (s == NULL) {
			bell_wait(&e->unread, &heard, IDLE_MS);
			continue;
		}
		if (index == NULL)
			rc = read_image(e, s, &index, &err);
		if (rc != RMG_OK && rc != RMG_E_STOPPED && !atomic_load(&s->container->ended))
			node_say(e->node, "warn",
				 "the image of container " SPAN_FMT
				 " could not be read: what is unowned in it is not known: %s",
				 SPAN_ARG(s->container->began.container), err.msg);
		give_index(e, s, index);
		exec_subject_let_go(s);
	}
	return NULL;
}

/* Beginning and end. */

static void end(struct execs *e)
{
	struct exec_subject *s;
	struct exec_seen *x;

	if (e->enforce)
		enforce_let_go(e->enforce);
	if (e->running)
		pthread_join(e->thread, NULL);
	enforce_stop(e->enforce);
	e->enforce = NULL;
	if (e->reading)
		pthread_join(e->reader, NULL);
	while ((x = next_seen(e)) != NULL)
		free_seen(x);
	while ((s = next_again(e)) != NULL)
		exec_subject_let_go(s);
	VEC_EACH (it, &e->unsure)
		free_seen(*it);
	VEC_DONE(&e->unsure);
	map_done(&e->unsure_keys);
	VEC_EACH (it, &e->subjects.v)
		if (*it)
			exec_subject_drop(&e->subjects, *it);
	exec_subjects_done(&e->subjects);
	exec_memory_done(&e->memory);
	exec_tell_done(&e->tell);
	container_list_done(&e->unseen);
	VEC_DONE(&e->seen);
	VEC_DONE(&e->again);
	for (size_t i = 0; i < 4; i++) {
		int fd = (int[]){e->group, e->processes, e->came, e->handed}[i];

		if (fd >= 0)
			close(fd);
	}
	lib_wants_free(e->wants);
	bell_done(&e->unread);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

static void open_sources(struct execs *e)
{
	struct rmg_err err = {0};

	e->group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS,
				 O_RDONLY | O_LARGEFILE | O_CLOEXEC);
	if (e->group < 0)
		node_say(e->node, "warn",
			 "the kernel does not tell of files that are started (%s): "
			 "short programs are missed",
			 strerror(errno));
	if (proc_events_open(&e->processes, &err) != RMG_OK)
		node_say(e->node, "warn", "programs without a file are missed: %s", err.msg);
}

static enum rmg_rc start_threads(struct execs *e, struct rmg_err *err)
{
	struct enforce_opts opts = {.node = e->node,
				    .subjects = &e->subjects,
				    .memory = &e->memory,
				    .seen = hand_over,
				    .user = e};
	enum rmg_rc rc = RMG_OK;

	if (e->node->refused && e->node->guard)
		rc = enforce_start(&opts, &e->enforce, err);
	if (rc != RMG_OK)
		return rc;
	e->running = pthread_create(&e->thread, NULL, run, e) == 0;
	e->reading = e->running && pthread_create(&e->reader, NULL, read_images, e) == 0;
	return e->reading ? RMG_OK : err_set(err, RMG_E_NOMEM, "no thread for programs that start");
}

enum rmg_rc execs_start(struct node *n, struct execs **out, struct rmg_err *err)
{
	struct execs *e = calloc(1, sizeof *e);
	enum rmg_rc rc;

	if (e == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for programs that start");
	e->node = n;
	e->group = e->processes = e->came = -1;
	e->own_space = proc_namespace((unsigned)getpid(), "mnt");
	e->handed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&e->lock, NULL);
	bell_init(&e->unread);
	exec_subjects_init(&e->subjects);
	e->subjects.node = n;
	exec_memory_init(&e->memory);
	exec_tell_init(&e->tell, n);
	open_sources(e);
	rc = containers_listen(n->containers, &e->came, err);
	if (rc == RMG_OK && e->handed < 0)
		rc = err_os(err, RMG_E_NOMEM, "watch programs that start");
	if (rc == RMG_OK && lib_wants_new(&e->wants) != RMG_OK)
		rc = err_set(err, RMG_E_NOMEM, "no memory for programs that start");
	if (rc == RMG_OK)
		rc = start_threads(e, err);
	if (rc != RMG_OK) {
		end(e);
		return rc;
	}
	*out = e;
	return RMG_OK;
}

void execs_stop(struct execs *e)
{
	if (e == NULL)
		return;
	bell_ring(&e->unread);
	end(e);
}
