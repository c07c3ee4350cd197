/* SPDX-License-Identifier: Apache-2.0 */
/* split_layer.h - a layer's tar, byte for byte, from the folder that it was unpacked into and from
 * what tar-split kept of the rest of it (Docker, containers/storage).
 *
 * Files are opened below the folder alone; links in their paths lead nowhere else. What is not as
 * the record has it (a file that is gone, of another size or kind) is RMG_E_FORMAT: the layer's
 * trouble. Whether all bytes are the layer's, their digest tells. */
#ifndef LIB_SPLIT_LAYER_H
#define LIB_SPLIT_LAYER_H

#include "lib/source.h"

/* record, dir: stay open, and are read by several threads at once. */
MUST enum rmg_rc split_layer_read(struct source *s, int record, int dir, source_sink *sink,
				  void *user, struct rmg_err *err);

#endif
