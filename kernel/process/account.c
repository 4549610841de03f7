// SPDX-License-Identifier: MIT
/*
  * Resources of all processes of one user: the counts that RLIMIT_NPROC
 * and RLIMIT_SIGPENDING limit, pages of pipes and sockets, open files in flight
 * through sockets, and items of epoll sets.
 *
 * Each struct cred points to the account of its real user, so that fork() and
 * signals access only the counters; accounts are looked up in setuid() and similar
 * calls. accounts_lock guards the table and the last reference.
 */
#include <kernel/page.h>
#include "internal.h"
#include <kernel/ipc.h>

#define ACCOUNT_BUCKETS	 16u
#define SOCKET_PAGES_MAX 16384u

static DEFINE_SPINLOCK(accounts_lock); /* guards the table, and last references */
static struct user_account *table[ACCOUNT_BUCKETS];
/* The account of user 0: always exists. */
struct user_account root_account = { .refs = ATOMIC_INIT(1) };

struct user_account *account_find(uid_t uid)
{
	struct user_account **head = &table[uid % ACCOUNT_BUCKETS], *account, *fresh = NULL;
	u64 flags;

	if (uid == 0) {
		account_get(&root_account);
		return &root_account;
	}
	for (;;) {
		flags = spin_lock_irqsave(&accounts_lock);
		for (account = *head; account && account->uid != uid; account = account->next)
			;
		if (!account && fresh) {
			account = fresh;
			fresh = NULL;
			account->next = *head;
			*head = account;
		} else if (account) {
			account_get(account);
		}
		spin_unlock_irqrestore(&accounts_lock, flags);
		if (account)
			break;
		fresh = kzalloc(sizeof(*fresh));
		if (!fresh)
			return NULL;
		fresh->uid = uid;
		atomic_set(&fresh->refs, 1);
	}
	kfree(fresh);
	return account;
}

void account_get(struct user_account *account)
{
	atomic_inc(&account->refs);
}

void account_put(struct user_account *account)
{
	/* Only the last reference needs the table; that of user 0 is never dropped. */
	s32 refs = atomic_read(&account->refs);

	while (refs > 1) {
		s32 seen = atomic_cmpxchg(&account->refs, refs, refs - 1);

		if (seen == refs)
			return;
		refs = seen;
	}
	u64 flags = spin_lock_irqsave(&accounts_lock);
	if (atomic_dec_and_test(&account->refs)) {
		struct user_account **link = &table[account->uid % ACCOUNT_BUCKETS];

		while (*link != account)
			link = &(*link)->next;
		*link = account->next;
	} else {
		account = NULL;
	}
	spin_unlock_irqrestore(&accounts_lock, flags);
	kfree(account);
}

bool cred_charge_watch(const struct cred *cred, enum watch_kind kind, u64 max)
{
	struct user_account *account = cred->account;

	if ((u64)atomic_add_return(&account->nr_watches[kind], 1) <= max)
		return true;
	cred_uncharge_watch(cred, kind);
	return false;
}

void cred_uncharge_watch(const struct cred *cred, enum watch_kind kind)
{
	atomic_dec(&cred->account->nr_watches[kind]);
}

u64 cred_charge_pipe(const struct cred *cred, s32 npages)
{
	return (u32)atomic_add_return(&cred->account->nr_pipe_pages, npages);
}

bool cred_charge_socket(const struct cred *cred, s32 npages)
{
	struct user_account *account = cred->account;
	s32 now = atomic_add_return(&account->nr_socket_pages, npages);
	struct mem_info memory;

	if (npages <= 0 || account == &root_account)
		return true;
	mem_info_get(&memory);
	if ((u32)now <= MIN((u64)SOCKET_PAGES_MAX, memory.total / 8))
		return true;
	atomic_add_return(&account->nr_socket_pages, -npages);
	return false;
}

bool cred_charge_flight(const struct cred *cred, s32 nr_files, u64 most)
{
	struct atomic *count = &cred->account->nr_flights;

	if (nr_files > 0 && (u64)(u32)atomic_read(count) >= most)
		return false;
	atomic_add(count, nr_files);
	return true;
}

bool mq_charge(const struct cred *cred, u64 bytes, u64 most)
{
	struct user_account *account = cred->account;

	if ((u64)atomic_add_return(&account->nr_queue_bytes, (s64)bytes) <= most)
		return true;
	mq_uncharge(cred, bytes);
	return false;
}

void mq_uncharge(const struct cred *cred, u64 bytes)
{
	atomic_sub(&cred->account->nr_queue_bytes, (s64)bytes);
}
