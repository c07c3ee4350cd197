/* SPDX-License-Identifier: Apache-2.0 */
#include "box/box.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/limits.h"
#include "base/vec.h"

enum { POLL_MS = 200, READ_BYTES = 64 * 1024 };

struct box_job {
	enum wire_job kind;
	struct box_opts opts;
	pid_t pid;
	int control, answer;
	uint8_t *ring;
	size_t slot, fill; /* the slot being filled, and how far */
	unsigned in_use;   /* slots that the worker has not given back */
	VEC(uint8_t) out;  /* the answer so far */
	uint64_t sunk;     /* bytes that the sink has */
	bool answer_ended;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void box_free(struct box_job *job)
{
	if (job == NULL)
		return;
	if (job->pid > 0) {
		kill(job->pid, SIGKILL);
		while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_fd(&job->control);
	close_fd(&job->answer);
	if (job->ring)
		munmap(job->ring, WIRE_RING_BYTES);
	VEC_DONE(&job->out);
	free(job);
}

/* Pages that only we can write; the worker's descriptor is read-only. */
static enum rmg_rc make_ring(struct box_job *job, int *ring_fd, struct rmg_err *err)
{
	char path[64];
	int fd = memfd_create("rummage-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p;

	*ring_fd = -1;
	if (fd < 0 || ftruncate(fd, WIRE_RING_BYTES) != 0) {
		close_fd(&fd);
		return err_os(err, RMG_E_SANDBOX, "memory for the worker's ring");
	}
	p = mmap(NULL, WIRE_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		close_fd(&fd);
		return err_os(err, RMG_E_NOMEM, "map the worker's ring");
	}
	job->ring = p;
	(void)fcntl(fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	*ring_fd = open(path, O_RDONLY | O_CLOEXEC);
	close_fd(&fd);
	if (*ring_fd < 0)
		return err_os(err, RMG_E_SANDBOX, "open the worker's ring");
	return RMG_OK;
}

static enum rmg_rc spawn(struct box_job *job, int control, int answer, int ring,
			 struct rmg_err *err)
{
	char *const argv[] = {(char *)(uintptr_t) "rummage-parse", NULL};
	char *const quiet_env[] = {NULL};
	bool talk = env_get("RUMMAGE_WORKER_STDERR") != NULL;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	/* A group of its own: Ctrl-C is for us, and we end it. */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_adddup2(&files, control, WIRE_FD_CONTROL);
	posix_spawn_file_actions_adddup2(&files, answer, WIRE_FD_ANSWER);
	if (!talk)
		posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, ring, WIRE_FD_RING);
	rc = posix_spawn(&job->pid, job->opts.worker, &files, &attr, argv,
			 talk ? environ : quiet_env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (rc == 0)
		return RMG_OK;
	job->pid = 0;
	errno = rc;
	return err_os(err, RMG_E_SANDBOX, "start the worker %s", job->opts.worker);
}

/* Descriptors that the worker gets must not be among the numbers that they are moved to. */
static int high(int fd)
{
	int moved = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 10);

	close_fd(&fd);
	return moved;
}

static enum rmg_rc connect_worker(struct box_job *job, struct rmg_err *err)
{
	int pair[2] = {-1, -1}, pipe_fds[2] = {-1, -1}, ring = -1;
	enum rmg_rc rc = make_ring(job, &ring, err);

	if (rc == RMG_OK && (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
			     pipe2(pipe_fds, O_CLOEXEC) != 0))
		rc = err_os(err, RMG_E_SANDBOX, "channels to the worker");
	ring = high(ring);
	pair[1] = high(pair[1]);
	pipe_fds[1] = high(pipe_fds[1]);
	job->control = pair[0];
	job->answer = pipe_fds[0];
	if (rc == RMG_OK && (ring < 0 || pair[1] < 0 || pipe_fds[1] < 0 ||
			     fcntl(job->answer, F_SETFL, O_NONBLOCK) != 0))
		rc = err_os(err, RMG_E_SANDBOX, "channels to the worker");
	if (rc == RMG_OK)
		rc = spawn(job, pair[1], pipe_fds[1], ring, err);
	close_fd(&pair[1]);
	close_fd(&pipe_fds[1]);
	close_fd(&ring);
	return rc;
}

/* Why the worker ended, as a sentence; it has ended or is ended here. */
static enum rmg_rc post_mortem(struct box_job *job, struct rmg_err *err)
{
	int status = 0;
	pid_t pid = job->pid;

	job->pid = 0;
	if (pid <= 0)
		return err_set(err, RMG_E_SANDBOX, "the worker is gone");
	for (int tries = 0; waitpid(pid, &status, WNOHANG) == 0; tries++) {
		if (tries == 20)
			kill(pid, SIGKILL);
		usleep(5000);
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return err_set(
		    err, RMG_E_SANDBOX,
		    "the worker asked for a system call that it may not have and was killed");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return err_set(err, RMG_E_LIMIT, "the worker used all of its processor time");
	if (WIFSIGNALED(status))
		return err_set(err, RMG_E_SANDBOX, "the worker was ended by signal %d (%s)",
			       WTERMSIG(status), strsignal(WTERMSIG(status)));
	return err_set(err, RMG_E_SANDBOX, "the worker ended without an answer (status %d)",
		       WEXITSTATUS(status));
}

static enum rmg_rc send_order(struct box_job *job, struct wire_order order, struct rmg_err *err)
{
	ssize_t n;

	do {
		n = send(job->control, &order, sizeof order, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof order ? RMG_OK : post_mortem(job, err);
}

static enum rmg_rc sink(struct box_job *job, struct span bytes, struct rmg_err *err)
{
	if (bytes.n > job->opts.max_bytes - job->sunk)
		return err_set(err, RMG_E_LIMIT,
			       "more comes out than the %llu bytes that are read of it",
			       (unsigned long long)job->opts.max_bytes);
	job->sunk += bytes.n;
	return job->opts.sink(job->opts.user, bytes, err);
}

/* Takes what has come of the answer. */
static enum rmg_rc drain(struct box_job *job, struct rmg_err *err)
{
	uint64_t max = job->opts.max_bytes + sizeof(struct wire_answer);
	uint8_t buf[READ_BYTES / 8];

	while (!job->answer_ended) {
		ssize_t n = read(job->answer, buf, sizeof buf);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return RMG_OK;
		if (n <= 0) {
			job->answer_ended = true;
			break;
		}
		if (job->opts.sink) {
			enum rmg_rc rc = sink(job, span_of(buf, (size_t)n), err);

			if (rc != RMG_OK)
				return rc;
			continue;
		}
		if (job->out.n + (size_t)n > max)
			return err_set(err, RMG_E_LIMIT,
				       "the worker's answer is larger than %llu bytes",
				       (unsigned long long)job->opts.max_bytes);
		if (!VEC_RESERVE(&job->out, job->out.n + (size_t)n))
			return err_set(err, RMG_E_NOMEM, "no memory for the worker's answer");
		memcpy(job->out.v + job->out.n, buf, (size_t)n);
		job->out.n += (size_t)n;
	}
	return RMG_OK;
}

static enum rmg_rc take_back(struct box_job *job, struct rmg_err *err)
{
	uint8_t freed[WIRE_SLOTS];
	ssize_t n = recv(job->control, freed, sizeof freed, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return post_mortem(job, err);
	if (n > 0) {
		if ((unsigned)n > job->in_use)
			return err_set(err, RMG_E_SANDBOX,
				       "the worker gave back what it did not have");
		job->in_use -= (unsigned)n;
	}
	return RMG_OK;
}

/* Waits for a slot to come back (in_use below max) or for the end of the answer (max 0). */
static enum rmg_rc wait_for(struct box_job *job, unsigned max, struct rmg_err *err)
{
	unsigned waited_ms = 0;

	while (max ? job->in_use >= max : !job->answer_ended) {
		struct pollfd fds[2] = {{job->control, POLLIN, 0}, {job->answer, POLLIN, 0}};
		/* At the end the worker closes the control socket first: only the answer counts. */
		int n = poll(max ? fds : fds + 1, max ? 2 : 1, POLL_MS);
		enum rmg_rc rc = RMG_OK;

		if (job->opts.stop && job->opts.stop(job->opts.user))
			return err_set(err, RMG_E_STOPPED, "stopped");
		waited_ms = n == 0 ? waited_ms + POLL_MS : 0;
		if (waited_ms / 1000 >= LIMIT_WORKER_STALL_S)
			return err_set(err, RMG_E_LIMIT, "the worker said nothing for %llu seconds",
				       (unsigned long long)LIMIT_WORKER_STALL_S);
		if (fds[1].revents)
			rc = drain(job, err);
		if (rc == RMG_OK && max && fds[0].revents)
			rc = take_back(job, err);
		if (rc != RMG_OK)
			return rc;
	}
	return RMG_OK;
}

enum rmg_rc box_start(enum wire_job kind, const struct box_opts *opts, struct box_job **out,
		      struct rmg_err *err)
{
	struct box_job *job = calloc(1, sizeof *job);
	struct wire_order order = {.op = OP_JOB, .value = kind};
	enum rmg_rc rc;

	if (job == NULL)
		return err_set(err, RMG_E_NOMEM, "no memory for a worker");
	job->kind = kind;
	job->opts = *opts;
	job->control = job->answer = -1;
	if (job->opts.max_bytes == 0)
		job->opts.max_bytes = LIMIT_FACTS_BYTES;
	order.flags =
	    (opts->no_sandbox ? WIRE_NO_SANDBOX : 0u) | (opts->diff_id ? WIRE_DIFF_ID : 0u);
	order.max_bytes = job->opts.max_bytes;
	order.limits = opts->limits;
	rc = connect_worker(job, err);
	if (rc == RMG_OK && opts->started)
		opts->started(opts->started_user, job->pid);
	if (rc == RMG_OK)
		rc = send_order(job, order, err);
	if (rc != RMG_OK) {
		box_free(job);
		return rc;
	}
	*out = job;
	return RMG_OK;
}

static enum rmg_rc flush(struct box_job *job, struct rmg_err *err)
{
	struct wire_order order = {.op = OP_SLOT, .value = (uint32_t)job->fill};
	enum rmg_rc rc;

	if (job->fill == 0)
		return RMG_OK;
	rc = send_order(job, order, err);
	job->slot = (job->slot + 1) % WIRE_SLOTS;
	job->fill = 0;
	job->in_use++;
	return rc;
}

enum rmg_rc box_put(struct box_job *job, struct span bytes, struct rmg_err *err)
{
	while (bytes.n) {
		size_t n = MIN_OF(bytes.n, (size_t)WIRE_SLOT_BYTES - job->fill);
		enum rmg_rc rc = wait_for(job, WIRE_SLOTS, err);

		if (rc != RMG_OK)
			return rc;
		memcpy(job->ring + job->slot * WIRE_SLOT_BYTES + job->fill, bytes.p, n);
		job->fill += n;
		bytes = span_from(bytes, n);
		if (job->fill == WIRE_SLOT_BYTES && (rc = flush(job, err)) != RMG_OK)
			return rc;
	}
	return RMG_OK;
}

static enum rmg_rc open_answer(struct box_job *job, struct span *result, char *level,
			       struct rmg_err *err)
{
	struct wire_answer a;

	if (job->out.n < sizeof a)
		return post_mortem(job, err);
	memcpy(&a, job->out.v, sizeof a);
	if (a.magic != WIRE_MAGIC || a.bytes != job->out.n - sizeof a)
		return post_mortem(job, err);
	a.level[sizeof a.level - 1] = '\0';
	if (level)
		memcpy(level, a.level, sizeof a.level);
	if (a.rc != RMG_OK)
		return err_set(err, a.rc <= RMG_E_STOPPED ? (enum rmg_rc)a.rc : RMG_E_SANDBOX,
			       "%.*s", (int)MIN_OF(a.bytes, UINT64_C(480)),
			       (char *)job->out.v + sizeof a);
	memmove(job->out.v, job->out.v + sizeof a, a.bytes);
	*result = span_of(job->out.v, a.bytes);
	job->out.v = NULL;
	return RMG_OK;
}

enum rmg_rc box_finish(struct box_job *job, struct span *result, char *level, struct rmg_err *err)
{
	enum rmg_rc rc = flush(job, err);

	if (rc == RMG_OK)
		rc = send_order(job, (struct wire_order){.op = OP_END}, err);
	if (rc == RMG_OK)
		rc = wait_for(job, 0, err);
	if (rc != RMG_OK)
		return rc;
	if (job->opts.sink) {
		int status = 0;
		pid_t pid = job->pid;

		job->pid = 0;
		*result = (struct span){0};
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) == 0)
			return RMG_OK;
		return err_set(err, RMG_E_FORMAT, "it could not be decompressed to its end");
	}
	return open_answer(job, result, level, err);
}
