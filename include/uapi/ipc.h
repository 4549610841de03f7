/* SPDX-License-Identifier: MIT */
/** @file ipc.h  System V IPC, as programs see it: shmget(2), semget(2), msgget(2) and their kin. */
#pragma once
#include <kernel/types.h>

#define IPC_PRIVATE 0
#define IPC_CREAT   01000
#define IPC_EXCL    02000
#define IPC_NOWAIT  04000

#define IPC_RMID 0
#define IPC_SET	 1
#define IPC_STAT 2
#define IPC_INFO 3

struct user_ipc_perm {
	s32 key;
	uid_t uid;
	gid_t gid;
	uid_t cuid;
	gid_t cgid;
	u32 mode;
	u16 seq, pad;
	u64 unused[2];
};

/* ---- shared memory ---- */

#define SHM_R	      0400
#define SHM_W	      0200
#define SHM_HUGETLB   04000
#define SHM_NORESERVE 010000

#define SHM_RDONLY 010000
#define SHM_RND	   020000
#define SHM_REMAP  040000
#define SHM_EXEC   0100000

/* In user_ipc_perm.mode. */
#define SHM_DEST   01000 /* is freed when the last process detaches it */
#define SHM_LOCKED 02000

#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15

struct user_shmid_ds {
	struct user_ipc_perm perm;
	u64 segsz;
	s64 atime, dtime, ctime;
	s32 cpid, lpid;
	u64 nattch;
	u64 unused[2];
};
struct user_shminfo {
	u64 shmmax, shmmin, shmmni, shmseg, shmall;
	u64 unused[4];
};
struct user_shm_info {
	s32 used_ids, pad;
	u64 shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

/* ---- semaphores ---- */

#define SEM_UNDO 0x1000

#define SEM_GETPID   11
#define SEM_GETVAL   12
#define SEM_GETALL   13
#define SEM_GETNCNT  14
#define SEM_GETZCNT  15
#define SEM_SETVAL   16
#define SEM_SETALL   17
#define SEM_STAT     18
#define SEM_INFO     19
#define SEM_STAT_ANY 20

#define SEM_VALUE_MAX 32767

struct user_sembuf {
	u16 num;
	s16 op;
	s16 flags;
};
struct user_semid_ds {
	struct user_ipc_perm perm;
	s64 otime;
	u64 unused1;
	s64 ctime;
	u64 unused2;
	u64 nsems;
	u64 unused3[2];
};
struct user_seminfo {
	s32 semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem;
};

/* ---- messages ---- */

#define MSG_NOERROR 010000
#define MSG_EXCEPT  020000
#define MSG_COPY    040000

#define MSG_STAT     11
#define MSG_INFO     12
#define MSG_STAT_ANY 13

struct user_msqid_ds {
	struct user_ipc_perm perm;
	s64 stime, rtime, ctime;
	u64 cbytes, qnum, qbytes;
	s32 lspid, lrpid;
	u64 unused[2];
};
struct user_msginfo {
	s32 msgpool, msgmap, msgmax, msgmnb, msgmni, msgssz, msgtql;
	u16 msgseg;
};
