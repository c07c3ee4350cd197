/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proc_events.h"

#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/span.h"

enum { MESSAGE_BYTES = 4096, QUEUE_BYTES = 4 << 20 };

/* Only what tells of an exec wakes us: forks and exits come as often. Offsets are of the whole
 * message, numbers in the machine's order, which BPF reads the other way round. */
static void filter(int fd)
{
	const uint32_t what =
	    NLMSG_HDRLEN + offsetof(struct cn_msg, data) + offsetof(struct proc_event, what);
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap32(PROC_EVENT_EXEC), 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, MESSAGE_BYTES),
	};
	const struct sock_fprog program = {COUNT_OF(code), code};

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		code[1].k = PROC_EVENT_EXEC;
	/* Where it is refused, all come, and are told apart below. */
	(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static bool subscribe(int fd)
{
	uint8_t buf[NLMSG_SPACE(sizeof(struct cn_msg) + sizeof(enum proc_cn_mcast_op))] = {0};
	const enum proc_cn_mcast_op op = PROC_CN_MCAST_LISTEN;
	const struct nlmsghdr head = {
	    .nlmsg_len = sizeof buf, .nlmsg_type = NLMSG_DONE, .nlmsg_pid = (uint32_t)getpid()};
	struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof op};

	memcpy(buf, &head, sizeof head);
	memcpy(buf + NLMSG_HDRLEN, &message, sizeof message);
	memcpy(buf + NLMSG_HDRLEN + sizeof message, &op, sizeof op);
	return send(fd, buf, sizeof buf, 0) == (ssize_t)sizeof buf;
}

enum rmg_rc proc_events_open(int *out, struct rmg_err *err)
{
	const struct sockaddr_nl here = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	const int queue = QUEUE_BYTES;
	int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_CONNECTOR);

	if (fd < 0)
		return err_os(err, RMG_E_UNSUPPORTED, "the kernel's process connector");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof queue);
	filter(fd);
	if (bind(fd, (const struct sockaddr *)&here, sizeof here) != 0 || !subscribe(fd)) {
		enum rmg_rc rc = err_os(err, RMG_E_UNSUPPORTED, "the kernel's process connector");

		close(fd);
		return rc;
	}
	*out = fd;
	return RMG_OK;
}

/* One message: 0 where it is of something else. */
static unsigned pid_of(struct span m)
{
	struct nlmsghdr head;
	struct cn_msg message;
	struct proc_event e;
	struct span rest, body;

	if (!span_at(m, 0, sizeof head, &rest))
		return 0;
	memcpy(&head, rest.p, sizeof head);
	if (head.nlmsg_type != NLMSG_DONE || !span_at(m, NLMSG_HDRLEN, sizeof message, &rest))
		return 0;
	memcpy(&message, rest.p, sizeof message);
	memset(&e, 0, sizeof e);
	if (message.id.idx != CN_IDX_PROC || message.id.val != CN_VAL_PROC ||
	    !span_at(m, NLMSG_HDRLEN + sizeof message, message.len, &body) ||
	    body.n < offsetof(struct proc_event, event_data) + sizeof e.event_data.exec)
		return 0;
	memcpy(&e, body.p, MIN_OF(body.n, sizeof e));
	return e.what == PROC_EVENT_EXEC ? (unsigned)e.event_data.exec.process_tgid : 0;
}

size_t proc_events_read(int fd, unsigned *pids, size_t room, bool *lost)
{
	uint8_t buf[MESSAGE_BYTES];
	struct sockaddr_nl from;
	size_t n = 0;

	*lost = false;
	while (n < room) {
		socklen_t size = sizeof from;
		ssize_t got = recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&from, &size);

		if (got < 0 && errno == ENOBUFS)
			*lost = true;
		else if (got < 0 && errno != EINTR)
			break;
		/* Of the kernel, not of another process. */
		if (got <= 0 || size != sizeof from || from.nl_pid != 0)
			continue;
		pids[n] = pid_of(span_of(buf, (size_t)got));
		n += pids[n] != 0;
	}
	return n;
}
