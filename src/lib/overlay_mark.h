/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_mark.h - what overlay keeps beside a file or a folder of a layer (the kernel's
 * Documentation/filesystems/overlayfs.rst): "opaque", "metacopy", "redirect", "whiteout". */
#ifndef LIB_OVERLAY_MARK_H
#define LIB_OVERLAY_MARK_H

#include <stdbool.h>
#include <sys/stat.h>

/* Whether a mark is there and begins with a byte (0: any). Who mounted it without being root has
 * them under another name. */
bool overlay_mark(int fd, const char *mark, char first);

/* A name that hides that of the layers below. */
bool overlay_is_whiteout(const struct stat *st);

#endif
