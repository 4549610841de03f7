// SPDX-License-Identifier: MIT
/*
  * Signals about files: their receivers, and permission to send them.
 *
 * A file's owner is a thread, a process or a group, identified by its number and by
 * the serial number of that number's struct pid: numbers are used again, and a
 * signal must not reach another process. A reference to the struct pid itself was rejected:
 * each open file could prevent the reuse of a number.
 *
 * The user that asked for the signals must be allowed to send them to each receiver at the
 * time they are sent; the user ids at the time of the request count.
 * Linux fcntl(2), F_SETOWN, F_SETSIG.
 */
#include "internal.h"
#include <kernel/err.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>

int signal_owner_set(struct signal_owner *owner, u32 type, pid_t nr)
{
	const struct cred *caller = current_cred();
	u64 serial = 0;

	if (nr)
		serial = pid_serial(nr);
	if (nr && !serial)
		return -ESRCH;
	owner->type = (u8)type;
	owner->nr = nr;
	owner->serial = serial;
	owner->uid = caller->uid;
	owner->euid = caller->euid;
	return 0;
}

bool signal_owner_lives(const struct signal_owner *owner)
{
	return owner->nr && pid_serial(owner->nr) == owner->serial;
}

static bool owner_may_receive(struct process *p, const struct signal_owner *owner)
{
	struct cred *cred;
	bool may;

	assert_held(&process_lock);
	if (!p->leader) /* it was reaped */
		return false;
	cred = thread_cred_get(p->leader);
	may = !owner->euid || owner->euid == cred->suid || owner->euid == cred->uid ||
	      owner->uid == cred->suid || owner->uid == cred->uid;
	cred_put(cred);
	return may;
}

/* What the signals other than SIGIO, but not those with codes of their own, report about a file. */
static bool sigio_has_own_codes(int sig)
{
	return sig == SIGILL || sig == SIGFPE || sig == SIGSEGV || sig == SIGBUS ||
	       sig == SIGTRAP || sig == SIGCHLD || sig == SIGSYS;
}

static u64 sigio_poll_events(int band)
{
	static const u16 events[] = {
		[POLL_IN] = POLLIN | POLLRDNORM,
		[POLL_OUT] = POLLOUT | POLLWRNORM | POLLWRBAND,
		[POLL_MSG] = POLLIN | POLLRDNORM | POLLMSG,
		[POLL_ERR] = POLLERR,
		[POLL_PRI] = POLLPRI | POLLRDBAND,
		[POLL_HUP] = POLLHUP | POLLERR,
	};

	return events[band];
}

/* SIGURG, which has no details and no F_SETSIG. Under process_lock. */
static void sigurg_send_locked(struct process *p, struct thread *t)
{
	assert_held(&process_lock);
	if (t)
		(void)signal_send_thread(t, SIGURG, SI_KERNEL_INFO);
	else
		(void)signal_send_process(p, SIGURG, SI_KERNEL_INFO);
}

/*
 * Without F_SETSIG, and if a signal with details cannot be queued: a plain SIGIO.
 * @p t NULL: to the process. Under process_lock.
 */
static void sigio_send_to_locked(struct process *p, struct thread *t,
				 const struct signal_owner *owner, s32 fd, int band)
{
	struct siginfo_k info = {
		.signo = owner->sig,
		.code = band,
		.value = sigio_poll_events(band),
		.status = fd,
	};
	int err = -EAGAIN;

	assert_held(&process_lock);
	if (!owner_may_receive(p, owner))
		return;
	if (band == SIGNAL_BAND_URGENT) {
		sigurg_send_locked(p, t);
		return;
	}
	if (sigio_has_own_codes(owner->sig))
		info.code = SI_SIGIO;
	if (owner->sig && t)
		err = signal_send_thread(t, owner->sig, &info);
	else if (owner->sig)
		err = signal_send_process(p, owner->sig, &info);
	if (!err)
		return;
	if (t)
		(void)signal_send_thread(t, SIGIO, SI_KERNEL_INFO);
	else
		(void)signal_send_process(p, SIGIO, SI_KERNEL_INFO);
}

static void sigio_send_to(struct process *p, struct thread *t, const struct signal_owner *owner,
			  s32 fd, int band)
{
	u64 flags = spin_lock_irqsave(&process_lock);

	sigio_send_to_locked(p, t, owner, fd, band);
	spin_unlock_irqrestore(&process_lock, flags);
}

static void sigio_send_to_group(const struct signal_owner *owner, s32 fd, int band)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct pid *group = pid_lookup(owner->nr);
	struct process *p;

	if (group)
		list_for_each(p, &group->members, pgrp_link)
			sigio_send_to_locked(p, NULL, owner, fd, band);
	spin_unlock_irqrestore(&process_lock, flags);
}

void signal_owner_send(const struct signal_owner *owner, s32 fd, int band)
{
	struct process *p;
	struct thread *t;

	if (!signal_owner_lives(owner))
		return;
	if (owner->type == F_OWNER_PGRP) {
		sigio_send_to_group(owner, fd, band);
		return;
	}
	t = thread_find(owner->nr);
	if (t) {
		sigio_send_to(t->proc, owner->type == F_OWNER_TID ? t : NULL, owner, fd, band);
		thread_put(t);
		return;
	}
	p = process_find(owner->nr); /* the first thread has ended, others may still run */
	if (p) {
		if (owner->type == F_OWNER_PID)
			sigio_send_to(p, NULL, owner, fd, band);
		process_put(p);
	}
}
