// SPDX-License-Identifier: MIT
/*
 * /proc/cpuinfo: the processors as CPUID describes them, in Linux's format.
 *
 * All processors are assumed to be equal, as everywhere in the kernel. Intel SDM
 * vol. 2, CPUID; AMD APM vol. 3, appendix E. Names of the bits:
 * Linux, arch/x86/include/asm/cpufeatures.h.
 */
#include <asm/clocks.h>
#include <asm/cpu.h>
#include <asm/io.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>

enum { EAX, EBX, ECX, EDX };

/* A register of a leaf, and the names of its bits from bit 0 on; "" for those without. */
struct flag_word {
	u32 leaf, sub, reg;
	const char *const *names;
	u32 n;
};

static const char *const leaf1_edx[] = {
	"fpu",	"vme",	"de",	"pse", "tsc",  "msr", "pae",   "mce", "cx8",	 "apic", "",
	"sep",	"mtrr", "pge",	"mca", "cmov", "pat", "pse36", "pn",  "clflush", "",	 "dts",
	"acpi", "mmx",	"fxsr", "sse", "sse2", "ss",  "ht",    "tm",  "ia64",	 "pbe",
};
static const char *const ext1_edx[] = {
	"",	   "", "", "",	       "",	  "",	    "", "",   "",	  "",	   "",
	"syscall", "", "", "",	       "",	  "",	    "", "",   "mp",	  "nx",	   "",
	"mmxext",  "", "", "fxsr_opt", "pdpe1gb", "rdtscp", "", "lm", "3dnowext", "3dnow",
};
static const char *const leaf1_ecx[] = {
	"pni",	  "pclmulqdq",	"dtes64", "monitor", "ds_cpl",
	"vmx",	  "smx",	"est",	  "tm2",     "ssse3",
	"cid",	  "sdbg",	"fma",	  "cx16",    "xtpr",
	"pdcm",	  "",		"pcid",	  "dca",     "sse4_1",
	"sse4_2", "x2apic",	"movbe",  "popcnt",  "tsc_deadline_timer",
	"aes",	  "xsave",	"",	  "avx",     "f16c",
	"rdrand", "hypervisor",
};
/* clang-format off */
static const char *const ext1_ecx[] = {
	"lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse",
	"3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", "", "lwp", "fma4", "tce", "", "nodeid_msr",
	"", "tbm", "topoext", "perfctr_core", "perfctr_nb", "", "bpext", "ptsc", "perfctr_llc", "mwaitx",
};
/* clang-format on */
static const char *const leaf7_ebx[] = {
	"fsgsbase",   "tsc_adjust", "sgx",	  "bmi1",     "hle",	  "avx2",     "",
	"smep",	      "bmi2",	    "erms",	  "invpcid",  "rtm",	  "cqm",      "",
	"mpx",	      "rdt_a",	    "avx512f",	  "avx512dq", "rdseed",	  "adx",      "smap",
	"avx512ifma", "",	    "clflushopt", "clwb",     "intel_pt", "avx512pf", "avx512er",
	"avx512cd",   "sha_ni",	    "avx512bw",	  "avx512vl",
};
/* clang-format off */
static const char *const leafd_eax[] = { "xsaveopt", "xsavec", "xgetbv1", "xsaves" };
static const char *const leaf7_ecx[] = {
	"", "avx512vbmi", "umip", "pku", "ospke", "waitpkg", "avx512_vbmi2", "", "gfni", "vaes",
	"vpclmulqdq", "avx512_vnni", "avx512_bitalg", "tme", "avx512_vpopcntdq", "", "la57", "", "", "",
	"", "", "rdpid", "", "bus_lock_detect", "cldemote", "", "movdiri", "movdir64b", "enqcmd", "sgx_lc",
};
/* clang-format on */
/* clang-format off */
static const char *const leaf7_edx[] = {
	"", "", "avx512_4vnniw", "avx512_4fmaps", "fsrm", "", "", "", "avx512_vp2intersect", "", "md_clear",
	"", "", "", "serialize", "", "tsxldtrk", "", "pconfig", "arch_lbr", "ibt", "", "amx_bf16",
	"avx512_fp16", "amx_tile", "amx_int8", "", "", "flush_l1d", "arch_capabilities",
};
/* clang-format on */

