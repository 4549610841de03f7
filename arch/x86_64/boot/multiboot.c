/* SPDX-License-Identifier: MIT */
/*
 * Converts the boot loader's information, multiboot 1 or 2, to boot_info.
 *
 * The information may lie anywhere in RAM that the memory map marks as free, so it
 * is copied, through the fast page, before the first page is allocated. Nothing in
 * it is trusted: counts and sizes are bounded, and a module that lies partly outside
 * RAM stops the boot with a message.
 *
 * Multiboot Specification 0.6.96, 3.3; Multiboot2 Specification 2.0, 3.6.
 */
#include <asm/multiboot.h>
#include <asm/paging.h>
#include <kernel/cmdline.h>
#include <kernel/memmap.h>
#include <kernel/printk.h>
#include <kernel/string.h>

#define MB1_LOADER_MAGIC 0x2badb002
#define MB2_LOADER_MAGIC 0x36d76289
#define MAP_BYTES_MAX	 (1u << 20) /* more is not believed */

/* Multiboot 1: bits of mb1_info.flags: which fields are valid. */
#define MB1_MEMORY	(1u << 0)
#define MB1_CMDLINE	(1u << 2)
#define MB1_MODULES	(1u << 3)
#define MB1_MAP		(1u << 6)
#define MB1_LOADER_NAME (1u << 9)
#define MB1_FRAMEBUFFER (1u << 12)

/* Multiboot 2: types of tags. */
#define MB2_CMDLINE	1
#define MB2_LOADER_NAME 2
#define MB2_MODULE	3
#define MB2_MAP		6
#define MB2_FRAMEBUFFER 8
#define MB2_EFI64_TABLE 12
#define MB2_RSDP_OLD	14
#define MB2_RSDP_NEW	15
#define MB2_EFI_MAP	17

/* Of both: types of memory, and of framebuffers. */
#define MB_RAM		    1
#define MB_ACPI_RECLAIMABLE 3
#define MB_ACPI_NVS	    4
#define MB_FRAMEBUFFER_RGB  1

/* UEFI Specification 2.10, 7.2: EFI_MEMORY_TYPE. */
#define EFI_LOADER_CODE	       1
#define EFI_LOADER_DATA	       2
#define EFI_BOOT_SERVICES_CODE 3
#define EFI_BOOT_SERVICES_DATA 4
#define EFI_CONVENTIONAL       7
#define EFI_ACPI_RECLAIM       9
#define EFI_ACPI_NVS	       10
#define EFI_PAGE_SIZE	       4096ull

struct boot_info boot_info;
static bool map_overflowed, cmdline_cut;

struct mb1_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	u32 syms[4], mmap_length, mmap_addr, drives[2], config_table, loader_name, apm, vbe[4];
	u64 fb_addr;
	u32 fb_pitch, fb_width, fb_height;
	u8 fb_bpp, fb_type, fb_color[6];
} __packed;
struct mb1_module {
	u32 start, end, string, reserved;
};
struct mb1_mmap {
	u32 size;
	u64 addr, len;
	u32 type;
} __packed;

/* @return the whole string was copied */
static bool read_string(char *dst, phys_t src, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		phys_read(&dst[i], src + i, 1);
		if (!dst[i])
			return true;
	}
	dst[size - 1] = 0;
	return false;
}

/* A line that is too long ends with its last whole word: half a word may have another meaning. */
static void read_cmdline(phys_t src, size_t size)
{
	char *line = boot_info.cmdline;
	size_t room = MIN(sizeof(boot_info.cmdline), size), count;

	if (read_string(line, src, room) || room == size)
		return;
	cmdline_cut = true;
	for (count = strlen(line); count && line[count - 1] != ' '; count--)
		;
	line[count] = 0;
}

/* The name of a file without its folders, out of a line of path and arguments. */
static void read_file_name(char *dst, phys_t src, size_t size)
{
	size_t count = 0;
	char character;

	for (u32 i = 0; i < 4096; i++) {
		phys_read(&character, src + i, 1);
		if (!character || character == ' ')
			break;
		if (character == '/')
			count = 0;
		else if (count + 1 < size)
			dst[count++] = character;
	}
	dst[count] = 0;
}

