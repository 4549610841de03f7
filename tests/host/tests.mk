# SPDX-License-Identifier: MIT
# Unit tests of pure code; scripts/host-tests.mk says what can stand here.

host-test-y += kconfig

# lib/
host-test-y += string
string-srcs := lib/string.c
string-cflags := -fno-builtin
host-test-y += format
format-srcs := lib/format.c lib/string.c
format-cflags := -fno-builtin
host-test-y += parse
parse-srcs := lib/parse.c
host-test-y += cmdline
cmdline-srcs := lib/cmdline.c
host-test-y += error_text
error_text-srcs := lib/error_text.c

host-test-y += glob
glob-srcs := lib/glob.c
host-test-y += hash
hash-srcs := lib/hash.c
host-test-y += bitmap
bitmap-srcs := lib/bitmap.c
host-test-y += sort
sort-srcs := lib/sort.c
host-test-y += run_order
run_order-srcs := kernel/run_order.c lib/rbtree.c
host-test-y += rbtree
rbtree-srcs := lib/rbtree.c
host-test-y += seq_file
seq_file-srcs := kernel/seq_file.c
seq_file-cflags := -include stdio.h
host-test-y += lock_set
lock_set-srcs := fs/open/lock_set.c lib/rbtree.c
host-test-y += memmap
memmap-srcs := lib/memmap.c
host-test-y += fault_rule
fault_rule-srcs := lib/fault_rule.c lib/parse.c
host-test-y += inflate
inflate-srcs := lib/inflate.c
inflate-libs := -lz
host-test-y += chacha
chacha-srcs := lib/chacha.c
host-test-y += random_check
random_check-srcs := lib/random_check.c

# device/
host-test-y += ldisc
ldisc-srcs := device/tty/ldisc.c device/tty/ldisc_output.c device/tty/ldisc_read.c lib/bitmap.c
host-test-y += vt
vt-srcs := device/tty/vt.c device/tty/vt_glyphs.c device/tty/vt_screen.c lib/bitmap.c
host-test-y += keymap
keymap-srcs := device/tty/keymap.c

# mm/
host-test-y += vm_regions
vm_regions-srcs := mm/vm_regions.c lib/rbtree.c
host-test-y += page
page-srcs := mm/page.c mm/page_debug.c lib/memmap.c
page-cflags := -DCONFIG_FAULT_INJECTION=1
host-test-y += heap
heap-srcs := mm/heap.c
heap-cflags := -DCONFIG_FAULT_INJECTION=1 -include tests/host/no_heap_debug.h
host-test-y += heap_debug
heap_debug-srcs := mm/heap.c mm/heap_debug.c
heap_debug-cflags := -DCONFIG_FAULT_INJECTION=1 -DCONFIG_DEBUG_HEAP=1
host-test-y += driver_heap
driver_heap-srcs := mm/heap.c mm/driver_heap.c
driver_heap-cflags := -DCONFIG_FAULT_INJECTION=1 -include tests/host/no_heap_debug.h
host-test-y += driver_heap_debug
driver_heap_debug-srcs := mm/heap.c mm/driver_heap.c mm/heap_debug.c
driver_heap_debug-cflags := -DCONFIG_FAULT_INJECTION=1 -DCONFIG_DEBUG_HEAP=1

# fs/
host-test-y += cpio
cpio-srcs := fs/initramfs/cpio.c fs/initramfs/archive_kind.c
host-test-y += name
name-srcs := fs/names/name.c
host-test-y += page_tree
page_tree-srcs := fs/cache/page_tree.c
host-test-y += undo
undo-srcs := fs/driver/undo.c
host-test-y += write_order
write_order-srcs := fs/driver/order.c
host-test-y += slots
slots-srcs := fs/tmpfs/slots.c

# kernel/
host-test-y += handle
handle-srcs := kernel/handle.c mm/heap.c
handle-cflags := -DCONFIG_FAULT_INJECTION=1 -DHANDLE_GENERATION_BITS=3 \
	-include tests/host/no_heap_debug.h

host-test-y += cross
cross-srcs := kernel/cross.c kernel/crossings.c banos/loader/signature.c \
	$(addprefix lib/,driver_format.c format.c string.c)
cross-cflags := -fno-builtin

