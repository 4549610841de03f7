// SPDX-License-Identifier: MIT
/* The registers and the code of a report. */
#include <asm/layout.h>
#include <asm/paging.h>
#include <asm/traps.h>
#include <kernel/printk.h>
#include <kernel/string.h>

#define CODE_BYTES 16 /* shown before the instruction, and from it on */

static void show_code(u64 rip)
{
	char line[2 * CODE_BYTES * 4];
	u32 length = 0;

	if (rip < KRANGE_BASE || !kernel_address_mapped(rip - CODE_BYTES) ||
	    !kernel_address_mapped(rip + CODE_BYTES - 1))
		return;
	for (u64 addr = rip - CODE_BYTES; addr < rip + CODE_BYTES; addr++)
		length += scnprintf(line + length, sizeof(line) - length,
				    addr == rip ? " <%02x>" : " %02x", *(const u8 *)addr);
	pr_err("code%s\n", line);
}

/* The lines fit a screen of 80 columns behind the time. */
void arch_show_regs(const struct pt_regs *regs)
{
	u64 cr2, cr3, cr4;

	__asm__ volatile("mov %%cr2, %0; mov %%cr3, %1; mov %%cr4, %2"
			 : "=r"(cr2), "=r"(cr3), "=r"(cr4));
	pr_err("rip %016lx %pS  rflags %08lx\n", regs->rip, (void *)regs->rip, regs->rflags);
	pr_err("rax %016lx rbx %016lx rcx %016lx\n", regs->rax, regs->rbx, regs->rcx);
	pr_err("rdx %016lx rsi %016lx rdi %016lx\n", regs->rdx, regs->rsi, regs->rdi);
	pr_err("rbp %016lx rsp %016lx r8  %016lx\n", regs->rbp, regs->rsp, regs->r8);
	pr_err("r9  %016lx r10 %016lx r11 %016lx\n", regs->r9, regs->r10, regs->r11);
	pr_err("r12 %016lx r13 %016lx r14 %016lx\n", regs->r12, regs->r13, regs->r14);
	pr_err("r15 %016lx cr2 %016lx cr3 %016lx\n", regs->r15, cr2, cr3);
	pr_err("cr4 %016lx cs %lx ss %lx\n", cr4, regs->cs, regs->ss);
	show_code(regs->rip);
}
