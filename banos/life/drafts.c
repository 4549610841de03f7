// SPDX-License-Identifier: MIT
/* The drafts of the driver API that this kernel has (banos/draft.h), made by scripts/gen-drafts.py. */
#include <generated/drafts.h>
#include <kernel/driver.h>
#include <kernel/fs/proc.h>
#include <kernel/seq_file.h>

#define DRAFT_ENTRY(header, fingerprint) { header, fingerprint },

const struct draft drafts_offered[] = { DRAFTS(DRAFT_ENTRY){ NULL, NULL } };

/* First the name of the whole, which is that of the folder with drivers for it. */
static int show_drafts(struct seq_file *seq, void *arg)
{
	seq_printf(seq, "%s\n", DRAFT_SET);
	for (const struct draft *draft = drafts_offered; draft->header; draft++)
		seq_printf(seq, "%s %s\n", draft->header, draft->fingerprint);
	return 0;
}

void drafts_init(void)
{
	proc_create("banos/drafts", 0444, show_drafts, NULL);
}
