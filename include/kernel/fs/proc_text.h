/* SPDX-License-Identifier: MIT */
/** @file proc_text.h  Lines of /proc and /sys that are composed from plain figures. Pure. */
#pragma once
#include <kernel/seq_file.h>

/** The 52 fields of /proc/PID/stat, in their order; times in 1/100 s. proc(5) */
struct proc_stat_line {
	s32 pid;
	const char *comm;
	char state;
	s32 ppid, pgrp, session;
	u32 tty;
	s32 tpgid;
	u32 flags;
	u64 minflt, cminflt, majflt, cmajflt, utime, stime;
	s64 cutime, cstime, priority, nice, num_threads;
	u64 start_time, vsize, rss, rsslim, start_code, end_code, start_stack, esp, eip;
	u64 pending, blocked, ignored, caught;
	bool waiting;
	s32 exit_signal, processor;
	u32 rt_priority, policy;
	u64 start_data, end_data, start_brk, arg_start, arg_end, env_start, env_end;
	s32 exit_code;
};
void proc_text_stat(struct seq_file *seq, const struct proc_stat_line *line);

/** A mapping in /proc/PID/maps. */
struct proc_maps_line {
	u64 start, end, offset, ino;
	u32 major, minor;
	bool read, write, exec, shared;
};
/** @brief Write a line up to and with the blank before the name. @return where the line begins */
size_t proc_text_maps(struct seq_file *seq, const struct proc_maps_line *line);
/** The column of the name of a mapping, less the blank in front. */
#define PROC_MAPS_NAME_COLUMN 72

struct rlimit64;
/** @brief Write the text of /proc/PID/limits: "Max open files" and so on, soft and hard limit of each. */
void proc_text_limits(struct seq_file *seq, const struct rlimit64 *limits);

/** @brief Write the first @p nbits of a set, in hexadecimal by 32 bits: "3", "f,ffffffff". */
void proc_text_mask(struct seq_file *seq, const u64 *bits, u32 nbits);
/** @brief Write the same as a list: "0-2,5"; nothing for the empty set. */
void proc_text_list(struct seq_file *seq, const u64 *bits, u32 nbits);
/** A flag and its text. */
struct proc_flag_name {
	u32 flag;
	const char *text;
};
/** @brief Write the texts of the flags that are set: ",nosuid,nodev". */
void proc_text_flags(struct seq_file *seq, u32 flags, const struct proc_flag_name *names,
		     u32 count);
