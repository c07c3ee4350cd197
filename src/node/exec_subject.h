/* SPDX-License-Identifier: Apache-2.0 */
/* exec_subject.h - the containers whose programs are seen to start, and which of them a file that
 * is executed belongs to: by the mount that it was reached through (mounts have numbers that are
 * one machine's), else by the device of the container's overlay, else by the process.
 *
 * One table, one lock. A subject is held by who uses it, and outlives its container for that long;
 * what is set once it is in the table is said below. */
#ifndef NODE_EXEC_SUBJECT_H
#define NODE_EXEC_SUBJECT_H

#include "base/map.h"
#include "node/containers.h"
#include "node/image_index.h"
#include "node/node.h"
#include "node/upper.h"

struct exec_mount {
	uint64_t id;
	struct span point, fs; /* the subject's arena's */
	bool is_root, writable, nosuid, noexec;
};

struct exec_subject {
	struct container *container; /* held */
	struct upper *upper;         /* compares; does not change */
	uint64_t number;             /* of no other subject, ever */
	char image[80];              /* a digest of its image; "" not known */

	/* Under the table's lock. */
	struct image_index *index; /* NULL: not read yet */
	bool index_tried;
	VEC(struct exec_mount) mounts;
	struct arena arena; /* of mounts */
	int64_t mounts_ms;  /* when they were read */
	bool enforced;      /* permission is asked for */

	_Atomic uint32_t refused; /* bits of EVENT_HOWS that are not let run */

	/* The teller's alone (exec_tell.h). */
	struct map told;
	uint32_t n_told, left_out;
	int64_t budget_ms;
	bool told_left_out;

	atomic_uint held;
};

struct exec_subjects {
	pthread_mutex_t lock;
	VEC(struct exec_subject *) v;
	struct map by_mount, by_device, by_container; /* to indexes of v */
	uint64_t last;
	struct node *node; /* whose profiles are asked; NULL: none are */
};

void exec_subjects_init(struct exec_subjects *t);
void exec_subjects_done(struct exec_subjects *t);

/* A container that has been looked at (container_look()); held by the table, and once more for the
 * caller. */
MUST enum rmg_rc exec_subject_add(struct exec_subjects *t, struct container *c,
				  const struct catalog_select *wants, struct exec_subject **out,
				  struct rmg_err *err);
void exec_subject_drop(struct exec_subjects *t, struct exec_subject *s);
struct exec_subject *exec_subject_hold(struct exec_subject *s);
void exec_subject_let_go(struct exec_subject *s); /* NULL too */

/* What of a file tells whose it is, and whether it is the same as before: one statx(2). */
struct exec_file {
	uint64_t mount, device, inode, size;
	int64_t modified_ns, changed_ns;
	uint32_t mode, links;
};
uint64_t exec_device(uint64_t major_number, uint64_t minor_number);
MUST bool exec_file_of(int fd, struct exec_file *out);

/* Whose it is, held; NULL: of no container that is looked into. containers: asked by pid where the
 * mount and the device say nothing; NULL: not asked. */
struct exec_subject *exec_subject_of(struct exec_subjects *t, struct containers *containers,
				     const struct exec_file *f, unsigned pid);

/* The one that a process is in, held; NULL. */
struct exec_subject *exec_subject_by_pid(struct exec_subjects *t, struct containers *containers,
					 unsigned pid);

/* The mount that a file was reached through; false: unknown, also after reading them again. The
 * texts of *out are good while the subject is held and the lock is not needed for them: mounts are
 * only ever added. */
MUST bool exec_mount_of(struct exec_subjects *t, struct exec_subject *s, uint64_t id,
			struct exec_mount *out);

#endif