/*
 * Firmware lists many adjacent ranges of one type: merged, they fit. When the list
 * is full, ranges that are not RAM are cut out of the existing ones, and no more RAM
 * is accepted: it may contain a range that was cut out.
 */
static void add_range(u64 start, u64 len, enum mem_type type)
{
	struct boot_info *info = &boot_info;
	struct mem_range *last = NULL;
	u64 end;

	if (info->nr_ranges)
		last = &info->map[info->nr_ranges - 1];
	if (__builtin_add_overflow(start, len, &end)) {
		if (type == MEM_RAM)
			return;
		end = ~0ull;
	}
	if (end == start)
		return;
	if (last && last->type == type && last->end == start && !map_overflowed)
		last->end = end;
	else if (info->nr_ranges < BOOT_MAX_RANGES && !map_overflowed)
		info->map[info->nr_ranges++] = (struct mem_range){ start, end, type };
	else
		map_overflowed = true;
	if (map_overflowed && type != MEM_RAM)
		info->nr_ranges = memmap_remove(info->map, info->nr_ranges, BOOT_MAX_RANGES,
						start & PAGE_MASK,
						end > ~(u64)PAGE_SIZE ? end : PAGE_ALIGN(end));
}

/* Memory of any unknown type is not used. */
static enum mem_type mb_type(u32 type)
{
	switch (type) {
	case MB_RAM: return MEM_RAM;
	case MB_ACPI_RECLAIMABLE: return MEM_ACPI_RECLAIM;
	case MB_ACPI_NVS: return MEM_ACPI_NVS;
	}
	return MEM_UNUSABLE;
}

static void add_module(u64 start, u64 end, phys_t name)
{
	u32 count = boot_info.nr_modules;

	if (count == BOOT_MAX_MODULES || end <= start)
		return;
	boot_info.modules[count].start = start;
	boot_info.modules[count].end = end;
	if (name)
		read_file_name(boot_info.modules[count].name, name,
			       sizeof(boot_info.modules[count].name));
	boot_info.nr_modules++;
}

/* QEMU puts the kernel's file name in front, unescaped: drop all up to the first blank behind it. */
static void drop_file_name(char *line)
{
	char *rest = strchr(line, ' ');

	if (rest)
		memmove(line, rest + 1, strlen(rest + 1) + 1);
	else
		line[0] = 0;
}

static void parse_mb1(phys_t info_addr)
{
	struct mb1_info info;
	char loader[32] = "";

	phys_read(&info, info_addr, sizeof(info));
	boot_info.protocol = "multiboot 1";
	if (info.flags & MB1_MODULES)
		boot_info.nr_modules_told = info.mods_count;
	else
		boot_info.nr_modules_told = 0;
	if (info.flags & MB1_LOADER_NAME)
		read_string(loader, info.loader_name, sizeof(loader));
	boot_info.is_qemu = !strncmp(loader, "qemu", 4);
	if (info.flags & MB1_CMDLINE)
		read_cmdline(info.cmdline, ~0ul);
	if (boot_info.is_qemu)
		drop_file_name(boot_info.cmdline);
	if (info.flags & MB1_MODULES)
		for (u32 index = 0; index < info.mods_count && index < BOOT_MAX_MODULES; index++) {
			struct mb1_module module;

			phys_read(&module, info.mods_addr + index * sizeof(module), sizeof(module));
			add_module(module.start, module.end, module.string);
		}
	if (info.flags & MB1_MAP) {
		u32 length = MIN(info.mmap_length, MAP_BYTES_MAX);

		for (u32 off = 0; off + sizeof(struct mb1_mmap) <= length;) {
			struct mb1_mmap entry;

			phys_read(&entry, info.mmap_addr + off, sizeof(entry));
			add_range(entry.addr, entry.len, mb_type(entry.type));
			if (entry.size < 20 || entry.size > 1024)
				break;
			off += entry.size + 4;
		}
	} else if (info.flags & MB1_MEMORY) {
		add_range(0, (u64)info.mem_lower * 1024, MEM_RAM);
		add_range(0x100000, (u64)info.mem_upper * 1024, MEM_RAM);
	}
	if ((info.flags & MB1_FRAMEBUFFER) && info.fb_type == MB_FRAMEBUFFER_RGB)
		boot_info.fb = (struct boot_framebuffer){
			info.fb_addr,	  info.fb_pitch,    info.fb_width,    info.fb_height,
			info.fb_bpp,	  info.fb_color[0], info.fb_color[1], info.fb_color[2],
			info.fb_color[3], info.fb_color[4], info.fb_color[5], true
		};
}

