/* SPDX-License-Identifier: Apache-2.0 */
#include "node/recent.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define MAGIC UINT64_C(0x31746e6365724d52) /* "RMrecnt1" */

/* Several times what an engine remembers (Docker: 256 events, four and more a use). */
enum { ENDS = 2048 };

struct ended {
	uint64_t container; /* hash; 0 none */
	int64_t at_ms;
};

struct memory { /* as it stands in the file */
	uint64_t magic;
	int64_t alive_ms;
	uint64_t next;
	struct ended ends[ENDS];
};

struct recent {
	struct memory *m;
};

/* The file, as long as it must be; -1: there is none. */
static int open_file(const char *path, struct rmg_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0) {
		err_os(err, RMG_E_IO, "open %s", path);
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_size == sizeof(struct memory) ||
	     (ftruncate(fd, 0) == 0 && ftruncate(fd, sizeof(struct memory)) == 0)))
		return fd;
	err_os(err, RMG_E_IO, "make %s", path);
	close(fd);
	return -1;
}

enum rmg_rc recent_open(const char *path, struct recent **out, struct rmg_err *err)
{
	struct recent *r = calloc(1, sizeof *r);
	int fd = path ? open_file(path, err) : -1;
	void *p;

	if (r == NULL || (path && fd < 0)) {
		free(r);
		if (fd >= 0)
			close(fd);
		return path && fd < 0 ? RMG_E_IO : err_set(err, RMG_E_NOMEM, "no memory");
	}
	p = mmap(NULL, sizeof *r->m, PROT_READ | PROT_WRITE,
		 path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED) {
		free(r);
		return err_os(err, RMG_E_NOMEM, "map what happened lately");
	}
	r->m = p;
	if (r->m->magic != MAGIC) {
		memset(r->m, 0, sizeof *r->m);
		r->m->magic = MAGIC;
	}
	*out = r;
	return RMG_OK;
}

void recent_close(struct recent *r)
{
	if (r == NULL)
		return;
	munmap(r->m, sizeof *r->m);
	free(r);
}

static struct ended *find(struct recent *r, uint64_t container)
{
	for (size_t i = 0; i < ENDS; i++)
		if (r->m->ends[i].container == container)
			return &r->m->ends[i];
	return NULL;
}

/* A begin may be told of with a time a little off its own, so that one in the same millisecond as
 * the end before it is another use's. */
bool recent_take(struct recent *r, const struct event *e)
{
	struct ended *end;
	uint64_t container;

	if (e->type != EVENT_USE_BEGAN && e->type != EVENT_USE_ENDED)
		return true;
	container = hash_span(e->container) | 1;
	end = find(r, container);
	if (e->type == EVENT_USE_BEGAN)
		return end == NULL || end->at_ms <= e->at_ms;
	if (end && end->at_ms >= e->at_ms)
		return false;
	if (end == NULL) {
		end = &r->m->ends[r->m->next++ % ENDS];
		end->container = 0;
	}
	end->at_ms = e->at_ms;
	end->container = container;
	return true;
}

void recent_alive(struct recent *r, int64_t now_ms)
{
	r->m->alive_ms = now_ms;
}

int64_t recent_alive_ms(const struct recent *r)
{
	return r->m->alive_ms;
}
