/* SPDX-License-Identifier: Apache-2.0 */
/* usage.h - what of one image has been used here: bits beside the rows of its file index, and which
 * of them the hub has been told. With the time in which nothing of it was missed.
 *
 * One thread at a time, or under its owner's lock. */
#ifndef NODE_USAGE_H
#define NODE_USAGE_H

#include "node/file_index.h"

struct usage {
	char image[80];           /* a digest of it */
	struct file_index *index; /* NULL: not read yet */
	uint8_t *used, *told_used, *ran, *told_ran;
	bool told_watched;
	size_t n_untold; /* bits that are set and were not told; never less than there are */
	uint64_t untold_containers;
	unsigned whole;   /* containers that run now and of which nothing was missed */
	int64_t from_ms;  /* since when, and not told; 0: none */
	int64_t until_ms; /* until when; 0: until now */

	bool closed, knows; /* enough was seen, the hub said; and what is executed as a rule */
};

void usage_init(struct usage *u, const char *image);
void usage_done(struct usage *u);

/* Takes over a hold of index. */
MUST bool usage_give_index(struct usage *u, struct file_index *index);

/* A file was opened, or executed. False: the image has no such file. */
bool usage_touch(struct usage *u, uint64_t path, bool executed);

/* One of two files: that, or what it was compiled from (0: nothing). */
bool usage_touch_either(struct usage *u, uint64_t path, uint64_t source, bool executed);

/* A container of which everything is seen has begun, has ended, is no longer one. */
void usage_begin(struct usage *u, int64_t now_ms);
void usage_end(struct usage *u, int64_t now_ms);
void usage_miss(struct usage *u, int64_t now_ms); /* nor was it one since what was told last */

/* Whether there is anything to tell: now, or in time (observed for longer than that). */
bool usage_has_news(const struct usage *u, int64_t now_ms, int64_t longer_than_ms);

/* What is new. Marked as told where the hub took it: usage_told() right after, while what was used
 * meanwhile stays untold. */
struct usage_news {
	struct profile told;
	struct arena arena;
	int64_t now_ms;
};
MUST bool usage_news(struct usage *u, int64_t now_ms, struct usage_news *out);
void usage_told(struct usage *u, const struct usage_news *n);
void usage_not_told(struct usage *u, const struct usage_news *n);
void usage_news_done(struct usage_news *n);

#endif