/* ---- multiboot 2: a list of tags, each {type, size, ...}, 8-aligned ---- */

static void mb2_mmap(phys_t tag_addr, u32 size)
{
	u32 head[4]; /* type, size, entry size, version */

	phys_read(head, tag_addr, sizeof(head));
	if (head[2] < 24 || head[2] > 1024)
		return;
	for (u32 off = 16; off + head[2] <= size; off += head[2]) {
		struct {
			u64 addr, len;
			u32 type, zero;
		} entry;

		phys_read(&entry, tag_addr + off, sizeof(entry));
		add_range(entry.addr, entry.len, mb_type(entry.type));
	}
}

/* ---- the memory map of EFI, where the boot loader did not convert it ---- */

static enum mem_type efi_type(u32 type)
{
	switch (type) {
	case EFI_LOADER_CODE:
	case EFI_LOADER_DATA:
	case EFI_BOOT_SERVICES_CODE: /* boot services have ended */
	case EFI_BOOT_SERVICES_DATA:
	case EFI_CONVENTIONAL: return MEM_RAM;
	case EFI_ACPI_RECLAIM: return MEM_ACPI_RECLAIM;
	case EFI_ACPI_NVS: return MEM_ACPI_NVS;
	}
	return MEM_UNUSABLE;
}

static void add_efi_range(u64 start, u64 npages, enum mem_type type)
{
	u64 len;

	if (__builtin_mul_overflow(npages, EFI_PAGE_SIZE, &len))
		len = ~0ull;
	add_range(start, len, type);
}

static void mb2_efi_map(phys_t addr, u32 size)
{
	struct {
		u32 type, pad;
		u64 phys, virt, npages;
	} descriptor;
	u32 head[4]; /* type, size, descriptor size, version */

	phys_read(head, addr, sizeof(head));
	if (size < sizeof(head) || head[2] < 40 || head[2] > 1024)
		return;
	for (u32 off = sizeof(head); off + head[2] <= size; off += head[2]) {
		phys_read(&descriptor, addr + off, sizeof(descriptor));
		add_efi_range(descriptor.phys, descriptor.npages, efi_type(descriptor.type));
	}
}

static void mb2_framebuffer(phys_t tag_addr, u32 size)
{
	struct {
		u32 type, size;
		u64 addr;
		u32 pitch, width, height;
		u8 bpp, fbtype, res[2], c[6];
	} __packed tag;

	if (size < sizeof(tag))
		return;
	phys_read(&tag, tag_addr, sizeof(tag));
	if (tag.fbtype == MB_FRAMEBUFFER_RGB)
		boot_info.fb = (struct boot_framebuffer){ tag.addr,   tag.pitch, tag.width,
							  tag.height, tag.bpp,	 tag.c[0],
							  tag.c[1],   tag.c[2],	 tag.c[3],
							  tag.c[4],   tag.c[5],	 true };
}

static void mb2_tag(phys_t addr, u32 type, u32 size)
{
	u32 words[4] = { 0 };
	char loader[8];

	phys_read(words, addr, MIN(size, (u32)sizeof(words)));
	switch (type) {
	case MB2_CMDLINE: read_cmdline(addr + 8, (size_t)size - 8 ?: 1); break;
	case MB2_LOADER_NAME:
		read_string(loader, addr + 8, sizeof(loader));
		boot_info.is_qemu = !strncmp(loader, "qemu", 4);
		break;
	case MB2_MODULE:
		boot_info.nr_modules_told++;
		if (size > 16)
			add_module(words[2], words[3], addr + 16);
		break;
	case MB2_MAP: mb2_mmap(addr, size); break;
	case MB2_FRAMEBUFFER: mb2_framebuffer(addr, size); break;
	case MB2_EFI64_TABLE: phys_read(&boot_info.efi_systab, addr + 8, 8); break;
	case MB2_RSDP_OLD:
	case MB2_RSDP_NEW: /* copy of the RSDP; the newer one wins */
		if (type == MB2_RSDP_OLD && boot_info.rsdp_copy_len)
			break;
		boot_info.rsdp_copy_len = MIN(size - 8, (u32)sizeof(boot_info.rsdp_copy));
		phys_read(boot_info.rsdp_copy, addr + 8, boot_info.rsdp_copy_len);
		break;
	}
}

