// SPDX-License-Identifier: MIT
/*
 * What all processes of one user have together: the counts that RLIMIT_NPROC
 * and RLIMIT_SIGPENDING are compared with, the room in pipes and sockets, the
 * open files on their way through those, and what epoll watches.
 *
 * Each struct cred points to the account of its real user, so that fork() and
 * signals touch only the counters; looking one up happens in setuid() and its
 * like. accounts_lock guards the table and the last reference.
 */
#include <kernel/page.h>
#include "internal.h"

#define ACCOUNT_BUCKETS	 16u
#define SOCKET_PAGES_MAX 16384u

static DEFINE_SPINLOCK(accounts_lock);
static struct user_account *table[ACCOUNT_BUCKETS];
/* Of user 0: always there. */
struct user_account root_account = { .refs = ATOMIC_INIT(1) };

struct user_account *account_find(uid_t uid)
{
	struct user_account **head = &table[uid % ACCOUNT_BUCKETS], *a, *fresh = NULL;
	u64 flags;

	if (uid == 0) {
		account_get(&root_account);
		return &root_account;
	}
	for (;;) {
		flags = spin_lock_irqsave(&accounts_lock);
		for (a = *head; a && a->uid != uid; a = a->next)
			;
		if (!a && fresh) {
			a = fresh;
			fresh = NULL;
			a->next = *head;
			*head = a;
		} else if (a) {
			account_get(a);
		}
		spin_unlock_irqrestore(&accounts_lock, flags);
		if (a)
			break;
		fresh = kzalloc(sizeof(*fresh));
		if (!fresh)
			return NULL;
		fresh->uid = uid;
		atomic_set(&fresh->refs, 1);
	}
	kfree(fresh);
	return a;
}

void account_get(struct user_account *a)
{
	atomic_inc(&a->refs);
}

void account_put(struct user_account *a)
{
	/* Only the last reference needs the table; user 0's is never the last. */
	s32 n = atomic_read(&a->refs);

	while (n > 1) {
		s32 seen = atomic_cmpxchg(&a->refs, n, n - 1);

		if (seen == n)
			return;
		n = seen;
	}
	u64 flags = spin_lock_irqsave(&accounts_lock);
	if (atomic_dec_and_test(&a->refs)) {
		struct user_account **link = &table[a->uid % ACCOUNT_BUCKETS];

		while (*link != a)
			link = &(*link)->next;
		*link = a->next;
	} else {
		a = NULL;
	}
	spin_unlock_irqrestore(&accounts_lock, flags);
	kfree(a);
}

bool cred_charge_watch(const struct cred *c, u64 max)
{
	struct user_account *a = c->account;

	if ((u64)atomic_add_return(&a->nr_watches, 1) <= max)
		return true;
	cred_uncharge_watch(c);
	return false;
}

void cred_uncharge_watch(const struct cred *c)
{
	atomic_dec(&c->account->nr_watches);
}

u64 cred_charge_pipe(const struct cred *c, s32 npages)
{
	return (u32)atomic_add_return(&c->account->nr_pipe_pages, npages);
}

bool cred_charge_socket(const struct cred *c, s32 npages)
{
	struct user_account *a = c->account;
	s32 now = atomic_add_return(&a->nr_socket_pages, npages);
	struct mem_info m;

	if (npages <= 0 || a == &root_account)
		return true;
	mem_info_get(&m);
	if ((u32)now <= MIN((u64)SOCKET_PAGES_MAX, m.total / 8))
		return true;
	atomic_add_return(&a->nr_socket_pages, -npages);
	return false;
}

bool cred_charge_flight(const struct cred *c, s32 n, u64 most)
{
	struct atomic *count = &c->account->nr_flights;

	if (n > 0 && (u64)(u32)atomic_read(count) >= most)
		return false;
	atomic_add(count, n);
	return true;
}
