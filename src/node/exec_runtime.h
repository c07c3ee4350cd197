/* SPDX-License-Identifier: Apache-2.0 */
/* exec_runtime.h - a runtime's own program, which stands in a container until it becomes the
 * container's, or that of who enters it. */
#ifndef NODE_EXEC_RUNTIME_H
#define NODE_EXEC_RUNTIME_H

#include "node/exec_subject.h"

/* Of a file that no mount of the container leads to. It is known by what nobody in a container
 * chooses: the number and the times of a runtime's file on the machine, whatever it was sealed
 * with.
 */
bool exec_is_runtimes(const struct exec_file *f);

#endif