static void parse_mb2(phys_t addr)
{
	u32 total, head[2], efi_size = 0;
	phys_t efi = 0;

	boot_info.protocol = "multiboot 2";
	phys_read(&total, addr, 4);
	total = MIN(total, MAP_BYTES_MAX);
	for (u32 off = 8; off + 8 <= total;) {
		phys_read(head, addr + off, 8);
		if (!head[0] || head[1] < 8 || head[1] > total - off)
			break;
		mb2_tag(addr + off, head[0], head[1]);
		if (head[0] == MB2_EFI_MAP) {
			efi = addr + off;
			efi_size = head[1];
		}
		off += ALIGN_UP(head[1], 8u);
	}
	if (efi && !boot_info.nr_ranges)
		mb2_efi_map(efi, efi_size);
}

void multiboot_parse(u32 magic, phys_t info)
{
	map_overflowed = cmdline_cut = false;
	if (magic == MB1_LOADER_MAGIC)
		parse_mb1(info);
	else if (magic == MB2_LOADER_MAGIC)
		parse_mb2(info);
	else
		boot_info.protocol = "none";
	if (!cmdline_prepend(boot_info.cmdline, sizeof(boot_info.cmdline), CONFIG_CMDLINE))
		cmdline_cut = true;
}

u64 multiboot_limit(phys_t limit)
{
	u64 lost = 0;

	for (u32 i = 0; i < boot_info.nr_ranges; i++) {
		struct mem_range *range = &boot_info.map[i];

		if (range->end <= limit || range->type != MEM_RAM)
			continue;
		lost += range->end - MAX(range->start, limit);
		range->start = MIN(range->start, limit); /* the range may be empty now */
		range->end = limit;
	}
	return lost;
}

/* A module's memory is freed after unpacking: nothing else may lie in it. */
static void check_module(u32 number, phys_t image_start, phys_t image_end)
{
	phys_t start = boot_info.modules[number].start, end = boot_info.modules[number].end;

	if (start < PAGE_SIZE || (start < image_end && end > image_start))
		boot_stop("module %u (%lx-%lx) overlaps the kernel (%lx-%lx)", number + 1, start,
			  end, image_start, image_end);
	for (u32 index = 0; index < number; index++)
		if (start < boot_info.modules[index].end && end > boot_info.modules[index].start)
			boot_stop("module %u (%lx-%lx) overlaps module %u (%lx-%lx)", index + 1,
				  boot_info.modules[index].start, boot_info.modules[index].end,
				  number + 1, start, end);
}

void multiboot_check(phys_t image_start, phys_t image_end)
{
	static struct mem_range ram[BOOT_MAX_RANGES];
	u32 count;

	if (map_overflowed)
		pr_warn("boot: the memory map has more than %u entries: the rest of the memory is ignored\n",
			BOOT_MAX_RANGES);
	if (cmdline_cut)
		pr_warn("boot: the command line is longer than %zu bytes: its end is ignored\n",
			sizeof(boot_info.cmdline) - 1);
	if (boot_info.nr_modules_told > BOOT_MAX_MODULES)
		pr_warn("boot: the boot loader passed more than %u modules: the others are ignored\n",
			BOOT_MAX_MODULES);

	if (!strcmp(boot_info.protocol, "none"))
		boot_stop("the boot loader uses neither multiboot 1 nor multiboot 2");
	count = memmap_ram(boot_info.map, boot_info.nr_ranges, ram, BOOT_MAX_RANGES);
	if (!count)
		boot_stop("the boot loader's memory map contains no usable memory");
	for (u32 i = 0; i < boot_info.nr_modules; i++) {
		phys_t start = boot_info.modules[i].start, end = boot_info.modules[i].end;

		if (!memmap_contains(ram, count, start & PAGE_MASK, end))
			boot_stop(
				"module %u (%lx-%lx) lies partly outside memory: the machine has too little memory for this initrd",
				i + 1, start, end);
		check_module(i, image_start, image_end);
	}
}
