// SPDX-License-Identifier: MIT
/*
  * When user memory runs out: which process is killed.
 *
 * It is the one whose end frees most memory (its own pages and page tables; pages of
 * files stay), adjusted by its oom_score_adj (a thousandth of all memory per step,
 * as on Linux; processes of the super user have an advantage of some percent), never the first
 * process, and none that ends already. While a victim still ends, no other is killed,
 * since its memory will be free soon.
 *
 * If no process uses much, many processes may use a little each. Then a whole process group
 * is killed: a fork bomb started from a shell is one group, and killing its processes one by one
 * would only allow new ones. If no group uses much either, the kernel holds the
 * memory on behalf of processes. Then the process that asks for more is killed, but one of a user
 * before one of the super user: memory that users hold in other ways than pages must not kill the shell of root.
 */
#include "internal.h"
#include <kernel/page.h>
#include <kernel/time.h>
#include <kernel/vm.h>

#define SUPER_PERCENT 3
#define HOG_SHARE     16 /* a process that uses this part of all memory uses much */
#define OVERHEAD      8u /* pages that a process costs besides: kernel stack, structures */
#define SAY_AGAIN_NS  (5 * NSEC_PER_SEC)

static struct process *victim; /* counted; under process_lock */
static struct pid *victims;    /* their group, counted; under process_lock */

static bool oom_may_die(const struct process *p)
{
	return p != init_process && p->oom_score_adj > -1000 && p->state != PROC_ZOMBIE &&
	       p->state != PROC_DEAD;
}

/* Pages that its end frees, adjusted; -1: it must not be killed, or ends already. */
static s64 oom_pages_of(struct process *p)
{
	const struct vm_space *space;
	s64 pages = -1;

	if (!oom_may_die(p))
		return -1;
	raw_spin_lock(&p->sig_lock);
	space = p->space;
	if (space && !p->exiting)
		pages = MAX(space->rss_anon, 0l) + (s64)atomic_read(&space->nr_tables);
	raw_spin_unlock(&p->sig_lock);
	return pages;
}

static bool oom_are_ending(void)
{
	const struct process *p;

	if (victim && victim->state != PROC_ZOMBIE && victim->state != PROC_DEAD)
		return true;
	if (victims)
		list_for_each(p, &victims->members, pgrp_link)
			if (oom_may_die(p))
				return true;
	return false;
}

struct choice {
	struct process *p;
	struct pid *group;
	struct process *user; /* that of an ordinary user which uses most */
};

/* The process and the group that use most memory; NULL for one that does not use much. */
static struct choice oom_choose_locked(u64 total_pages)
{
	s64 most = (s64)(total_pages / HOG_SHARE), group_most = most;
	struct choice choice = { NULL, NULL, NULL };
	s64 user_most = 0;
	struct process *p;

	assert_held(&process_lock);
	list_for_each(p, &process_list, all_link)
		if (p->pgrp_ref)
			p->pgrp_ref->oom_pages = 0;
	list_for_each(p, &process_list, all_link) {
		s64 pages = oom_pages_of(p), points;

		if (pages < 0)
			continue;
		points = pages + p->oom_score_adj * (s64)(total_pages / 1000);
		if (cred_is_super(p->leader->cred)) {
			points -= (s64)(total_pages * SUPER_PERCENT / 100);
		} else if (MAX(points, 1l) > user_most) {
			user_most = MAX(points, 1l);
			choice.user = p;
		}
		if (points > most) {
			most = points;
			choice.p = p;
		}
		if (!p->pgrp_ref || p->pgrp_ref == init_process->pgrp_ref)
			continue;
		p->pgrp_ref->oom_pages += (u64)pages + OVERHEAD;
		if ((s64)p->pgrp_ref->oom_pages > group_most) {
			group_most = (s64)p->pgrp_ref->oom_pages;
			choice.group = p->pgrp_ref;
		}
	}
	return choice;
}

struct killed {
	u32 n;
	pid_t pid;
	s64 pages;
	char comm[16];
};

static void oom_kill_locked(struct process *p, struct killed *killed)
{
	s64 pages = oom_pages_of(p);

	assert_held(&process_lock);
	if (pages < 0)
		return;
	killed->n++;
	killed->pid = p->pid;
	killed->pages += pages;
	memcpy(killed->comm, p->leader->comm, sizeof(killed->comm));
	signal_send_process(p, SIGKILL, SI_KERNEL_INFO);
}

static void oom_kill_group_locked(struct pid *group, struct killed *killed)
{
	struct process *p;

	assert_held(&process_lock);
	list_for_each(p, &group->members, pgrp_link)
		oom_kill_locked(p, killed);
}

static void oom_report(const struct killed *killed, bool ask)
{
	static u64 said_ns;
	u64 now = time_monotonic_ns();

	if (killed->n == 1) {
		pr_err("out of memory: killed process %d (%s), which used %lu KiB\n", killed->pid,
		       killed->comm, (u64)killed->pages * (PAGE_SIZE / 1024));
	} else if (killed->n) {
		pr_err("out of memory: killed %u processes of one process group (%s), which used %lu KiB\n",
		       killed->n, killed->comm, (u64)killed->pages * (PAGE_SIZE / 1024));
	} else if (ask && (!said_ns || now - said_ns > SAY_AGAIN_NS)) {
		said_ns = now;
		pr_err("out of memory: no process can be killed\n");
	}
}

bool oom_kill(bool ask)
{
	struct killed killed = { 0 };
	struct process *old;
	struct pid *old_group;
	struct mem_info mem;
	struct choice choice;
	u64 flags;

	mem_info_get(&mem);
	flags = spin_lock_irqsave(&process_lock);
	if (oom_are_ending()) {
		spin_unlock_irqrestore(&process_lock, flags);
		return true;
	}
	old = victim;
	old_group = victims;
	choice = oom_choose_locked(mem.total);
	if (!choice.p && !choice.group && ask && current->proc && oom_may_die(current->proc)) {
		choice.p = current->proc;
		if (cred_is_super(current_cred()) && choice.user)
			choice.p = choice.user;
	}
	victim = choice.p;
	victims = choice.group;
	if (choice.p)
		victims = NULL;
	if (victim) {
		process_get(victim);
		oom_kill_locked(victim, &killed);
	} else if (victims) {
		pid_get(victims);
		oom_kill_group_locked(victims, &killed);
	}
	spin_unlock_irqrestore(&process_lock, flags);
	oom_report(&killed, ask);
	if (old)
		process_put(old);
	if (old_group)
		pid_put(old_group);
	return killed.n;
}
