/* SPDX-License-Identifier: Apache-2.0 */
#include "node/exec_judge.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "node/exec_runtime.h"

void exec_memory_init(struct exec_memory *m)
{
	*m = (struct exec_memory){0};
	pthread_mutex_init(&m->lock, NULL);
}

void exec_memory_done(struct exec_memory *m)
{
	map_done(&m->verdicts);
	pthread_mutex_destroy(&m->lock);
}

uint64_t exec_key(const struct exec_subject *s, const struct exec_file *f)
{
	uint64_t h = hash_mix(s->number);

	h = hash_mix(h * 3 + f->mount);
	h = hash_mix(h * 3 + f->device);
	h = hash_mix(h * 3 + f->inode);
	h = hash_mix(h * 3 + f->size);
	h = hash_mix(h * 3 + (uint64_t)f->modified_ns);
	h = hash_mix(h * 3 + (uint64_t)f->changed_ns);
	return hash_mix(h * 3 + f->mode + f->links);
}

bool exec_remembered(struct exec_memory *m, const struct exec_subject *s, const struct exec_file *f,
		     uint32_t *how)
{
	uint32_t have;

	pthread_mutex_lock(&m->lock);
	have = map_find(&m->verdicts, exec_key(s, f));
	pthread_mutex_unlock(&m->lock);
	if (have == MAP_NONE)
		return false;
	*how = have;
	return true;
}

void exec_remember(struct exec_memory *m, const struct exec_subject *s, const struct exec_file *f,
		   const struct exec_verdict *v)
{
	if (v->unsure)
		return;
	pthread_mutex_lock(&m->lock);
	if (m->verdicts.n >= LIMIT_EXEC_VERDICTS)
		map_clear(&m->verdicts);
	if (!map_set(&m->verdicts, exec_key(s, f), v->how))
		map_clear(&m->verdicts);
	pthread_mutex_unlock(&m->lock);
}

/* The name that the kernel has for it now; who is in the container sees it so too. */
static void name_it(int fd, struct exec_verdict *v)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, v->path, sizeof v->path - 1);
	if (n <= 0 || (size_t)n == sizeof v->path - 1) {
		v->path[0] = '\0';
		return;
	}
	v->path[n] = '\0';
	if (v->path[0] == '/')
		memmove(v->path, v->path + 1, (size_t)n);
}

static bool has_no_name(const struct exec_file *f, const char *path)
{
	return f->links == 0 || strncmp(path, "memfd:", 6) == 0;
}

static bool is_of_root(const struct exec_subject *s, const struct exec_file *f,
		       const struct exec_mount *m, bool known)
{
	const struct container_root *root = &s->container->root;

	return known ? m->is_root : f->device == exec_device(root->major, root->minor);
}

/* A file of the container's own file system against its image. */
static void judge_root(struct exec_subjects *t, struct exec_subject *s, int fd,
		       struct exec_verdict *v)
{
	struct span path = span_cstr(v->path);
	enum upper_what what = upper_of_file(s->upper, path, fd);
	struct image_index *index = NULL;

	if (what != UPPER_PLAIN) {
		v->how |= HOW_NEW;
		v->replaced = what == UPPER_CHANGED;
		return;
	}
	pthread_mutex_lock(&t->lock);
	if (s->index)
		index = image_index_hold(s->index);
	v->unsure = index == NULL && !s->index_tried;
	pthread_mutex_unlock(&t->lock);
	if (index && image_index_find(index, path) == IMAGE_UNOWNED)
		v->how |= HOW_UNOWNED;
	image_index_let_go(index);
	if (t->node && node_is_unprofiled(t->node, s->image, path))
		v->how |= HOW_UNPROFILED;
}

/* In memory, or deleted: then the kernel says so behind its last name. */
static void judge_nameless(const struct exec_subject *s, int fd, bool of_root,
			   struct exec_verdict *v)
{
	struct span path = span_cstr(v->path);
	enum upper_what what;

	v->how |= HOW_MEMFD;
	if (!span_ends(path, S(" (deleted)")))
		return;
	path.n -= S(" (deleted)").n;
	v->path[path.n] = '\0';
	if (!of_root || span_starts(path, S("memfd:")))
		return;
	what = upper_of_deleted(s->upper, path, fd);
	v->replaced = what == UPPER_CHANGED;
	if (what != UPPER_PLAIN)
		v->how |= HOW_NEW;
}

void exec_judge(struct exec_subjects *t, struct exec_subject *s, const struct exec_file *f, int fd,
		struct exec_verdict *out)
{
	bool known;

	memset(out, 0, sizeof *out);
	name_it(fd, out);
	known = f->mount && exec_mount_of(t, s, f->mount, &out->mount);
	if (has_no_name(f, out->path))
		judge_nameless(s, fd, is_of_root(s, f, &out->mount, known), out);
	else if (is_of_root(s, f, &out->mount, known))
		judge_root(t, s, fd, out);
	else if (!known && exec_is_runtimes(f))
		return;
	else
		out->how |= known && !out->mount.writable ? HOW_MOUNTED : HOW_WRITABLE;
	if ((f->mode & S_ISUID || (f->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) &&
	    !(known && out->mount.nosuid))
		out->how |= HOW_SETUID;
}

static void add(struct strbuf *out, const char *text)
{
	strbuf_puts(out, out->n ? "; " : "");
	strbuf_puts(out, text);
}

void exec_words(const struct exec_verdict *v, struct strbuf *out)
{
	if (v->how & HOW_NEW)
		add(out, v->replaced ? "changed in the container: its image has other bytes there"
				     : "written in the container: its image has no such file");
	if (v->how & HOW_MEMFD)
		add(out, "it has no name: it is in memory only, or was deleted");
	if (v->how & (HOW_WRITABLE | HOW_MOUNTED)) {
		add(out, "not of its image: it lies on what is mounted");
		if (v->mount.point.n) {
			strbuf_puts(out, " at ");
			strbuf_put(out, v->mount.point);
		}
		strbuf_puts(out,
			    v->how & HOW_WRITABLE ? ", which can be written to" : ", read-only");
	}
	if (v->how & HOW_UNOWNED)
		add(out, "of its image, but no package owns it");
	if (v->how & HOW_SETUID)
		add(out, "it gives the rights of another user or group (setuid)");
	if (v->how & HOW_UNPROFILED)
		add(out, "nothing that runs this image has started it before");
}