#define WORD(leaf, sub, reg, names)                      \
	{                                                \
		leaf, sub, reg, names, ARRAY_SIZE(names) \
	}
static const struct flag_word flag_words[] = {
	WORD(1, 0, EDX, leaf1_edx), WORD(0x80000001, 0, EDX, ext1_edx),
	WORD(1, 0, ECX, leaf1_ecx), WORD(0x80000001, 0, ECX, ext1_ecx),
	WORD(7, 0, EBX, leaf7_ebx), WORD(13, 1, EAX, leafd_eax),
	WORD(7, 0, ECX, leaf7_ecx), WORD(7, 0, EDX, leaf7_edx),
};

/* Zeroes where the processor has no such leaf. */
static void read_leaf(u32 leaf, u32 sub, u32 regs[4])
{
	u32 top[4];

	cpuid(leaf & 0x80000000, 0, top);
	memset(regs, 0, 16);
	if (leaf <= top[EAX])
		cpuid(leaf, sub, regs);
}

static void show_flags(struct seq_file *seq)
{
	u32 regs[4];

	seq_puts(seq, "flags\t\t:");
	for (u32 w = 0; w < ARRAY_SIZE(flag_words); w++) {
		const struct flag_word *word = &flag_words[w];

		read_leaf(word->leaf, word->sub, regs);
		for (u32 bit = 0; bit < word->n; bit++)
			if (regs[word->reg] >> bit & 1 && *word->names[bit]) {
				seq_putc(seq, ' ');
				seq_puts(seq, word->names[bit]);
			}
	}
	if (cpu_features.invariant_tsc)
		seq_puts(seq, " constant_tsc nonstop_tsc");
	seq_putc(seq, '\n');
}

static void show_decimal(struct seq_file *seq, const char *label, u64 value, u32 width, u64 unit)
{
	seq_printf(seq, "%s%lu.%0*lu\n", label, value / unit, (int)width, value % unit);
}

static void show_cpu(struct seq_file *seq, const struct cpu *cpu)
{
	u64 hz = tsc_frequency();
	u32 basic[4], one[4], sizes[4], cache[4];
	const char *brand = cpu_features.brand;

	read_leaf(0, 0, basic);
	read_leaf(1, 0, one);
	read_leaf(0x80000006, 0, cache);
	read_leaf(0x80000008, 0, sizes);
	while (*brand == ' ')
		brand++;
	seq_printf(seq,
		   "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
		   "model name\t: %s\nstepping\t: %u\n",
		   cpu->id, cpu_features.vendor, cpu_features.family, cpu_features.model,
		   *brand ? brand : "unknown", cpu_features.stepping);
	if (hz)
		show_decimal(seq, "cpu MHz\t\t: ", hz / 1000, 3, 1000);
	if (cache[ECX] >> 16)
		seq_printf(seq, "cache size\t: %u KB\n", cache[ECX] >> 16);
	seq_printf(seq,
		   "apicid\t\t: %u\ninitial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\n"
		   "cpuid level\t: %u\nwp\t\t: yes\n",
		   cpu->hw_id, cpu->hw_id, basic[EAX]);
	show_flags(seq);
	if (hz)
		show_decimal(seq, "bogomips\t: ", hz / 5000, 2, 100);
	seq_printf(seq,
		   "clflush size\t: %u\ncache_alignment\t: %u\n"
		   "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n",
		   (one[EBX] >> 8 & 255) * 8, (one[EBX] >> 8 & 255) * 8, cpu_features.phys_bits,
		   sizes[EAX] >> 8 & 255 ? sizes[EAX] >> 8 & 255 : 48);
}

void arch_cpuinfo_show(struct seq_file *seq)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->online)
			show_cpu(seq, cpus[i]);
}
