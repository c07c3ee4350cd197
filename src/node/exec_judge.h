/* SPDX-License-Identifier: Apache-2.0 */
/* exec_judge.h - what is odd about a file that is executed in a container: bits of EVENT_HOWS, and
 * why, in words. Judges the file that is open, whatever has become of its name. Remembered by what
 * the file is (subject, device, inode, size and times), LIMIT_EXEC_VERDICTS of them. Any thread. */
#ifndef NODE_EXEC_JUDGE_H
#define NODE_EXEC_JUDGE_H

#include "base/limits.h"
#include "base/strbuf.h"
#include "node/exec_subject.h"

struct exec_verdict {
	uint32_t how;  /* bits of HOW_*; 0: as it should be */
	bool replaced; /* HOW_NEW: the image has other bytes there */
	bool unsure;   /* its image has not been read yet: whether it is unowned is not known */
	struct exec_mount mount;         /* of HOW_WRITABLE, HOW_MOUNTED */
	char path[LIMIT_PATH_BYTES_MAX]; /* in the container, without the first slash; "" unknown */
};

struct exec_memory {
	pthread_mutex_t lock;
	struct map verdicts; /* hash of subject and file, to how */
};

void exec_memory_init(struct exec_memory *m);
void exec_memory_done(struct exec_memory *m);

/* false: never judged, or forgotten. */
MUST bool exec_remembered(struct exec_memory *m, const struct exec_subject *s,
			  const struct exec_file *f, uint32_t *how);
/* Not where it is unsure. */
void exec_remember(struct exec_memory *m, const struct exec_subject *s, const struct exec_file *f,
		   const struct exec_verdict *v);
/* What tells a file of a subject from all others, as it is now. */
uint64_t exec_key(const struct exec_subject *s, const struct exec_file *f);

/* Opens and compares: may take as long as reading the file twice. */
void exec_judge(struct exec_subjects *t, struct exec_subject *s, const struct exec_file *f, int fd,
		struct exec_verdict *out);

/* "written in the container: its image has no such file; ..." */
void exec_words(const struct exec_verdict *v, struct strbuf *out);

#endif
