/* SPDX-License-Identifier: Apache-2.0 */
/* profile_inside.h - what the files of the profiles share: profile.c hears, profile_tell.c reads
 * images and tells; nobody else includes this. */
#ifndef NODE_PROFILE_INSIDE_H
#define NODE_PROFILE_INSIDE_H

#include <sys/fanotify.h>

#include "node/node.h"
#include "node/profile_place.h"

enum { PROFILE_IDLE_MS = 500, PROFILE_TELL_MS = 1000, PROFILE_TIME_MS = 60000 };
enum { PROFILE_BUF_BYTES = 65536 };

struct image_of { /* one image content that is used here, under profiles.lock */
	struct usage usage;
	unsigned places;
	VEC(struct touch) waiting; /* of containers that ended before it was read */
	struct container *reads;   /* held: whose image is to be read; NULL: it was */
	bool fresh;                /* it was read, and what waited was not counted yet */
	int64_t not_before_ms;     /* it is told */
	int64_t time_ms;           /* how much time is worth telling of by itself: more and more */
};

/* What is executed in containers of an image, as a rule. */
struct known {
	char image[80];
	struct file_index *index; /* held */
	uint64_t *executed;       /* ascending */
	size_t n;
};

struct profiles {
	struct node *node;
	VEC(struct profile_place *) places;
	struct map by_device;
	struct container_list unseen; /* that cannot be looked into */
	int group, mounts, came, handed;
	uint64_t own_space, own_device;
	int64_t looked_ms; /* at the mounts */
	bool again;        /* they changed since */
	bool said_lost;
	pthread_t thread, teller;
	bool running, telling;

	pthread_mutex_t lock; /* of images, and what is in them */
	int64_t heard_ms; /* all that was opened until then was heard of */
	VEC(struct image_of *) images;
	struct bell news;

	pthread_mutex_t knowing; /* for moments only: programs wait for who asks */
	VEC(struct known) known;
	_Alignas(struct fanotify_event_metadata) char buf[PROFILE_BUF_BYTES];
};

/* Under the lock: the image that a container is of, made where it is new; NULL: nobody knows. Those
 * that nobody runs, that have nothing to tell and that are too many go. */
struct image_of *profiles_image(struct profiles *p, const struct container *c);
void profiles_forget_images(struct profiles *p);
void profiles_free_image(struct image_of *x);

/* Takes over keys. Under the lock. */
void profiles_know(struct profiles *p, const struct usage *u, uint64_t *keys, size_t n);
void profiles_know_no_more(struct profiles *p);

void *profiles_tell(void *profiles); /* a thread's */

#endif
