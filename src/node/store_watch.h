/* SPDX-License-Identifier: Apache-2.0 */
/* store_watch.h - Podman's containers and images where nobody listens: by what it has on disk.
 *
 * Its lists are read again whenever they are replaced (inotify). A container runs while the process
 * runs that conmon has written the number of: that it ends the kernel tells. What is not on disk is
 * not told: labels, pods, who entered a container, and what began and ended while nobody watched.
 * CRI-O's store is the same, and its containers' pods are in their annotations. */
#ifndef NODE_STORE_WATCH_H
#define NODE_STORE_WATCH_H

#include "watch/watch.h"

/* Whether what is watched by this name is a store: a folder. */
bool store_watched(const char *kind, const char *address);

/* As watch_run(). opts->address: the store's folder. Where containers run is what storage.conf says
 * of it. */
MUST enum rmg_rc store_watch_run(const struct watch_opts *opts, struct rmg_err *err);

#endif