# kernel/acpi/, kernel/time/, kernel/irq
host-test-y += acpi
acpi-srcs := kernel/acpi/aml.c kernel/acpi/madt.c kernel/acpi/root.c kernel/acpi/tables.c
host-test-y += calendar
calendar-srcs := kernel/time/calendar.c
host-test-y += clock
clock-srcs := kernel/time/clock_math.c
host-test-y += ntp
ntp-srcs := kernel/time/ntp.c
host-test-y += timer_queue
timer_queue-srcs := kernel/time/queue.c
host-test-y += vectors
vectors-srcs := kernel/vectors.c lib/bitmap.c

# kernel/process/
host-test-y += pid_map
pid_map-srcs := kernel/process/pid_map.c
host-test-y += lock_graph
lock_graph-srcs := kernel/lock_graph.c
host-test-y += script_line
script_line-srcs := kernel/process/script_line.c
host-test-y += elf_image
elf_image-srcs := kernel/process/elf_image.c
host-test-y += exec_stack
exec_stack-srcs := kernel/process/exec_stack.c
host-test-y += signal
signal-srcs := kernel/process/signal_info.c

# drivers/
host-test-y += pci_config
pci_config-srcs := drivers/bus/pci/config.c
host-test-y += virtio_ring
virtio_ring-srcs := $(addprefix drivers/bus/virtio/,packed.c ring.c split.c)
virtio_ring-cflags := -DBANOS_CFLAGS=0
host-test-y += ninep
ninep-srcs := $(addprefix drivers/bus/virtio/,ninep_options.c ninep_wire.c)
host-test-y += usb_ring
usb_ring-srcs := drivers/bus/usb/ring.c
host-test-y += usb_descriptor
usb_descriptor-srcs := drivers/bus/usb/descriptor.c
host-test-y += block_segments
block_segments-srcs := device/block/segments.c device/block/names.c
block_segments-cflags := -include stdio.h
host-test-y += nvme_queue
nvme_queue-srcs := $(addprefix drivers/block/nvme/,prp.c queue.c)
host-test-y += nvme_identify
nvme_identify-srcs := drivers/block/nvme/identify.c
host-test-y += checksum
checksum-srcs := drivers/lib/checksum/sums.c
checksum-libs := -lz
host-test-y += virtio_net
virtio_net-srcs := drivers/bus/virtio/net_wire.c
host-test-y += scsi_wire
scsi_wire-srcs := drivers/bus/virtio/scsi_wire.c
host-test-y += ahci
ahci-srcs := $(addprefix drivers/block/ahci/,command.c identify.c)
host-test-y += e1000
e1000-srcs := drivers/net/e1000/wire.c
host-test-y += filter
filter-srcs := $(addprefix drivers/net/filter/,decide.c flow.c rule.c track.c)
filter-cflags := -DBANOS_CFLAGS=0
host-test-y += filter_rules
filter_rules-srcs := $(addprefix drivers/net/filter/,flow.c rule.c)
filter_rules-cflags := -DBANOS_CFLAGS=0
host-test-y += shaper
shaper-srcs := drivers/net/shaper/plan.c
host-test-y += inet_advertisement
inet_advertisement-srcs := drivers/net/inet/advertisement.c
inet_advertisement-cflags := -DBANOS_CFLAGS=0
host-test-y += inet_offload
inet_offload-srcs := $(addprefix drivers/net/inet/,checksum.c offload.c)
inet_offload-cflags := -DBANOS_CFLAGS=0
host-test-y += inet_shape
inet_shape-srcs := drivers/net/inet/shape.c
ifneq ($(lwip-dir),) # with the real lwIP, whose warnings are not ours
host-test-y += inet_table
inet_table-srcs := tests/host/inet_stand_ins.c $(addprefix drivers/net/inet/,bind.c checksum.c table.c tick.c udp_table.c) \
	$(addprefix $(lwip-dir)/src/,$(addsuffix .c,$(lwip-srcs)))
inet_table-cflags := -DBANOS_CFLAGS=0 -DBANOS_IN_TREE -w -fno-sanitize=alignment,shift \
	-idirafter drivers/net/inet/port -idirafter $(lwip-dir)/src/include
inet_table-obj := $(O)/tests/host/inet_table.obj/$(lwip-dir)/src/core
# They are found as the headers of a system, whose changes the compiler does not report.
$(addprefix $(O)/tests/host/inet_table.obj/,$(patsubst %.c,%.o,tests/host/test_inet_table.c $(inet_table-srcs))): \
	$(shell find drivers/net/inet/port -name '*.h')
