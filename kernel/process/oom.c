// SPDX-License-Identifier: MIT
/*
 * When user memory runs out: which process has to go.
 *
 * The one with the most pages, moved by its oom_score_adj (a thousandth of all
 * memory per step, as in Linux); the super user's have a start of some percent,
 * so that what users hold in other ways than in pages does not cost root its
 * shell; never the first process and none that is
 * ending already: as long as a victim is still on its way out, nothing more is
 * done, since its memory is about to come back.
 */
#include "internal.h"
#include <kernel/page.h>
#include <kernel/vm.h>

#define SUPER_PERCENT	3
#define SAY_AGAIN_NS	(5 * NSEC_PER_SEC)

static struct process *victim;		/* counted; under process_lock */

static s64 badness(struct process *p, u64 total_pages)
{
	struct vm_space *space;
	s64 points = -1;

	if (p == init_process || p->state == PROC_ZOMBIE || p->oom_score_adj <= -1000)
		return -1;
	raw_spin_lock(&p->sig_lock);
	space = p->space;
	if (space && !p->exiting) {
		points = (s64)vm_space_rss(space) + p->oom_score_adj * (s64)(total_pages / 1000);
		if (cred_is_super(p->leader->cred))
			points -= total_pages * SUPER_PERCENT / 100;
		points = MAX(points, 1);
	}
	raw_spin_unlock(&p->sig_lock);
	return points;
}

static bool victim_is_ending(void)
{
	return victim && victim->state != PROC_ZOMBIE && victim->state != PROC_DEAD;
}

static struct process *choose_locked(u64 total_pages)
{
	struct process *p, *worst = NULL;
	s64 most = 0;

	list_for_each(p, &process_list, all_link) {
		s64 points = badness(p, total_pages);

		if (points > most) {
			most = points;
			worst = p;
		}
	}
	return worst;
}

bool oom_kill(void)
{
	static u64 said_ns;
	struct process *p, *old = NULL;
	struct mem_info mem;
	u64 flags, rss = 0;
	char comm[16];

	mem_info_get(&mem);
	flags = spin_lock_irqsave(&process_lock);
	if (victim_is_ending()) {
		spin_unlock_irqrestore(&process_lock, flags);
		return true;
	}
	old = victim;
	victim = p = choose_locked(mem.total);
	if (p) {
		process_get(p);
		raw_spin_lock(&p->sig_lock);
		rss = p->space ? vm_space_rss(p->space) : 0;
		memcpy(comm, p->leader->comm, sizeof(comm));
		raw_spin_unlock(&p->sig_lock);
		signal_send_process(p, SIGKILL, SI_KERNEL_INFO);
	}
	spin_unlock_irqrestore(&process_lock, flags);
	if (p) {
		pr_err("out of memory: killed process %d (%s), which used %lu KiB\n", p->pid, comm,
		       rss * (PAGE_SIZE / 1024));
	} else if (!said_ns || time_monotonic_ns() - said_ns > SAY_AGAIN_NS) {
		said_ns = time_monotonic_ns();
		pr_err("out of memory, and no process to kill\n");
	}
	if (old)
		process_put(old);
	return p;
}
