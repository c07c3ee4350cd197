/* SPDX-License-Identifier: Apache-2.0 */
/* tag_tell.h - tells what registries say of tags, as a source of its own (EVENT_TAGS). Any thread.
 */
#ifndef NODE_TAG_TELL_H
#define NODE_TAG_TELL_H

#include <pthread.h>

#include "node/teller.h"

struct tag_tell {
	pthread_mutex_t lock;
	struct teller teller;
	bool begun;
};

/* name: what of this node asks; "" the node itself. */
void tag_tell_init(struct tag_tell *t, struct node *n, const char *name);
void tag_tell_done(struct tag_tell *t);

/* why: what kept a tag from being asked; NULL: nothing did. */
void tag_tell(struct tag_tell *t, const struct event_image *image, const char *why);
/* Its registry says that it has no such tag, in these words. */
void tag_tell_vanished(struct tag_tell *t, const struct event_image *image, const char *why);
void tag_tell_beat(struct tag_tell *t); /* about once a second */

#endif