$(inet_table-obj)/tcp_in.o: inet_table-cflags += -Dtcp_input=lwip_tcp_input
$(inet_table-obj)/udp.o: inet_table-cflags += -Dudp_input=lwip_udp_input
$(inet_table-obj)/tcp.o: inet_table-cflags += -Dtcp_netif_ip_addr_changed=lwip_tcp_netif_ip_addr_changed \
	-DINET_TCP_MEMORY
endif
host-test-y += fs_magic
fs_magic-srcs := $(addprefix drivers/fs/probe/,ext.c fat.c iso9660.c)
host-test-y += partition_tables
partition_tables-srcs := $(addprefix drivers/partition/,gpt.c mbr.c)
partition_tables-libs := -lz
host-test-y += rt
rt-srcs := drivers/banos-rt.c
rt-cflags := -include tests/host/rt_names.h

# net/
host-test-y += filter_program
filter_program-srcs := net/filter_program.c
host-test-y += netlink_message
netlink_message-srcs := net/netlink_message.c
host-test-y += record_queue
record_queue-srcs := net/record_queue.c

# banos/loader/; the programs of scripts/tools.mk are made of the same sources
host-test-y += loader
loader-srcs := $(wildcard banos/loader/*.c) banos/api/struct.c arch/x86_64/elf_relocate.c \
	banos/tool/host.c \
	$(addprefix lib/,cmdline.c format.c glob.c hash.c parse.c string.c)
loader-cflags := -fno-builtin
host-test-y += signature
signature-srcs := banos/loader/signature.c $(addprefix lib/,format.c string.c)
signature-cflags := -fno-builtin

# banos/api/
host-test-y += api_struct
api_struct-srcs := banos/api/struct.c

# arch/x86_64/boot/
host-test-y += multiboot
multiboot-srcs := arch/x86_64/boot/multiboot.c lib/memmap.c lib/cmdline.c

# arch/x86_64/, on models of the machine's registers
host-test-y += apic
apic-srcs := arch/x86_64/apic.c arch/x86_64/oneshot.c kernel/time/clock_math.c lib/cmdline.c
host-test-y += pcid
pcid-srcs := arch/x86_64/pcid.c
pcid-cflags := -DCONFIG_X86_PCID=1
host-test-y += tlb
tlb-srcs := arch/x86_64/ipi.c arch/x86_64/pcid.c
tlb-cflags := -DCONFIG_X86_PCID=1

# tests/bench/
host-test-y += decode
decode-srcs := tests/bench/decode.c

# drivers/fs/, in a model of the kernel
include tests/host/fsdrive/fsdrive.mk
ext2_pure-srcs := $(addprefix drivers/fs/ext2/,bitmap.c dirent.c extent.c hash.c inode.c layout.c xattr.c)
ext2-srcs := $(fsdrive-srcs) $(ext2_pure-srcs) $(addprefix drivers/fs/ext2/,main.c alloc.c attribute.c \
	file.c folder.c grow.c held.c known.c list.c map.c names.c node.c orphan.c truncate.c volume.c)
define ext2-test
host-test-y += $1
$1-srcs := $(ext2-srcs)
$1-cflags := $(fsdrive-cflags)
endef
$(foreach t,ext2 ext2_random ext2_hostile ext2_crash,$(eval $(call ext2-test,$t)))
fat_pure-srcs := $(addprefix drivers/fs/fat/,date.c layout.c name.c options.c page.c)
fat-srcs := $(fsdrive-srcs) $(fat_pure-srcs) $(addprefix drivers/fs/fat/,main.c alloc.c chain.c change.c \
	file.c folder.c grow.c index.c names.c node.c table.c)
define fat-test
host-test-y += $1
$1-srcs := $(fat-srcs)
$1-cflags := $(fsdrive-cflags)
endef
$(foreach t,fat fat_hostile fat_crash,$(eval $(call fat-test,$t)))
host-test-y += iso9660
iso9660-srcs := $(fsdrive-srcs) $(addprefix drivers/fs/iso9660/,folder.c main.c options.c rock.c volume.c)
iso9660-cflags := $(fsdrive-cflags)
